"""Attention: what makes people hear of the pool, think again, or look at their bill.

Each place has a public clock that shows the summed intensity of everything that calls for attention there
(`docs/decisions/002-clocks-instead-of-coins.md`). This file says by how much it moves on in a period.
"""

import math
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.population import AWARE, BARRED, GENERAL, LEFT, PLACES, UNAWARE
from model import calendar
from model.events import GATE_DROPPED
from model.plans import Plan
from model.scenario import Scenario
from model.trust import Mood


class Bills(NamedTuple):
    """Bills of each plan, yuan per settlement."""

    recent: Sequence[float]
    """The last few shares, smoothed."""
    rise: Sequence[float]
    """By how much they exceed what members are used to pay."""


@cache
def _days_since(start: date, period: int) -> tuple[int, int]:
    """Days from a date to the beginning and to the end of a period, at least 0."""
    end = (calendar.published(period) - start).days
    return max(0, end - calendar.days_in(period)), max(0, end)


def campaign(start: date, weeks: float, period: int) -> float:
    """How much of a campaign that fades with this mean length falls into a period, in periods."""
    begin, end = _days_since(start, period)
    if end == 0:
        return 0.0
    length = 7 * weeks
    return length / calendar.DAYS_PER_PERIOD * (math.exp(-begin / length) - math.exp(-end / length))


def increase(
    scenario: Scenario,
    plans: Sequence[Plan],
    period: int,
    member_share: float,
    mood: Mood,
    bills: Bills,
) -> NDArray[np.float64]:
    """By how much the public clock of each place moves on in a period, shape (8,).

    Args:
        scenario: the parameters of hearing, noticing and coming back.
        plans: the plans, of which all but the first open a door.
        period: the period.
        member_share: members per potential member.
        mood: what people talk about: bad news, and members who left.
        bills: what the members of each plan pay.
    """
    length = calendar.days_in(period) / calendar.DAYS_PER_PERIOD
    again = scenario.reconsideration * length
    told = scenario.word_of_mouth * member_share
    launch = scenario.launch_advertising * campaign(calendar.LAUNCH, scenario.launch_weeks, period)
    doors = (GATE_DROPPED, *(plan.opens for plan in plans[1:]))
    rush = sum(campaign(day, scenario.door_weeks, period) for day in doors)
    looks = scenario.habit + scenario.news_attention * mood.bad_news + scenario.contagion * mood.leaving
    moves = dict.fromkeys(range(len(PLACES)), 0.0)
    moves[UNAWARE] = launch + (scenario.advertising + told) * length
    moves[AWARE] = again
    moves[BARRED] = again + scenario.door_rush * rush
    moves[LEFT] = scenario.return_rate * length
    for plan, (recent, rise) in enumerate(zip(bills.recent, bills.rise, strict=True)):
        moves[GENERAL + plan] = looks + scenario.level_salience * recent + scenario.salience * rise
    return np.array(list(moves.values()))
