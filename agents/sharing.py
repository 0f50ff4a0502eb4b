"""Sharing rules: who divides which claims.

A rule puts every cell of sex and year of birth into a group. A group pays its own approved claims in equal shares, in
whole minor units, and carries what rounding leaves to its next settlement. So a price is a table by plan, sex and year
of birth, and each settlement adds up exactly.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.population import BIRTH_YEARS


class SharingRule(Protocol):
    """Divides the members of a plan, and their claims, into groups."""

    @property
    def number(self) -> int:
        """How many groups there are."""

    def groups(self, year: int) -> NDArray[np.int64]:
        """The group of each sex and year of birth in a settlement, shape (2, 120).

        Args:
            year: of the settlement, counted from the first year of birth.
        """


_ONE_GROUP = np.zeros((2, BIRTH_YEARS), dtype=np.int64)
_ONE_GROUP.setflags(write=False)


@dataclass(frozen=True)
class EqualShares:
    """Every member of a plan pays the same."""

    @property
    def number(self) -> int:
        """One group."""
        return 1

    def groups(self, year: int) -> NDArray[np.int64]:
        """Everybody is in group 0."""
        return _ONE_GROUP


@dataclass(frozen=True)
class AgeBands:
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
