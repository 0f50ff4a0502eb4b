"""Money, in integer minor units of the pool's currency: accounts, transfers, and what a settlement moves."""

from collections import defaultdict
from typing import NamedTuple

from agents.platform import PlanSettlement

MEMBERS = "members"
PATIENTS = "patients"
PLATFORM = "platform"
REINSURER = "reinsurer"


def pool(plan: str) -> str:
    """The account of a plan: what rounding has left or is in reserve, carried to the next settlement."""
    return f"pool of {plan}"


class Transfer(NamedTuple):
    """A payment that was made."""

    period: int
    source: str
    target: str
    amount: int
    reason: str


class Ledger:
    """Balances in minor units since the launch; they sum to zero, always. Negative: has paid more than received."""

    def __init__(self) -> None:
        self.balances: defaultdict[str, int] = defaultdict(int)
        self.transfers: list[Transfer] = []

    def transfer(self, period: int, source: str, target: str, amount: int, reason: str) -> None:
        """Move an amount from one account to another.

        Raises:
            ValueError: if the amount is negative or not whole.
        """
        if amount != int(amount) or amount < 0:
            raise ValueError(f"cannot transfer {amount} for {reason}: a whole amount from 0 on is needed")
        if amount:
            self.balances[source] -= int(amount)
            self.balances[target] += int(amount)
            self.transfers.append(Transfer(period, source, target, int(amount), reason))

    def book(self, period: int, plan: str, settlement: PlanSettlement) -> None:
        """Move the money of a settlement: shares, entry fees, subsidies and recoveries in, aid, fee and premium out."""
        of_plan, whole, waived = pool(plan), settlement.whole, settlement.waived
        self.transfer(period, MEMBERS, of_plan, whole.collected - waived, "shares")
        self.transfer(period, PLATFORM, of_plan, waived, "shares paid for members")
        self.transfer(period, PLATFORM, of_plan, whole.subsidy, "excess over caps")
        if settlement.entry_fees or whole.recovered or whole.reinsurance:  # few pools have any
            self.transfer(period, MEMBERS, of_plan, settlement.entry_fees, "entry fees")
            self.transfer(period, REINSURER, of_plan, whole.recovered, "recovered from the reinsurer")
            self.transfer(period, of_plan, REINSURER, whole.reinsurance, "reinsurance premium")
        self.transfer(period, of_plan, PATIENTS, whole.aid, "aid")
        self.transfer(period, of_plan, PLATFORM, whole.fee, "fee")

    def total(self, reason: str, period: int | None = None) -> int:
        """Minor units moved for a reason, in one period or in all."""
        return sum(t.amount for t in self.transfers if t.reason == reason and period in {None, t.period})
