"""The rules of each plan, dated: ages, benefits, wait, fee, caps, coverage.

One code path, three sets of dated rules. Sources: `model/data/README.md`, plan rules of 2018-2021.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from agents.cohorts import LIFELONG
from agents.platform import PlanRules, PlatformRules
from agents.population import PLAN_NAMES
from agents.sharing import EqualShares, SharingRule
from model import calendar
from model.health import ACCIDENT, AGES, EARLY_CANCER, HALF_MONTHS_PER_YEAR, KINDS, OTHER, THYROID, Health
from model.scenario import Scenario

YEAR = HALF_MONTHS_PER_YEAR
INSURANCE_ENDS = date(2018, 11, 27)
THYROID_MILD = date(2019, 5, 1)
THYROID_OUT = date(2020, 1, 1)
WAIVER_YEAR = 2019
WAIVED_JOINERS = date(2018, 12, 31)
WAIVED_SHARES = 2
"""The platform pays the first shares of 2019 for those who joined in 2018; how many is assumed."""


@dataclass(frozen=True)
class Plan:
    """One plan of the platform. Money in yuan, ages in half-months, days as dates."""

    name: str
    opens: date
    youngest: int
    oldest: int
    """First age at which people may no longer join."""
    ends: int
    """Age at which membership ends: people age out or transfer."""
    screening: float
    """Probability that the questionnaire asks about warning signs."""
    filing_share: float
    case_cap: float
    fee: Mapping[date, float]
    """Share of aid, from each date on."""
    benefits: Mapping[date, NDArray[np.float64]]
    """Yuan by age in years and kind of illness, shape (106, 5), from each date on."""

    def fee_at(self, day: date) -> float:
        """The fee in force."""
        return self.fee[max(start for start in self.fee if start <= day)]

    def benefits_at(self, day: date) -> NDArray[np.float64]:
        """The benefits in force, shape (106, 5); before the plan opens, those of its first day."""
        return self.benefits[max((start for start in self.benefits if start <= day), default=self.opens)]


def _benefits(young: float, old: float, **kinds: float) -> NDArray[np.float64]:
    """Full benefits by age for every kind, but for the kinds named."""
    full = np.where(np.arange(AGES) < 40, young, old)
    result = np.repeat(full[:, np.newaxis], len(KINDS), axis=1)
    for kind, benefit in kinds.items():
        result[:, {"other": OTHER, "early": EARLY_CANCER, "thyroid": THYROID, "accident": ACCIDENT}[kind]] = benefit
    return result


def plans(scenario: Scenario) -> tuple[Plan, Plan, Plan]:
    """The general, the seniors' and the chronic plan."""
    young, old, mild = scenario.benefit_young, scenario.benefit_old, scenario.benefit_mild
    seniors_opens, chronic_opens = date(2019, 5, 8), date(2020, 5, 13)
    general = Plan(
        name=PLAN_NAMES[0],
        opens=calendar.LAUNCH,
        youngest=1,
        oldest=60 * YEAR,
        ends=60 * YEAR,
        screening=1.0,
        filing_share=scenario.filing_share,
        case_cap=scenario.case_cap,
        fee={calendar.LAUNCH: scenario.insurance_fee_rate, INSURANCE_ENDS: scenario.fee_rate},
        benefits={
            calendar.LAUNCH: _benefits(young, old),
            THYROID_MILD: _benefits(young, old, thyroid=mild),
            THYROID_OUT: _benefits(young, old, thyroid=0.0),
        },
    )
    seniors = Plan(
        name=PLAN_NAMES[1],
        opens=seniors_opens,
        youngest=60 * YEAR,
        oldest=71 * YEAR,
        ends=LIFELONG,
        screening=scenario.seniors_screening,
        filing_share=scenario.seniors_filing_share,
        case_cap=scenario.cancer_case_cap,
        fee={seniors_opens: scenario.fee_rate},
        benefits={seniors_opens: _benefits(old, old, other=0.0, accident=0.0, early=mild, thyroid=mild)},
    )
    chronic = Plan(
        name=PLAN_NAMES[2],
        opens=chronic_opens,
        youngest=1,
        oldest=60 * YEAR,
        ends=60 * YEAR,
        # The chronic illness itself is allowed; signs of others are asked about as in the general plan.
        screening=general.screening,
        # The ages and benefits are those of the general plan; its own share is not known.
        filing_share=general.filing_share,
        case_cap=scenario.cancer_case_cap,
        fee={chronic_opens: scenario.fee_rate},
        benefits={chronic_opens: _benefits(young, old, other=0.0, accident=0.0, thyroid=0.0)},
    )
    return general, seniors, chronic


def platform_rules(scenario: Scenario, plans: Sequence[Plan], sharing: Mapping[str, SharingRule]) -> PlatformRules:
    """What the platform of a scenario promises; plans that `sharing` does not name share equally.

    Raises:
        ValueError: if `sharing` names a plan that does not exist.
    """
    for name in sharing:
        if name not in PLAN_NAMES:
            raise ValueError(f"sharing = {{{name!r}: ...}} is not allowed: {', '.join(PLAN_NAMES)}")
    advertised = (scenario.advertised_price, scenario.seniors_advertised_price, scenario.advertised_price)
    of_plans = [
        PlanRules(plan.name, plan.case_cap, price, sharing.get(plan.name, EqualShares()))
        for plan, price in zip(plans, advertised, strict=True)
    ]
    of_plans[0] = replace(
        of_plans[0],
        yearly_cap=scenario.yearly_cap,
        capped_in=WAIVER_YEAR,
        waived_shares=WAIVED_SHARES,
        waived_in=WAIVER_YEAR,
    )
    return PlatformRules(
        plans=tuple(of_plans),
        settlements_per_year=calendar.PERIODS_PER_YEAR,
        review_start=scenario.review_start,
        review_growth=scenario.review_growth,
        review_clearing=scenario.review_clearing,
        price_memory=scenario.price_memory,
        habituation=scenario.habituation,
    )


def fair_values(plan: Plan, health: Health, day: date) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected benefit in yuan per year by sex and age, shape (2, 106) each.

    First for a person of average risk, then for the additional risk of a person with warning signs.
    """
    benefit = np.einsum("sak,ak->sa", health.kinds, plan.benefits_at(day))
    return health.incidence * benefit, health.signs_risk * benefit
