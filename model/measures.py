"""What is measured: one dictionary, name -> label, unit, kind. One value per plan and period.

The kind says how periods add up: flows are summed, stocks taken at the end, ratios averaged.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compiled import compiled
from agents.population import FRAILTY_UNIT
from agents.rolls import WELL, WELL_FRAILTY, WITH_SIGNS
from model.health import Health


class Measure(NamedTuple):
    """One number a plan and period."""

    label: str
    unit: str
    kind: str
    """`stock`, `flow` or `ratio`."""


MEASURES = {
    "members": Measure("members who share this settlement", "people", "stock"),
    "nonmembers": Measure("people of eligible age in no plan", "people", "stock"),
    "joined": Measure("joined since the last settlement, transfers included", "people", "flow"),
    "transferred_in": Measure("of those, came from the general plan at 60", "people", "flow"),
    "left": Measure("left by their own decision", "people", "flow"),
    "aged_out": Measure("left on reaching 60", "people", "flow"),
    "ill": Measure("left by critical illness", "people", "flow"),
    "died": Measure("left by death from another cause", "people", "flow"),
    "taken_over": Measure("took the insurer's cover that replaced the pool", "people", "flow"),
    "turned_away": Measure("wanted to join and were stopped by the questionnaire", "people", "flow"),
    "considered": Measure("people who considered joining", "people", "flow"),
    "noticed": Measure("members who looked at their bill", "people", "flow"),
    "claims_filed": Measure("claims filed", "claims", "flow"),
    "claims_refused": Measure("claims refused", "claims", "flow"),
    "claims_waiting": Measure("claims filed and not yet decided", "claims", "stock"),
    "recipients": Measure("claims granted and paid", "people", "flow"),
    "aid_yuan": Measure("aid paid", "yuan", "flow"),
    "owed_yuan": Measure("aid due for claims diagnosed and not yet decided", "yuan", "stock"),
    "fee_yuan": Measure("management fee", "yuan", "flow"),
    "collected_yuan": Measure("shares collected from members", "yuan", "flow"),
    "platform_yuan": Measure("paid by the platform (caps, waivers, closing)", "yuan", "flow"),
    "carry_yuan": Measure("left in the pool by rounding", "yuan", "stock"),
    "share_yuan": Measure("a member's share of this settlement", "yuan", "flow"),
    "member_mean_age": Measure("mean age of members", "years", "ratio"),
    "recipient_mean_age": Measure("mean age of recipients at diagnosis", "years", "ratio"),
    "member_mean_risk": Measure("mean own risk of members", "per person-year", "ratio"),
    "joiner_mean_risk": Measure("mean own risk of those who joined", "per person-year", "ratio"),
    "leaver_mean_risk": Measure("mean own risk of those who left", "per person-year", "ratio"),
    "nonmember_mean_risk": Measure("mean own risk of eligible ages outside", "per person-year", "ratio"),
    "trust": Measure("trust in the platform", "share", "stock"),
    "expected_price_yuan": Measure("what a year is expected to cost", "yuan/year", "stock"),
}


def people(rolls: NDArray[np.int64]) -> int:
    """Rows on these rolls, shape (2, 1440, 3) each."""
    return int(rolls[..., WELL].sum() + rolls[..., WITH_SIGNS].sum())


def mean_age(rolls: NDArray[np.int64], half_month: int) -> float:
    """Mean age in years of the people on these rolls; nan where there is nobody."""
    by_month = rolls[..., WELL].sum(axis=0) + rolls[..., WITH_SIGNS].sum(axis=0)
    ages = half_month - 2 * np.arange(by_month.size)
    total = int(by_month.sum())
    return int(by_month @ ages) / total / 24 if total else float("nan")


@compiled
def _total_risk(rolls: np.ndarray, half_month: int, well_risk: np.ndarray, signs_risk: float) -> float:
    """Summed own incidence per person-year of the people on these rolls."""
    total = 0.0
    for sex in range(rolls.shape[0]):
        for month in range(rolls.shape[1]):
            if rolls[sex, month, WELL_FRAILTY] or rolls[sex, month, WITH_SIGNS]:
                age = min(max(0, (half_month - 2 * month) // 24), well_risk.shape[1] - 1)
                total += well_risk[sex, age] * rolls[sex, month, WELL_FRAILTY] / FRAILTY_UNIT
                total += signs_risk * rolls[sex, month, WITH_SIGNS]
    return total


def mean_risk(rolls: NDArray[np.int64], half_month: int, health: Health) -> float:
    """Mean own incidence per person-year of the people on these rolls, given signs and frailty."""
    total = people(rolls)
    if not total:
        return float("nan")
    return float(_total_risk(rolls, half_month, health.well_risk, health.signs_risk)) / total
