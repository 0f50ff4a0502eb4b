"""Platform: reviews claims, settles in whole minor units, publishes, bears what its caps and waivers promise, closes.

It takes no premium, reviews claims, and at each settlement divides what it has approved, plus a management fee, among
the members of each plan. Money is in the pool's currency, and settled in whole minor units of it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import mesa
import numpy as np
from numpy.typing import NDArray

from agents.population import BIRTH_YEARS
from agents.sharing import EqualShares, SharingRule


class Settlement(NamedTuple):
    """One settlement of one plan, in minor units.

    collected + subsidy + recovered = aid + fee + reinsurance + (carry - carry before), where the carry before includes
    the entry fees paid since.
    """

    members: int
    aid: int
    fee: int
    share: int
    """What each member is asked for; where a rule gives weights, the mean."""
    collected: int
    subsidy: int
    """What the platform bears because of the caps, or because nobody is left to pay."""
    carry: int
    """What is left in the pool for the next settlement, by rounding or in reserve; negative where it fell short."""
    reinsurance: int = 0
    """The reinsurer's premium."""
    recovered: int = 0
    """What the reinsurer pays."""


class Terms(NamedTuple):
    """What a plan asks of its members and of others at a settlement, money in the pool's currency."""

    fee_rate: float
    """Management fee, share of aid."""
    case_fee: float = 0.0
    """Management fee on each claim."""
    case_cap: float = math.inf
    """Most that one member pays for one claim; the platform bears the rest."""
    retention: float = math.inf
    """Most that a settlement costs a member before the reinsurer pays."""
    reinsurance_rate: float = 0.0
    """The reinsurer's premium, share of aid."""


