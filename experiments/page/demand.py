"""Demand and cost in a plan, as Einav & Finkelstein (2011) draw them, from the rows.

Everybody who could be a member is put in the order of the most that they would pay. Demand is that price by the share
of people who would pay it; average cost is what those people cost the plan in a year, marginal cost what the next ones
do. Where marginal cost falls, the healthy are the last to come: selection is adverse.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.explain.selection import curves, people_of
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
    people = people_of(world, ROWS, plan)
    size = people.price.size
    if size < POINTS:
        return None
    found = curves(people, POINTS)
    return Curves(
        100 * found.share,
        found.price,
        found.average,
        found.marginal,
        100 * float(np.mean(people.member)),
        float(world.platform.expected_price[plan]),
        size,
    )
