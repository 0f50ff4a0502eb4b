"""Settlement periods and dates of a pool.

A period is one settlement: the time since the last publication, up to and including its own publication day. Ages are
counted in half-months whatever the rhythm, so that a pool that settles once a month ages by two of them a period.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

HALF_MONTHS_PER_YEAR = 24
MONTHS = 12
YEARS_BEFORE_LAUNCH = 118
"""The first year of birth that is kept is this long before the launch."""
KEPT = 4_096
"""Answers that are kept: a run of the longest horizon asks for some hundred different ones."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """When a pool settles. Period 0 is the first settlement that is published on or after the launch.

    Args:
        launch: first day with members.
        end: the last settlement is the last one that is debited by this day.
        publish_on: days of the month on which shares are published, rising: one for each settlement of a month.
        debit_on: days on which they are debited, one for each; in the next month where it is before the publication.
    """

    launch: date
    end: date
    publish_on: tuple[int, ...]
    debit_on: tuple[int, ...]

    @property
    def per_month(self) -> int:
        """Settlements a month."""
        return len(self.publish_on)

    @property
    def per_year(self) -> int:
        """Settlements a year."""
        return MONTHS * self.per_month

    @property
    def days_per_period(self) -> float:
        """Mean length of a period."""
        return 365.25 / self.per_year

    @property
    def half_months_per_period(self) -> int:
        """By how many half-months people grow older in a period: 1 or 2."""
        return HALF_MONTHS_PER_YEAR // self.per_year

    @property
    def first_birth_year(self) -> int:
        """The year whose January is month of birth 0."""
        return self.launch.year - YEARS_BEFORE_LAUNCH

    @cached_property
    def periods(self) -> int:
        """Settlements from the launch to the end."""
        period = self.period_of(self.end)
        while self.debited(period) > self.end:
            period -= 1
        return period + 1

    @cached_property
    def _first(self) -> int:
        """The settlement of period 0, counted from the January of the first birth year."""
        return self._settlement_on_or_after(self.launch)

    @property
    def launch_month(self) -> int:
        """The month of period 0, as a month of birth."""
        return self._first // self.per_month

    def half_month(self, period: int) -> int:
        """Half-months from the first year of birth to this period, so that age = half_month - 2 x birth_month."""
        return (self._first + period) * self.half_months_per_period

    def _settlement_on_or_after(self, day: date) -> int:
        months = MONTHS * (day.year - self.first_birth_year) + day.month - 1
        return self.per_month * months + sum(day.day > published for published in self.publish_on)

    @lru_cache(maxsize=KEPT)  # noqa: B019 - calendars are few and live as long as the process
    def _month_and_part(self, period: int) -> tuple[int, int, int]:
        """Year, month and number (from 0) of a settlement within its month."""
        months, part = divmod(self._first + period, self.per_month)
        return self.first_birth_year + months // MONTHS, months % MONTHS + 1, part

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def label(self, period: int) -> str:
        """`2030-07-P2`, or `2030-07` where there is one settlement a month."""
        year, month, part = self._month_and_part(period)
        return f"{year}-{month:02d}" + (f"-P{part + 1}" if self.per_month > 1 else "")

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def published(self, period: int) -> date:
        """The day on which the share of this period is published, and its members are counted."""
        year, month, part = self._month_and_part(period)
        return date(year, month, self.publish_on[part])

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def debited(self, period: int) -> date:
        """The day on which the share of this period is debited."""
        year, month, part = self._month_and_part(period)
        if self.debit_on[part] < self.publish_on[part]:
            year, month = year + month // MONTHS, month % MONTHS + 1
        return date(year, month, self.debit_on[part])

    def period_of(self, day: date) -> int:
        """The period that this day belongs to: the one whose publication is the first on or after it."""
        return self._settlement_on_or_after(day) - self._first

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def days_in(self, period: int) -> int:
        """Days from the last publication (for period 0: from the launch) to this one."""
        start = self.launch if period == 0 else self.published(period - 1)
        return (self.published(period) - start).days

    @lru_cache(maxsize=KEPT)  # noqa: B019
    def days_since(self, start: date, period: int) -> tuple[int, int]:
        """Days from a date to the beginning and to the end of a period, at least 0."""
        end = (self.published(period) - start).days
        return max(0, end - self.days_in(period)), max(0, end)

    def parse_label(self, text: str) -> int:
        """The period of a label such as `2030-07-P2`.

        Raises:
            ValueError: if the text is not such a label.
        """
        parts = [f"P{part + 1}" for part in range(self.per_month)] if self.per_month > 1 else [""]
        date_, dash, part = text.rpartition("-") if self.per_month > 1 else (text, "-", "")
        year, _, month = date_.partition("-")
        if not dash or part not in parts or not (year.isdecimal() and month.isdecimal() and 1 <= int(month) <= MONTHS):
            raise ValueError(f"{text!r} is not a settlement period such as {self.label(0)}")
        return self.period_of(date(int(year), int(month), self.publish_on[parts.index(part)]))
