"""What is measured: every measure once, with its label, unit, kind and function. One value per plan and period.

The kind says how periods add up: flows are summed, stocks taken at the end, ratios averaged.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import counts
from agents.cohorts import InForce
from agents.platform import FEN, PlanSettlement
from model.claims import GRANTED, REFUSED, Decided, Outstanding

Values = Sequence[float] | NDArray[np.float64] | NDArray[np.int64]
PER_YEAR = 24
"""Half-months in a year."""


class Settled(NamedTuple):
    """What a period has come to: everything that measures are taken from. Arrays over plans unless said otherwise."""

    scale: float
    flows: NDArray[np.int64]
    """People who did or met something in the period (`agents.counts`), shape (11, plans)."""
    counts: NDArray[np.int64]
    """The same in rows, shape (plans, 11)."""
    in_force: InForce
    settlements: list[PlanSettlement]
    filed: NDArray[np.float64]
    decided: Decided
    outcomes: NDArray[np.float64]
    """Claims decided by plan and outcome, shape (plans, 2)."""
    outstanding: Outstanding
    taken_over: NDArray[np.int64]
    """Rows."""
    trust: float
    expected_price: Sequence[float]

    def total(self, name: str) -> list[int]:
        """A number of the settlement of each plan."""
        return [getattr(settlement.whole, name) for settlement in self.settlements]

    def yuan(self, name: str) -> list[float]:
        """A sum of money of the settlement of each plan."""
        return [fen / FEN for fen in self.total(name)]


class Measure(NamedTuple):
    """One number a plan and period."""

    label: str
    unit: str
    kind: str
    """`stock`, `flow` or `ratio`."""
    of: Callable[[Settled], Values]
    """Its value for each plan, in a period that has been settled."""


def _people(rows: NDArray[np.int64], scale: float) -> NDArray[np.int64]:
    return np.rint(rows * scale).astype(np.int64)


def _per(sum_: NDArray[Any], number: NDArray[Any], unit: float = 1.0) -> list[float]:
    """A mean, in units; nan where there is nobody."""
    return [a / n / unit if n else math.nan for a, n in zip(sum_.tolist(), number.tolist(), strict=True)]


def _flow(label: str, what: int) -> Measure:
    return Measure(label, "people", "flow", lambda settled: settled.flows[what])


def _risk(settled: Settled, risk: int, number: int) -> list[float]:
    return _per(settled.counts[:, risk], settled.counts[:, number], counts.RISK_UNIT)


MEASURES = {
    "members": Measure("members who share this settlement", "people", "stock", lambda s: s.total("members")),
    "nonmembers": Measure(
        "people of eligible age in no plan", "people", "stock", lambda s: _people(s.in_force.outside, s.scale)
    ),
    "joined": _flow("joined since the last settlement, transfers included", counts.JOINED),
    "transferred_in": _flow("of those, came from the general plan at 60", counts.TRANSFERRED_IN),
    "left": _flow("left by their own decision", counts.LEFT_PLAN),
    "aged_out": _flow("left on reaching 60", counts.AGED_OUT),
    "ill": _flow("left by critical illness", counts.ILL),
    "died": _flow("left by death from another cause", counts.DIED),
    "taken_over": Measure(
        "took the insurer's cover that replaced the pool", "people", "flow", lambda s: _people(s.taken_over, s.scale)
    ),
    "turned_away": _flow("wanted to join and were stopped by the questionnaire", counts.TURNED_AWAY),
    "considered": _flow("people who considered joining", counts.CONSIDERED),
    "noticed": _flow("members who looked at their bill", counts.NOTICED),
    "claims_filed": Measure("claims filed", "claims", "flow", lambda s: s.filed),
    "claims_refused": Measure("claims refused", "claims", "flow", lambda s: s.outcomes[:, REFUSED]),
    "claims_waiting": Measure("claims filed and not yet decided", "claims", "stock", lambda s: s.outstanding.waiting),
    "recipients": Measure("claims granted and paid", "people", "flow", lambda s: s.outcomes[:, GRANTED]),
    "recipients_female": Measure(
        "of those, to women", "people", "flow", lambda s: s.decided.people[:, :, GRANTED, 0].sum(axis=(1, 2))
    ),
    "aid_yuan": Measure("aid paid", "yuan", "flow", lambda s: s.yuan("aid")),
    "owed_yuan": Measure(
        "aid due for claims diagnosed and not yet decided",
        "yuan",
        "stock",
        lambda s: s.outstanding.reported + s.outstanding.unreported,
    ),
    "reported_yuan": Measure(
        "of that, for claims filed (reported but not settled)", "yuan", "stock", lambda s: s.outstanding.reported
    ),
    "unreported_yuan": Measure(
        "of that, for claims not filed (incurred but not reported)", "yuan", "stock", lambda s: s.outstanding.unreported
    ),
    "fee_yuan": Measure("management fee", "yuan", "flow", lambda s: s.yuan("fee")),
    "collected_yuan": Measure(
        "shares collected from members",
        "yuan",
        "flow",
        lambda s: [(each.whole.collected - each.waived) / FEN for each in s.settlements],
    ),
    "platform_yuan": Measure(
        "paid by the platform (caps, waivers, closing)",
        "yuan",
        "flow",
        lambda s: [(each.whole.subsidy + each.waived) / FEN for each in s.settlements],
    ),
    "carry_yuan": Measure("left in the pool by rounding", "yuan", "stock", lambda s: s.yuan("carry")),
    "share_yuan": Measure(
        "a member's share of this settlement, on average",
        "yuan",
        "flow",
        lambda s: [each.mean_share / FEN for each in s.settlements],
    ),
    "member_mean_age": Measure(
        "mean age of members", "years", "ratio", lambda s: _per(s.in_force.half_months, s.in_force.number, PER_YEAR)
    ),
    "recipient_mean_age": Measure(
        "mean age of recipients at diagnosis",
        "years",
        "ratio",
        lambda s: _per(s.decided.half_months[:, :, GRANTED].sum(axis=1), s.outcomes[:, GRANTED], PER_YEAR),
    ),
    "member_mean_risk": Measure(
        "mean own risk of members", "per person-year", "ratio", lambda s: _per(s.in_force.risk, s.in_force.number)
    ),
    "joiner_mean_risk": Measure(
        "mean own risk of those who joined",
        "per person-year",
        "ratio",
        lambda s: _risk(s, counts.JOINER_RISK, counts.JOINED),
    ),
    "leaver_mean_risk": Measure(
        "mean own risk of those who left",
        "per person-year",
        "ratio",
        lambda s: _risk(s, counts.LEAVER_RISK, counts.LEFT_PLAN),
    ),
    "nonmember_mean_risk": Measure(
        "mean own risk of eligible ages outside",
        "per person-year",
        "ratio",
        lambda s: _per(s.in_force.outside_risk, s.in_force.outside),
    ),
    "trust": Measure("trust in the platform", "share", "stock", lambda s: [s.trust] * len(s.settlements)),
    "expected_price_yuan": Measure(
        "what a year is expected to cost, on average", "yuan/year", "stock", lambda s: list(s.expected_price)
    ),
}
