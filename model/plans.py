"""The rules of each plan in a scenario: those of the pool, with the scenario's values for the parameters they name."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.cohorts import LIFELONG
from agents.platform import PlanRules, PlatformRules, Terms
from agents.population import NEVER
from agents.sharing import AgeBands, EqualShares, RiskRated, SharingRule, Smoothed, Smoothing
from model.health import Health
from model.pool import Pool
from model.pool_file import EVERY_KIND, LIFELONG_YEARS, half_months
from model.scenario import Scenario
from model.tables import AGES

if TYPE_CHECKING:
    from model import pool_file

YEAR = 24
"""Half-months."""


@dataclass(frozen=True, eq=False)
class Plan:
    """One plan of the platform. Money in the pool's currency, ages in half-months, days as dates."""

    name: str
    opens: date
    youngest: int
    oldest: int
    """First age at which people may no longer join."""
    ends: int
    """Age at which membership ends: people age out or transfer."""
    takes: tuple[bool, bool]
    """Whether people without and with a chronic illness may join."""
    gate: tuple[str, date] | None
    """The trait of those who may not join, and until when."""
    transfer: int
    """The plan in which members may go on when theirs ends, -1 for none."""
    transfer_asks: bool
    """Whether they are asked about warning signs there."""
    filing_share: float
    screening: Mapping[date, float]
    """Probability that the questionnaire asks about warning signs, from each date on."""
    case_cap: Mapping[date, float]
    """Most that a member pays for one claim, from each date on."""
    wait: Mapping[date, int]
    """Waiting period in periods, for those who join from each date on."""
    wait_on_return: Mapping[date, int]
    """The same for those who had been members before."""
    minimum_stay: Mapping[date, int]
    """Periods in which members may not leave, from each date on."""
    exempt: NDArray[np.bool_]
    """Kinds of illness that are covered while one waits, shape (kinds,)."""
    fee: Mapping[date, float]
    """Share of aid, from each date on."""
    case_fee: Mapping[date, float]
    """Fee on each claim, from each date on."""
    entry_fee: Mapping[date, float]
    """What joining costs once, from each date on."""
    retention: float
    """Most that a settlement costs a member before a reinsurer pays."""
    reinsurance_rate: float
    """The reinsurer's premium, share of aid."""
    benefits: Mapping[date, NDArray[np.float64]]
    """Money by age in years and kind of illness, shape (106, kinds), from each date on."""

    def terms_at(self, day: date) -> Terms:
        """What the plan asks at a settlement; before it opens, as on its first day."""
        day = max(day, self.opens)
        return Terms(
            fee_rate=in_force(self.fee, day),
            case_fee=in_force(self.case_fee, day),
            case_cap=in_force(self.case_cap, day),
            retention=self.retention,
            reinsurance_rate=self.reinsurance_rate,
        )

    def benefits_at(self, day: date) -> NDArray[np.float64]:
        """The benefits in force, shape (106, kinds); before the plan opens, those of its first day."""
        return self.benefits[max((start for start in self.benefits if start <= day), default=self.opens)]

    def screening_at(self, day: date) -> float:
        """The share of warning signs asked about; before the plan opens, as on its first day."""
        return in_force(self.screening, max(day, self.opens))

    def entry_fee_at(self, day: date) -> float:
        """What joining costs; before the plan opens, as on its first day."""
        return in_force(self.entry_fee, max(day, self.opens))

    def minimum_stay_at(self, day: date) -> int:
        """Periods in which members may not leave; before the plan opens, as on its first day."""
        return in_force(self.minimum_stay, max(day, self.opens))


class InForce(NamedTuple):
    """The dated rules of all plans on a day, by plan."""

    terms: list[Terms]
    """What each asks at a settlement."""
    screening: NDArray[np.float64]
    """Share of warning signs asked about, shape (plans,)."""
    entry_fee: NDArray[np.float64]
    """What joining costs, shape (plans,)."""
    minimum_stay: NDArray[np.int64]
    """Periods in which members may not leave, shape (plans,)."""
    gate: NDArray[np.bool_]
    """Whether a trait bars from joining, shape (plans,)."""


