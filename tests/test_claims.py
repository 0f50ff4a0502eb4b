"""From illness to payment: the run-off table of claims."""

import numpy as np
import pytest

from model.claims import GRANTED, REFUSED, Claims, Sampled, Terms, _pick, lag_distribution

AMOUNTS = np.array([50_000.0, 100_000.0, 300_000.0])
LONGEST_LAG = 12
PLANS = 3


def table(scale=1.0, expected=False):
    at_once = lag_distribution(0.0, LONGEST_LAG)
    terms = Terms(
        seed=1,
        scale=scale,
        filing_share=np.ones(PLANS),
        lags=at_once,
        detection=0.0,
        terms_refusal=0.0,
    )
    return Claims(AMOUNTS, PLANS, 20, terms, expected=expected)


def enter(claims, filed, *, number=1, plan=0, what=2, outcome=GRANTED, sex=0, born=1990, period=0, half_month=2836):
    """Claims of this number of people, all alike, diagnosed in this period and filed in another."""
    one = (0, plan, filed - period, what, outcome, sex, 12 * (born - 1900))
    claims.enter(Sampled._make(np.full(number, value) for value in one), period, half_month)


def decided(claims, capacity, filed_by):
    done = claims.review(capacity, filed_by)
    assert done.people.sum() == pytest.approx(done.by_class.sum())
    return done


def test_the_lag_is_a_distribution_with_the_mean_asked_for():
    for months in (0.0, 1.0, 2.0, 3.0):
        lags = lag_distribution(months, LONGEST_LAG)
        assert lags.size == LONGEST_LAG + 1
        assert lags.sum() == pytest.approx(1)
        assert lags.min() >= 0
        # Filed within a half-month counts as its start; the longest lags are cut off by the deadline.
        assert lags @ np.arange(LONGEST_LAG + 1) == pytest.approx(max(0, 2 * months - 0.5), abs=0.35)


def test_an_outcome_is_picked_by_where_the_draw_falls():
    chances = np.array([0.25, 0.5, 0.25])
    draws = (0.0, 0.2499, 0.25, 0.7499, 0.75, 0.9999)
    assert [_pick(chances, u) for u in draws] == [0, 0, 1, 1, 2, 2]


def test_claims_are_filed_when_due_and_reviewed_in_that_order():
    claims = table()
    for filed, sex in ((3, 0), (1, 1), (2, 0)):
        enter(claims, filed, number=10, sex=sex)
    assert [claims.file(period, 0.0)[0] for period in range(4)] == [0, 10, 10, 10]
    first = decided(claims, 15.0, filed_by=3)
    assert first.people[0, 2, GRANTED].sum(axis=1).tolist() == [
        5,
        10,
    ]  # all men of period 1, half the women of period 2
    assert claims.outstanding(3).waiting.tolist() == [15, 0, 0]
    assert decided(claims, 100.0, filed_by=3).people.sum() == 15
    assert claims.outstanding(3).waiting.sum() == 0


def test_what_is_filed_in_one_settlement_is_decided_in_proportion():
    claims = table()
    enter(claims, 1, number=30, plan=0)
    enter(claims, 1, number=10, plan=1, what=1)
    enter(claims, 1, number=20, plan=2, outcome=REFUSED)
    claims.file(1, 0.0)
    assert decided(claims, 30.0, filed_by=1).by_class.sum(axis=(1, 2)).tolist() == [15, 5, 10]


def test_sampled_claims_stay_whole_and_add_up_to_the_capacity():
    claims = table()
    for born in range(1950, 2000):
        enter(claims, 1, number=1 + born % 3, born=born, sex=born % 2)
    total = claims.file(1, 0.0)[0]
    seen = 0
    while seen < total:
        done = decided(claims, 7.0, filed_by=1)
        assert done.people.sum() == min(7, total - seen)
        assert (done.people == np.rint(done.people)).all()
        assert (claims.people >= 0).all()
        seen += done.people.sum()


def test_expected_claims_are_divided_exactly():
    claims = table(expected=True)
    enter(claims, 1, number=3, plan=0)
    enter(claims, 1, number=1, plan=1)
    claims.file(1, 0.0)
    assert decided(claims, 2.0, filed_by=1).by_class.sum(axis=(1, 2)).tolist() == [1.5, 0.5, 0]


def test_a_row_that_is_no_whole_number_of_people_is_divided_too():
    claims = table(scale=2.5)
    enter(claims, 1, number=2)
    claims.file(1, 0.0)
    assert decided(claims, 4.0, filed_by=1).people.sum() == 4
    assert claims.outstanding(1).waiting[0] == 1


def test_a_claim_is_not_decided_before_its_review_is_over():
    claims = table()
    enter(claims, 1)
    claims.file(1, 0.0)
    assert decided(claims, 10.0, filed_by=0).people.sum() == 0
    assert decided(claims, 10.0, filed_by=1).people.sum() == 1


def test_without_capacity_nothing_is_decided_or_lost():
    claims = table()
    enter(claims, 1)
    claims.file(1, 0.0)
    assert decided(claims, 0.0, filed_by=1).people.sum() == 0
    assert claims.outstanding(1).waiting[0] == 1
    assert decided(claims, 1.0, filed_by=1).people.sum() == 1


@pytest.mark.parametrize("expected", [True, False])
def test_nothing_is_lost_when_filings_are_put_off(expected):
    claims = table(expected=expected)
    enter(claims, 1, number=1000)
    enter(claims, 2, number=7)
    assert claims.file(1, 0.2)[0] == 800
    assert claims.file(2, 0.5)[0] == pytest.approx(103.5 if expected else 104)
    assert claims.file(3, 0.0)[0] == pytest.approx(103.5 if expected else 103)


def test_outstanding_claims_are_reported_or_not_and_leave_refusals_out():
    claims = table()
    enter(claims, 1, number=2, what=1)
    enter(claims, 2, number=3, what=2)
    enter(claims, 2, number=5, what=2, outcome=REFUSED)
    enter(claims, 2, number=1, plan=1, what=0)
    claims.file(1, 0.0)
    open_ = claims.outstanding(1)
    assert open_.waiting.tolist() == [2, 0, 0]
    assert open_.reported.tolist() == [200_000, 0, 0]
    assert open_.unreported.tolist() == [900_000, 50_000, 0]


def test_the_age_at_diagnosis_goes_with_the_claims():
    claims = table()
    # Half-month 2836 is the second half of February 2018: someone born in January 1990 is 28 years and 3 half-months.
    enter(claims, 1, number=4, born=1990)
    enter(claims, 1, number=4, born=1960)
    claims.file(1, 0.0)
    for _ in range(2):
        done = decided(claims, 4.0, filed_by=1)
        assert done.half_months[0, 2, GRANTED] / done.by_class[0, 2, GRANTED] == pytest.approx((676 + 1396) / 2)
    assert claims.half_months.sum() == pytest.approx(0)
