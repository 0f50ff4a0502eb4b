"""What each mechanism adds to what happened: worlds without it, in every combination, with common random numbers.

A mechanism's part is its Shapley value: what switching it on changes, on average over all orders of switching all of
them on. All worlds of a replicate have the same people and the same random numbers, so the parts differ by the
mechanism and by nothing else; they add up to the whole world less the one with everything off.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from experiments.explain.decomposition import shapley
from experiments.explain.mechanisms import Mechanism
from experiments.output import version
from experiments.runs.batches import Batches, after
from experiments.runs.executor import Executor
from experiments.runs.simulate import simulate
from experiments.simulated import Simulated
from model.scenario import Scenario

NOTHING_ON, EVERYTHING_ON = "everything off", "everything on"
"""Rows of the table beside those of the mechanisms."""
LEVEL = 0.95


class Outcome(NamedTuple):
    """A figure of a history that is explained."""

    name: str
    label: str
    unit: str
    factor: float
    """By which it is multiplied to be shown in its unit."""
    measured: Callable[[Simulated], float]


def _lost(history: Simulated) -> float:
    members = history.series("all", "members")
    return float(members.max() - members[-1])


def _peak(history: Simulated) -> float:
    return float(history.series("all", "members").max())


def _share(year: int, history: Simulated) -> float:
    """What a member of the first plan paid in a year."""
    first = next(iter(history.by_plan.values()))
    return float(sum(share for day, share in zip(history.days, first["share"], strict=True) if day[:4] == str(year)))


def outcomes(scenario: Scenario) -> list[Outcome]:
    """What is explained of a scenario's history: members at the peak, lost since, and the share of each whole year."""
    calendar, money = scenario.calendar, scenario.pool.rules.currency.name
    settlements = Counter(calendar.published(period).year for period in range(scenario.periods))
    years = [year for year, number in settlements.items() if number == calendar.per_year]
    return [
        Outcome("peak", "members at the peak", "million people", 1e-6, _peak),
        Outcome("lost", "members lost since the peak", "million people", 1e-6, _lost),
        *(
            Outcome(f"share_{year}", f"share of {year}, first plan", f"{money} a member", 1.0, partial(_share, year))
            for year in years
        ),
    ]


def measure(scenario: Scenario) -> list[float]:
    """Every outcome of a scenario, simulated."""
    history = Simulated.of_report(simulate(scenario))
    return [outcome.measured(history) for outcome in outcomes(scenario)]


def worlds(base: Scenario, mechanisms: Sequence[Mechanism]) -> list[Scenario]:
    """The scenario with every combination of mechanisms on: entry k has those on whose bit is set in k."""
    found = []
    for k in range(2 ** len(mechanisms)):
        off = [mechanism.off for number, mechanism in enumerate(mechanisms) if not k >> number & 1]
        changes: dict[str, Any] = {name: value for each in off for name, value in each.items()}
        found.append(base.replace(**changes))
    return found


class Causes(Batches):
    """The worlds of an explanation so far: a batch a replicate, a row a combination of mechanisms.

    Args:
        folder: where they are kept; the same command goes on.
        base: the scenario that is explained.
        mechanisms: what is switched on and off.
        sets: parameters of each replicate; the seed of the n-th is that of `base` plus n.
    """

    FORMAT = 1
    IDENTITY, RESULTS, OF = "causes.json", "worlds", "an explanation"
    AGAIN = "the same command simulates it again"

    def __init__(
        self,
        folder: Path,
        base: Scenario,
        mechanisms: Sequence[Mechanism],
        sets: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(folder)
        self.base, self.mechanisms, self.sets = base, list(mechanisms), list(sets)
        self.outcomes = outcomes(base)

    def open(self) -> None:
        """Make the folder, or check that it holds the same explanation.

        Raises:
            StoreError: if it was begun with another scenario, other mechanisms or another version of the model.
            OutputError: if it cannot be written.
        """
        made_with = {
            "model": version(),
            "pool": {"name": self.base.pool.key, "digest": self.base.pool.digest},
            "base": self.base.differences(),
            "mechanisms": {mechanism.name: dict(mechanism.off) for mechanism in self.mechanisms},
        }
        found = self.begin(made_with)
        self.refuse(made_with, {key: value for key, value in found.items() if key != "format"})

    def simulate(
        self, run: Executor, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> NDArray[np.float64]:
        """Simulate what is missing; every outcome, shape (replicates, combinations, outcomes)."""
        combinations = 2 ** len(self.mechanisms)
        on = [[float(k >> number & 1) for k in range(combinations)] for number in range(len(self.mechanisms))]
        inputs = {f"on.{mechanism.name}": column for mechanism, column in zip(self.mechanisms, on, strict=True)}
        found = []
        for number, values in enumerate(self.sets):
            base = self.base.replace(rng=self.base.seed + number, **values)
            columns = inputs | {f"set.{name}": [float(value)] * combinations for name, value in values.items()}
            found.append(
                self.fill(
                    run,
                    f"replicate-{number:04d}",
                    pa.table(columns),
                    measure,
                    worlds(base, self.mechanisms),
                    [outcome.name for outcome in self.outcomes],
                    partial(after, progress, number * combinations, combinations * len(self.sets)),
                )
            )
        return np.array(found)


def parts(causes: Causes, measured: NDArray[np.float64]) -> pd.DataFrame:
    """One line an outcome and mechanism: its part, with Student's 95 % interval over the replicates.

    Args:
        causes: what was simulated.
        measured: every outcome, shape (replicates, combinations, outcomes).

    Columns: `outcome`, `unit`, `mechanism` (or the world with everything off, or on), `mean`, `low`, `high`,
    `same_sign`: how many replicates have the sign of the mean.
    """
    by_replicate = np.array([shapley(worlds) for worlds in measured])
    rows = np.concatenate([measured[:, :1], by_replicate, measured[:, -1:]], axis=1)
    names = [NOTHING_ON, *(mechanism.label for mechanism in causes.mechanisms), EVERYTHING_ON]
    lines = []
    for column, outcome in enumerate(causes.outcomes):
        for row, name in enumerate(names):
            values = rows[:, row, column] * outcome.factor
            mean = float(values.mean())
            half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values) if len(values) > 1 else np.nan
            lines.append(
                {
                    "outcome": outcome.label,
                    "unit": outcome.unit,
                    "mechanism": name,
                    "mean": mean,
                    "low": mean - half,
                    "high": mean + half,
                    "same_sign": int((np.sign(values) == np.sign(mean)).sum()),
                }
            )
    return pd.DataFrame(lines)


def sentences(table: pd.DataFrame) -> list[str]:
    """What the table says of each outcome, in plain words: the whole, and the two largest parts."""
    lines = []
    for outcome, rows in table.groupby("outcome", sort=False):
        by_name = rows.set_index("mechanism")
        with_all, with_none = float(by_name["mean"][EVERYTHING_ON]), float(by_name["mean"][NOTHING_ON])
        steps = by_name.drop(index=[EVERYTHING_ON, NOTHING_ON])
        largest = steps.loc[steps["mean"].abs().nlargest(2).index]
        told = " and ".join(
            f"{mean:+.3g} ({low:+.3g} to {high:+.3g}) for {mechanism!s}"
            for mechanism, mean, low, high in zip(
                largest.index, largest["mean"], largest["low"], largest["high"], strict=True
            )
        )
        name, unit = str(outcome), rows["unit"].iloc[0]
        lines.append(
            f"{name[0].upper()}{name[1:]}: {with_all:.3g} {unit} with everything on, {with_none:.3g} with "
            f"everything off; the largest parts of the difference are {told}."
        )
    return lines
