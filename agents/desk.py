"""A desk: those of a stretch of rows who weigh a price at the same time.

Side by side, their draws and logarithms become vector instructions; one by one, they would take most of the time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck, rules
from agents.compiled import compiled

STRETCH = 4_096
"""Rows whose time is checked before any of them decides: those who do fit into the first cache."""


class Desk(NamedTuple):
    """What those at the desk bring along, shape (STRETCH + 1,) each."""

    row: NDArray[np.uint64]
    plan: NDArray[np.int64]
    """The plan they weigh, -1 for none."""
    worth: NDArray[np.float64]
    """The most they would pay for it, yuan per year."""
    price: NDArray[np.float64]
    """What a year of it costs, yuan, effort included."""
    u: NDArray[np.float64]
    accepts: NDArray[np.bool_]
    patience: NDArray[np.float64]
    """Intensity that has to add up before they decide again."""


def empty_desk() -> Desk:
    """A desk with room for a whole stretch."""
    return Desk._make(np.empty(STRETCH + 1, dtype=t) for t in ("u8", "i8", "f8", "f8", "f8", "?", "f8"))


@compiled
def choose(desk: Desk, size: int, stream: np.uint64, temperature: float, seed: int, period: int) -> None:
    """Whether each of the first `size` takes what is worth `worth` at its price."""
    luck.draw_into(seed, stream, desk.row[:size], period, desk.u)
    for k in range(size):
        desk.accepts[k] = rules.accepts(desk.worth[k], desk.price[k], temperature, desk.u[k])


@compiled
def be_patient(desk: Desk, size: int, seed: int, period: int) -> None:
    """How long until each of the first `size` decides again, from the clock stream of this period."""
    luck.draw_into(seed, luck.CLOCK, desk.row[:size], period, desk.u)
    for k in range(size):
        desk.patience[k] = rules.patience(desk.u[k])
