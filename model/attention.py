"""Attention: what makes people hear of the pool, think again, or look at their bill.

Each place has a public clock that shows the summed intensity of everything that calls for attention there
(`docs/decisions/002-clocks-instead-of-coins.md`). This file says by how much it moves on in a period.
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.crowd.wake_ups import room_for
from agents.population import AWARE, BARRED, FIRST_PLAN, LEFT, UNAWARE
from model.calendar import Calendar
from model.scenario import Scenario
from model.trust import Mood


class Bills(NamedTuple):
    """Bills of each plan, money per settlement."""

    recent: Sequence[float]
    """The last few shares, smoothed."""
    rise: Sequence[float]
    """By how much they exceed what members are used to pay."""


def campaign(calendar: Calendar, start: date, weeks: float, period: int) -> float:
    """How much of a campaign that fades with this mean length falls into a period, in periods."""
    begin, end = calendar.days_since(start, period)
    if end == 0:
        return 0.0
    length = 7 * weeks
    return length / calendar.days_per_period * (math.exp(-begin / length) - math.exp(-end / length))


def increase(
    scenario: Scenario,
    doors: Sequence[date],
    period: int,
    member_share: float,
    mood: Mood,
    bills: Bills,
) -> NDArray[np.float64]:
    """By how much the public clock of each place moves on in a period, shape (8,) or (16,).

    Args:
        scenario: the parameters of hearing, noticing and coming back.
        doors: days on which a gate fell or a plan opened.
        period: the period.
        member_share: members per potential member.
        mood: what people talk about: bad news, and members who left.
        bills: what the members of each plan pay.
    """
    calendar = scenario.calendar
    length = calendar.days_in(period) / calendar.days_per_period
    again = scenario.reconsideration * length
    told = scenario.word_of_mouth * member_share
    launch = scenario.launch_advertising * campaign(calendar, calendar.launch, scenario.launch_weeks, period)
    rush = sum(campaign(calendar, day, scenario.door_weeks, period) for day in doors)
    looks = scenario.habit + scenario.news_attention * mood.bad_news + scenario.contagion * mood.leaving
    moves = np.zeros(room_for(FIRST_PLAN + len(bills.recent)))
    moves[UNAWARE] = launch + (scenario.advertising + told) * length
    moves[AWARE] = again
    moves[BARRED] = again + scenario.door_rush * rush
    moves[LEFT] = scenario.return_rate * length
    for plan, (recent, rise) in enumerate(zip(bills.recent, bills.rise, strict=True)):
        moves[FIRST_PLAN + plan] = looks + scenario.level_salience * recent + scenario.salience * rise
    return moves
