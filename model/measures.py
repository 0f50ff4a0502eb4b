"""What is measured: every measure once, with its label, unit, kind and function. One value per plan and period.

The kind says how periods add up: flows are summed, stocks taken at the end, ratios averaged. The model notes what each
period has come to; measures are computed when they are asked for, for all periods at once.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import counts
from agents.cohorts import InForce
from agents.platform import PlanSettlement
from model.claims import GRANTED, REFUSED, Decided, Outstanding

PER_YEAR = 24
"""Half-months in a year."""


class Settled(NamedTuple):
    """What a period has come to. Arrays over plans."""

    scale: float
    minor: int
    """Minor units in one of the currency."""
    counts: NDArray[np.int64]
    """Rows that did or met something in the period (`agents.counts`), shape (plans, 11)."""
    in_force: InForce
    settlements: list[PlanSettlement]
    filed: NDArray[np.float64]
    decided: Decided
    outstanding: Outstanding
    taken_over: NDArray[np.int64]
    """Rows."""
    trust: float
    expected_price: Sequence[float]


class Periods:
    """What some periods have come to, as arrays of shape (periods, plans) unless said otherwise."""

    def __init__(self, settled: Sequence[Settled]) -> None:
        self._settled = settled
        self.scale = settled[0].scale if settled else 1.0
        self.minor = settled[0].minor if settled else 1

    def of(self, name: str) -> NDArray[Any]:
        """A field of each period, stacked."""
        return np.array([getattr(period, name) for period in self._settled])

    def in_force(self, name: str) -> NDArray[Any]:
        """A number of `InForce`."""
        return np.array([getattr(period.in_force, name) for period in self._settled])

    def _decided(self, name: str) -> NDArray[np.float64]:
        return np.array([getattr(period.decided, name) for period in self._settled])

    def outstanding(self, name: str) -> NDArray[np.float64]:
        """A number of `Outstanding`."""
        return np.array([getattr(period.outstanding, name) for period in self._settled])

    def money(self, name: str) -> NDArray[np.int64]:
        """A number of each plan's settlement; amounts in minor units."""
        return np.array([[getattr(plan.whole, name) for plan in period.settlements] for period in self._settled])

    @cached_property
    def waived(self) -> NDArray[np.int64]:
        """Minor units of the shares that the platform pays for members."""
        return np.array([[plan.waived for plan in period.settlements] for period in self._settled])

    @cached_property
    def mean_share(self) -> NDArray[np.float64]:
        """Minor units that members are asked for, on average."""
        return np.array([[plan.mean_share for plan in period.settlements] for period in self._settled])

    @property
    def trust(self) -> NDArray[np.float64]:
        """Trust in the platform, the same for all plans."""
        return np.repeat(self.of("trust")[:, np.newaxis], self.counts.shape[1], axis=1)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Rows that did or met something, shape (periods, plans, 11)."""
        return self.of("counts")

    @cached_property
    def outcomes(self) -> NDArray[np.float64]:
        """Claims decided by outcome, shape (periods, plans, 2)."""
        return np.asarray(self._decided("by_class").sum(axis=2))

    @cached_property
    def granted_to_women(self) -> NDArray[np.float64]:
        """Claims granted to women."""
        return np.array([period.decided.people[:, :, GRANTED, 0].sum(axis=(1, 2)) for period in self._settled])

    @cached_property
    def granted_half_months(self) -> NDArray[np.float64]:
        """Summed age at diagnosis of the claims granted, in half-months."""
        return np.asarray(self._decided("half_months")[..., GRANTED].sum(axis=2))


class Measure(NamedTuple):
    """One number a plan and period."""

    label: str
    unit: str
    """`money` is the currency of the pool."""
    kind: str
    """`stock`, `flow` or `ratio`."""
    of: Callable[[Periods], NDArray[Any]]
    """Its values, shape (periods, plans)."""


def _people(rows: NDArray[np.int64], scale: float) -> NDArray[np.int64]:
    return np.rint(rows * scale).astype(np.int64)


def _per(sum_: NDArray[Any], number: NDArray[Any], unit: float = 1.0) -> NDArray[np.float64]:
    """A mean, in units; nan where there is nobody."""
    return np.asarray(np.divide(sum_, number, out=np.full(number.shape, np.nan), where=number != 0) / unit)


def _flow(label: str, what: int) -> Measure:
    return Measure(label, "people", "flow", lambda periods: _people(periods.counts[:, :, what], periods.scale))


def _risk(periods: Periods, risk: int, number: int) -> NDArray[np.float64]:
    return _per(periods.counts[:, :, risk] / counts.RISK_UNIT, periods.counts[:, :, number])


MEASURES = {
    "members": Measure("members who share this settlement", "people", "stock", lambda s: s.money("members")),
    "nonmembers": Measure(
        "people of eligible age in no plan", "people", "stock", lambda s: _people(s.in_force("outside"), s.scale)
    ),
    "joined": _flow("joined since the last settlement, transfers included", counts.JOINED),
    "transferred_in": _flow("of those, came from a plan that ended for them by age", counts.TRANSFERRED_IN),
    "left": _flow("left by their own decision", counts.LEFT_PLAN),
    "aged_out": _flow("left on reaching the age at which their plan ends", counts.AGED_OUT),
    "ill": _flow("left by critical illness", counts.ILL),
    "died": _flow("left by death from another cause", counts.DIED),
    "taken_over": Measure(
        "took the insurer's cover that replaced the pool",
        "people",
        "flow",
        lambda s: _people(s.of("taken_over"), s.scale),
    ),
    "turned_away": _flow("wanted to join and were stopped by the questionnaire", counts.TURNED_AWAY),
    "considered": _flow("people who considered joining", counts.CONSIDERED),
    "noticed": _flow("members who looked at their bill", counts.NOTICED),
    "claims_filed": Measure("claims filed", "claims", "flow", lambda s: s.of("filed")),
    "claims_refused": Measure("claims refused", "claims", "flow", lambda s: s.outcomes[:, :, REFUSED]),
    "claims_waiting": Measure(
        "claims filed and not yet decided", "claims", "stock", lambda s: s.outstanding("waiting")
    ),
    "recipients": Measure("claims granted and paid", "people", "flow", lambda s: s.outcomes[:, :, GRANTED]),
    "recipients_female": Measure("of those, to women", "people", "flow", lambda s: s.granted_to_women),
    "benefits_paid": Measure("benefits paid", "money", "flow", lambda s: s.money("aid") / s.minor),
    "outstanding": Measure(
        "outstanding claims: diagnosed and not yet decided",
        "money",
        "stock",
        lambda s: s.outstanding("reported") + s.outstanding("unreported"),
    ),
    "outstanding_reported": Measure(
        "of that, claims filed (reported but not settled)", "money", "stock", lambda s: s.outstanding("reported")
    ),
    "outstanding_ibnr": Measure(
        "of that, claims not filed (incurred but not reported, IBNR)",
        "money",
        "stock",
        lambda s: s.outstanding("unreported"),
    ),
    "fee": Measure("management fee", "money", "flow", lambda s: s.money("fee") / s.minor),
    "collected": Measure(
        "shares collected from members",
        "money",
        "flow",
        lambda s: (s.money("collected") - s.waived) / s.minor,
    ),
    "platform_paid": Measure(
        "paid by the platform (caps, waivers, closing)",
        "money",
        "flow",
        lambda s: (s.money("subsidy") + s.waived) / s.minor,
    ),
    "carry": Measure("left in the pool by rounding", "money", "stock", lambda s: s.money("carry") / s.minor),
    "share": Measure(
        "a member's share of this settlement, on average",
        "money",
        "flow",
        lambda s: s.mean_share / s.minor,
    ),
    "member_mean_age": Measure(
        "mean age of members",
        "years",
        "ratio",
        lambda s: _per(s.in_force("half_months"), s.in_force("number"), PER_YEAR),
    ),
    "recipient_mean_age": Measure(
        "mean age of recipients at diagnosis",
        "years",
        "ratio",
        lambda s: _per(s.granted_half_months, s.outcomes[:, :, GRANTED], PER_YEAR),
    ),
    "member_mean_risk": Measure(
        "mean own risk of members", "per person-year", "ratio", lambda s: _per(s.in_force("risk"), s.in_force("number"))
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
        lambda s: _per(s.in_force("outside_risk"), s.in_force("outside")),
    ),
    "trust": Measure(
        "trust in the platform",
        "share",
        "stock",
        lambda s: s.trust,
    ),
    "expected_price": Measure(
        "what a year is expected to cost, on average", "money/year", "stock", lambda s: s.of("expected_price")
    ),
}
