"""The toy pool as plain NumPy over whole arrays, in two ways.

`coins` draws for everybody in every period, as a vectorised model usually does. `clocks` uses the crowd's own idea:
each person holds the reading of a public clock at which they next decide, and the period of their illness is drawn
once, so a period compares and then touches a few. The first shows what the crowd gains in all, the second what it
gains by being compiled.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks import toy

NEVER = np.float32(np.inf)


class Coins:
    """A draw for everybody in every period."""

    def __init__(self, rows: int) -> None:
        self.people = toy.people(rows)
        self.state = np.zeros(rows, dtype=np.uint8)
        self.pool = toy.Pool()
        self._rng = np.random.default_rng(1)
        self._rates = np.array(toy.RATES, dtype=np.float32)
        self._u = np.empty(rows, dtype=np.float32)
        self._rate = np.empty(rows, dtype=np.float32)

    def step(self) -> None:
        """One period."""
        self._rng.random(out=self._u, dtype=np.float32)
        np.take(self._rates, self.state, out=self._rate, mode="clip")
        due = np.flatnonzero(self._u < self._rate)
        u = self._rng.random(due.size, dtype=np.float32)
        self.state[due] = toy.accepts(self.people.reservation[due], np.float32(self.pool.price), u)
        self._rng.random(out=self._u, dtype=np.float32)
        ill = np.flatnonzero(self._u < self.people.risk)
        cases = np.count_nonzero(self.state[ill] == toy.MEMBER)
        self.state[ill] = toy.OUT
        self.pool.settle(int(np.count_nonzero(self.state == toy.MEMBER)), int(cases))


class Clocks:
    """A draw for those alone whose time has come."""

    def __init__(self, rows: int) -> None:
        people = toy.people(rows)
        self.reservation = people.reservation
        self.state = np.zeros(rows, dtype=np.uint8)
        self.pool = toy.Pool()
        self._rng = np.random.default_rng(1)
        self._pace = -np.log1p(-np.array(toy.RATES, dtype=np.float32))
        self._readings = np.zeros(len(toy.RATES), dtype=np.float32)
        self._clock = self._rng.standard_exponential(rows, dtype=np.float32)
        self._reading = np.empty(rows, dtype=np.float32)
        self._ill, self._start = self._fate(people.risk)
        self._period = 0

    def _fate(self, risk: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of those who fall ill, sorted by period, and where each period starts."""
        wait = self._rng.standard_exponential(risk.size, dtype=np.float32)
        wait /= -np.log1p(-risk)
        rows = np.flatnonzero(wait < toy.PERIODS)
        when = wait[rows].astype(np.uint8)
        return rows[np.argsort(when, kind="stable")], np.searchsorted(np.sort(when), np.arange(toy.PERIODS + 1))

    def step(self) -> None:
        """One period."""
        self._readings += self._pace
        np.take(self._readings, self.state, out=self._reading, mode="clip")
        due = np.flatnonzero(self._clock <= self._reading)
        u = self._rng.random(due.size, dtype=np.float32)
        stands = toy.accepts(self.reservation[due], np.float32(self.pool.price), u).astype(np.uint8)
        self.state[due] = stands
        self._clock[due] = self._readings[stands] + self._rng.standard_exponential(due.size, dtype=np.float32)
        ill = self._ill[self._start[self._period] : self._start[self._period + 1]]
        cases = np.count_nonzero(self.state[ill] == toy.MEMBER)
        self.state[ill] = toy.OUT
        self._clock[ill] = NEVER
        self.pool.settle(int(np.count_nonzero(self.state == toy.MEMBER)), int(cases))
        self._period += 1


def _runner(model: Coins | Clocks, periods: int) -> Callable[[], float]:
    def run() -> float:
        for _ in range(periods):
            model.step()
        return model.pool.members / model.state.size

    return run


def coins(rows: int, periods: int = toy.PERIODS) -> Callable[[], float]:
    """Make people; the result runs them and returns the share of members at the end."""
    return _runner(Coins(rows), periods)


def clocks(rows: int, periods: int = toy.PERIODS) -> Callable[[], float]:
    """The same, with clocks."""
    return _runner(Clocks(rows), periods)
