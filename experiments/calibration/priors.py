"""What is believed about each fitted parameter before the record is looked at.

Calibration works in the prior's own coordinates: a point of the unit cube, uniform under the prior, is one choice
of all fitted parameters.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

from model.errors import UserError
from model.files import read_toml, shown, suggest
from model.pool import Pool, default
from model.scenario import Declared, declared_in

PRIORS = Path(__file__).parents[1] / "data" / "priors.toml"
FEWEST = 2
"""Parameters that the search needs."""
KINDS = ("uniform", "log_uniform", "normal", "log_normal")


FARTHEST = 4.5
"""Standard deviations beyond which no point is tried."""


def to_normal(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the unit cube in normal coordinates, in which the prior is a standard normal; same shape."""
    return np.asarray(np.clip(ndtri(points), -FARTHEST, FARTHEST))


def to_cube(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in normal coordinates in the unit cube; same shape."""
    return np.asarray(ndtr(np.clip(points, -FARTHEST, FARTHEST)))


class PriorError(UserError):
    """A prior that cannot be used: one line naming the parameter, the key and what is allowed."""


@dataclass(frozen=True)
class Prior:
    """The prior of one parameter."""

    name: str
    kind: str
    low: float
    high: float
    centre: float
    """Median of a normal prior, in the parameter's unit."""
    spread: float
    """Standard deviation of the value (normal) or of its logarithm (log_normal)."""
    source: str
    whole: bool = False
    """Whether the parameter is a whole number."""

    @property
    def _logarithmic(self) -> bool:
        return self.kind.startswith("log_")

    @property
    def _distribution(self) -> Any:
        return _distribution(self)

    def value(self, u: float | NDArray[np.float64]) -> Any:
        """The parameter at this quantile of the prior."""
        value = self._distribution.ppf(u)
        return np.exp(value) if self._logarithmic else value

    def quantile(self, value: float | NDArray[np.float64]) -> Any:
        """The quantile of the prior at this value; 0 and 1 for those beyond its ends."""
        value = np.clip(value, self.low, self.high)
        return self._distribution.cdf(np.log(value) if self._logarithmic else value)


@lru_cache(maxsize=1_000)
def _distribution(prior: Prior) -> Any:
    """The distribution of the value, or of its logarithm; kept, for making one takes most of the time of a quantile."""
    low, high = np.log([prior.low, prior.high]) if prior._logarithmic else (prior.low, prior.high)
    if prior.kind.endswith("uniform"):
        return stats.uniform(low, high - low)
    centre = np.log(prior.centre) if prior._logarithmic else prior.centre
    return stats.truncnorm((low - centre) / prior.spread, (high - centre) / prior.spread, centre, prior.spread)


@dataclass(frozen=True)
class Priors:
    """The fitted parameters, in the order of the file, and those tied to them."""

    fitted: tuple[Prior, ...]
    tied: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """Names of the fitted parameters."""
        return [prior.name for prior in self.fitted]

    def __post_init__(self) -> None:
        """Check that there is something to search.

        Raises:
            PriorError: for fewer parameters than the search can work with.
        """
        if len(self.fitted) < FEWEST:
            raise PriorError(f"parameters = {self.names} are too few to fit; allowed: at least {FEWEST} with priors")

    def untied(self) -> "Priors":
        """The same with every tied parameter free, under the prior of the one to which it was tied."""
        of = {prior.name: prior for prior in self.fitted}
        return Priors((*self.fitted, *(replace(of[other], name=name) for name, other in self.tied.items())), {})

    def only(self, names: Sequence[str] | None) -> "Priors":
        """The priors of some parameters; all if none is named.

        Raises:
            PriorError: for a parameter that has no prior.
        """
        if not names:
            return self
        for name in names:
            if name not in self.names:
                raise PriorError(f"parameter = '{name}' has no prior{suggest(name, dict.fromkeys(self.names))}")
        return Priors(
            tuple(prior for prior in self.fitted if prior.name in names),
            {name: other for name, other in self.tied.items() if other in names},
        )

    def without(self, names: Collection[str]) -> "Priors":
        """The priors of the parameters that a scenario does not fix itself."""
        fitted = tuple(prior for prior in self.fitted if prior.name not in names)
        left = {prior.name for prior in fitted}
        return Priors(fitted, {name: to for name, to in self.tied.items() if name not in names and to in left})

    def parameters(self, point: NDArray[np.float64]) -> dict[str, float]:
        """The parameters at a point of the unit cube, tied ones included."""
        chosen = {
            prior.name: int(np.round(prior.value(u))) if prior.whole else float(prior.value(u))
            for prior, u in zip(self.fitted, point, strict=True)
        }
        return chosen | {name: chosen[other] for name, other in self.tied.items()}

    def point(self, parameters: Mapping[str, float]) -> NDArray[np.float64]:
        """The point of the unit cube at which these are the parameters."""
        return np.array([float(prior.quantile(parameters[prior.name])) for prior in self.fitted])


def load(file: Path = PRIORS, pool: Pool | None = None) -> Priors:
    """The priors of a file.

    Args:
        file: the file.
        pool: whose parameters they are of, the default pool if none is given. Of those that ship, the ones that the
            pool does not have are left out.

    Raises:
        PriorError: for an unknown parameter or kind, a missing number, or a prior outside the parameter's bounds.
    """
    content = read_toml(file, "priors", PriorError)
    declared = declared_in(pool or default())
    if file == PRIORS:
        content = {name: entry for name, entry in content.items() if name in declared.parameters}
    for name in content:
        if name not in declared.parameters:
            raise PriorError(f"unknown parameter '{name}' in {file.name}{suggest(name, declared.parameters)}")
    for name, entry in content.items():
        if not isinstance(entry, Mapping):
            raise PriorError(f"{name} = {shown(entry)} in {file.name} is not a table: kind, low, high, source")
    tied = {name: str(entry["same_as"]) for name, entry in content.items() if "same_as" in entry}
    fitted = tuple(_prior(name, entry, file, declared) for name, entry in content.items() if name not in tied)
    for name, other in tied.items():
        if other not in {prior.name for prior in fitted}:
            raise PriorError(f"same_as = '{other}' of {name} in {file.name} is not a fitted parameter")
    return Priors(fitted, tied)


def _prior(name: str, entry: Mapping[str, Any], file: Path, declared: Declared) -> Prior:
    where = f"in the prior of {name} in {file.name}"
    kind = entry.get("kind")
    if kind not in KINDS:
        raise PriorError(f"kind = {shown(kind)} {where}; allowed: {', '.join(KINDS)}")
    needed = ("low", "high", *(() if kind.endswith("uniform") else ("centre", "spread")))
    numbers = {}
    for key in needed:
        value = entry.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise PriorError(f"{key} = {shown(value)} {where} is not a number")
        numbers[key] = float(value)
    low, high = numbers["low"], numbers["high"]
    bounds, whole = declared.parameters[name], declared.types[name] is int
    if not bounds.low <= low < high <= bounds.high:
        allowed = f"low < high within {bounds.low:g} to {bounds.high:g} ({bounds.unit})"
        raise PriorError(f"low = {low:g}, high = {high:g} {where}; allowed: {allowed}")
    if kind.startswith("log_") and low <= 0:
        raise PriorError(f"low = {low:g} {where}; a logarithmic prior needs more than 0")
    centre, spread = numbers.get("centre", (low + high) / 2), numbers.get("spread", high - low)
    if not (low < centre < high and 0 < spread < math.inf):
        raise PriorError(f"centre = {centre:g}, spread = {spread:g} {where}; allowed: centre inside, spread above 0")
    return Prior(name, kind, low, high, centre, spread, str(entry.get("source", "assumed")), whole)
