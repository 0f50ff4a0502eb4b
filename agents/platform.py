"""Platform: screens, reviews claims, settles in whole fen, publishes, changes terms, closes.

The real one was Ant Group's Xiang Hu Bao: it took no premium, reviewed claims by field investigation, and twice a
month divided what it had approved, plus a management fee, equally among the members of each plan.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from numpy.typing import NDArray

FEN = 100


@dataclass(frozen=True)
class Settlement:
    """One settlement of one plan, in fen. collected + subsidy = aid + fee + (carry - carry before)."""

    members: int
    aid: int
    fee: int
    share: int
    """What each member is asked for."""
    collected: int
    subsidy: int
    """What the platform bears because of the caps, or because nobody is left to pay."""
    carry: int
    """What rounding leaves in the pool for the next settlement; negative where it fell short."""


def settle(
    *,
    members: int,
    benefits: NDArray[np.float64],
    people: NDArray[np.float64],
    fee_rate: float,
    carry: int = 0,
    case_cap: float = np.inf,
    most: float = np.inf,
) -> Settlement:
    """Divide approved claims equally among members.

    Args:
        members: people who share.
        benefits: yuan per claim, shape (cases,).
        people: number of claims in each case, shape (cases,).
        fee_rate: management fee, share of aid.
        carry: fen left in the pool by the last settlement.
        case_cap: most that one member pays for one claim, yuan; the platform bears the rest.
        most: most that one member pays now, yuan; the platform bears the rest.
    """
    aid = round(float(benefits @ people) * FEN)
    fee = round(aid * fee_rate)
    if members == 0:
        return Settlement(0, aid, fee, 0, 0, aid + fee, carry)
    over_cap = np.maximum(0.0, benefits * (1 + fee_rate) - case_cap * members)
    subsidy = round(float(over_cap @ people) * FEN)
    due = aid + fee - subsidy - carry
    share = max(0, (2 * due + members) // (2 * members))
    if share > most * FEN:
        share = int(most * FEN)
        subsidy += due - share * members
    collected = share * members
    return Settlement(members, aid, fee, share, collected, subsidy, carry + collected + subsidy - aid - fee)


class Platform(mesa.Agent):  # type: ignore[misc]
    """The platform. Its plans, docket and ledger belong to the world and are handed to it."""

    if TYPE_CHECKING:
        model: Any

    def __init__(self, model: Any, *, plans: Any, docket: Any, ledger: Any) -> None:
        super().__init__(model)
        self.plans, self.docket, self.ledger = plans, docket, ledger
        self.capacity = float(model.scenario.review_start)
        self.carry = [0] * len(plans)
        self.year = 0
        self.paid_this_year = [0] * len(plans)
        """What a member of each plan was asked for in the settlements published this year, fen."""
        self.bills_this_year = [0] * len(plans)
        """Settlements published this year in which the members of each plan were asked for money."""
        scenario = model.scenario
        advertised = (scenario.advertised_price, scenario.seniors_advertised_price, scenario.advertised_price)
        self.expected_price = np.array(advertised, dtype=np.float64)
        """What a year of each plan is expected to cost, yuan."""
        self.usual_bill = np.zeros(len(plans))
        """What members are used to pay in each plan: slowly smoothed shares, yuan per settlement."""
        self.recent_bill = np.zeros(len(plans))
        """The last few shares, smoothed as the expected price is, yuan per settlement."""
        self.has_billed = np.zeros(len(plans), dtype=np.bool_)

    def review(self, period: int, filed: float, slowed: float) -> Any:
        """Decide the oldest claims as far as capacity goes, then hire for the next period.

        Capacity moves towards what the claims filed and the queue call for, by a limited rate a period; the platform
        hires nobody while reviews are slowed down (`slowed` below 1).
        """
        scenario = self.model.scenario
        decided = self.docket.review(np.floor(self.capacity * slowed), period - scenario.review_periods)
        if slowed == 1.0:
            wanted = filed + self.docket.waiting.people.sum() / scenario.review_clearing
            most = self.capacity * (1 + scenario.review_growth)
            least = max(self.capacity / (1 + scenario.review_growth), scenario.review_start)
            self.capacity = float(min(max(wanted, least), most))
        return decided

    def begin_settlement(self, year: int) -> None:
        """Start the totals of a year anew with the first settlement that is published in it."""
        if year != self.year:
            self.year = year
            self.paid_this_year = [0] * len(self.plans)
            self.bills_this_year = [0] * len(self.plans)

    def settle(self, plan: int, members: int, cases: Any, *, fee_rate: float, most: float) -> Settlement:
        """Divide the approved claims of a plan."""
        settlement = settle(
            members=members,
            benefits=cases.benefit,
            people=cases.people,
            fee_rate=fee_rate,
            carry=self.carry[plan],
            case_cap=self.plans[plan].case_cap,
            most=most,
        )
        self.carry[plan] = settlement.carry
        return settlement

    def collect_and_pay(self, period: int, plan: int, settlement: Settlement, waived: int) -> None:
        """Move the money of a settlement; `waived` fen of the shares are the platform's gift."""
        pool, transfer = f"pool of {self.plans[plan].name}", self.ledger.transfer
        transfer(period, "members", pool, settlement.collected - waived, "shares")
        transfer(period, "platform", pool, waived, "shares paid for members")
        transfer(period, "platform", pool, settlement.subsidy, "excess over caps")
        transfer(period, pool, "patients", settlement.aid, "aid")
        transfer(period, pool, "platform", settlement.fee, "fee")

    def publish(self, plan: int, share: int, settlements_per_year: int) -> None:
        """Let members see the share, in fen: it becomes part of what they expect to pay."""
        weight = self.model.scenario.price_memory
        share_yuan = share / FEN
        self.paid_this_year[plan] += share
        self.bills_this_year[plan] += share > 0
        self.recent_bill[plan] += weight * (share_yuan - self.recent_bill[plan])
        self.usual_bill[plan] += self.model.scenario.habituation * (share_yuan - self.usual_bill[plan])
        self.has_billed[plan] |= share > 0
        if self.has_billed[plan]:
            year = settlements_per_year * share_yuan
            self.expected_price[plan] += weight * (year - self.expected_price[plan])

    @property
    def bill_rise(self) -> NDArray[np.float64]:
        """How far recent bills exceed the usual one in each plan, yuan per settlement."""
        return np.maximum(0.0, self.recent_bill - self.usual_bill)

    def close(self, period: int) -> int:
        """Pay what is due for all claims under way, from the platform's own money; returns fen."""
        owed = round(float(self.docket.owed.sum()) * FEN)
        self.ledger.transfer(period, "platform", "patients", owed, "aid after the closing")
        return owed
