"""A study: one question, what is expected of the answer, and the runs that give it. One TOML file, or one object."""

import contextlib
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.sweeps.design import LISTS, NO_POLICY, POLICY, RULE, Design, StudyError, is_rule
from model import memory, policy
from model import pool as pools
from model import scenario as scenarios
from model.files import find, read_toml, shown, suggest
from model.measures import MEASURES
from model.policy import Policy
from model.pool import Pool
from model.scenario import Scenario, declared_in

TOGETHER = "+"
"""Between the names of policies that hold at once."""
STUDIES = Path(__file__).parents[1] / "studies"
MOST_RUNS = 10_000_000
FIRST_REPLICATES = 4
"""With replicates = "auto": as many to begin with."""


class Work(NamedTuple):
    """How many runs a study asks for."""

    points: int
    replicates: int | str
    tolerance: float
    most_replicates: int
    baseline: int | None = None
    """With replicates = "auto": the point from which paired differences are judged; None if the means are."""


def reference(points: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> int:
    """The point from which differences are taken: the one whose values are those of the scenario, else the first."""
    return next((number for number, point in enumerate(points) if point == {name: base[name] for name in point}), 0)


@dataclass(frozen=True)
class Study:
    """What to run, and why. Two studies with the same content give the same results.

    Args:
        question: a sentence.
        expectation: what the author expects, written down before running.
        design: the points.
        scenario: a named scenario, or a file.
        pool: a pool, its name or its folder; that of the scenario if none is given.
        scale: real people per row.
        replicates: runs at each point, or "auto": as many as the verdict on replicates asks for (`replication.py`), of
            paired differences from the baseline point with `common_luck`, else of means.
        seed: of the design and of the first replicate.
        common_luck: common random numbers: the n-th replicate of every point has the same seed, so that chance cancels
            in their difference.
        measures: the columns to keep.
        parameters: parameters that differ from the scenario at every point.
        tolerance: with "auto", half width of the 95 % interval that is good enough, as a share of the mean (of the
            baseline).
        most_replicates: with "auto", where to stop.

    Raises:
        StudyError: names the key, the value and what is allowed.
        ScenarioError: for a value out of the bounds of its parameter.

    Example:
        from experiments import Design, Study

        fees = Design("grid", {"fee_rate": [0.04, 0.08, 0.12]})
        study = Study("does the fee matter?", "little", fees, scale=20_000, replicates=3)
        print(len(study.points), "points")
    """

    question: str
    expectation: str
    """What the author expects, written down before running."""
    design: Design
    scenario: str = "default"
    pool: Pool | str | None = None
    """A pool, its name or its folder; that of the scenario if none is given."""
    scale: float = 20_000
    """Real people per row."""
    replicates: int | str = 1
    """Runs at each point, or "auto": as many as the verdict on replicates asks for (`replication.py`), of paired
    differences from the baseline point with `common_luck`, else of means."""
    seed: int = 1
    common_luck: bool = True
    """The n-th replicate of every point has the same seed, so that differences are not luck."""
    measures: tuple[str, ...] = tuple(MEASURES)
    """The columns to keep."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that differ from the scenario at every point."""
    tolerance: float = 0.05
    """With "auto": half width of the 95 % interval that is good enough, as a share of the mean (of the baseline)."""
    most_replicates: int = 40

    def __post_init__(self) -> None:
        """Check every key, and every point against the parameters' bounds.

        Raises:
            StudyError: names the key, the value and what is allowed.
            ScenarioError: for a value out of the bounds of its parameter.
        """
        check(vars(self), self.design)
        object.__setattr__(self, "measures", tuple(self.measures))
        if not isinstance(self.scenario, str):
            raise StudyError(f"scenario = {shown(self.scenario)} is not allowed: a name or a file")
        if isinstance(self.scale, bool):
            raise StudyError(f"scale = {shown(self.scale)} is not allowed: a number of people")
        if not (self.pool is None or isinstance(self.pool, str | Pool)):
            raise StudyError(f"pool = {shown(self.pool)} is not allowed: a name or a folder")
        pool = self._named.pool
        object.__setattr__(self, "pool", pool)
        if self.design.pool is not pool:
            object.__setattr__(self, "design", replace(self.design, pool=pool))
        known = declared_in(pool).parameters
        for name in self.design.parameters:
            if name in self.measures:
                raise StudyError(f"{name} in [design.parameters] is also one of the measures; leave it out there")
        for name in self.parameters:
            if name not in known:
                raise StudyError(f"unknown parameter '{name}' in [parameters]{suggest(name, known)}")
            if name in self.design.parameters:
                raise StudyError(f"{name} is set twice: in [parameters] and in [design.parameters]")
        if "scale" in self.parameters:
            raise StudyError("scale is set twice: at the top and in [parameters]")
        try:
            for point in range(len(self.points)):
                self.scenario_of(point, 0)
        except OverflowError:
            raise StudyError("a value in [parameters] or [design.parameters] is too large for any parameter") from None

    @cached_property
    def points(self) -> list[dict[str, Any]]:
        """The design points, in their order."""
        return self.design.points(self.seed)

    @cached_property
    def _named(self) -> Scenario:
        """The scenario as it is named, with its pool."""
        return scenarios.load(self.scenario, self.pool)

    @cached_property
    def _base(self) -> Scenario:
        return self._named.replace(**({"scale": self.scale} | dict(self.parameters)))

    def seed_of(self, point: int, replicate: int) -> int:
        """The seed of a run.

        Args:
            point: its number, counted from 0.
            replicate: its number, counted from 0.

        Returns:
            The seed; that of all points with common random numbers.
        """
        if self.common_luck:
            return self.seed + replicate
        return int(np.random.SeedSequence([self.seed, point, replicate]).generate_state(1, np.uint64)[0] >> 1)

    def scenario_of(self, point: int, replicate: int) -> Scenario:
        """The scenario of a run.

        Args:
            point: its number, counted from 0.
            replicate: its number, counted from 0.

        Returns:
            The scenario, with the seed of the replicate.
        """
        values = {name: value for name, value in self.points[point].items() if not is_rule(name)}
        return self._under(point).replace(rng=self.seed_of(point, replicate), **values)

    def _under(self, point: int) -> Scenario:
        """The scenario under the policy and the rules of a point."""
        chosen: list[Policy | str] = []
        for name, value in self.points[point].items():
            if name == POLICY and value != NO_POLICY:
                chosen += str(value).split(TOGETHER)
            elif name.startswith(RULE):
                chosen.append(policy.of_rule(name.removeprefix(RULE), value))
        return self._base.with_policies(chosen)

    def _base_value(self, name: str) -> Any:
        """The value that a varied name has in the scenario; None for a rule that is no single value."""
        if name == POLICY:
            return NO_POLICY
        if not name.startswith(RULE):
            return getattr(self._base, name)
        found: Any = tomllib.loads(self._base.pool.content["pool.toml"])
        for key in name.removeprefix(RULE).split("."):
            if isinstance(found, list):
                found = next((entry for entry in found if entry.get("name") == key), None)
            else:
                found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, str) and found.startswith("$"):
            return getattr(self._base, found[1:])
        return found if isinstance(found, bool | int | float | str) else None

    def values_at(self, point: int) -> dict[str, Any]:
        """The value of every varied parameter at a point, in its own type.

        Args:
            point: its number, counted from 0.

        Returns:
            Parameter -> value, in its unit.
        """
        scenario = self.scenario_of(point, 0)
        point_ = self.points[point]
        return {name: point_[name] if is_rule(name) else getattr(scenario, name) for name in self.design.names}

    @property
    def work(self) -> Work:
        """How many runs it asks for."""
        return work_of(vars(self), self.points, self._base.values() | self._rules_of_base())

    def bytes_per_run(self) -> int:
        """Memory that the largest of the runs takes.

        Returns:
            Bytes.
        """
        return max(memory.needed(self.scenario_of(point, 0)) for point in range(len(self.points)))

    def content(self) -> dict[str, Any]:
        """Everything that decides the results, and the question, for the record; equal values written alike.

        Returns:
            Values that JSON can hold.
        """
        content = {key: getattr(self, key) for key in KEYS} | {"scale": self._base.scale}
        content |= {"design": self.design.content(), "pool": _kept(self._base.pool)}
        content["parameters"] = {name: getattr(self._base, name) for name in self.parameters}
        if self.design.kind in LISTS:
            values = {
                name: [self._typed(name, value) for value in given] for name, given in self.design.parameters.items()
            }
            content["design"]["parameters"] = values
        plain: dict[str, Any] = json.loads(json.dumps(content))
        if any(map(is_rule, self.design.names)):
            # What a policy is called decides nothing: the rules that it makes do.
            plain["under"] = [self._under(point).pool.digest for point in range(len(self.points))]
        return plain | {"base": self._base.values() | {"rng": None} | self._rules_of_base()}

    def _rules_of_base(self) -> dict[str, Any]:
        return {name: self._base_value(name) for name in self.design.names if is_rule(name)}

    def _typed(self, name: str, value: Any) -> Any:
        """A value that was checked, in the type of its parameter."""
        if is_rule(name):
            return value
        kind = self.design.declared.types[name]
        return value if kind is bool else kind(float(value))

    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with anything that decides the results.

        Returns:
            A text.
        """
        return digest_of(self.content())


def check(content: Mapping[str, Any], design: Design) -> None:
    """Check what a study says of itself, but for its scenario and the values of parameters.

    Raises:
        StudyError: names the key, the value and what is allowed.
        KeyError: if a key is missing.
    """
    replicates, most, tolerance = content["replicates"], content["most_replicates"], content["tolerance"]
    seed, measures = content["seed"], content["measures"]
    for key in ("question", "expectation"):
        if not isinstance(value := content[key], str) or not value.strip():
            raise StudyError(f"{key} = {shown(value)} is not allowed: a sentence")
    if replicates != "auto" and not _whole(replicates, 1):
        raise StudyError(f"replicates = {shown(replicates)} is not allowed: a whole number of at least 1, or 'auto'")
    if not _whole(seed, 0) or seed >= 2**62:
        raise StudyError(f"seed = {shown(seed)} is not allowed: a whole number from 0 to 2^62 - 1")
    if not isinstance(content["common_luck"], bool):
        raise StudyError(f"common_luck = {shown(content['common_luck'])} is not allowed: true or false")
    if not isinstance(tolerance, float | int) or not 0 < tolerance < 1:
        raise StudyError(f"tolerance = {shown(tolerance)} is not allowed: above 0 and below 1")
    if not _whole(most, FIRST_REPLICATES):
        raise StudyError(f"most_replicates = {shown(most)} is not allowed: at least {FIRST_REPLICATES}")
    runs = design.number * (most if replicates == "auto" else replicates)
    if runs > MOST_RUNS:
        raise StudyError(f"replicates = {shown(replicates)} make {runs:,} runs; allowed: {MOST_RUNS:,}")
    if not isinstance(measures, list | tuple) or not measures:
        raise StudyError(f"measures = {shown(measures)} is not allowed: a list of measures")
    for name in measures:
        if not isinstance(name, str) or name not in MEASURES:
            raise StudyError(f"unknown measure {shown(name)} in measures{suggest(str(name), MEASURES)}")
    if len(set(measures)) < len(measures):
        raise StudyError(f"measures = {list(measures)} names a measure twice")


def work_of(content: Mapping[str, Any], points: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> Work:
    """How many runs a study asks for, from what `Study.content` says of it, its points and the scenario's values."""
    paired = content["replicates"] == "auto" and content["common_luck"] and len(points) > 1
    return Work(
        len(points),
        content["replicates"],
        content["tolerance"],
        content["most_replicates"],
        reference(points, base) if paired else None,
    )


