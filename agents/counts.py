"""What is counted while people decide and health events come, by plan: the last index of an array of counts."""

import numpy as np
from numpy.typing import NDArray

RISK_UNIT = 2.0**40
"""Risks of joiners and leavers are summed as integers, in steps of 2^-40 per person-year."""
JOINED, LEFT_PLAN, ILL, DIED, AGED_OUT, TRANSFERRED_IN, JOINER_RISK, LEAVER_RISK, NOTICED, CONSIDERED, TURNED_AWAY = (
    range(11)
)
KINDS = 11


def empty_counts(plans: int) -> NDArray[np.int64]:
    """No events yet, shape (plans, 11)."""
    return np.zeros((plans, KINDS), dtype=np.int64)
