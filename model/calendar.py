"""Settlement periods and dates.

A period is half a month and one settlement: P1 is published on the 7th and debited on the 14th, P2 on the 21st and
the 28th (`model/data/README.md`). Period 0 is the first with members, published on 2018-10-21. A period is the time
since the last publication, up to and including its own publication day.
"""

from datetime import date
from functools import cache

LAUNCH = date(2018, 10, 16)
LAST = date(2022, 1, 28)
PERIODS_PER_YEAR = 24
DAYS_PER_PERIOD = 365.25 / PERIODS_PER_YEAR
_EPOCH = 1900
_FIRST_HALF_MONTH = 24 * (2018 - _EPOCH) + 2 * (10 - 1) + 1
PERIODS = 24 * (2022 - _EPOCH) + 2 - _FIRST_HALF_MONTH
"""2018-10-P2 to 2022-01-P2: 79 settlements."""


def half_month(period: int) -> int:
    """Half-months from January 1900 to this period, so that age = half_month - 2 x birth_month."""
    return _FIRST_HALF_MONTH + period


@cache
def year_month_half(period: int) -> tuple[int, int, int]:
    """Year, month and half (1 or 2) of a period."""
    months, half = divmod(half_month(period), 2)
    return _EPOCH + months // 12, months % 12 + 1, half + 1


@cache
def label(period: int) -> str:
    """`2019-07-P2`, as in the evidence."""
    year, month, half = year_month_half(period)
    return f"{year}-{month:02d}-P{half}"


@cache
def published(period: int) -> date:
    """The day on which the share of this period is published, and its members are counted."""
    year, month, half = year_month_half(period)
    return date(year, month, 7 if half == 1 else 21)


@cache
def debited(period: int) -> date:
    """The day on which the share of this period is debited."""
    year, month, half = year_month_half(period)
    return date(year, month, 14 if half == 1 else 28)


def period_of(day: date) -> int:
    """The period that this day belongs to: the one whose publication is the first on or after it."""
    months = 12 * (day.year - _EPOCH) + day.month - 1
    halves = 2 * months + (0 if day.day <= 7 else 1 if day.day <= 21 else 2)
    return halves - _FIRST_HALF_MONTH


@cache
def days_in(period: int) -> int:
    """Days from the last publication (for period 0: from the launch) to this one."""
    start = LAUNCH if period == 0 else published(period - 1)
    return (published(period) - start).days


def parse_label(text: str) -> int:
    """The period of a label such as `2019-07-P2`.

    Raises:
        ValueError: if the text is not such a label.
    """
    year, month, half = text.split("-")
    if half not in {"P1", "P2"} or not 1 <= int(month) <= 12:
        raise ValueError(f"{text!r} is not a settlement period such as 2019-07-P2")
    return period_of(date(int(year), int(month), 7 if half == "P1" else 21))