class DatedRules:
    """The dated rules of some plans, looked up once for every day on which one of them changes."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans
        dated = ("screening", "fee", "case_fee", "case_cap", "entry_fee", "minimum_stay")
        changes = {start for plan in plans for name in dated for start in getattr(plan, name)}
        changes |= {plan.opens for plan in plans} | {plan.gate[1] for plan in plans if plan.gate is not None}
        self._starts = sorted(changes)
        self._found: dict[int, InForce] = {}

    def on(self, day: date) -> InForce:
        """The rules in force; before a plan opens, those of its first day."""
        since = bisect_right(self._starts, day)
        if since not in self._found:
            plans = self._plans
            self._found[since] = InForce(
                [plan.terms_at(day) for plan in plans],
                np.array([plan.screening_at(day) for plan in plans]),
                np.array([plan.entry_fee_at(day) for plan in plans]),
                np.array([plan.minimum_stay_at(day) for plan in plans]),
                np.array([plan.gate is not None and day < plan.gate[1] for plan in plans]),
            )
        return self._found[since]


def in_force[V](dated: Mapping[date, V], day: date) -> V:
    """The value of a dated rule on a day."""
    return dated[max(start for start in dated if start <= day)]


def _benefits(pool: Pool, plan: "pool_file.Plan", scenario: Scenario) -> dict[date, NDArray[np.float64]]:
    """Benefits by age and kind, from each day on that changes them."""
    rows = [(row.from_ or plan.opens, row) for row in pool.benefit_rows(plan)]
    starts = sorted({max(start, plan.opens) for start, _ in rows})
    ages, made = np.arange(AGES), {}
    for day in starts:
        table = np.zeros((AGES, len(pool.kinds)))
        for start, row in rows:
            if start <= day:
                kinds = slice(None) if row.kind == EVERY_KIND else pool.kinds.index(row.kind)
                table[(row.age_from <= ages) & (ages < row.age_below), kinds] = scenario.number(row.amount)
        made[day] = table
    return made


def plans(scenario: Scenario) -> tuple[Plan, ...]:
    """The plans of a scenario, in the order of the pool."""
    pool = scenario.pool
    reinsurance = {entry.plan: entry for entry in pool.rules.reinsurance}
    gates = {gate.plan: (gate.trait, gate.until) for gate in pool.rules.gates if scenario.switch(gate.active)}
    made = []
    for rules in pool.rules.plans:
        transfer = rules.transfers[0] if rules.transfers else None
        reinsured = reinsurance.get(rules.name)
        made.append(
            Plan(
                name=rules.name,
                opens=rules.opens,
                youngest=half_months(rules.ages.from_),
                oldest=half_months(rules.ages.below),
                ends=LIFELONG if rules.ages.ends is None else half_months(rules.ages.ends),
                takes=(rules.health != "chronic", rules.health != "well"),
                gate=gates.get(rules.name),
                transfer=pool.plan_names.index(transfer.to) if transfer else -1,
                transfer_asks=transfer is not None and transfer.underwriting,
                filing_share=scenario.number(rules.filing_share),
                screening={day: scenario.number(share) for day, share in rules.questionnaire.items()},
                case_cap={day: scenario.number(cap) for day, cap in rules.case_cap.items()},
                wait=_periods(rules.wait, scenario),
                wait_on_return=_periods(rules.wait_on_return or rules.wait, scenario),
                minimum_stay={date.min: 0} | _periods(rules.minimum_stay, scenario),
                exempt=np.array([kind in rules.exempt_from_wait for kind in pool.kinds]),
                fee={day: scenario.number(fee) for day, fee in rules.fee.items()},
                case_fee={date.min: 0.0} | {day: scenario.number(fee) for day, fee in rules.case_fee.items()},
                entry_fee={date.min: 0.0} | {day: scenario.number(fee) for day, fee in rules.entry_fee.items()},
                retention=scenario.number(reinsured.above) if reinsured else np.inf,
                reinsurance_rate=scenario.number(reinsured.premium_rate) if reinsured else 0.0,
                benefits=_benefits(pool, rules, scenario),
            )
        )
    return tuple(made)


def _periods(dated: Mapping[date, float | str], scenario: Scenario) -> dict[date, int]:
    return {day: scenario.periods_of(time) for day, time in dated.items()}


def amended(before: Plan, after: Plan, day: date) -> Plan:
    """The rules after a change on a day, with the dated rules as they were until then."""
    dated: dict[str, Any] = {}
    for entry in fields(Plan):
        old, new = getattr(before, entry.name), getattr(after, entry.name)
        if isinstance(new, Mapping):
            since = [start for start in new if start <= day]
            now = {day: new[max(since)]} if since else {}
            until = {start: value for start, value in old.items() if start < day}
            dated[entry.name] = until | now | {start: value for start, value in new.items() if start > day}
    return replace(after, **dated)


def timeline(scenario: Scenario) -> list[tuple[int, Scenario, tuple[Plan, ...]]]:
    """From which period on which scenario and plans hold: one entry, and one more for each dated change of a policy.

    Dated rules are those of the whole history in every entry, so that a day alone says which value holds.
    """
    calendar = scenario.calendar
    stages = [(0, scenario)]
    whole = plans(scenario)
    if not scenario.pool.amendments:
        return [(0, scenario, whole)]
    for day, changed in scenario.amendments():
        period = calendar.period_of(day)
        if period < scenario.periods:
            stages.append((max(0, period), changed))
            whole = tuple(amended(old, new, day) for old, new in zip(whole, plans(changed), strict=True))
    names = [entry.name for entry in fields(Plan) if isinstance(getattr(whole[0], entry.name), Mapping)]
    made = []
    for period, of_stage in stages:
        now = zip(plans(of_stage), whole, strict=True)
        made.append((period, of_stage, tuple(replace(p, **{name: getattr(w, name) for name in names}) for p, w in now)))
    return made


def waits_of(scenario: Scenario, plans: Sequence[Plan]) -> NDArray[np.int64]:
    """Waiting period in periods, by plan, of those who join for the first time and again, and period of joining.

    Shape (plans, 2, 256).
    """
    calendar = scenario.calendar
    waits = np.zeros((len(plans), 2, NEVER + 1), dtype=np.int64)
    for number, plan in enumerate(plans):
        for again, dated in enumerate((plan.wait, plan.wait_on_return)):
            for start, wait in sorted(dated.items()):
                first = 0 if start <= calendar.launch else max(0, calendar.period_of(start))
                waits[number, again, first:] = wait
    return waits


@lru_cache(maxsize=64)
def _plan_for(
    ages: tuple[tuple[int, int], ...], takes: tuple[tuple[bool, bool], ...], order: tuple[int, ...]
) -> NDArray[np.int8]:
    table = np.full((2, (LIFELONG_YEARS + 20) * YEAR), -1, dtype=np.int8)
    for number in reversed(order):
        youngest, oldest = ages[number]
        for chronic in range(2):
            if takes[number][chronic]:
                table[chronic, youngest + 1 : oldest + 1] = number
    table.setflags(write=False)
    return table


def plan_for(plans: Sequence[Plan], is_open: Sequence[bool]) -> NDArray[np.int8]:
    """The plan that people may join, by chronic illness and age in half-months plus one: the first open one.

    Where none that takes them is open, it is the first that will; -1 where none does.
    """
    order = sorted(range(len(plans)), key=lambda number: (not is_open[number], number))
    ages = tuple((plan.youngest, plan.oldest) for plan in plans)
    return _plan_for(ages, tuple(plan.takes for plan in plans), tuple(order))


def _sharing(rules: "pool_file.Sharing", plan: Plan, scenario: Scenario, health: Health) -> SharingRule:
    """The sharing rule that a pool file describes."""
    if rules.rule == "age_bands":
        return AgeBands(tuple(rules.bounds))
    if rules.rule == "risk_rated":
        return RiskRated(fair_values(plan, health, plan.opens)[0])
    if rules.rule == "smoothed":
        length = scenario.calendar.days_per_period
        return Smoothed(Smoothing(max(1.0, float(rules.over or 0) / length), float(rules.reserve or 0) / length))
    return EqualShares()


def platform_rules(
    scenario: Scenario, plans: Sequence[Plan], sharing: Mapping[str, SharingRule], health: Health
) -> PlatformRules:
    """What the platform of a scenario promises; plans that `sharing` does not name share as the pool says.

    Raises:
        ValueError: if `sharing` names a plan that does not exist.
    """
    pool, rules = scenario.pool, scenario.pool.rules
    for name in sharing:
        if name not in pool.plan_names:
            raise ValueError(f"sharing = {{{name!r}: ...}} is not allowed: {', '.join(pool.plan_names)}")
    caps, subsidies = ({entry.plan: entry for entry in entries} for entries in (rules.caps, rules.subsidies))
    of_plans = []
    for plan, written in zip(plans, rules.plans, strict=True):
        values: dict[str, float | int | bool | None] = {}
        if cap := caps.get(plan.name):
            most = scenario.number(cap.per_member)
            values |= {"yearly_cap": most, "capped_in": cap.year, "carries_excess": cap.excess == "pool"}
        if subsidy := subsidies.get(plan.name):
            values |= {"waived_shares": subsidy.first_shares, "waived_in": subsidy.year}
        price = scenario.number(written.advertised_price)
        rule = sharing.get(plan.name) or _sharing(written.sharing, plan, scenario, health)
        of_plans.append(PlanRules(plan.name, price, rule, **values))  # type: ignore[arg-type]
    return PlatformRules(
        plans=tuple(of_plans),
        settlements_per_year=scenario.calendar.per_year,
        minor=pool.minor,
        first_birth_year=scenario.calendar.first_birth_year,
        review_start=scenario.review_start,
        review_growth=scenario.review_growth,
        review_clearing=scenario.review_clearing,
        price_memory=scenario.price_memory,
        habituation=scenario.habituation,
    )


def early_joiners(scenario: Scenario) -> dict[int, int]:
    """Plan -> the last period of joining of those whose shares may be waived."""
    rules, calendar = scenario.pool.rules, scenario.calendar
    return {scenario.pool.plan_names.index(s.plan): calendar.period_of(s.joined_by) for s in rules.subsidies}


def doors(scenario: Scenario) -> list[date]:
    """Days on which a gate falls or a plan opens after the launch: people who wait outside come."""
    rules = scenario.pool.rules
    opened = [plan.opens for plan in rules.plans if plan.opens > rules.launch]
    return [*(gate.until for gate in rules.gates), *opened]


def fair_values(plan: Plan, health: Health, day: date) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected benefit in money per year by sex and age, shape (2, 106) each.

    First for a person of average risk, then for the additional risk of a person with warning signs.
    """
    benefit = np.einsum("sak,ak->sa", health.kinds, plan.benefits_at(day))
    return health.incidence * benefit, health.signs_risk * benefit
