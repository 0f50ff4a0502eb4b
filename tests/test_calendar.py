"""Periods and dates."""

from datetime import date

import pytest
from xiang_hu_bao import calendar


def test_the_first_and_the_last_period():
    assert calendar.periods == 79
    assert (calendar.label(0), calendar.published(0)) == ("2018-10-P2", date(2018, 10, 21))
    assert (calendar.label(78), calendar.published(78), calendar.debited(78)) == (
        "2022-01-P2",
        date(2022, 1, 21),
        date(2022, 1, 28),
    )


def test_labels_and_days_lead_back_to_their_period():
    for period in range(calendar.periods):
        assert calendar.parse_label(calendar.label(period)) == period
        assert calendar.period_of(calendar.published(period)) == period


def test_a_day_belongs_to_the_next_publication():
    assert calendar.period_of(calendar.launch) == 0
    assert calendar.label(calendar.period_of(date(2019, 3, 22))) == "2019-04-P1"
    assert calendar.label(calendar.period_of(date(2019, 12, 31))) == "2020-01-P1"


def test_days_of_periods_fill_the_time():
    assert calendar.days_in(0) == 5
    assert calendar.days_in(1) == 17
    total = sum(calendar.days_in(t) for t in range(calendar.periods))
    assert total == (calendar.published(78) - calendar.launch).days


@pytest.mark.parametrize("text", ["2019-07-P3", "2019-13-P1", "2019-07", "July"])
def test_labels_that_cannot_be_read(text):
    with pytest.raises(ValueError, match=r"settlement period|unpack"):
        calendar.parse_label(text)
