"""What a run comes down to: a few figures a run, and every measure by year."""

import math
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

import pandas as pd

from experiments.simulated import Simulated
from model.files import shown
from model.measures import MEASURES
from model.pool import Pool
from model.pool_file import Outcome, PoolError


class Summary(NamedTuple):
    """One figure a run."""

    label: str
    unit: str
    measured: Callable[[Simulated], float]
    short: str = ""
    """Its name beside a picture, without the unit."""


def _peak(history: Simulated) -> float:
    return float(history.series("all", "members").max())


def _fall(before: date, after: date) -> Callable[[Simulated], float]:
    """Share of the members of all plans that is lost from one day to another."""

    def measured(history: Simulated) -> float:
        if history.days[-1] < after.isoformat():
            return math.nan
        were, are = (history.members_on("all", day) for day in (before, after))
        return 1 - are / were if were > 0 else math.nan

    return measured


def _share(pool: Pool, plan: str, year: int) -> Callable[[Simulated], float]:
    """A plan's shares of a whole year."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    calendar = pool.calendar
    whole_year = date(year, 12, calendar.publish_on[-1]).isoformat()

    def measured(history: Simulated) -> float:
        if whole_year not in history.days:
            return math.nan
        return float(history.between(history.series(plan, "share"), first, last).sum())

    return measured


def _selection(plan: str, when: date) -> Callable[[Simulated], float]:
    """In a plan, at the last settlement that was published by a day."""

    def measured(history: Simulated) -> float:
        settled = history.index(history.pool.rules.launch, when).stop
        if not settled or not _reached(history, when):
            return math.nan
        now = {name: values[settled - 1] for name, values in history.by_plan[plan].items()}
        return members_over_eligible(now)

    return measured


def _reached(history: Simulated, when: date) -> bool:
    """Whether a history goes on to the last settlement that is published by a day."""
    calendar = history.pool.calendar
    return calendar.period_of(when) - (calendar.published(calendar.period_of(when)) > when) < len(history.days)


def members_over_eligible(now: Mapping[str, float]) -> float:
    """Own risk of a plan's members over that of all of eligible age, at one settlement; nan without members."""
    inside, outside = now["members"], now["nonmembers"]
    if not inside:
        return math.nan
    mean = now["member_mean_risk"] * inside + (now["nonmember_mean_risk"] * outside if outside else 0.0)
    return float(now["member_mean_risk"] / (mean / (inside + outside)))


def _of_outcome(pool: Pool, outcome: Outcome) -> Callable[[Simulated], float]:
    """How a figure that the pool names is read off a history.

    Raises:
        PoolError: for a measure, plan or time that does not exist.
    """
    where = f"{pool.key}/pool.toml: outcomes.{outcome.name}"
    if outcome.plan not in (*pool.plan_names, "all"):
        raise PoolError(f"{where}.plan = {shown(outcome.plan)}; allowed: {', '.join(pool.plan_names)}, all")
    try:
        if outcome.measure == "fall":
            before, after = map(date.fromisoformat, outcome.when.split(".."))
            return _fall(before, after)
        if outcome.measure == "annual_share":
            return _share(pool, outcome.plan, int(outcome.when))
        if outcome.measure == "selection":
            return _selection(outcome.plan, date.fromisoformat(outcome.when))
    except ValueError:
        raise PoolError(f"{where}.when = {shown(outcome.when)} cannot be read for {outcome.measure}") from None
    raise PoolError(f"{where}.measure = {shown(outcome.measure)}; allowed: fall, annual_share, selection")


@cache
def summaries_of(pool: Pool) -> dict[str, Summary]:
    """What a run of a pool comes down to: figures that it names, else its fall and the shares of its first years."""
    made = {"peak_members": Summary("most members of all plans together", "people", _peak, "most members")}
    for outcome in pool.rules.outcomes:
        measured = _of_outcome(pool, outcome)
        made[outcome.name] = Summary(outcome.label, outcome.unit, measured, outcome.short)
    if not pool.rules.outcomes:
        rules, first, money = pool.rules, pool.plan_names[0], pool.rules.currency.name
        last = pool.calendar.published(pool.calendar.periods - 1)
        made["fall"] = Summary("members lost from the peak to the end", "share", _fall_from_peak, "fall from the peak")
        first_whole = rules.launch.year + (rules.launch > date(rules.launch.year, 1, 1))
        cut_short = (last.month, last.day) < (12, pool.calendar.publish_on[-1])
        for year in range(first_whole, last.year + 1 - cut_short)[:3]:
            label = f"share of {year}, {pool.plan_labels[first]}"
            made[f"share_{year}"] = Summary(label, f"{money}/year", _share(pool, first, year), f"share {year}")
        made["selection"] = Summary(
            f"own risk of members over that of all eligible at the end, {pool.plan_labels[first]}",
            "ratio",
            _selection(first, last),
            "risk of members over all eligible",
        )
    return made


def _fall_from_peak(history: Simulated) -> float:
    members = history.series("all", "members")
    return float(1 - members[-1] / members.max()) if members.max() > 0 else math.nan


def summarise(history: Simulated) -> dict[str, float]:
    """Every summary of a whole history; nan for what it does not reach."""
    return {name: summary.measured(history) for name, summary in summaries_of(history.pool).items()}


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
