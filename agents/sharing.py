"""Sharing rules: who divides which claims, in which proportion, and what is kept in reserve.

A rule puts every cell of sex and year of birth into a group, which pays its own approved claims, and may give the cells
of a group different weights. Shares are whole minor units, and what rounding leaves is carried to the next settlement,
so each settlement adds up exactly. A price is therefore a table by plan, sex and year of birth.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.population import BIRTH_YEARS

WEIGHT_UNIT = 1000
"""Weights are whole numbers, so that shares are exact: 1,000 is the mean of a table."""


@dataclass(frozen=True)
class Smoothing:
    """Shares follow the mean cost of some settlements, and a reserve fund takes up the difference.

    Each settlement asks for the smoothed cost per member and, spread over as many settlements, for what the fund lacks
    of its target. The fund is never overdrawn: members pay what it cannot.

    Args:
        settlements: how many settlements the cost is averaged over, with exponential weights.
        reserve: target of the fund, in settlements of the smoothed cost.

    Raises:
        ValueError: if `settlements` is below 1 or `reserve` below 0.
    """

    settlements: float
    reserve: float

    def __post_init__(self) -> None:
        if not self.settlements >= 1:
            raise ValueError(f"settlements = {self.settlements:g} is not allowed: 1 or more")
        if not self.reserve >= 0:
            raise ValueError(f"reserve = {self.reserve:g} is not allowed: 0 or more")

    def ask(self, level: float, fund: int, members: int) -> float:
        """What a member is asked for: minor units.

        Args:
            level: the smoothed cost per member, this settlement included, minor units.
            fund: what is in the fund before the settlement, minor units.
            members: people who share.
        """
        return level + (self.reserve * level - fund / members) / self.settlements


class SharingRule(Protocol):
    """Divides the members of a plan, and their claims, into groups. Derive a rule of your own from `EqualShares`."""

    @property
    def number(self) -> int:
        """How many groups there are."""

    @property
    def smoothing(self) -> Smoothing | None:
        """How shares are smoothed with a reserve fund, if they are."""

    def groups(self, year: int) -> NDArray[np.int64]:
        """The group of each sex and year of birth in a settlement, shape (2, 120).

        Args:
            year: of the settlement, counted from the first year of birth.
        """

    def weights(self, year: int) -> NDArray[np.int64] | None:
        """What a member of each sex and year of birth pays in proportion, shape (2, 120); None for equal shares."""


_ONE_GROUP = np.zeros((2, BIRTH_YEARS), dtype=np.int64)
_ONE_GROUP.setflags(write=False)


@dataclass(frozen=True)
class EqualShares:
    """Every member of a plan pays the same."""

    @property
    def number(self) -> int:
        """One group."""
        return 1

    @property
    def smoothing(self) -> Smoothing | None:
        """None: every settlement is paid when it comes."""
        return None

    def groups(self, year: int) -> NDArray[np.int64]:
        """Everybody is in group 0."""
        return _ONE_GROUP

    def weights(self, year: int) -> NDArray[np.int64] | None:
        """None: shares are equal."""
        return None


@dataclass(frozen=True)
class AgeBands(EqualShares):
    """Each age band pays its own claims. Age is attained age: the year of the settlement less the year of birth.

    Args:
        bounds: the first age of each band but the youngest, rising: (30, 40, 50) makes four bands.

    Raises:
        ValueError: if the bounds are not rising or not between 1 and 119.
    """

    bounds: tuple[int, ...]

    def __post_init__(self) -> None:
        if list(self.bounds) != sorted(set(self.bounds)) or not all(0 < bound < BIRTH_YEARS for bound in self.bounds):
            raise ValueError(f"bounds = {list(self.bounds)} are not allowed: rising ages between 1 and 119")

    @property
    def number(self) -> int:
        """One group a band."""
        return len(self.bounds) + 1

    def groups(self, year: int) -> NDArray[np.int64]:
        """The youngest band is group 0."""
        ages = year - np.arange(BIRTH_YEARS)
        return np.tile(np.searchsorted(self.bounds, ages, side="right"), (2, 1))


@dataclass(frozen=True, eq=False)
class RiskRated(EqualShares):
    """Members share all claims in proportion to a table by sex and age, such as expected claims cost.

    Args:
        relative: what a person of each sex and age costs in expectation, in any unit, shape (2, ages).

    Raises:
        ValueError: if a value is below 0 or all are 0.
    """

    relative: NDArray[np.float64]

    def __post_init__(self) -> None:
        if (self.relative < 0).any() or not self.relative.any():
            raise ValueError("relative = a table with values below 0, or of 0 alone, is not allowed")

    def weights(self, year: int) -> NDArray[np.int64]:
        """In thousandths of the mean of the table, at least one thousandth."""
        ages = np.clip(year - np.arange(BIRTH_YEARS), 0, self.relative.shape[1] - 1)
        weights = np.rint(WEIGHT_UNIT * self.relative / self.relative.mean()).astype(np.int64)
        return np.asarray(np.maximum(weights, 1)[:, ages])


@dataclass(frozen=True)
class Smoothed(EqualShares):
    """Equal shares, smoothed with a reserve fund; see `Smoothing`."""

    by: Smoothing

    @property
    def smoothing(self) -> Smoothing:
        """How."""
        return self.by
