"""A simulated history, asked the way the record was published: the share of a year, the members of a day, and so on.

Plain arrays, without a data frame: a sweep and a calibration ask thousands of times.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from agents.population import MALE
from model.pool import Pool, default
from model.report import BornIn, Report

Series = NDArray[np.float64]


class Question(Protocol):
    """What is asked: a measure of a plan at or over a time, as in a row of `targets.csv`."""

    @property
    def plan(self) -> str:
        """A plan, or `all`."""

    @property
    def when(self) -> str:
        """A year, month, day or settlement."""


@dataclass
class Simulated:
    """Every measure of a simulated history by publication day."""

    days: list[str]
    """Publication days (ISO), rising."""
    by_plan: Mapping[str, Mapping[str, Series]]
    """Plan -> measure -> its values by publication day."""
    pool: Pool = field(default_factory=default)
    born: BornIn | None = None
    """Members and recipients by year of birth, if they are known: a history in a table does not have them."""
    _curves: dict[str, PchipInterpolator] = field(default_factory=dict)

    @classmethod
    def of(cls, history: pd.DataFrame, born: BornIn | None = None, pool: Pool | None = None) -> "Simulated":
        """From the history of a model, or the rows of one run of a sweep.

        Args:
            history: a row a period and plan.
            born: members and recipients by year of birth; without them, measures of them are nan.
            pool: whose history it is; the default pool if none is given.
        """
        if not len(history):
            return NOTHING if pool is None else cls([], {}, pool)
        pool = pool or default()
        plans = history["plan"].to_numpy()
        rows = {plan: np.flatnonzero(plans == plan) for plan in pool.plan_names}
        columns = {name: history[name].to_numpy() for name in history.columns if history[name].dtype.kind in "if"}
        by_plan = {plan: {name: values[which] for name, values in columns.items()} for plan, which in rows.items()}
        return cls(history["date"].to_numpy()[rows[pool.plan_names[0]]].tolist(), by_plan, pool, born)

    @classmethod
    def of_report(cls, report: Report) -> "Simulated":
        """From the report of a model that has run."""
        pool = report.pool
        days = [pool.calendar.published(period).isoformat() for period in range(report.periods)]
        columns = {name: values.reshape(-1, len(pool.plan_names)) for name, values in report.columns().items()}
        by_plan = {
            plan: {name: values[:, number] for name, values in columns.items()}
            for number, plan in enumerate(pool.plan_names)
        }
        return cls(days, by_plan, pool, report.born_in() if days else None)

    def series(self, plan: str, name: str) -> Series:
        """A measure by publication day, summed over the plans asked for."""
        if not self.days:
            return np.empty(0)
        first, *others = [self.by_plan[each][name] for each in (self.pool.plan_names if plan == "all" else (plan,))]
        return sum(others, start=first)

    def index(self, first: date, last: date) -> slice:
        """The settlements that were published from one day to another, both included."""
        return slice(bisect_left(self.days, first.isoformat()), bisect_right(self.days, last.isoformat()))

    def between(self, series: Series, first: date, last: date) -> Series:
        """The part of a series that was published from one day to another, both included."""
        return series[self.index(first, last)]

    def members_on(self, plan: str, day: date) -> float:
        """Members on a day: a monotone curve through the publication days (Fritsch & Carlson 1980); none at the launch.

        Straight lines would spread the rush of the first days evenly over the weeks that follow it.
        """
        if not self.days:
            return math.nan
        members = self.series(plan, "members")
        if day > date.fromisoformat(self.days[-1]):
            return float(members[-1])
        launch = self.pool.rules.launch.toordinal()
        if plan not in self._curves:
            days = [launch, *(date.fromisoformat(each).toordinal() for each in self.days)]
            self._curves[plan] = PchipInterpolator(days, [0.0, *members])
        return float(self._curves[plan](max(day.toordinal(), launch)))


NOTHING = Simulated([], {})
"""A history without a settlement."""


def _total(values: Series) -> float:
    return float(values.sum()) if values.size else math.nan


def _average(values: Series) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _months(when: str) -> tuple[date, date]:
    """First and last day of a year, a month, a day's month, or a range of months `2030-02..2030-04`."""
    first, _, last = when.partition("..")
    start = _first_day(first)
    end = _first_day(last or first)
    return start, date(end.year, 12, 31) if len(last or first) == 4 else date(end.year, end.month, 28)


