"""What happened around the pool, dated.

Only that it happened and when is given, by the pool; what an event does to trust and attention is a parameter, and what
that does to membership is the members' decision.
"""

from functools import cache

from model.pool import Pool
from model.pool_file import Event, Slowdown
from model.scenario import Scenario


@cache
def events_in(pool: Pool, period: int) -> tuple[Event, ...]:
    """The events between the last publication and this one."""
    return tuple(event for event in pool.rules.events if pool.calendar.period_of(event.day) == period)


def events_of(scenario: Scenario) -> list[Event]:
    """The events that happen in a scenario, in order: up to its end, and without what it leaves out."""
    end = scenario.calendar.published(scenario.periods - 1)
    events = sorted(scenario.pool.rules.events, key=lambda event: event.day)
    return [event for event in events if event.day <= end and scenario.switch(event.active)]


@cache
def slowdown_in(pool: Pool, period: int) -> Slowdown | None:
    """What slows down the settlement of this period, if anything does."""
    day = pool.calendar.published(period)
    return next((slow for slow in pool.rules.slowdowns if slow.from_ <= day <= slow.until), None)
