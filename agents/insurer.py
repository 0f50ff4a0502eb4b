"""Insurer: the commercial alternative, which underwrites and prices by age.

The insurer bears the risk, refuses those with known illness and prices by age. At a closing it takes members over
without a health check or a wait.
"""

from typing import Any

import mesa
import numpy as np
from numpy.typing import NDArray

from agents import decisions, luck
from agents.compute.compiled import compiled
from agents.compute.threads import over_blocks
from agents.context import Behaviour, Context
from agents.crowd.batches import STRETCH, Batch, choose, empty_batch
from agents.population import FIRST_PLAN, PLACE_MASK, Columns, Population, is_member


@compiled
def _take_over(
    columns: Columns,
    first: int,
    last: int,
    context: Context,
    behaviour: Behaviour,
    loading: float,
    batch: Batch,
    taken: np.ndarray,
) -> None:
    """Count in `taken`, by plan, the members among these rows who accept the offer."""
    members = 0
    for number in range(first, last):
        row: Any = np.uint64(number)
        place = columns.status[row] & PLACE_MASK
        # By value and not by jump, as in the crowd: the next row overwrites one that is no member.
        batch.row[members], batch.plan[members] = row, place - FIRST_PLAN
        members += 1 if is_member(place) else 0
    for k in range(members):
        batch.worth[k], batch.price[k] = decisions.offer_of_takeover(
            columns, batch.row[k], batch.plan[k], context, behaviour, loading
        )
    choose(batch, members, luck.TAKEOVER, behaviour.join_temperature, context.seed, context.period)
    for k in range(members):
        if batch.accepts[k]:
            taken[batch.plan[k]] += 1


class Insurer(mesa.Agent):  # type: ignore[misc]
    """The alternative outside the pool.

    Args:
        model: the Mesa model it acts in.
        loading: what its premium adds to expected claims, as a share of them.
        takeover_loading: the same in the offer to members of a pool that closes.
    """

    def __init__(self, model: mesa.Model, *, loading: float, takeover_loading: float) -> None:
        super().__init__(model)
        self.loading = loading
        self.takeover_loading = takeover_loading

    def premiums(self, fair: NDArray[np.float64]) -> NDArray[np.float64]:
        """Yearly premium for the cover of each plan, for people of average risk; same shape as `fair`."""
        return (1 + self.loading) * fair

    def take_over(self, people: Population, context: Context, behaviour: Behaviour) -> NDArray[np.int64]:
        """Offer the replacement to every member: no health check, no wait. Returns rows by plan, shape (plans,)."""
        parts: list[NDArray[np.int64]] = []

        def offer(first: int, last: int, _: int) -> None:
            batch = empty_batch()
            taken = np.zeros(context.ends.size, dtype=np.int64)
            for start in range(first, last, STRETCH):
                end = min(last, start + STRETCH)
                _take_over(people.columns, start, end, context, behaviour, self.takeover_loading, batch, taken)
            parts.append(taken)

        over_blocks(len(people), offer)
        return np.sum(parts, axis=0)