def _first_day(text: str) -> date:
    if not re.fullmatch(r"\d{4}(-\d\d)?", text):
        raise ValueError(text)
    year, _, month = text.partition("-")
    return date(int(year), int(month or 1), 1)


def _of_period(history: Simulated, asked: Question, name: str) -> float:
    if asked.when.endswith("first"):
        # With expected claims the very first settlements share a fraction of one.
        year = _months(asked.when.removesuffix("-first"))
        values = history.between(history.series(asked.plan, name), *year)
        settled = history.between(history.series(asked.plan, "recipients"), *year) >= 1
        return float(values[settled][0]) if settled.any() else math.nan
    if re.fullmatch(r"\d{4}-\d\d-P\d", asked.when):
        calendar = history.pool.calendar
        day = calendar.published(calendar.parse_label(asked.when))
        of_day = history.between(history.series(asked.plan, name), day, day)
        return float(of_day[0]) if of_day.size else math.nan
    return _mean(name)(history, asked)


def _sum(name: str) -> Callable[[Simulated, Question], float]:
    return lambda history, asked: _total(history.between(history.series(asked.plan, name), *_months(asked.when)))


def _recipients(history: Simulated, asked: Question) -> float:
    if "P" in asked.when:
        return _of_period(history, asked, "recipients")
    return _sum("recipients")(history, asked)


def _until(history: Simulated, asked: Question, name: str) -> Series:
    """A series from the launch to the day that is asked for."""
    return history.between(history.series(asked.plan, name), history.pool.rules.launch, date.fromisoformat(asked.when))


def _cumulative(name: str) -> Callable[[Simulated, Question], float]:
    return lambda history, asked: _total(_until(history, asked, name))


def _members(history: Simulated, asked: Question) -> float:
    return history.members_on(asked.plan, date.fromisoformat(asked.when))


def _mean_age(history: Simulated, asked: Question) -> float:
    members = history.series(asked.plan, "members")
    years = np.zeros(len(members))
    for plan in history.pool.plan_names if asked.plan == "all" else (asked.plan,):
        years += np.nan_to_num(history.series(plan, "members") * history.series(plan, "member_mean_age"))
    ages = np.divide(years, members, out=np.full(len(members), np.nan), where=members > 0)
    return _average(history.between(ages, *_months(asked.when)))


def _largest_fall(history: Simulated, asked: Question) -> float:
    """People: how many fewer members one of these settlements had than the one before it."""
    members = history.series(asked.plan, "members")
    falls = history.between(-np.diff(members, prepend=np.nan), *_months(asked.when))
    known = falls[~np.isnan(falls)]
    return float(known.max()) if known.size else math.nan


def _net_exit(history: Simulated, asked: Question) -> float:
    year = int(asked.when)
    before, after = (history.members_on(asked.plan, date(when, 12, 28)) for when in (year - 1, year))
    return (before - after) / 12


def _extreme(find: Callable[[Series], float]) -> Callable[[Simulated, Question], float]:
    """The lowest or highest share of one settlement within some months; settlements without a claim do not count."""

    def measured(history: Simulated, asked: Question) -> float:
        shares = history.between(history.series(asked.plan, "share"), *_months(asked.when))
        billed = shares[shares > 0]
        return find(billed) if billed.size else math.nan

    return measured


def _plans(history: Simulated, plan: str) -> list[int]:
    return [number for number, name in enumerate(history.pool.plan_names) if plan in (name, "all")]


