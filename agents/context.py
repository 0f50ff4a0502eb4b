"""What a person can see of a period when they decide: facts, the same for everybody."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Behaviour = Any
"""A named tuple with one field for every parameter that says how people decide (`model.scenario.Behaviour`)."""


class Context(NamedTuple):
    """One period as seen by everybody. Arrays over plans follow `PLAN_NAMES`; over sexes: female, male."""

    seed: int
    period: int
    half_month: int
    """Half-months since January 1900, so that age in half-months = half_month - 2 x birth_month."""
    readings: NDArray[np.float32]
    """Public clock of each place, shape (8,): summed intensity of what makes people there decide."""
    fair: NDArray[np.float64]
    """Expected benefit at average risk, yuan per year, shape (plans, sexes, ages)."""
    fair_signs: NDArray[np.float64]
    """What known warning signs add to it, yuan per year, shape (plans, sexes, ages)."""
    insurer: NDArray[np.float64]
    """The insurer's premium for the same cover, yuan per year, shape (plans, sexes, ages)."""
    well_risk: NDArray[np.float64]
    """Incidence of people without signs and of frailty 1, per person-year, shape (sexes, ages)."""
    signs_risk: float
    """Incidence of a person with signs, per person-year."""
    price: NDArray[np.float64]
    """What a year of membership is expected to cost, yuan, shape (plans, sexes, years of birth)."""
    open: NDArray[np.bool_]
    """Whether the plan takes members, shape (plans,)."""
    youngest: NDArray[np.int64]
    oldest: NDArray[np.int64]
    """Ages at which people may join, in half-months, shape (plans,); `oldest` is the first age too old."""
    screening: NDArray[np.float64]
    """Probability that the plan's questionnaire asks about signs, shape (plans,)."""
    gate: bool
    """Whether a low credit score bars from the general plan."""
    wait: int
    """Waiting period, in periods."""
    trust: float
