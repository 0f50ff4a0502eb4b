"""The whole calibration: search, waves, chains, the draws that are kept, and what the record tells of parameters."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.calibration import emulator, posterior
from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import Rows
from experiments.calibration.plan import Plan
from experiments.calibration.posterior import Posterior
from experiments.calibration.priors import FARTHEST, Priors, to_cube, to_normal
from experiments.calibration.search import search
from experiments.output import write, write_table, writing
from experiments.runs.executor import Executor

ELSEWHERE_SEED, AGAIN_SEED = 650_000, 800_000
"""First seeds: of runs at points found elsewhere, of those of the set that is kept."""
CANDIDATES, ROUNDS, FINER, CENTRE_SEED = 24, 4, 2.5, 1
"""The centre is the nearest of so many points a round, simulated with so many times the rows, so seeds matter less."""
NEAR, STEPS = 200, 20_000
"""The next round looks on an emulator at so many steps from the nearest points, along differences between them."""
INTERVAL = (0.05, 0.95)
TOGETHER = 0.5
"""Correlations of at least this size are listed."""


@dataclass(frozen=True)
class Fit:
    """What came out."""

    priors: Priors
    rows: Rows
    points: NDArray[np.float64]
    """Draws from the posterior in the prior's cube, shape (set, parameters), evenly from the chains; before them its
    centre, the point whose simulation comes nearest to the median of every fitted row."""
    simulated: NDArray[np.float64]
    """What each of them says of the rows, with another seed than in its chain, shape (set, rows)."""
    noise: NDArray[np.float64]
    """Standard deviation of each row between runs with different seeds, in half bands, shape (rows,)."""
    posterior: Posterior
    """All draws."""

    def sets(self) -> list[dict[str, float]]:
        """The draws that are kept, as parameters; the first is the centre of the posterior."""
        return [self.priors.parameters(point) for point in self.points]

    def table(self) -> pd.DataFrame:
        """One line a target: median and band of the posterior, noise, and whether the median is inside."""
        low, middle, high = np.quantile(self.simulated, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0)
        return pd.DataFrame(
            {
                "id": self.rows.names,
                "published": [target.value for target in self.rows.targets],
                "low": [target.low for target in self.rows.targets],
                "high": [target.high for target in self.rows.targets],
                "median": middle,
                "q05": low,
                "q95": high,
                "noise_in_half_bands": self.noise,
                "inside": self.rows.inside(middle),
            }
        )

    def identifiability(self) -> pd.DataFrame:
        """One line a parameter: prior and posterior 90 % interval, their ratio, and what it is confused with."""
        sample = to_cube(self.posterior.points)
        together = np.corrcoef(sample.T) - np.eye(sample.shape[1])
        lines = []
        for number, prior in enumerate(self.priors.fitted):
            low, middle, high = np.quantile(sample[:, number], [INTERVAL[0], 0.5, INTERVAL[1]])
            partner = int(np.argmax(np.abs(together[number])))
            correlation = together[number, partner]
            lines.append(
                {
                    "parameter": prior.name,
                    "prior_low": prior.value(INTERVAL[0]),
                    "prior_high": prior.value(INTERVAL[1]),
                    "posterior_low": prior.value(low),
                    "posterior_median": prior.value(middle),
                    "posterior_high": prior.value(high),
                    "width_ratio": (high - low) / (INTERVAL[1] - INTERVAL[0]),
                    "confused_with": self.priors.names[partner] if abs(correlation) >= TOGETHER else "",
                    "correlation": correlation if abs(correlation) >= TOGETHER else math.nan,
                }
            )
        return pd.DataFrame(lines).sort_values("width_ratio", kind="stable", ignore_index=True)


def calibrate(
    journal: Journal,
    plan: Plan,
    run: Executor,
    progress: Progress,
    elsewhere: NDArray[np.float64] | None = None,
    record: NDArray[np.float64] | float = 0.0,
) -> Fit:
    """Search, find the posterior, sample it, simulate what is kept again.

    `elsewhere` are points that others found, shape (points, parameters): looked at beside those of the search.
    `record` is another record than the published one, as distances from it in half bands.
    """
    rows = Rows(tuple(journal.targets), record, pool=journal.base.pool)
    points, simulated = search(journal, rows, plan, run, progress)

    def simulate(name: str, asked: NDArray[np.float64], first_seed: int) -> NDArray[np.float64]:
        seeds = range(first_seed, first_seed + len(asked))
        _, found = journal.simulate(
            name, to_cube(asked), plan.scale, seeds, run, lambda done: progress(name, done, len(asked), math.nan)
        )
        progress(name, len(asked), len(asked), float(np.median(rows.misfit(rows.standardise(found)))))
        return found

    if elsewhere is not None:
        simulated = np.concatenate([simulated, simulate("elsewhere", to_normal(elsewhere), ELSEWHERE_SEED)])
        points = np.concatenate([points, to_normal(elsewhere)])
    found = posterior.infer(journal, rows, points, simulated, plan, run, progress)
    centre = _centre(journal, found, rows, plan, run, progress)
    kept = spread(found, centre, plan.set_size)
    # With other seeds than those with which they were accepted: else the set would be praised for its luck.
    again = simulate("again", kept, AGAIN_SEED)
    return Fit(journal.priors, rows, to_cube(kept), again, found.noise, found)


def _centre(
    journal: Journal, found: Posterior, rows: Rows, plan: Plan, run: Executor, progress: Progress
) -> NDArray[np.float64]:
    """The point whose simulation is nearest to the posterior's median of every row, shape (parameters,).

    First the nearest of what was simulated; then, round by round, where an emulator sees still nearer ones.
    """
    generator = np.random.default_rng(plan.seed)
    near = nearest(found, rows)
    known, distances = found.tried[near[: posterior.KNOWN]], rows.standardise(found.tried_rows[near[: posterior.KNOWN]])
    asked, points, apart = known[:CANDIDATES], known[:NEAR], np.empty(0)
    tried = np.empty((0, points.shape[1]))
    with threadpool_limits(1):
        for number in range(ROUNDS):
            seeds = [CENTRE_SEED] * len(asked)
            _, finely = journal.simulate(f"centre-{number}", to_cube(asked), plan.scale / FINER, seeds, run)
            tried, apart = np.concatenate([tried, asked]), np.append(apart, distance(found, rows, finely))
            progress("centre", len(tried), ROUNDS * CANDIDATES, float(apart.min()))
            known = np.concatenate([known, asked])
            distances = np.concatenate([distances, rows.standardise(finely)])
            of = generator.integers(len(points), size=(3, STEPS))
            steps = points[of[0]] + generator.random((STEPS, 1)) * (points[of[1]] - points[of[2]])
            foreseen = np.square(emulator.fit(known, distances).distances(steps) - median(found, rows)) @ rows.weights
            asked = np.clip(steps[np.argsort(foreseen, kind="stable")[:CANDIDATES]], -FARTHEST, FARTHEST)
            points = np.concatenate([points, tried[np.argsort(apart)[:CANDIDATES]]])
    return np.asarray(tried[np.argmin(apart)])


def median(found: Posterior, rows: Rows) -> NDArray[np.float64]:
    """The posterior's median of every row, in half bands, shape (rows,)."""
    return np.asarray(np.median(rows.standardise(found.rows), axis=0))


