"""Can the calibration find what it should? Records made with known parameters, and whether they are found again.

Parameters are drawn from the fitted posterior, simulated, and blurred as the published record is held to be. Given the
published record and the made one together, a 90 % interval must hold the true value in 90 % of cases: simulation-based
calibration around the posterior (Talts et al. 2018; there with the prior in its place).
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from experiments.calibration import posterior
from experiments.calibration.calibrate import INTERVAL, Fit
from experiments.calibration.emulator import Emulator
from experiments.calibration.journal import Journal
from experiments.calibration.misfit import FREEDOM, WITHIN

SEED = 600_000
"""First seed of the runs with known parameters."""
SAMPLE = 2_000
WALK = 3_000
"""Steps of each walker, for each made record."""
TOLD = 0.5
"""Posterior widths below this share of the prior's: the record tells of the parameter."""


def recover(journal: Journal, fit: Fit, truths: int, scale: float, pool: ProcessPoolExecutor) -> pd.DataFrame:
    """One line a parameter and truth: the true quantile of the prior, the interval found, and whether it holds it."""
    generator = np.random.default_rng(SEED)
    true = fit.chain[generator.choice(len(fit.chain), truths, replace=False)]
    _, simulated = journal.simulate(f"recovery-{truths}", true, scale, range(SEED, SEED + truths), pool)
    blur = generator.standard_t(FREEDOM, (truths, len(fit.rows.targets))) / WITHIN
    records = fit.rows.standardise(simulated) + blur
    tasks = [(fit.emulator, fit.chain, SAMPLE, SEED + number, record) for number, record in enumerate(records)]
    intervals = pool.map(partial(_interval, steps=WALK), tasks)
    lines = []
    for number, (point, (low, high)) in enumerate(zip(true, intervals, strict=True)):
        for column, name in enumerate(fit.priors.names):
            inside = low[column] <= point[column] <= high[column]
            lines.append((number, name, point[column], low[column], high[column], inside))
    return pd.DataFrame(lines, columns=["truth", "parameter", "true", "low", "high", "inside"])


def summary(found: pd.DataFrame, identifiability: pd.DataFrame) -> list[str]:
    """How often the intervals hold the truth, and how far they follow it: where the record tells much or little.

    Intervals that did not look at the made record would hold the truth as often; so the second line: how wide they are,
    as a share of those without it, and how their middles correlate with the truths.
    """
    ratio = found["parameter"].map(identifiability.set_index("parameter")["width_ratio"])
    before = ratio * (INTERVAL[1] - INTERVAL[0])
    lines = []
    for what, those in (
        ("all parameters", found),
        (f"those that the record tells most of (width ratio below {TOLD:g})", found[ratio < TOLD]),
        ("the others", found[ratio >= TOLD]),
    ):
        if those.empty:
            continue
        share, width = held(those)
        followed = pd.DataFrame({"true": those["true"], "middle": (those["low"] + those["high"]) / 2})
        followed -= followed.groupby(those["parameter"]).transform("mean")
        narrower = ((those["high"] - those["low"]) / before[those.index]).median()
        lines.append(
            f"90 % intervals hold the true value in {share:.1%} of {len(those)} cases (+-{width:.1%}): {what}; "
            f"width {narrower:.2f} of that without the made record, correlation of middles and truths "
            f"{followed['true'].corr(followed['middle']):.2f}"
        )
    return lines


def held(cases: pd.DataFrame) -> tuple[float, float]:
    """Share of the cases whose interval holds the truth, and half its 95 % interval: only truths are independent."""
    by_truth = cases.groupby("truth")["inside"].mean()
    half = t.ppf(0.975, len(by_truth) - 1) * by_truth.sem() if len(by_truth) > 1 else np.nan
    return float(cases["inside"].mean()), float(half)


def _interval(
    task: tuple[Emulator, NDArray[np.float64], int, int, NDArray[np.float64]], steps: int
) -> NDArray[np.float64]:
    """The interval of every parameter given a made record, shape (2, parameters)."""
    return np.asarray(np.quantile(posterior.walk(*task, steps=steps)[0], INTERVAL, axis=0))
