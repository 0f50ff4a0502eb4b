"""What a run comes down to: a few figures a run, and every measure by year."""

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

import pandas as pd

from experiments.simulated import Simulated
from model import calendar
from model.measures import MEASURES


class Summary(NamedTuple):
    """One figure a run."""

    label: str
    unit: str
    measured: Callable[[Simulated], float]


LAST_DAYS = date(2020, 12, 28), date(2021, 12, 28)


def _peak(history: Simulated) -> float:
    return float(history.series("all", "members").max())


def _fall(history: Simulated) -> float:
    if history.days[-1] < LAST_DAYS[1].isoformat():
        return math.nan
    before, after = (history.members_on("all", day) for day in LAST_DAYS)
    return 1 - after / before if before > 0 else math.nan


def _share(plan: str, year: int) -> Callable[[Simulated], float]:
    first, last = date(year, 1, 1), date(year, 12, 31)
    whole_year = calendar.published(calendar.period_of(date(year, 12, 21))).isoformat()

    def measured(history: Simulated) -> float:
        if whole_year not in history.days:
            return math.nan
        return float(history.between(history.series(plan, "share_yuan"), first, last).sum())

    return measured


def _selection(history: Simulated) -> float:
    """In the general plan, at the last settlement of 2020."""
    day = date(2020, 12, 21).isoformat()
    if day not in history.days:
        return math.nan
    now = {name: values[history.days.index(day)] for name, values in history.by_plan["general"].items()}
    return members_over_eligible(now)


def members_over_eligible(now: Mapping[str, float]) -> float:
    """Own risk of a plan's members over that of all of eligible age, at one settlement; nan without members."""
    inside, outside = now["members"], now["nonmembers"]
    if not inside:
        return math.nan
    mean = now["member_mean_risk"] * inside + (now["nonmember_mean_risk"] * outside if outside else 0.0)
    return float(now["member_mean_risk"] / (mean / (inside + outside)))


SUMMARIES = {
    "peak_members": Summary("most members of all plans together", "people", _peak),
    "fall_2021": Summary("members lost from 28 December 2020 to 28 December 2021", "share", _fall),
    "share_2019": Summary("general plan's share of 2019", "yuan/year", _share("general", 2019)),
    "share_2020": Summary("general plan's share of 2020", "yuan/year", _share("general", 2020)),
    "seniors_share_2020": Summary("seniors' plan's share of 2020", "yuan/year", _share("seniors", 2020)),
    "selection": Summary(
        "own risk of the general plan's members over that of all eligible, end of 2020", "ratio", _selection
    ),
}


def summarise(history: Simulated) -> dict[str, float]:
    """Every summary of a whole history; nan for what it does not reach."""
    return {name: summary.measured(history) for name, summary in SUMMARIES.items()}


def by_year(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Sums of flows, last values of stocks and means of ratios, by `keys` and year of publication.

    Columns as in `table`; `period` holds the year, `date` the last publication day in it.
    """
    how = {"flow": "sum", "stock": "last", "ratio": "mean"}
    measures = [name for name in table if name in MEASURES]
    wanted = {name: how[MEASURES[str(name)].kind] for name in measures} | {"date": "last"}
    years = table.assign(period=table["date"].str[:4])
    grouped = years.groupby([*keys, "period", "plan"], sort=False, dropna=False)
    return grouped.agg(wanted).reset_index()[list(table.columns)]
