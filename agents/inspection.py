"""Read-only views of rows: what is true of some people now, for pictures and for looking at single lives.

Nothing here writes a column. What a rule says is asked of the rule (`agents/decisions.py`), so that a view can never
disagree with what people do.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import decisions
from agents.compute.compiled import compiled
from agents.context import Behaviour, Context
from agents.population import COLUMNS, FIRST_PLAN, LEFT, OUT, PLACE_MASK, RETURNED, SIGNS, Columns, empty_columns

OUTSIDE, WAITING, COVERED, GONE, ILL, DEAD = range(6)
STATES = ("outside", "waiting", "covered", "left", "ill", "dead")
"""What a person is to the pool: outside, a member who waits for cover or has it, someone who left, ill, or dead."""


def states(columns: Columns, rows: NDArray[np.int64], period: int, waits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state of some people after a period, as positions in `STATES`, shape (rows,).

    Args:
        columns: everybody.
        rows: whom to look at.
        period: the period that has just ended.
        waits: waiting period in periods, as in `Context`, shape (plans, 2, 256).
    """
    place = (columns.status[rows] & PLACE_MASK).astype(np.int64)
    since = period - columns.joined[rows].astype(np.int64)
    ill = columns.illness[rows] <= period
    state = np.full(rows.size, OUTSIDE)
    member = place >= FIRST_PLAN
    again = (columns.status[rows][member] & RETURNED) // RETURNED
    wait = waits[place[member] - FIRST_PLAN, again, columns.joined[rows][member]]
    state[member] = np.where(since[member] < wait, WAITING, COVERED)
    state[place == LEFT] = GONE
    state[place == OUT] = np.where(ill[place == OUT], ILL, DEAD)
    return state


def has_signs(columns: Columns, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether they have warning signs now, shape (rows,)."""
    return np.asarray((columns.status[rows] & SIGNS) != 0)


def ages(columns: Columns, rows: NDArray[np.int64], half_month: int) -> NDArray[np.float64]:
    """Their ages in years, shape (rows,); `half_month` counts as in `Context`."""
    return np.asarray((half_month - 2.0 * columns.birth_month[rows]) / 24)


@compiled
def _fill_risks(columns: Columns, rows: np.ndarray, context: Context, risk: np.ndarray) -> None:
    for k in range(rows.size):
        risk[k] = decisions.own_risk(columns, rows[k], context)


def own_risks(columns: Columns, rows: NDArray[np.int64], context: Context) -> NDArray[np.float64]:
    """Their own incidence per person-year, shape (rows,)."""
    risk = np.empty(rows.size)
    _fill_risks(columns, rows, context, risk)
    return risk


@compiled
def _fill_worths(
    columns: Columns,
    rows: np.ndarray,
    plan: int,
    context: Context,
    behaviour: Behaviour,
    influence: np.ndarray,
    knowledge: float,
    worth: np.ndarray,
) -> None:
    for k in range(rows.size):
        worth[k] = decisions.reservation(columns, rows[k], plan, context, behaviour, influence, knowledge)


def worths(
    columns: Columns,
    rows: NDArray[np.int64],
    plan: int,
    context: Context,
    behaviour: Behaviour,
    influence: NDArray[np.float32],
    knowledge: float,
) -> NDArray[np.float64]:
    """The most that each would pay for a year in a plan, in money, when this share of what they know counts."""
    worth = np.empty(rows.size)
    _fill_worths(columns, rows, plan, context, behaviour, influence, knowledge, worth)
    return worth


@compiled
def _fill_plans(columns: Columns, rows: np.ndarray, context: Context, plans: np.ndarray) -> None:
    for k in range(rows.size):
        age: Any = context.half_month - 2 * np.int64(columns.birth_month[rows[k]])
        plans[k] = decisions.eligible_plan(age, columns.body[rows[k]], context)


def plans_for(columns: Columns, rows: NDArray[np.int64], context: Context) -> NDArray[np.int64]:
    """The plan that each could join by age and health (0 the first), or -1, shape (rows,)."""
    plans = np.empty(rows.size, dtype=np.int64)
    _fill_plans(columns, rows, context, plans)
    return plans


class Offer(NamedTuple):
    """What someone weighed when they decided, money per year."""

    worth: float
    """The most that they would pay."""
    price: float
    """What they expected it to cost."""


def as_they_were(columns: Columns, row: int, status: int) -> Columns:
    """One person alone, with the status of another time: everything else about them never changes but the joining."""
    alone = empty_columns(1)
    for name in COLUMNS:
        getattr(alone, name)[0] = getattr(columns, name)[row]
    alone.status[0] = status
    return alone


def offer_to(person: Columns, joining: bool, plan: int, context: Context, behaviour: Behaviour) -> Offer:
    """What the one person in `person` weighed about a plan in this context, on joining it or on staying in it."""
    nothing = np.empty(0, dtype=np.float32)
    here: Any = np.uint64(0)
    offer = decisions.offer_to_join if joining else decisions.offer_to_stay
    return Offer(*offer(person, here, plan, context, behaviour, nothing))