def _kept(pool: Pool) -> dict[str, Any]:
    """What is written down of a pool, so that its results can be read where its folder is not."""
    files = {} if pool.key in pools.named() else dict(pool.content)
    policies = [[policy.name, policy.text] for policy in pool.policies]
    return {"name": pool.key, "digest": pool.digest, "files": files, "policies": policies}


def pool_of(content: Mapping[str, Any]) -> Pool:
    """The pool of a study, from what `Study.content` says of it.

    Raises:
        StudyError: if its files are not those that were written down.
        PoolError: if there is no such pool, or its files contradict each other.
        KeyError: if a key is missing.
    """
    kept = content["pool"]
    name = str(kept["name"])
    files = pools.of_files(name, dict(kept["files"])) if kept["files"] else pools.load(name)
    pool = files.with_policies(Policy(*each) for each in kept["policies"])
    if pool.digest != kept["digest"]:
        raise StudyError(f"pool = {shown(name)} is not the one with which the results were made")
    return pool


UNDECISIVE = ("question", "expectation", "scenario", "pool.name")


def digest_of(content: Mapping[str, Any]) -> str:
    """The digest of a study from what `Study.content` says of it."""
    # What a scenario file is called decides nothing: its values stand in `base`.
    decisive = {key: value for key, value in content.items() if key not in UNDECISIVE}
    # Nor what the folder of a pool is called: its files decide.
    decisive["pool"] = content["pool"]["digest"]
    # The order of the varied parameters is that of the points.
    decisive["varied"] = list(content["design"]["parameters"])
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


