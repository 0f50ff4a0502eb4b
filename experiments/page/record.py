"""What stands behind the curves: the published figures with their accepted bands, and the band of the fitted set."""

from functools import cache
from pathlib import Path

import pandas as pd

from experiments import targets
from experiments.figures import when_published
from model.pool import default

BANDS = Path(__file__).parents[1] / "data" / "fitted_bands.csv"
"""Quantiles of members and shares over the fitted set: date, plan, measure, q05, q50, q95."""


@cache
def published() -> pd.DataFrame:
    """Published figures of single settlements and days: plan, measure, day (ISO), value, low, high, source."""
    rows = pd.DataFrame([vars(target) for target in targets.load()])
    single = (rows["measure"] == "members") | ((rows["measure"] == "share") & rows["when"].str.contains("-P[12]$"))
    rows = rows[single].copy()
    rows["day"] = [when_published(when, default()).isoformat() for when in rows["when"]]
    return rows[["plan", "measure", "day", "value", "low", "high", "source"]].reset_index(drop=True)


@cache
def fitted() -> pd.DataFrame:
    """The band of the fitted set, as in the file."""
    return pd.read_csv(BANDS)