def _birth_years(history: Simulated, when: str) -> tuple[str, slice]:
    """A time, and the years of birth after the colon, as in `2029-12:1980..1989`, both included."""
    time, years = re.fullmatch(r"(.+):(\d{4}\.\.\d{4})", when, re.ASCII).groups()  # type: ignore[union-attr]
    first_year = history.pool.calendar.first_birth_year
    first, last = (int(year) - first_year for year in years.split(".."))
    if not 0 <= first <= last:
        raise ValueError(when)
    return time, slice(first, last + 1)


def _member_share_born(history: Simulated, asked: Question) -> float:
    """Share of the members of a month's last settlement who were born in these years."""
    month, years = _birth_years(history, asked.when)
    settled = history.index(*_months(month))
    if history.born is None or settled.start == settled.stop:
        return math.nan
    members = history.born.members[settled.stop - 1, _plans(history, asked.plan)].sum(axis=0)
    return float(members[years].sum() / members.sum()) if members.any() else math.nan


def _recipients_until(history: Simulated, asked: Question, day: str) -> NDArray[np.float64] | None:
    """Recipients from the launch to a day, by sex and year of birth; None if there were none."""
    settled = history.index(history.pool.rules.launch, date.fromisoformat(day))
    if history.born is None:
        return None
    recipients = history.born.recipients[settled, _plans(history, asked.plan)].sum(axis=(0, 1))
    return recipients if recipients.any() else None


def _recipient_share_born(history: Simulated, asked: Question) -> float:
    """Share of all recipients to a day who were born in these years."""
    day, years = _birth_years(history, asked.when)
    recipients = _recipients_until(history, asked, day)
    return math.nan if recipients is None else float(recipients[:, years].sum() / recipients.sum())


def _recipient_share_male(history: Simulated, asked: Question) -> float:
    """Share of all recipients to a day who are men."""
    recipients = _recipients_until(history, asked, asked.when)
    return math.nan if recipients is None else float(recipients[MALE].sum() / recipients.sum())


def _paid_by_platform_from(history: Simulated, asked: Question) -> float:
    """What the platform pays from a day of debit on, and the claims outstanding at the end, which it pays as well."""
    day, calendar = date.fromisoformat(asked.when), history.pool.calendar
    if not history.days or day > calendar.debited(len(history.days) - 1):
        return math.nan
    paid = history.series(asked.plan, "platform_paid")
    due = [calendar.debited(period) >= day for period in range(len(paid))]
    return float(paid[due].sum() + history.series(asked.plan, "outstanding")[-1])


def _at(name: str) -> Callable[[Simulated, Question], float]:
    def measured(history: Simulated, asked: Question) -> float:
        known = _until(history, asked, name)
        return float(known[-1]) if known.size else math.nan

    return measured


def _mean(name: str) -> Callable[[Simulated, Question], float]:
    return lambda history, asked: _average(history.between(history.series(asked.plan, name), *_months(asked.when)))


MEASURED: dict[str, Callable[[Simulated, Question], float]] = {
    "annual_share": _sum("share"),
    "share": lambda history, asked: _of_period(history, asked, "share"),
    "share_month": _sum("share"),
    "recipients": _recipients,
    "recipients_month": _sum("recipients"),
    "recipients_cumulative": _cumulative("recipients"),
    "benefits_paid": _sum("benefits_paid"),
    "benefits_paid_cumulative": _cumulative("benefits_paid"),
    "member_mean_age": _mean_age,
    "member_share_born": _member_share_born,
    "recipient_share_born": _recipient_share_born,
    "recipient_share_male": _recipient_share_male,
    "share_lowest": _extreme(lambda shares: float(shares.min())),
    "share_highest": _extreme(lambda shares: float(shares.max())),
    "paid_by_platform_from": _paid_by_platform_from,
    "members": _members,
    "net_exit_rate": _net_exit,
    "largest_fall": _largest_fall,
    "float_per_settlement": _mean("collected"),
    "pending_liability": _at("outstanding"),
    "migrated_members": _cumulative("taken_over"),
}
"""How each measure of the record is read off a simulated history."""
