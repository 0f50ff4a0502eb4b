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
from agents.population import FRAILTY_UNIT, GENERAL, MALE, PLACE_MASK, SIGNS, Columns, from_log, is_member
from agents.threads import over_blocks


@compiled
def _take_over(columns: Columns, first: int, last: int, outlook: Outlook, loading: float, desk: Desk) -> int:
    """How many of these rows are members who accept the replacement at (1 + loading) times the fair price."""
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
    taken = 0
    for k in range(members):
        taken += 1 if desk.accepts[k] else 0
    return taken


class Insurer(mesa.Agent):  # type: ignore[misc]
    """The alternative outside the pool."""

    if TYPE_CHECKING:
        model: Any

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.loading = float(model.scenario.insurer_loading)
        self.taken_over = 0
        """Real people who moved to the replacement at the closing."""

    def premiums(self, fair: NDArray[np.float64]) -> NDArray[np.float64]:
        """Yearly premium for the cover of each plan, for people of average risk, yuan; same shape as `fair`."""
        return (1 + self.loading) * fair

    def take_over(self, outlook: Outlook, loading: float) -> int:
        """Offer the replacement to every member: no health check, no wait. Returns real people."""
        people = self.model.population
        taken: list[int] = []

        def offer(first: int, last: int, _: int) -> None:
            desk = empty_desk()
            for start in range(first, last, STRETCH):
                end = min(last, start + STRETCH)
                taken.append(_take_over(people.columns, start, end, outlook, loading, desk))

        over_blocks(len(people), offer)
        self.taken_over = round(sum(taken) * people.scale)
        return self.taken_over
