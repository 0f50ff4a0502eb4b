"""Money: worked cases by hand, and the ledger."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.platform import Terms, settle
from model.ledger import Ledger


def case(members, benefits, people, fee_rate=0.0, case_cap=np.inf, **rest):
    done, _ = settle(
        members=members,
        benefits=np.array(benefits, dtype=float),
        people=np.array(people, dtype=float),
        terms=Terms(fee_rate, case_cap=case_cap),
        **rest,
    )
    return done


def test_the_worked_example_of_the_record():
    # 7,000,000 members, 1,000 patients, 300,000 yuan each: 42.86 yuan, plus the fee.
    assert case(7_000_000, [300_000], [1_000]).share == 4286
    with_fee = case(7_000_000, [300_000], [1_000], fee_rate=0.10)
    assert with_fee.share == 4714
    assert (with_fee.aid, with_fee.fee) == (300_000_000_00, 30_000_000_00)
    assert case(7_000_000, [300_000], [1_000], fee_rate=0.08).share == 4629


def test_three_members_and_one_claim():
    done = case(3, [300_000], [1], fee_rate=0.08)
    assert done.share == 108_000_00
    assert done.carry == 0


def test_what_rounding_leaves_is_carried_to_the_next_settlement():
    first = case(3, [100], [1])
    assert (first.share, first.carry) == (3333, -1)
    second = case(3, [100], [1], carry=first.carry)
    assert (second.share, second.carry) == (3334, 1)


def test_the_platform_bears_what_exceeds_the_cap_per_case():
    # 0.1 yuan from each of 2,000,000 members pays 200,000 of 324,000 yuan.
    done = case(2_000_000, [300_000], [1], fee_rate=0.08, case_cap=0.1)
    assert done.share == 10
    assert done.subsidy == 124_000_00


def test_the_cap_does_not_bind_where_members_are_many():
    assert case(3_300_000, [300_000], [1], fee_rate=0.08, case_cap=0.1).subsidy == 0


def test_the_platform_bears_what_exceeds_the_yearly_cap():
    done = case(1_000, [300_000], [1], most=188.0)
    assert done.share == 188_00
    assert done.subsidy == (300_000 - 188_000) * 100


def test_nobody_left_to_pay():
    done = case(0, [300_000], [1], fee_rate=0.08, carry=-7)
    assert (done.share, done.subsidy, done.carry) == (0, 324_000_00, -7)


def test_a_settlement_without_claims_gives_back_the_carry_in_full_fen_only():
    assert case(10, [], [], carry=4).share == 0
    assert case(10, [], [], carry=4).carry == 4


@settings(max_examples=200, deadline=None)
@given(
    members=st.integers(0, 10**8),
    benefits=st.lists(st.sampled_from([50_000.0, 100_000.0, 300_000.0]), max_size=5),
    count=st.integers(0, 3_000),
    fee_rate=st.floats(0, 0.3),
    carry=st.integers(-(10**8), 10**8),
    case_cap=st.sampled_from([0.1, 1.0, np.inf]),
    most=st.sampled_from([0.0, 7.77, 188.0, np.inf]),
)
def test_collected_and_subsidy_pay_aid_fee_and_carry_to_the_fen(
    members, benefits, count, fee_rate, carry, case_cap, most
):
    done = case(
        members, benefits, [count] * len(benefits), fee_rate=fee_rate, carry=carry, case_cap=case_cap, most=most
    )
    assert done.collected + done.subsidy == done.aid + done.fee + done.carry - carry
    assert done.collected == done.share * members
    assert done.share >= 0
    assert done.subsidy >= 0


def test_transfers_leave_the_sum_of_all_accounts_at_zero():
    ledger = Ledger()
    ledger.transfer(0, "members", "pool of general", 500, "shares")
    ledger.transfer(1, "pool of general", "patients", 499, "aid")
    assert sum(ledger.balances.values()) == 0
    assert ledger.balances["pool of general"] == 1
    assert ledger.total("aid") == 499
    assert ledger.total("aid", period=0) == 0


@pytest.mark.parametrize("fen", [-1, 0.5])
def test_only_whole_amounts_from_zero_on_are_transferred(fen):
    with pytest.raises(ValueError, match="a whole amount"):
        Ledger().transfer(0, "members", "patients", fen, "aid")
