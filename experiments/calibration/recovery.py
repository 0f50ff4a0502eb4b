"""Can the calibration find what it should? Synthetic records of known parameters, and whether they are found again.

Simulation-based calibration (Talts et al. 2018): parameters are drawn from the prior, simulated, and the rows blurred
as the published record is held to be. Each record is fitted from nothing, as the published one, with less effort. If
all is well, the rank of a true value among the draws of its posterior is uniform, and a 90 % interval holds it in 90 %
of cases. A draw from the prior under which hardly anybody joins leaves no record, and is drawn again: its likelihood
given any record of a pool that grew is nothing.
"""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from experiments.calibration.calibrate import INTERVAL, calibrate
from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import FREEDOM, WITHIN, Rows
from experiments.calibration.plan import RECOVERY
from experiments.calibration.priors import to_cube
from experiments.runs.executor import Executor

SEED = 600_000
"""First seed of the runs with known parameters."""
CANDIDATES = 4
"""Draws from the prior for each record that is wanted."""
ALIVE = 20_000_000
"""Members that a pool has at most at some row of the record, if it leaves one."""
BINS = 5
"""Into which ranks are counted."""
WRONG = 0.7
"""The power is that of finding intervals that are too narrow by this factor."""
LEVEL = 0.05


def recover(journal: Journal, truths: int, run: Executor, progress: Progress) -> pd.DataFrame:
    """One line a parameter and truth: the true quantile of the prior, the interval found, and the rank of the truth.

    The rank is the share of the posterior's draws that are smaller.
    """
    rows = Rows(tuple(journal.targets), pool=journal.base.pool)
    true, records = _synthetic(journal, rows, truths, run)
    lines = []
    for number, (point, record) in enumerate(zip(true, records, strict=True)):
        own = journal.at(journal.folder / f"recovery-{number}")
        own.open(asdict(RECOVERY) | {"record": number})
        fit = calibrate(own, RECOVERY, run, _named(progress, f"synthetic record {number + 1}:"), record=record)
        draws = to_cube(fit.posterior.points)
        low, high = np.quantile(draws, INTERVAL, axis=0)
        ranks = (draws < point).mean(axis=0)
        for column, name in enumerate(journal.priors.names):
            inside = low[column] <= point[column] <= high[column]
            lines.append((number, name, point[column], low[column], high[column], inside, ranks[column]))
    return pd.DataFrame(lines, columns=["truth", "parameter", "true", "low", "high", "inside", "rank"])


def _named(progress: Progress, what: str) -> Progress:
    return lambda step, done, of, misfit: progress(f"{what} {step}", done, of, misfit)


def _synthetic(
    journal: Journal, rows: Rows, truths: int, run: Executor
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True points of the prior's cube, (truths, parameters), and their records (`Rows.record`), (truths, rows)."""
    generator = np.random.default_rng(SEED)
    asked = generator.uniform(size=(CANDIDATES * truths, len(journal.priors.fitted)))
    seeds = range(SEED, SEED + len(asked))
    _, simulated = journal.simulate(f"recovery-{truths}", asked, RECOVERY.scale, seeds, run)
    members = [number for number, target in enumerate(rows.targets) if target.measure == "members"]
    alive = np.nanmax(simulated[:, members], axis=1) >= ALIVE if members else np.ones(len(asked), dtype=bool)
    blur = generator.standard_t(FREEDOM, simulated.shape) / WITHIN
    chosen = np.flatnonzero(alive)[:truths]
    return asked[chosen], (rows.standardise(simulated) + blur)[chosen]


def summary(found: pd.DataFrame, prior_width: float = INTERVAL[1] - INTERVAL[0]) -> list[str]:
    """How often the intervals hold the truth, whether ranks are uniform, and how much the records tell."""
    share, half = held(found)
    widths = (found["high"] - found["low"]).groupby(found["parameter"]).mean() / prior_width
    best = widths.nsmallest(10)
    lines = [
        f"90 % intervals hold the true value in {share:.1%} of {len(found)} cases (+-{half:.1%}, by record)",
        f"the ten best-known parameters: intervals {best.mean():.2f} as wide as the prior's, {best.max():.2f} at most",
    ]
    if (found["truth"].nunique()) > 1:
        probability, power = uniform(found)
        lines.append(
            f"ranks in {BINS} bins: uniform with p = {probability:.2f}; intervals {WRONG:g} as wide as they should be "
            f"would be noticed at {LEVEL:g} with probability {power:.2f}"
        )
    return lines


def uniform(found: pd.DataFrame, trials: int = 2_000) -> tuple[float, float]:
    """Probability of ranks as far from uniform as these if all is well, and the power against narrow intervals.

    Chi-squared over bins. Ranks of one record hang together, so both come from records drawn again: ranks of each
    record turned by a random shift keep that and are uniform.
    """
    ranks = found.pivot_table(index="truth", columns="parameter", values="rank").to_numpy()
    generator = np.random.default_rng(0)

    def statistic(of: NDArray[np.float64]) -> float:
        counts = np.histogram(of, BINS, (0.0, 1.0))[0]
        return float(np.square(counts - of.size / BINS).sum() / (of.size / BINS))

    def again(narrow: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        shifts = generator.uniform(size=(trials, len(ranks), 1))
        return np.array([statistic(narrow((ranks + shift) % 1.0)) for shift in shifts])

    null = again(lambda of: of)
    narrow = again(lambda of: stats.norm.cdf(stats.norm.ppf(np.clip(of, 1e-6, 1 - 1e-6)) / WRONG))
    probability = float((null >= statistic(ranks)).mean())
    return probability, float((narrow > np.quantile(null, 1 - LEVEL)).mean())


def held(cases: pd.DataFrame) -> tuple[float, float]:
    """Share of the cases whose interval holds the truth, and half its 95 % interval: only truths are independent."""
    by_truth = cases.groupby("truth")["inside"].mean()
    half = stats.t.ppf(0.975, len(by_truth) - 1) * by_truth.sem() if len(by_truth) > 1 else np.nan
    return float(cases["inside"].mean()), float(half)