def settle(
    *,
    members: int,
    benefits: Sequence[float],
    people: Sequence[float],
    terms: Terms,
    carry: int = 0,
    most: float = math.inf,
    minor: int = 100,
    carries_excess: bool = False,
    ask: Callable[[int], float] | None = None,
    cells: NDArray[np.int64] | None = None,
    weights: NDArray[np.int64] | None = None,
) -> tuple[Settlement, NDArray[np.int64] | None]:
    """Divide approved claims among members; returns the settlement and, where there are weights, each cell's share.

    Args:
        members: people who share.
        benefits: money per claim of each class.
        people: number of claims of each class.
        terms: fees, caps and reinsurance.
        carry: minor units left in the pool by the last settlement, entry fees since then included.
        most: most that one member pays now; the platform bears the rest.
        minor: minor units in one of the currency.
        carries_excess: whether the pool, and not the platform, bears what exceeds `most`, and carries it on.
        ask: where shares are smoothed, what a member is asked for given the cost of the settlement, minor units.
        cells: people who share by sex and year of birth, where there are weights; they add up to `members`.
        weights: what they pay in proportion.
    """
    aid = round(sum(benefit * claims for benefit, claims in zip(benefits, people, strict=True)) * minor)
    fee = round(aid * terms.fee_rate + terms.case_fee * sum(people) * minor)
    if members == 0:
        return Settlement(0, aid, fee, 0, 0, aid + fee, carry), None if weights is None else np.zeros_like(weights)
    over_cap = 0.0
    for benefit, claims in zip(benefits, people, strict=True):
        of_claim = benefit * (1 + terms.fee_rate) + terms.case_fee
        over_cap += max(0.0, of_claim - terms.case_cap * members) * claims
    subsidy = round(over_cap * minor)
    reinsurance = round(aid * terms.reinsurance_rate)
    cost = aid + fee + reinsurance - subsidy
    recovered = 0
    if cost > terms.retention * members * minor:
        recovered = cost - int(terms.retention * members * minor)
    due = cost - recovered - carry
    share = max(0, (2 * due + members) // (2 * members))
    if ask is not None:
        # A fund that would be overdrawn asks for what it lacks, rounded up.
        share = max(0, -(-due // members), round(ask(cost - recovered)))
    capped = share > most * minor
    if capped:
        share = int(most * minor)
        subsidy += 0 if carries_excess else due - share * members
    table, collected = None, share * members
    if weights is not None and cells is not None:
        total = collected if capped else max(due, 0)
        weight = int((weights * cells).sum())
        table = np.asarray((2 * total * weights + weight) // (2 * weight))
        collected = int((table * cells).sum())
    left = carry + collected + subsidy + recovered - aid - fee - reinsurance
    return Settlement(members, aid, fee, share, collected, subsidy, left, reinsurance, recovered), table


class PlanSettlement(NamedTuple):
    """One settlement of one plan: one part for each group of its sharing rule, and who paid."""

    parts: list[Settlement]
    groups: NDArray[np.int64]
    """The group of each sex and year of birth, shape (2, 120)."""
    waived: int
    """Minor units of the shares that the platform pays for members."""
    entry_fees: int = 0
    """Minor units paid by those who joined since the last settlement."""
    table: NDArray[np.int64] | None = None
    """What a member of each sex and year of birth is asked for where the rule gives weights, minor units."""

    @property
    def whole(self) -> Settlement:
        """The groups together; the share is what members are asked for on average, in whole minor units."""
        if len(self.parts) == 1 and self.table is None:
            return self.parts[0]
        return Settlement._make(map(sum, zip(*self.parts, strict=True)))._replace(share=round(self.mean_share))

    @property
    def mean_share(self) -> float:
        """What members are asked for on average, minor units."""
        if len(self.parts) == 1 and self.table is None:
            return float(self.parts[0].share)
        members = sum(part.members for part in self.parts)
        return sum(part.collected for part in self.parts) / members if members else 0.0

    @property
    def shares(self) -> NDArray[np.int64]:
        """What a member of each sex and year of birth is asked for, minor units, shape (2, 120)."""
        return np.array([part.share for part in self.parts])[self.groups] if self.table is None else self.table


@dataclass(frozen=True)
class PlanRules:
    """What the platform promises to the members of a plan."""

    name: str
    advertised_price: float
    """What members expect a year to cost before the first bill."""
    sharing: SharingRule = field(default_factory=EqualShares)
    yearly_cap: float = math.inf
    """Most that one member pays in the year `capped_in`."""
    capped_in: int | None = None
    """None: in every year."""
    carries_excess: bool = False
    """Whether the pool, and not the platform, bears what exceeds that cap."""
    waived_shares: int = 0
    """How many of the first bills of the year `waived_in` the platform pays for those who joined early."""
    waived_in: int = 0


@dataclass(frozen=True)
class PlatformRules:
    """How the platform works, whatever the plan."""

    plans: tuple[PlanRules, ...]
    settlements_per_year: int
    minor: int
    """Minor units in one of the currency."""
    first_birth_year: int
    review_start: float
    """Claims that it can review in the first period."""
    review_growth: float
    """Most by which that capacity grows or shrinks, share per period."""
    review_clearing: float
    """Periods over which a backlog of claims is spread."""
    price_memory: float
    """Weight of the last bill in the expected price."""
    habituation: float
    """Weight of the last bill in what members are used to pay."""


class Platform(mesa.Agent):  # type: ignore[misc]
    """The platform: what it promised, what it can review, what it billed, and what its members came to expect."""

    def __init__(self, model: mesa.Model, rules: PlatformRules) -> None:
        super().__init__(model)
        self.rules = rules
        plans = len(rules.plans)
        self.capacity = float(rules.review_start)
        """Claims that can be reviewed in this period."""
        self.carry = [[0] * plan.sharing.number for plan in rules.plans]
        """Minor units that rounding has left, or that are in reserve, by plan and group."""
        self.entry_fees = [0] * plans
        """Minor units paid by those who joined since the last settlement, by plan."""
        self._unshared = [0] * plans
        self.level = [math.nan] * plans
        """Smoothed cost of a settlement per member, minor units, where a plan's shares are smoothed."""
        self.year = 0
        self.paid_this_year = [[0] * plan.sharing.number for plan in rules.plans]
        """What a member of each plan and group was asked for in the settlements published this year, minor units."""
        self.bills_this_year = [0] * plans
        """Settlements published this year in which the members of each plan were asked for money."""
        advertised = np.array([plan.advertised_price for plan in rules.plans])
        self.price_table = np.tile(advertised[:, np.newaxis, np.newaxis], (1, 2, BIRTH_YEARS))
        """What a year of each plan is expected to cost, by sex and year of birth, shape (plans, 2, 120)."""
        self.expected_price: list[float] = advertised.tolist()
        """The same for a member who pays the mean share of each plan."""
        self.usual_bill = [0.0] * plans
        """What members are used to pay in each plan: slowly smoothed shares, money per settlement."""
        self.recent_bill = [0.0] * plans
        """The last few shares, smoothed as the expected price is, money per settlement."""
        self.has_billed = [False] * plans

    def change_rules(self, rules: PlatformRules) -> None:
        """Follow other rules from now on. What the groups of a plan have left is shared by its new groups by members.

        Args:
            rules: for the same plans, in the same order.
        """
        for plan, (before, after) in enumerate(zip(self.rules.plans, rules.plans, strict=True)):
            if before.sharing.number != after.sharing.number:
                self._unshared[plan] += sum(self.carry[plan])
                self.carry[plan] = [0] * after.sharing.number
                self.paid_this_year[plan] = [max(self.paid_this_year[plan])] * after.sharing.number
        self.rules = rules

    def planned_reviews(self, due: float, backlog: float) -> float:
        """Claims that it means to decide: those due in this period, and a part of the backlog, one claim at least."""
        return due + min(backlog, max(1.0, backlog / self.rules.review_clearing))

    def reviews(self, due: float, backlog: float, slowed: float) -> float:
        """Claims that it decides in this period: what it planned, as far as its capacity for whole claims allows.

        Args:
            due: claims whose least time for a review ended in this period.
            backlog: claims that were due before and still wait.
            slowed: share of its capacity that can work.
        """
        return min(self.planned_reviews(due, backlog), float(math.floor(self.capacity * slowed)))

    def hire(self, due: float, backlog: float, most: float = math.inf) -> None:
        """Move capacity towards what this period's claims and backlog called for.

        Args:
            due: as in `reviews`.
            backlog: as in `reviews`.
            most: claims a period that its reviewers can decide at most, however many claims wait.
        """
        rules = self.rules
        grown = min(self.capacity * (1 + rules.review_growth), most)
        least = max(self.capacity / (1 + rules.review_growth), rules.review_start)
        self.capacity = float(min(max(self.planned_reviews(due, backlog), least), grown))

    def begin_settlement(self, year: int) -> None:
        """Start the totals of a year anew with the first settlement that is published in it."""
        if year != self.year:
            self.year = year
            self.paid_this_year = [[0] * plan.sharing.number for plan in self.rules.plans]
            self.bills_this_year = [0] * len(self.rules.plans)

    def waives(self, plan: int) -> bool:
        """Whether the shares of those who joined early are waived in this settlement."""
        rules = self.rules.plans[plan]
        return self.year == rules.waived_in and self.bills_this_year[plan] < rules.waived_shares

    def settle(
        self,
        plan: int,
        *,
        number: int,
        members: NDArray[np.int64],
        scale: float,
        benefits: Sequence[float],
        approved: Sequence[float],
        approved_by_cell: NDArray[np.float64],
        terms: Terms,
        entry_fees: int = 0,
        early: NDArray[np.int64] | None = None,
        pays_all: bool = False,
    ) -> PlanSettlement:
        """Divide the approved claims of a plan by its sharing rule.

        Args:
            plan: which plan.
            number: rows of members.
            members: the same by sex and year of birth, shape (2, 120).
            scale: people per row.
            benefits: money per claim of each class.
            approved: claims to be paid of each class.
            approved_by_cell: the same by class, sex and year of birth, shape (classes, 2, 120).
            terms: fees, caps and reinsurance.
            entry_fees: minor units paid by those who joined since the last settlement.
            early: rows of members whose share the platform pays in this settlement, shape (2, 120), if it pays any.
            pays_all: whether it pays all shares, as after a closing was announced.
        """
        rules, year = self.rules.plans[plan], self.year - self.rules.first_birth_year
        groups, weights = rules.sharing.groups(year), rules.sharing.weights(year)
        table = None if weights is None else np.zeros_like(weights)
        if entry_fees or self._unshared[plan]:
            self._share_out(plan, entry_fees, members, groups)
        parts, waived = [], 0
        for group in range(rules.sharing.number):
            rows, claims = number, approved
            if rules.sharing.number > 1:
                of_group = groups == group
                rows, claims = int(members[of_group].sum()), approved_by_cell[:, of_group].sum(axis=1).tolist()
            most = math.inf
            if rules.capped_in in {self.year, None}:
                most = rules.yearly_cap - self.paid_this_year[plan][group] / self.rules.minor
            number_of_people, cells = round(rows * scale), None
            if weights is not None:
                cells = np.rint(np.where(groups == group, members, 0) * scale).astype(np.int64)
                number_of_people = int(cells.sum())
            part, of_cells = settle(
                members=number_of_people,
                benefits=benefits,
                people=claims,
                terms=terms,
                carry=self.carry[plan][group],
                most=most,
                minor=self.rules.minor,
                carries_excess=rules.carries_excess,
                ask=self._ask(plan, self.carry[plan][group], number_of_people),
                cells=cells,
                weights=weights,
            )
            if table is not None:
                table = np.where(groups == group, np.asarray(of_cells), table)
            self.carry[plan][group] = part.carry
            parts.append(part)
            if pays_all:
                waived += part.collected
            elif early is not None:
                waived += self._waived(part, early * (groups == group), scale, table)
        return PlanSettlement(parts, groups, waived, entry_fees, table)

    @staticmethod
    def _waived(part: Settlement, early: NDArray[np.int64], scale: float, table: NDArray[np.int64] | None) -> int:
        """Minor units of the shares of those who joined early, shape (2, 120), in rows."""
        owed = part.share * round(int(early.sum()) * scale)
        if table is not None:
            owed = int((table * np.rint(early * scale)).sum())
        return min(part.collected, owed)

    def _share_out(self, plan: int, entry_fees: int, members: NDArray[np.int64], groups: NDArray[np.int64]) -> None:
        """Add entry fees, and what other groups have left, to what the groups of a plan carry, by their members."""
        rows = [int(members[groups == group].sum()) for group in range(len(self.carry[plan]))]
        amount, everybody = entry_fees + self._unshared[plan], sum(rows)
        self._unshared[plan] = 0 if everybody else amount
        if not everybody:
            return
        given = [amount * number // everybody for number in rows]
        given[rows.index(max(rows))] += amount - sum(given)
        for group, more in enumerate(given):
            self.carry[plan][group] += more

    def _ask(self, plan: int, fund: int, members: int) -> Callable[[int], float] | None:
        """What a member is asked for given the cost of a settlement, where shares are smoothed, minor units."""
        smoothing = self.rules.plans[plan].sharing.smoothing
        if smoothing is None or members == 0:
            return None

        def ask(cost: int) -> float:
            of_member, level = cost / members, self.level[plan]
            self.level[plan] = of_member if math.isnan(level) else level + (of_member - level) / smoothing.settlements
            return smoothing.ask(self.level[plan], fund, members)

        return ask

    def publish(self, settlements: Sequence[PlanSettlement]) -> None:
        """Let the members of each plan see their share: it becomes part of what they expect to pay."""
        rules, weight = self.rules, self.rules.price_memory
        before = self.price_table
        for plan, settlement in enumerate(settlements):
            share = settlement.mean_share / rules.minor
            for group, part in enumerate(settlement.parts):
                self.paid_this_year[plan][group] += part.share
            self.bills_this_year[plan] += share > 0
            self.recent_bill[plan] += weight * (share - self.recent_bill[plan])
            self.usual_bill[plan] += rules.habituation * (share - self.usual_bill[plan])
            self.has_billed[plan] |= share > 0
            if self.has_billed[plan]:
                year = rules.settlements_per_year * share
                self.expected_price[plan] += weight * (year - self.expected_price[plan])
        self.price_table = np.empty_like(before)
        for plan, settlement in enumerate(settlements):
            self.price_table[plan] = self.expected_price[plan]
            if len(settlement.parts) > 1 or settlement.table is not None:
                step = weight * (rules.settlements_per_year * (settlement.shares / rules.minor) - before[plan])
                self.price_table[plan] = before[plan] + self.has_billed[plan] * step

    @property
    def bill_rise(self) -> list[float]:
        """How far recent bills exceed the usual one in each plan, money per settlement."""
        return [max(0.0, recent - usual) for recent, usual in zip(self.recent_bill, self.usual_bill, strict=True)]
