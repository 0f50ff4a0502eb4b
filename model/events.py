"""What happened around the pool, dated, from `model/data/README.md`.

Only that it happened and when is given; what an event does to trust and attention is a parameter, and what that
does to membership is the members' decision.
"""

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from model import calendar
from model.scenario import NO_LIMIT

if TYPE_CHECKING:
    from model.scenario import Scenario


class Event(NamedTuple):
    """A dated event of the record."""

    day: date
    kind: str
    """`regulator`, `scandal` or `rival`: which parameter says how much trust it costs; others cost none."""
    what: str


COVID = (date(2020, 2, 1), date(2020, 4, 30))
CLOSING_ANNOUNCED = date(2021, 12, 28)
GATE_DROPPED = date(2019, 3, 22)
REVIEWS_EXTENDED = date(2019, 9, 8)
"""Recipients step from about 620 to 1,820 a settlement after the first of September 2019 (the record's counts)."""
EVENTS = (
    Event(date(2018, 11, 27), "regulator", "findings on terms, sales and disclosure; no longer insurance"),
    Event(GATE_DROPPED, "rule", "credit gate dropped"),
    Event(date(2019, 5, 8), "rule", "seniors' plan opens"),
    Event(REVIEWS_EXTENDED, "rule", "more claims are reviewed"),
    Event(date(2020, 2, 1), "covid", "fewer diagnoses, field checks stopped, until the end of April"),
    Event(date(2020, 5, 13), "rule", "chronic plan opens"),
    Event(date(2020, 9, 7), "regulator", "paper names the platform as unlicensed"),
    Event(date(2020, 11, 20), "regulator", "named again; Ant's listing halted"),
    Event(date(2020, 11, 27), "scandal", "a refused heart-attack claim"),
    Event(date(2021, 1, 31), "rival", "Meituan's plan closes"),
    Event(date(2021, 3, 24), "rival", "Qingsong closes"),
    Event(date(2021, 3, 31), "rival", "Waterdrop closes"),
    Event(date(2021, 4, 30), "rival", "Wukong, Xiaomi and 360 close until 20 May"),
    Event(date(2021, 6, 8), "rival", "rumour of the pool's own closure"),
    Event(CLOSING_ANNOUNCED, "closing", "closing announced"),
)


@cache
def events_in(period: int) -> tuple[Event, ...]:
    """The events between the last publication and this one."""
    return tuple(event for event in EVENTS if calendar.period_of(event.day) == period)


def events_of(scenario: "Scenario") -> list[Event]:
    """The events that happen in a scenario, in order: up to its end, and without what it leaves out."""
    end = calendar.published(scenario.periods - 1)
    left_out = {
        GATE_DROPPED: not scenario.credit_gate,
        REVIEWS_EXTENDED: scenario.review_limit == NO_LIMIT,
        CLOSING_ANNOUNCED: not scenario.closing,
    }
    return [event for event in EVENTS if event.day <= end and not left_out.get(event.day, False)]


def in_covid(period: int) -> bool:
    """Whether this settlement was published in the Covid months."""
    return COVID[0] <= calendar.published(period) <= COVID[1]
