"""Writing a period down: the rows of the history, and what Mesa's collector reads from them."""

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.crowd import (
    AGED_OUT,
    CONSIDERED,
    DIED,
    ILL,
    JOINED,
    JOINER_RISK,
    LEAVER_RISK,
    LEFT_PLAN,
    NOTICED,
    RISK_UNIT,
    TRANSFERRED_IN,
    TURNED_AWAY,
)
from agents.platform import FEN
from agents.population import PLAN_NAMES
from agents.rolls import NONMEMBERS
from model import calendar, measures
from model.claims import Cases

if TYPE_CHECKING:
    from model.model import MutualAidModel

PLANS = len(PLAN_NAMES)


def row_of(model: "MutualAidModel", plan: int, owed_yuan: float) -> dict[str, Any]:
    """Every measure of one plan in the period that ends now, with its period, date and plan."""
    period = model.period
    half_month = calendar.half_month(period)
    settlement, waived, granted = model.settlements[plan]
    tally = model.tally[plan]
    rolls = model.enrolled[plan]
    terms = model.plans[plan]
    outside = model.rolls[NONMEMBERS].copy()
    ages = half_month - 2 * np.arange(outside.shape[1])
    outside[:, (ages < terms.youngest) | (ages >= terms.oldest)] = 0

    def flow(index: int) -> int:
        return round(int(tally[index]) * model.population.scale)

    def mean(risk: int, number: int) -> float:
        return float(tally[risk] / RISK_UNIT / tally[number]) if tally[number] else math.nan

    def claims(cases: Cases) -> float:
        return float(cases.people[cases.plan == plan].sum())

    refused = model.decided.only(model.decided.refused)
    recipients = float(granted.people.sum())
    return {
        "period": calendar.label(period),
        "date": calendar.published(period).isoformat(),
        "plan": terms.name,
        "members": settlement.members,
        "nonmembers": round(measures.people(outside) * model.population.scale),
        "joined": flow(JOINED),
        "transferred_in": flow(TRANSFERRED_IN),
        "left": flow(LEFT_PLAN),
        "aged_out": flow(AGED_OUT),
        "ill": flow(ILL),
        "died": flow(DIED),
        "taken_over": round(int(model.taken_over[plan]) * model.population.scale),
        "turned_away": flow(TURNED_AWAY),
        "considered": flow(CONSIDERED),
        "noticed": flow(NOTICED),
        "claims_filed": claims(model.filed),
        "claims_refused": claims(refused),
        "claims_waiting": claims(model.docket.waiting),
        "recipients": recipients,
        "aid_yuan": settlement.aid / FEN,
        "owed_yuan": owed_yuan,
        "fee_yuan": settlement.fee / FEN,
        "collected_yuan": (settlement.collected - waived) / FEN,
        "platform_yuan": (settlement.subsidy + waived) / FEN,
        "carry_yuan": settlement.carry / FEN,
        "share_yuan": settlement.share / FEN,
        "member_mean_age": measures.mean_age(rolls, half_month),
        "recipient_mean_age": float(granted.age @ granted.people) / recipients if recipients else math.nan,
        "member_mean_risk": measures.mean_risk(rolls, half_month, model.health),
        "joiner_mean_risk": mean(JOINER_RISK, JOINED),
        "leaver_mean_risk": mean(LEAVER_RISK, LEFT_PLAN),
        "nonmember_mean_risk": measures.mean_risk(outside, half_month, model.health),
        "trust": model.trust,
        "expected_price_yuan": float(model.platform.expected_price[plan]),
    }


def read(model: "MutualAidModel", plan: int, name: str) -> float:
    """The last value of a measure; before the first period nothing has happened."""
    return float(model.records[-PLANS + plan][name]) if model.records else 0.0


def read_total(model: "MutualAidModel", name: str) -> float:
    """The same, summed over plans."""
    return sum(read(model, plan, name) for plan in range(PLANS))


def read_seed(model: "MutualAidModel") -> int:
    """The seed of every draw."""
    return int(model.scenario.seed)


def reporters() -> dict[str, Callable[..., float]]:
    """What Mesa collects: totals over plans and the measures that the page plots."""
    reporters: dict[str, Callable[..., float]] = {
        "seed": read_seed,
        "total_members": partial(read_total, name="members"),
        "total_recipients": partial(read_total, name="recipients"),
    }
    for plan, owner in enumerate(PLAN_NAMES):
        for name in measures.MEASURES:
            reporters[f"{owner}_{name}"] = partial(read, plan=plan, name=name)
    return reporters