def distance(found: Posterior, rows: Rows, simulated: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far simulations, shape (.., rows), are from the posterior's median of every row.

    The mean squared distance in half bands, with the weights of the rows, shape (..,).
    """
    return np.asarray(np.square(rows.standardise(simulated) - median(found, rows)) @ rows.weights)


def nearest(found: Posterior, rows: Rows) -> NDArray[np.int64]:
    """The different points that were simulated, those nearest to the posterior's median of every row first."""
    _, different = np.unique(found.tried, axis=0, return_index=True)
    order = np.argsort(distance(found, rows, found.tried_rows[different]), kind="stable")
    return np.asarray(different[order])


def spread(found: Posterior, centre: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """The centre, shape (parameters,), and different draws evenly from the chains, shape (number, parameters)."""
    _, different = np.unique(found.points, axis=0, return_index=True)
    even = found.points[np.sort(different)[np.unique(np.linspace(0, len(different) - 1, number).astype(int))]]
    return np.concatenate([centre[np.newaxis], even[(even != centre).any(axis=1)]])[:number]


def best_of_search(
    journal: Journal, plan: Plan, run: Executor, progress: Progress, number: int
) -> list[dict[str, Any]]:
    """All parameters of the scenarios with which the search came nearest, best first; the first part of `calibrate`."""
    rows = Rows(tuple(journal.targets), pool=journal.base.pool)
    points, simulated = search(journal, rows, plan, run, progress)
    best = np.argsort(rows.misfit(rows.standardise(simulated)), kind="stable")[:number]
    chosen: list[dict[str, Any]] = [journal.priors.parameters(point) for point in to_cube(points[best])]
    return [journal.base.replace(**values).values() for values in chosen]


def keep(fit: Fit, folder: Path) -> None:
    """Write the acceptable set with its provenance, the fitted rows and the identifiability table.

    Raises:
        OutputError: if the folder cannot be written.
    """
    made = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    provenance = made | {"mixing": fit.posterior.mixing, "rows": fit.rows.names, "fitted": fit.priors.names}
    for name, table in (
        ("acceptable_set.csv", pd.DataFrame(fit.sets())),
        ("rows.csv", fit.table()),
        ("identifiability.csv", fit.identifiability()),
    ):
        write_table(folder / name, table)
    with writing(folder, kept="simulations"):
        write(folder / "acceptable_set.json", (json.dumps(provenance, indent=2) + "\n").encode())
