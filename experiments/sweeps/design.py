"""Designs: at which values of its parameters a study runs. Sampling is SciPy's and SALib's; the ranges are ours."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from model.errors import UserError
from model.files import shown, suggest
from model.pool import Pool, default
from model.scenario import Declared, declared_in

LISTS, SAMPLES = ("list", "grid"), ("latin_hypercube", "sobol", "saltelli", "morris", "one_at_a_time")
KINDS = (*LISTS, *SAMPLES)
LEVELS = 6
"""Levels of a Morris trajectory."""
MOST_POINTS = 1_000_000
MOST = 1e300


POLICY, RULE = "policy", "pool."
"""A varied policy, and the beginning of a varied rule of the pool: `pool.plans.NAME.fee`."""
NO_POLICY = "none"


class StudyError(UserError):
    """A study that cannot be run: one line naming the key, the value and what is allowed."""


def is_rule(name: str) -> bool:
    """Whether a varied name is a policy or a rule of the pool, and no parameter."""
    return name == POLICY or name.startswith(RULE)


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of the pool under their dotted names: TOML makes tables of them."""
    made: dict[str, Any] = {}
    for name, entry in parameters.items():
        if isinstance(entry, Mapping) and (f"{name}." == RULE or name.startswith(RULE)):
            made |= _flat({f"{name}.{key}": value for key, value in entry.items()})
        else:
            made[name] = entry
    return made


