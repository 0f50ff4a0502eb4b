"""Trust in the platform and the news about it: what events and refusals cost, and how it fades."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from model.pool_file import Event
from model.scenario import Scenario


class Mood(NamedTuple):
    """What people think of the platform."""

    trust: float
    """Between 0 and 1; multiplies what cover is worth to them."""
    bad_news: float
    """What is talked about: trust lost by events, fading with the talk."""
    leaving: float
    """Members who left lately, share of members per period: a mean that forgets as fast as the talk fades."""


def after_news(
    mood: Mood,
    scenario: Scenario,
    period: int,
    events: Sequence[Event],
    criticism: float,
    refused_share: float,
    left_share: float,
) -> Mood:
    """The mood after the news of a period.

    Args:
        mood: before them.
        scenario: the parameters of trust.
        period: the period.
        events: what happened in it.
        criticism: share of trust that the regulator's statements cost.
        refused_share: share of the claims decided that were refused; makes no news, and costs trust.
        left_share: share of the members who left in this period.
    """
    lost = criticism
    lost += scenario.scandal_impact * sum(event.kind == "scandal" for event in events)
    lost += scenario.rival_closure_impact * sum(event.kind == "rival" for event in events)
    talk = math.exp(-scenario.calendar.days_in(period) / (7 * scenario.news_weeks))
    bad_news = mood.bad_news * talk + lost
    lost += scenario.refusal_impact * refused_share
    trust = mood.trust + (scenario.trust_recovery * (1 - mood.trust) - mood.trust * min(lost, 1.0))
    leaving = mood.leaving + (1 - talk) * (left_share - mood.leaving)
    return Mood(trust, bad_news, leaving)