KEYS = tuple(key.name for key in fields(Study))


def load(name: str | Path, pool: Pool | str | None = None) -> Study:
    """A study by the name of one that ships, or from a TOML file.

    Args:
        name: of a study that ships, or a file.
        pool: the pool it is run with; that of the file or of its scenario, or the default pool, if none is given.

    Raises:
        StudyError: if it cannot be read or contradicts itself.
        ScenarioError: for parameters that are not allowed.
    """
    file = find(str(name), STUDIES, "study", StudyError)
    content = read_toml(file, "study", StudyError)
    # Files and folders beside the study, wherever the command is typed.
    for key, known, there in (("scenario", scenarios.named, Path.is_file), ("pool", pools.named, Path.is_dir)):
        named = content.get(key)
        if isinstance(named, str) and named not in known():
            with contextlib.suppress(OSError, ValueError):
                if there(beside := file.parent / named):
                    content[key] = str(beside)
    return from_content(content if pool is None else content | {"pool": pool}, str(name))


def from_content(content: Mapping[str, Any], name: str) -> Study:
    """A study from the tables of its file."""
    for key in content:
        if key not in KEYS:
            raise StudyError(
                f"unknown key '{key}' in study '{name}'{suggest(key, dict.fromkeys(KEYS))}; allowed: {', '.join(KEYS)}"
            )
    for key in ("question", "expectation", "design"):
        if key not in content:
            raise StudyError(f"{key} is missing in study '{name}'")
    design = content["design"]
    for key in ("design", "parameters"):
        if not isinstance(content.get(key, {}), Mapping):
            raise StudyError(f"{key} = {shown(content[key])} in study '{name}' is not a table")
    for key in design:
        if key not in ("kind", "parameters", "size"):
            raise StudyError(f"unknown key '{key}' in [design] of study '{name}'; allowed: kind, parameters, size")
    if "kind" not in design:
        raise StudyError(f"kind is missing in [design] of study '{name}'")
    if not isinstance(design.get("parameters", {}), Mapping):
        raise StudyError(f"parameters = {shown(design['parameters'])} in [design] of study '{name}' is not a table")
    return Study(**(dict(content) | {"design": Design(**design, pool=_pool_named(content))}))


def _pool_named(content: Mapping[str, Any]) -> Pool | None:
    """The pool that a study file names, or its scenario does; None where the study will say what is wrong."""
    pool, scenario = content.get("pool"), content.get("scenario", "default")
    if not (pool is None or isinstance(pool, str | Pool)) or not isinstance(scenario, str):
        return None
    found: Pool = scenarios.load(scenario, pool).pool
    return found
