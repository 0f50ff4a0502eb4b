"""Who joins and who leaves: risks of members, joiners and leavers of the first plan, over the fitted set."""

import numpy as np
import pandas as pd

from experiments.calibration.ensemble import History
from experiments.sweeps.summaries import members_over_eligible
from model.pool import Pool, default

QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}


def selection(runs: list[History], pool: Pool | None = None) -> pd.DataFrame:
    """One line a year and ratio of own risks: quantiles over the histories, and the share of them above 1.

    Of the first plan of the pool, in every year but a last one with fewer settlements than the one before.

    Ratios: `members / eligible` members to all of eligible age, at the last settlement of the year; `joiners / outside`
    those who joined in the year to those outside; `leavers / members` those who left to those who were members.
    """
    pool = pool or default()
    found = [_ratios(history, pool) for history, _ in runs]
    lines = []
    for (year, what), values in pd.concat(found).groupby(["year", "ratio"], sort=False)["value"]:
        known = values.dropna()
        if len(known):
            quantiles = {name: float(np.quantile(known, p)) for name, p in QUANTILES.items()}
            lines.append({"year": year, "ratio": what, **quantiles, "above_one": float((known > 1).mean())})
    return pd.DataFrame(lines)


def _ratios(history: pd.DataFrame, pool: Pool) -> pd.DataFrame:
    """The ratios of one history, by year."""
    first = history[history["plan"] == pool.plan_names[0]]
    years = first["date"].str[:4]
    numbers = years.value_counts(sort=False)
    cut_short = len(numbers) > 1 and numbers.iloc[-1] < numbers.iloc[-2]
    lines = []
    for year in numbers.index[: -1 if cut_short else None]:
        rows = first[years == year]
        members = _mean(rows["member_mean_risk"], rows["members"])
        outside = _mean(rows["nonmember_mean_risk"], rows["nonmembers"])
        lines += [
            (
                year,
                "members / eligible",
                members_over_eligible({str(name): value for name, value in rows.iloc[-1].items()}),
            ),
            (year, "joiners / outside", _mean(rows["joiner_mean_risk"], rows["joined"]) / outside),
            (year, "leavers / members", _mean(rows["leaver_mean_risk"], rows["left"]) / members),
        ]
    return pd.DataFrame(lines, columns=["year", "ratio", "value"])


def _mean(risks: pd.Series, people: pd.Series) -> float:
    """The mean risk of so many people; nan of nobody."""
    return float((risks.fillna(0.0) * people).sum() / people.sum()) if people.sum() else np.nan
