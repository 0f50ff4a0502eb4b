"""The tipping point: how much people must be willing to pay above expected claims cost for a pool to survive.

A pool survives if it keeps a share of its peak membership for ten years. What decides it here are private information,
price salience, inertia and the willingness-to-pay markup. The lowest markup at which the pool survives is searched by
bisection for values of the other three: it is the boundary of the region in which the pool survives.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from experiments.output import version
from experiments.runs.batches import Batches, after
from experiments.runs.executor import Executor
from experiments.runs.simulate import simulate
from model.scenario import Scenario

YEARS = 10
KEPT = 0.5
"""Share of the peak membership that a pool must keep to survive."""
INFORMATION, MARKUP, SALIENCE, INERTIA = "information", "premium_median", "salience", "habit"
"""The parameters. Inertia is the opposite of looking at a bill by habit."""
LOWEST, HIGHEST = -0.9, 9.0
"""Markups between which the boundary is searched."""
ROUNDS = 7
"""Halvings of that range, on a logarithmic scale of 1 + markup: to 3 % of it."""


class Line(NamedTuple):
    """A boundary: price salience and inertia are fixed, private information varies."""

    label: str
    salience: float
    habit: float


def surviving(base: Scenario) -> Scenario:
    """The scenario for ten years, or as long as the tables allow, without its closing."""
    return base.replace(closing=False, periods=min(YEARS * base.calendar.per_year, base.longest))


def lines_of(base: Scenario) -> list[Line]:
    """As few look at their bills as in the scenario, or all; with and without price salience."""
    return [
        Line("inert, blind to price", 0.0, base.habit),
        Line("inert, as salient as fitted", base.salience, base.habit),
        Line("all look at every bill, blind to rises", 0.0, 1.0),
        Line("all look at every bill, rises salient", max(1.0, base.salience), 1.0),
    ]


def kept(scenario: Scenario) -> list[float]:
    """Simulate: members at the end over those at the peak, 0 where nobody ever joined; and the peak."""
    members = simulate(scenario).series("members")
    most = float(members.max())
    return [float(members[-1]) / most if most else 0.0, most]


class Boundary(Batches):
    """A search for the boundary so far: a batch a round, a row a run.

    Args:
        folder: where it is kept; the same command goes on.
        base: the scenario, as `surviving` gives it.
        informations: levels of private information.
        seeds: runs at each point.
        sets: fitted parameter sets that are placed in the picture, if any.
        threshold: share of the peak membership to be kept.
    """

    FORMAT = 1
    IDENTITY, RESULTS, OF = "tipping.json", "rounds", "a search for a tipping point"
    AGAIN = "the same command simulates it again"
    OUTPUTS = ("kept", "peak")

    def __init__(
        self,
        folder: Path,
        base: Scenario,
        informations: Sequence[float],
        seeds: int,
        sets: Sequence[Mapping[str, Any]] = (),
        threshold: float = KEPT,
    ) -> None:
        super().__init__(folder)
        self.base, self.seeds, self.sets, self.threshold = base, seeds, list(sets), threshold
        self.points = [(line, information) for line in lines_of(base) for information in informations]

    def open(self) -> None:
        """Make the folder, or check that it holds the same search.

        Raises:
            StoreError: if it was begun with another scenario or another version of the model.
            OutputError: if it cannot be written.
        """
        made_with = {
            "model": version(),
            "pool": self.base.pool.digest,
            "base": self.base.differences() | {"seed": self.base.seed},
            "points": [[line.label, information] for line, information in self.points],
            "seeds": self.seeds,
            "threshold": self.threshold,
        }
        found = self.begin(made_with)
        self.refuse(made_with, {key: value for key, value in found.items() if key != "format"})

    def search(self, run: Executor, progress: Callable[[int, int], None] = lambda done, of: None) -> pd.DataFrame:
        """The lowest markup at which the pool survives, a line a point.

        Columns: `line`, `salience`, `habit`, `information`, `markup` (nan where it is outside of the range), `low` and
        `high` (between which it lies), and `found`: `boundary`, `always` or `never`.
        """
        of = (ROUNDS + 2) * len(self.points) * self.seeds
        low = np.full(len(self.points), math.log1p(LOWEST))
        high = np.full(len(self.points), math.log1p(HIGHEST))
        of_round = len(self.points) * self.seeds
        ends = [
            self._survives(run, f"end-{k}", end, partial(after, progress, k * of_round, of))
            for k, end in enumerate((low, high))
        ]
        for number in range(ROUNDS):
            middle = (low + high) / 2
            told = partial(after, progress, (number + 2) * of_round, of)
            survives = self._survives(run, f"round-{number}", middle, told)
            low, high = np.where(survives, low, middle), np.where(survives, middle, high)
        rows = []
        for k, (line, information) in enumerate(self.points):
            found = "always" if ends[0][k] else "boundary" if ends[1][k] else "never"
            between = {"low": math.expm1(low[k]), "high": math.expm1(high[k])}
            at = math.expm1((low[k] + high[k]) / 2)
            if found != "boundary":
                at, between = math.nan, {"low": math.nan, "high": math.nan}
            row = {"line": line.label, "salience": line.salience, "habit": line.habit, "information": information}
            rows.append(row | {"markup": at} | between | {"found": found})
        return pd.DataFrame(rows)

    def fitted(self, run: Executor, progress: Callable[[int, int], None] = lambda done, of: None) -> pd.DataFrame:
        """What each fitted parameter set comes to without the closing: information, markup, and what it keeps."""
        worlds = [self.base.replace(**values, rng=self.base.seed + k) for k, values in enumerate(self.sets)]
        inputs = pa.table({name: [float(getattr(world, name)) for world in worlds] for name in (INFORMATION, MARKUP)})
        found = self.fill(run, "fitted", inputs, kept, worlds, self.OUTPUTS, lambda done: progress(done, len(worlds)))
        return pd.DataFrame(
            {
                "information": inputs[INFORMATION].to_numpy(),
                "markup": inputs[MARKUP].to_numpy(),
                "kept": found[:, 0],
                "survives": found[:, 0] >= self.threshold,
            }
        )

    def _survives(
        self, run: Executor, name: str, markups: NDArray[np.float64], progress: Callable[[int], None]
    ) -> NDArray[np.bool_]:
        """Whether the pool survives at each point with this ln(1 + markup), on average over the seeds."""
        worlds = [
            self.base.replace(
                **{
                    INFORMATION: information,
                    MARKUP: math.expm1(markup),
                    SALIENCE: line.salience,
                    INERTIA: line.habit,
                },
                rng=self.base.seed + seed,
            )
            for (line, information), markup in zip(self.points, markups, strict=True)
            for seed in range(self.seeds)
        ]
        inputs = pa.table({"markup": np.repeat(markups, self.seeds)})
        found = self.fill(run, name, inputs, kept, worlds, self.OUTPUTS, progress)
        return np.asarray(found[:, 0].reshape(-1, self.seeds).mean(axis=1) >= self.threshold)


def sentences(boundary: pd.DataFrame, fitted: pd.DataFrame, base: Scenario, threshold: float) -> list[str]:
    """What was found, in plain words."""
    years = base.periods / base.calendar.per_year
    means = f"Survives: keeps {100 * threshold:g} % of its peak membership for {years:g} years, without a closing."
    lines = [means]
    for line, rows in boundary.groupby("line", sort=False):
        known = rows["markup"].dropna()
        if known.empty:
            lines.append(f"{line}: the pool survives {rows['found'].iloc[0]} at any markup that was searched.")
        else:
            lowest, highest = rows.loc[known.index[0]], rows.loc[known.index[-1]]
            lines.append(
                f"{line}: the pool needs a markup of {lowest['markup']:.2f} at information {lowest['information']:g}, "
                f"and of {highest['markup']:.2f} at {highest['information']:g}."
            )
    if len(fitted):
        survivors = int(fitted["survives"].sum())
        lines.append(
            f"{survivors} of {len(fitted)} fitted parameter sets survive; they keep {fitted['kept'].median():.2f} of "
            f"their peak in the median, {fitted['kept'].min():.2f} at least."
        )
    return lines
