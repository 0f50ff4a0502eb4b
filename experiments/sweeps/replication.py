"""Enough replicates? How well each summary is known at each point, and how many more runs it would take."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from experiments.sweeps.summaries import SUMMARIES

CONFIDENCE = 0.95
GROWTH = 1.5
"""With "auto": replicates grow by this factor until they are enough."""


def verdict(runs: Sequence[dict[str, float]], tolerance: float) -> pd.DataFrame:
    """One line a summary: replicates, mean, 95 % interval, coefficient of variation, and whether they are enough.

    Enough: the half width of Student's interval is at most `tolerance` of the mean, or `tolerance` itself for figures
    that are shares. A summary that no run reaches has nothing to be known.
    """
    lines = []
    for name, summary in SUMMARIES.items():
        values = np.array([run[name] for run in runs], dtype=np.float64)
        values = values[np.isfinite(values)]
        n = values.size
        mean = float(values.mean()) if n else math.nan
        sd = float(values.std(ddof=1)) if n > 1 else math.nan
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n) if n > 1 else math.nan
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


def variation_by_number(runs: Sequence[dict[str, float]], name: str) -> list[float]:
    """Coefficient of variation of a summary over the first 2, 3, .. replicates."""
    values = np.array([run[name] for run in runs], dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [float(values[:n].std(ddof=1) / abs(values[:n].mean())) for n in range(2, values.size + 1)]


def more(runs: Sequence[dict[str, float]], tolerance: float, most: int) -> int:
    """How many further replicates a point needs now: 0 when the verdict holds or `most` is reached."""
    if verdict(runs, tolerance)["enough"].all():
        return 0
    return max(0, min(most, math.ceil(GROWTH * len(runs))) - len(runs))
