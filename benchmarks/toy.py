"""The toy pool: one small set of rules that every engine can express, so that their speed can be compared.

A period: each person outside hears of the pool, and each member notices the bill, with a fixed probability; whoever
does joins (stays) or stays out (leaves) by a logit in price over their own reservation price. Everybody may fall ill,
which ends their part; ill members are paid for by all members, and that bill moves the expected price.
This file needs NumPy alone.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PERIODS = 79
"""As many as in the real run."""
OUTSIDE, MEMBER, OUT = 0, 1, 2
RATES = (0.04, 0.06, 0.0)
"""Probability per period that a person's time to decide has come, by state."""
YEARLY_RISK = 0.004
PERIODS_PER_YEAR = 24
BENEFIT = 200_000.0
FIRST_PRICE = 20.0
MEMORY = 0.3
"""Weight of the last bill in the expected price."""
STEEPNESS = 1 / 0.6
FRAILTY_SD = 0.8


class People(NamedTuple):
    """What differs between people, shape (rows,) each."""

    risk: NDArray[np.float32]
    """Probability to fall ill in a period."""
    reservation: NDArray[np.float32]
    """The most they would pay for a year, yuan."""


def people(rows: int, seed: int = 1) -> People:
    """The same people for every engine."""
    rng = np.random.default_rng(seed)
    frailty = rng.standard_normal(rows, dtype=np.float32)
    frailty *= np.float32(FRAILTY_SD)
    frailty -= np.float32(FRAILTY_SD**2 / 2)
    np.exp(frailty, out=frailty)
    reservation = rng.standard_normal(rows, dtype=np.float32)
    np.exp(reservation, out=reservation)
    reservation *= np.float32(BENEFIT * YEARLY_RISK) * (np.float32(0.6) + np.float32(0.4) * frailty)
    frailty *= np.float32(YEARLY_RISK / PERIODS_PER_YEAR)
    return People(frailty, reservation)


def accepts(reservation: Any, price: Any, u: Any) -> Any:
    """Whether they take cover at this price; numbers or arrays."""
    return u * (1.0 + (price / reservation) ** STEEPNESS) < 1.0


class Pool:
    """The institution: counts members and cases of a period, and settles."""

    def __init__(self) -> None:
        self.price = FIRST_PRICE
        self.members = 0
        self.cases = 0

    def settle(self, members: int, cases: int) -> None:
        """Share the bill of a period among the members."""
        if members:
            self.price += MEMORY * (PERIODS_PER_YEAR * BENEFIT * cases / members - self.price)
        self.members, self.cases = members, cases


class Life:
    """One person's period in plain Python, for engines with an object a person; `model` has `random` and `pool`."""

    model: Any
    state: int
    risk: float
    reservation: float

    def step(self) -> None:
        """Decide if it is time to, then perhaps fall ill; counts itself in the pool."""
        if self.state == OUT:
            return
        pool, random = self.model.pool, self.model.random.random
        if random() < RATES[self.state]:
            self.state = MEMBER if accepts(self.reservation, pool.price, random()) else OUTSIDE
        if random() < self.risk:
            pool.cases += self.state == MEMBER
            self.state = OUT
        pool.members += self.state == MEMBER