@dataclass(frozen=True)
class Range:
    """The values of one parameter between two bounds, evenly spread or, with `log`, in ratios."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, share: NDArray[np.float64]) -> list[Any]:
        """The values at these shares of the way from low to high; whole numbers where the parameter is one."""
        low, high = self.low, self.high
        values = np.clip(low * (high / low) ** share if self.log else low + (high - low) * share, low, high)
        return [round(value) if self.whole else float(value) for value in values]


@dataclass(frozen=True)
class Design:
    """The points of a study.

    Kinds: `list` takes the n-th value of every parameter together, `grid` every combination; `latin_hypercube`,
    `sobol` and `saltelli` (for Sobol' indices) and `morris` (for screening) sample the ranges; `one_at_a_time` moves
    each parameter over its range while the others stay.

    Args:
        kind: one of these.
        parameters: parameter -> list of values, or a range {low, high, log}; what is left out of a range are its own
            bounds.
        size: points of `latin_hypercube` and `sobol`, base sample of `saltelli` (size x (parameters + 2) points),
            trajectories of `morris` (size x (parameters + 1) points), values of each parameter of `one_at_a_time`.
        pool: whose parameters they are; the default pool if none is given.

    Raises:
        StudyError: for a kind, a parameter or a size that is not allowed.

    Example:
        from experiments import Design

        sample = Design("latin_hypercube", {"habit": {"low": 0.01, "high": 0.1, "log": True}}, size=8)
        print(sample.points(seed=1))
    """

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameter -> list of values, or a range {low, high, log}; what is left out of a range are its own bounds. Also
    `policy` -> a list of policies (`none`, names, files, several joined by +), and rules of the pool such as
    `pool.plans.NAME.fee` -> a list of values."""
    size: int = 0
    """Points of `latin_hypercube` and `sobol`, base sample of `saltelli` (size x (parameters + 2) points),
    trajectories of `morris` (size x (parameters + 1) points), values of each parameter of `one_at_a_time`."""
    pool: Pool | None = field(default=None, repr=False)
    """Whose parameters they are; the default pool if none is given."""

    def __post_init__(self) -> None:
        """Check everything that can be checked without sampling.

        Raises:
            StudyError: names the key, the value and what is allowed.
        """
        if self.kind not in KINDS:
            raise StudyError(
                f"kind = {shown(self.kind)} in [design]{suggest(str(self.kind), dict.fromkeys(KINDS))}; "
                f"allowed: {', '.join(KINDS)}"
            )
        object.__setattr__(self, "parameters", _flat(self.parameters))
        known = self.declared.parameters
        for name in self.parameters:
            if is_rule(name) and self.kind not in LISTS:
                raise StudyError(f"{name} in [design.parameters] has no range; allowed: kind = 'grid' or 'list'")
            if name not in known and not is_rule(name):
                raise StudyError(f"unknown parameter '{name}' in [design.parameters]{suggest(name, known)}")
        if self.kind in LISTS:
            self._check_lists()
        else:
            if not self.parameters:
                raise StudyError(f"[design.parameters] is empty; kind = '{self.kind}' needs at least one")
            if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 2:
                raise StudyError(f"size = {shown(self.size)} in [design] is not allowed: a whole number of at least 2")
            if self.kind in ("sobol", "saltelli") and self.size & (self.size - 1):
                raise StudyError(
                    f"size = {self.size} in [design] is not a power of 2, which kind = '{self.kind}' needs"
                )
            _ = self.ranges
        if self.number > MOST_POINTS:
            raise StudyError(f"[design] has {self.number:,} points; allowed: {MOST_POINTS:,}")

    def _check_lists(self) -> None:
        if self.size:
            raise StudyError(f"size = {shown(self.size)} in [design] has no meaning for kind = '{self.kind}'")
        lengths = {}
        for name, values in self.parameters.items():
            if not isinstance(values, Sequence) or isinstance(values, str) or not values:
                raise StudyError(
                    f"{name} = {shown(values)} in [design.parameters] is not a list, as kind = '{self.kind}' needs"
                )
            if len(set(map(_as_number, values))) < len(values) and self.kind == "grid":
                raise StudyError(f"{name} = {shown(values)} in [design.parameters] names a value twice")
            lengths[name] = len(values)
        if self.kind == "list" and len(set(lengths.values())) > 1:
            raise StudyError(
                f"the lists in [design.parameters] have different lengths: {lengths}; kind = 'list' needs one"
            )

    @property
    def declared(self) -> Declared:
        """The parameters that a scenario of the pool has."""
        return declared_in(self.pool or default())

    def content(self) -> dict[str, Any]:
        """What a study file says of it.

        Returns:
            Values by key: kind, parameters, size.
        """
        return {"kind": self.kind, "parameters": dict(self.parameters), "size": self.size}

    @property
    def names(self) -> list[str]:
        """The parameters that vary, in the order in which they were named."""
        return list(self.parameters)

    @property
    def ranges(self) -> list[Range]:
        """The range of each parameter, for the kinds that sample."""
        return [_range(name, entry, self.declared) for name, entry in self.parameters.items()]

    @property
    def number(self) -> int:
        """How many points there are."""
        dimension = len(self.parameters)
        if self.kind == "grid":
            return math.prod(len(values) for values in self.parameters.values())
        if self.kind == "list":
            return len(next(iter(self.parameters.values()))) if self.parameters else 1
        factor = {"saltelli": dimension + 2, "morris": dimension + 1, "one_at_a_time": dimension}
        return self.size * factor.get(self.kind, 1)

    def points(self, seed: int) -> list[dict[str, Any]]:
        """The value of each parameter at every point; samples depend on the seed alone.

        Args:
            seed: of the sample.

        Returns:
            One dictionary a point: parameter -> value, in its unit.
        """
        if self.kind == "grid":
            return [
                dict(zip(self.names, values, strict=True)) for values in itertools.product(*self.parameters.values())
            ]
        if self.kind == "list":
            columns = zip(*self.parameters.values(), strict=True)
            return [dict(zip(self.names, values, strict=True)) for values in columns] or [{}]
        if self.kind == "one_at_a_time":
            steps = np.linspace(0, 1, self.size)
            return [{r.name: value} for r in self.ranges for value in r.at(steps)]
        shares = self.shares(seed)
        columns = zip(*(r.at(shares[:, number]) for number, r in enumerate(self.ranges)), strict=True)
        return [dict(zip(self.names, values, strict=True)) for values in columns]

    def shares(self, seed: int) -> NDArray[np.float64]:
        """The sample in the unit cube, shape (points, parameters).

        Args:
            seed: of the sample.

        Returns:
            Shares of the range, 0 to 1.
        """
        dimension = len(self.parameters)
        if self.kind == "latin_hypercube":
            return np.asarray(qmc.LatinHypercube(dimension, rng=seed).random(self.size))
        if self.kind == "sobol":
            return np.asarray(qmc.Sobol(dimension, rng=seed).random(self.size))
        if self.kind == "saltelli":
            return _saltelli(dimension, self.size, seed)
        from SALib.sample import morris

        return np.asarray(morris.sample(unit_problem(self.names), self.size, num_levels=LEVELS, seed=seed))


def _as_number(value: object) -> object:
    """A value such that equal ones written differently are the same."""
    try:
        return float(str(value))
    except ValueError:
        return str(value)


def unit_problem(names: Sequence[str]) -> dict[str, Any]:
    """The parameters as SALib wants them, in the unit cube."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _saltelli(dimension: int, size: int, seed: int) -> NDArray[np.float64]:
    """Two Sobol' samples A and B, and A with one column of B at a time, in SALib's order (Saltelli et al. 2010)."""
    both = qmc.Sobol(2 * dimension, rng=seed).random(size)
    first, second = both[:, :dimension], both[:, dimension:]
    blocks = np.repeat(first[:, np.newaxis], dimension + 2, axis=1)
    for column in range(dimension):
        blocks[:, 1 + column, column] = second[:, column]
    blocks[:, -1] = second
    return np.asarray(blocks.reshape(-1, dimension))


def _range(name: str, entry: Any, declared: Declared) -> Range:
    par, kind = declared.parameters[name], declared.types[name]
    where = f"{name} = {shown(entry)} in [design.parameters]"
    if kind is bool:
        raise StudyError(f"{where}: a yes or no has no range; allowed: kind = 'grid' or 'list'")
    if not isinstance(entry, Mapping):
        raise StudyError(f"{where} is not a range; allowed: {{low = .., high = .., log = true or false}}, or {{}}")
    for key in entry:
        if key not in ("low", "high", "log"):
            raise StudyError(f"unknown key '{key}' of {name} in [design.parameters]; allowed: low, high, log")
    low, high, log = entry.get("low", par.low), entry.get("high", par.high), entry.get("log", False)
    if not isinstance(log, bool):
        raise StudyError(f"log = {shown(log)} of {name} in [design.parameters] is not allowed: true or false")
    for key, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise StudyError(f"{key} = {shown(value)} of {name} in [design.parameters] is not a number")
        if abs(value) > MOST:
            raise StudyError(f"{key} of {name} in [design.parameters] is too large for any parameter")
    if not par.low <= low < high <= par.high:
        raise StudyError(
            f"low = {low:g}, high = {high:g} of {name} in [design.parameters]; "
            f"allowed: low < high within {par.low:g} to {par.high:g} ({par.unit})"
        )
    if log and low <= 0:
        raise StudyError(f"low = {low:g} of {name} in [design.parameters]: with log = true it must be above 0")
    return Range(name, float(low), float(high), log, whole=kind is int)
