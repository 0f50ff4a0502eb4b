"""Demand and cost in a plan, as Einav & Finkelstein (2011) draw them, from the rows.

Everybody who could be a member is put in the order of the most that they would pay. Demand is that price by the share
of people who would pay it; average cost is what those people cost the plan in a year, marginal cost what the next ones
do. Where marginal cost falls, the healthy are the last to come: selection is adverse.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import inspection
from agents.population import FIRST_PLAN, MALE, OUT, PLACE_MASK
from experiments.page.worlds import Watched

ROWS = 10_000
"""People who are asked, at most."""
POINTS = 40
"""Points of each curve: shares of those people."""


class Curves(NamedTuple):
    """Curves of one plan, shape (points,) each."""

    share: NDArray[np.float64]
    """Share of the people who could be members, %."""
    price: NDArray[np.float64]
    """The most that the last of them would pay, money per year."""
    average: NDArray[np.float64]
    """What they cost on average, money per year, fee included."""
    marginal: NDArray[np.float64]
    """What those between this point and the one before cost."""
    members: float
    """Share of the people who could be members who are, %."""
    asked: float
    """What a year is expected to cost at present, money."""
    people: int
    """Rows that were asked."""


def demand(world: Watched, plan: int = 0) -> Curves | None:
    """The curves of a plan now; None where nobody could be a member."""
    population, context = world.population, world.context
    columns = population.columns
    rows = np.arange(0, len(population), max(1, len(population) // ROWS), dtype=np.int64)
    alive = (columns.status[rows] & PLACE_MASK) != OUT
    rows = rows[alive & (inspection.plans_for(columns, rows, context) == plan)]
    if rows.size < POINTS:
        return None
    behaviour = world.behaviour
    price = inspection.worths(columns, rows, plan, context, behaviour, world.influence, behaviour.entry_knowledge)
    cost = _cost(world, rows, plan)
    order = np.argsort(-price, kind="stable")
    price, cost = price[order], cost[order]
    ends = np.linspace(0, rows.size, POINTS + 1).astype(np.int64)[1:]
    total = np.concatenate([[0.0], np.cumsum(cost)])
    starts = np.concatenate([[0], ends[:-1]])
    return Curves(
        100 * ends / rows.size,
        price[ends - 1],
        total[ends] / ends,
        (total[ends] - total[starts]) / (ends - starts),
        100 * float(np.mean((columns.status[rows] & PLACE_MASK) == FIRST_PLAN + plan)),
        float(world.platform.expected_price[plan]),
        int(rows.size),
    )


def _cost(world: Watched, rows: NDArray[np.int64], plan: int) -> NDArray[np.float64]:
    """What each costs a plan in a year when the waiting period is over, money: claims that are granted, and the fee."""
    columns, context = world.population.columns, world.context
    sex = columns.body[rows] & MALE
    age = (context.half_month - 2 * columns.birth_month[rows].astype(np.int64)) // 24
    # Money per illness: what known signs are worth in a year over how often they end in illness.
    benefit = context.fair_signs[plan, sex, age] / context.signs_risk
    risk = inspection.own_risks(columns, rows, context)
    terms = world.plans[plan]
    granted = terms.filing_share * (1 - world.scenario.terms_refusal)
    fee = terms.terms_at(world.day(max(0, world.period - 1))).fee_rate
    return np.asarray(risk * benefit * granted * (1 + fee))
