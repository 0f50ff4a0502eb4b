"""What a person can see of a period when they decide: facts, the same for everybody."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Behaviour = Any
"""A named tuple with one field for every parameter that says how people decide (`model.scenario.Behaviour`)."""


class Context(NamedTuple):
    """One period as seen by everybody. Arrays over plans follow the pool's order; over sexes: female, male."""

    seed: int
    period: int
    half_month: int
    """Half-months since the first year of birth, so that age in half-months = half_month - 2 x birth_month."""
    readings: NDArray[np.float32]
    """Public clock of each place, shape (8,) or (16,): summed intensity of what makes people there decide."""
    fair: NDArray[np.float64]
    """Expected benefit at average risk, money per year, shape (plans, sexes, ages)."""
    fair_signs: NDArray[np.float64]
    """What known warning signs add to it, money per year, shape (plans, sexes, ages)."""
    insurer: NDArray[np.float64]
    """The insurer's premium for the same cover, money per year, shape (plans, sexes, ages)."""
    well_risk: NDArray[np.float64]
    """Incidence of people without signs and of frailty 1, per person-year, shape (sexes, ages)."""
    signs_risk: float
    """Incidence of a person with signs, per person-year."""
    price: NDArray[np.float64]
    """What a year of membership is expected to cost, shape (plans, sexes, years of birth)."""
    open: NDArray[np.bool_]
    """Whether the plan takes members, shape (plans,)."""
    plan_for: NDArray[np.int8]
    """The plan that people may join, -1 for none, by chronic illness and age in half-months plus one, shape
    (2, ages): the first column is for those who are not born yet."""
    ends: NDArray[np.int64]
    """Age in half-months at which membership ends, shape (plans,)."""
    transfer: NDArray[np.int64]
    """The plan in which those go on whose membership ends by age, -1 for none that is open, shape (plans,)."""
    transfer_asks: NDArray[np.bool_]
    """Whether the questionnaire is put to them there, shape (plans,)."""
    screening: NDArray[np.float64]
    """Probability that the plan's questionnaire asks about signs, shape (plans,)."""
    gate: NDArray[np.bool_]
    """Whether a low credit score bars from the plan, shape (plans,)."""
    waits: NDArray[np.int64]
    """Waiting period in periods, by plan, of those who join for the first time and again, and period of joining,
    shape (plans, 2, 256)."""
    entry_fee: NDArray[np.float64]
    """What joining costs once, shape (plans,)."""
    minimum_stay: NDArray[np.int64]
    """Periods from joining on in which members may not leave, shape (plans,)."""
    trust: float
