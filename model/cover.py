"""What the plans cover from one day to the next: how likely a claim of each amount is, and what cover is worth.

A benefit class is an amount of money: all illnesses for which a claim pays the same, whatever they are.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.health import Health
from model.plans import Plan, fair_values

NOT_COVERED = -1


class Cover(NamedTuple):
    """What holds while no plan changes its benefits."""

    class_of: NDArray[np.int64]
    """Benefit class by plan, age and kind of illness, -1 where nothing is paid, shape (plans, 106, kinds)."""
    chance: NDArray[np.float64]
    """Probability that an illness is paid in each class, shape (plans, 2, 106, classes)."""
    waiting_chance: NDArray[np.float64]
    """The same for those who wait, who are covered for exempt kinds alone."""
    exempt: NDArray[np.bool_]
    """Kinds of illness that are covered while one waits, by plan, shape (plans, kinds)."""
    fair: NDArray[np.float64]
    """Expected benefit at average risk, money per year, shape (plans, 2, 106)."""
    fair_signs: NDArray[np.float64]
    """What known warning signs add to it, money per year, shape (plans, 2, 106)."""


class Benefits:
    """The benefit classes of all plans, and their cover on any day."""

    def __init__(self, plans: Sequence[Plan], health: Health) -> None:
        self._plans, self._health = plans, health
        paid = np.concatenate([amounts.ravel() for plan in plans for amounts in plan.benefits.values()])
        self.amounts: NDArray[np.float64] = np.unique(paid[paid > 0])
        """Money a claim of each benefit class, rising, shape (classes,)."""
        self.paid: list[float] = self.amounts.tolist()
        """The same as plain numbers."""
        self._starts = sorted({start for plan in plans for start in plan.benefits})
        self._covers: dict[int, Cover] = {}

    def on(self, day: date) -> Cover:
        """The cover in force."""
        since = bisect_right(self._starts, day)
        if since not in self._covers:
            self._covers[since] = self._cover(day)
        return self._covers[since]

    def _cover(self, day: date) -> Cover:
        benefits = np.stack([plan.benefits_at(day) for plan in self._plans])
        classes = np.searchsorted(self.amounts, benefits)
        class_of = np.where(benefits > 0, classes, NOT_COVERED)
        pays = class_of[..., np.newaxis] == np.arange(self.amounts.size)
        kinds = self._health.kinds
        fair, fair_signs = zip(*(fair_values(plan, self._health, day) for plan in self._plans), strict=True)
        return Cover(
            class_of,
            np.einsum("sak,pakc->psac", kinds, pays),
            self._waiting_chance(pays),
            np.stack([plan.exempt for plan in self._plans]),
            np.stack(fair),
            np.stack(fair_signs),
        )

    def _waiting_chance(self, pays: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Probability that an illness of someone who waits is paid in each class, shape (plans, 2, 106, classes)."""
        kinds = self._health.kinds
        chance = np.zeros((pays.shape[0], *kinds.shape[:2], pays.shape[3]))
        for plan, rules in enumerate(self._plans):
            for kind in np.flatnonzero(rules.exempt):
                chance[plan] += kinds[..., kind, np.newaxis] * pays[plan, np.newaxis, :, kind]
        return chance
