"""Decision batches: those of a stretch of rows who weigh a price at the same time.

Side by side, their draws and logarithms become vector instructions; one by one, they would take most of the time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck, rules
from agents.compute.compiled import compiled

STRETCH = 4_096
"""Rows whose time is checked before any of them decides: those who do fit into the first cache."""


class Batch(NamedTuple):
    """What those in a batch bring along, shape (STRETCH + 1,) each."""

    row: NDArray[np.uint64]
    plan: NDArray[np.int64]
    """The plan they weigh, -1 for none."""
    worth: NDArray[np.float64]
    """The most they would pay for it, money per year."""
    price: NDArray[np.float64]
    """What a year of it costs, effort included."""
    u: NDArray[np.float64]
    accepts: NDArray[np.bool_]
    patience: NDArray[np.float64]
    """Intensity that has to add up before they decide again."""


def empty_batch() -> Batch:
    """A batch with room for a whole stretch."""
    return Batch._make(np.empty(STRETCH + 1, dtype=t) for t in ("u8", "i8", "f8", "f8", "f8", "?", "f8"))


@compiled
def choose(batch: Batch, size: int, stream: np.uint64, noise: float, seed: int, period: int) -> None:
    """Whether each of the first `size` takes what is worth `worth` at its price."""
    luck.draw_into(seed, stream, batch.row[:size], period, batch.u)
    for k in range(size):
        batch.accepts[k] = rules.accepts(batch.worth[k], batch.price[k], noise, batch.u[k])


@compiled
def draw_patience(batch: Batch, size: int, seed: int, period: int) -> None:
    """How long until each of the first `size` decides again, from the clock stream of this period."""
    luck.draw_into(seed, luck.CLOCK, batch.row[:size], period, batch.u)
    for k in range(size):
        batch.patience[k] = rules.patience(batch.u[k])
