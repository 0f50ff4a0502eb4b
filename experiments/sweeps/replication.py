"""Enough replicates? How well each summary is known at each point, and how many more runs it would take."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from experiments.sweeps.summaries import Summary

CONFIDENCE = 0.95
GROWTH = 1.5
"""With "auto": replicates grow by this factor until they are enough."""


def verdict(runs: Sequence[Mapping[Any, float]], tolerance: float, summaries: Mapping[str, Summary]) -> pd.DataFrame:
    """One line a summary: replicates, mean, 95 % interval, coefficient of variation, and whether they are enough.

    Enough: the half width of Student's interval is at most `tolerance` of the mean, or `tolerance` itself for figures
    that are shares. A summary that no run reaches has nothing to be known.
    """
    lines = []
    for name, summary in summaries.items():
        values = np.array([run[name] for run in runs], dtype=np.float64)
        values = values[np.isfinite(values)]
        n = values.size
        mean, sd, half = student(values)
        wanted = tolerance * (1.0 if summary.unit == "share" else abs(mean))
        lines.append(
            {
                "summary": name,
                "replicates": n,
                "mean": mean,
                "low": mean - half,
                "high": mean + half,
                "variation": sd / abs(mean) if mean else math.nan,
                "enough": not n or bool(half <= wanted),
            }
        )
    return pd.DataFrame(lines)


def differences(
    runs: pd.DataFrame, baseline: int, names: Sequence[str], summaries: Mapping[str, Summary]
) -> pd.DataFrame:
    """Paired differences of every summary at each other point from the baseline point, with common random numbers.

    The n-th replicate has the same seed at every point, so that what both runs owe to luck cancels in their difference.

    Args:
        runs: one row a run: point, varied parameters, replicate and every summary (`Results.summaries`).
        baseline: the point from which differences are taken.
        names: the varied parameters.
        summaries: those of the pool.

    Returns:
        One line a point and summary: the parameters, pairs, mean difference, Student's 95 % interval, how many pairs
        have the sign of the mean, and whether the interval leaves zero out (`clear`).
    """
    lines = []
    reference = runs[runs["point"] == baseline].set_index("replicate")
    for point, there in runs[runs["point"] != baseline].groupby("point", sort=True):
        apart = there.set_index("replicate")[list(summaries)] - reference[list(summaries)]
        for name in summaries:
            values = apart[name].to_numpy(dtype=np.float64)
            values = values[np.isfinite(values)]
            mean, _, half = student(values)
            lines.append(
                {"point": point}
                | {parameter: there[parameter].iloc[0] for parameter in names}
                | {
                    "summary": name,
                    "pairs": values.size,
                    "difference": mean,
                    "low": mean - half,
                    "high": mean + half,
                    "same_sign": int((np.sign(values) == np.sign(mean)).sum()),
                    "clear": bool(abs(mean) > half),
                }
            )
    return pd.DataFrame(lines)


def paired_verdict(
    apart: pd.DataFrame, runs: pd.DataFrame, baseline: int, tolerance: float, summaries: Mapping[str, Summary]
) -> pd.DataFrame:
    """Paired differences from a point, and whether each is known well enough (`enough`).

    Enough: the half width of the paired interval is at most `tolerance` of the baseline's mean, or `tolerance` itself
    for figures that are shares.

    Args:
        apart: the differences, as `differences` gives them.
        runs: one row a run, the baseline's among them.
        baseline: the point from which differences were taken.
        tolerance: a share of the mean.
        summaries: those of the pool.
    """
    means = runs.loc[runs["point"] == baseline, list(summaries)].mean()
    wanted = [tolerance * (1.0 if summaries[name].unit == "share" else abs(means[name])) for name in apart["summary"]]
    half = (apart["high"] - apart["low"]) / 2
    return apart.assign(enough=(half <= wanted) | (apart["pairs"] == 0))


def student(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, standard deviation and half width of Student's 95 % interval; nan where there are too few values."""
    n = values.size
    mean = float(values.mean()) if n else math.nan
    sd = float(values.std(ddof=1)) if n > 1 else math.nan
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n) if n > 1 else math.nan
    return mean, sd, half


def variation_by_number(runs: Sequence[dict[str, float]], name: str) -> list[float]:
    """Coefficient of variation of a summary over the first 2, 3, .. replicates."""
    values = np.array([run[name] for run in runs], dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [float(values[:n].std(ddof=1) / abs(values[:n].mean())) for n in range(2, values.size + 1)]


def known(
    runs: Sequence[dict[str, float]],
    reference: Sequence[dict[str, float]] | None,
    tolerance: float,
    summaries: Mapping[str, Summary],
) -> bool:
    """Whether a point has enough replicates.

    Args:
        runs: the summaries of its replicates, in order.
        reference: those of the baseline point with the same seeds, or None to judge the means.
        tolerance: half width that is good enough; see `verdict` and `paired_verdict`.
        summaries: those of the pool.
    """
    if reference is None:
        return bool(verdict(runs, tolerance, summaries)["enough"].all())
    lines = [
        {"point": point, "replicate": replicate, **run}
        for point, those in enumerate((reference, runs))
        for replicate, run in enumerate(those)
    ]
    both = pd.DataFrame(lines)
    apart = differences(both, 0, (), summaries)
    return bool(paired_verdict(apart, both, 0, tolerance, summaries)["enough"].all())


def grown(replicates: int, most: int) -> int:
    """How many replicates a point has after the next round, if so many are not enough."""
    return max(replicates, min(most, math.ceil(GROWTH * replicates)))
