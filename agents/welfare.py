"""Who pays, who is paid, and what membership is worth to them: sums over members by age and own risk.

Risk groups are thirds of own risk relative to age and sex, so that age and risk are told apart.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import decisions
from agents.cohorts import wait_of
from agents.compute.compiled import compiled
from agents.context import Behaviour, Context
from agents.population import CONCEALED, FIRST_PLAN, MALE, PLACE_MASK, Columns, is_member

AGE_BOUNDS = np.array([30, 40, 50])
AGES = ("below 30", "30 to 39", "40 to 49", "50 and older")
RISKS = ("low risk", "middle risk", "high risk")
PAID_IN, PAID_OUT, SURPLUS, MEMBERS = range(4)
"""Last index of the sums: money paid by members, expected benefits, consumer surplus, and members."""


class Settled(NamedTuple):
    """What a settlement means for a member. Money in the pool's currency."""

    share: NDArray[np.float64]
    """What members are asked for, by plan, sex and year of birth, shape (plans, 2, 120)."""
    per_illness: NDArray[np.float64]
    """Expected benefit of an illness of someone covered, by plan, sex and age, shape (plans, 2, 106): the claims that
    are filed, and granted if nothing was concealed."""
    detection: float
    """Share of concealed signs that the review finds."""
    per_year: int
    """Settlements a year."""


def risk_groups(columns: Columns) -> NDArray[np.int64]:
    """The third of own risk, relative to age and sex, of every row, shape (rows,)."""
    bounds = np.quantile(columns.frailty, [1 / 3, 2 / 3])
    return np.searchsorted(bounds, columns.frailty, side="right")


@compiled
def add(
    columns: Columns,
    groups: np.ndarray,
    context: Context,
    behaviour: Behaviour,
    influence: np.ndarray,
    settled: Settled,
    sums: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Add a settlement to `sums`, shape (ages, risks, 4), and to each row's surplus in `spread`, shape (rows,).

    The surplus of a settlement is the most that a member would pay for it, knowing what they know, less what they pay.
    """
    for number in range(columns.status.size):
        row: Any = np.uint64(number)
        status, joined = columns.status[row], columns.joined[row]
        place = status & PLACE_MASK
        if not is_member(place):
            continue
        plan, sex = place - FIRST_PLAN, columns.body[row] & MALE
        age = (context.half_month - 2 * columns.birth_month[row]) // 24
        paid = settled.share[plan, sex, columns.birth_month[row] // 12]
        if joined == context.period:
            paid += context.entry_fee[plan]
        benefit = 0.0
        if context.period - joined >= wait_of(status, joined, context.waits):
            granted = 1.0 - (settled.detection if status & CONCEALED else 0.0)
            risk = decisions.own_risk(columns, row, context)
            benefit = granted * risk / settled.per_year * settled.per_illness[plan, sex, age]
        worth = decisions.reservation(columns, row, plan, context, behaviour, influence, 1.0) / settled.per_year
        band = 0
        while band < AGE_BOUNDS.size and age >= AGE_BOUNDS[band]:
            band += 1
        of = sums[band, groups[number]]
        of[PAID_IN] += paid
        of[PAID_OUT] += benefit
        of[SURPLUS] += worth - paid
        of[MEMBERS] += 1
        spread[number] += worth - paid
