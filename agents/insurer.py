"""Insurer: the commercial alternative, which underwrites and prices by age.

The real one was Ant Insurance, a licensed agent: the insurer bears the risk, refuses those with known illness and
prices by age. At the closing it took members over without a health check or a wait.
"""

from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from numpy.typing import NDArray

from agents import luck, rules
from agents.compiled import compiled
from agents.desk import STRETCH, Desk, choose, empty_desk
from agents.outlook import Outlook
from agents.population import FRAILTY_UNIT, GENERAL, MALE, PLACE_MASK, PLAN_NAMES, SIGNS, Columns, from_log, is_member
from agents.threads import over_blocks


@compiled
def _take_over(
    columns: Columns, first: int, last: int, outlook: Outlook, loading: float, desk: Desk, taken: np.ndarray
) -> None:
    """Count in `taken`, by plan, the members among these rows who accept (1 + loading) times the fair price."""
    members = 0
    for row in range(first, last):
        place = columns.status[row] & PLACE_MASK
        if is_member(place):
            where = place - GENERAL, columns.body[row] & MALE, (outlook.half_month - 2 * columns.birth_month[row]) // 24
            value = rules.perceived_value(
                outlook.fair[where],
                outlook.fair_signs[where],
                columns.frailty[row] / FRAILTY_UNIT,
                (columns.status[row] & SIGNS) != 0,
                outlook.information,
                outlook.signs_weight,
            )
            desk.row[members] = row
            desk.worth[members] = rules.willingness_to_pay(value, from_log(columns.premium[row]), outlook.trust)
            desk.price[members] = (1.0 + loading) * outlook.fair[where]
            members += 1
    choose(desk, members, luck.TAKEOVER, outlook.join_temperature, outlook.seed, outlook.period)
    for k in range(members):
        if desk.accepts[k]:
            taken[(columns.status[desk.row[k]] & PLACE_MASK) - GENERAL] += 1


class Insurer(mesa.Agent):  # type: ignore[misc]
    """The alternative outside the pool."""

    if TYPE_CHECKING:
        model: Any

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.loading = float(model.scenario.insurer_loading)

    def premiums(self, fair: NDArray[np.float64]) -> NDArray[np.float64]:
        """Yearly premium for the cover of each plan, for people of average risk, yuan; same shape as `fair`."""
        return (1 + self.loading) * fair

    def take_over(self, outlook: Outlook, loading: float) -> NDArray[np.int64]:
        """Offer the replacement to every member: no health check, no wait. Returns rows by plan, shape (plans,)."""
        people = self.model.population
        parts: list[NDArray[np.int64]] = []

        def offer(first: int, last: int, _: int) -> None:
            desk = empty_desk()
            taken = np.zeros(len(PLAN_NAMES), dtype=np.int64)
            for start in range(first, last, STRETCH):
                _take_over(people.columns, start, min(last, start + STRETCH), outlook, loading, desk, taken)
            parts.append(taken)

        over_blocks(len(people), offer)
        return np.sum(parts, axis=0)
