"""From illness to payment."""

import numpy as np
import pytest

from model.claims import LONGEST_LAG, Cases, Docket, _pick, lag_distribution


def cases(due, people, plan=0, benefit=100_000.0, row=None):
    size = len(due)
    return Cases(
        np.array(due),
        np.arange(size) if row is None else np.full(size, row),
        np.full(size, plan),
        np.full(size, 35.0),
        np.full(size, benefit),
        np.zeros(size, dtype=bool),
        np.array(people, dtype=float),
    )


def test_the_lag_is_a_distribution_with_the_mean_asked_for():
    for months in (0.0, 1.0, 2.0, 3.0):
        lags = lag_distribution(months)
        assert lags.size == LONGEST_LAG + 1
        assert lags.sum() == pytest.approx(1)
        assert lags.min() >= 0
        # Filed within a half-month counts as its start; the longest lags are cut off by the deadline.
        assert lags @ np.arange(LONGEST_LAG + 1) == pytest.approx(max(0, 2 * months - 0.5), abs=0.35)


def test_claims_are_filed_when_due_and_reviewed_in_that_order():
    docket = Docket(seed=1)
    docket.enter(cases([3, 1, 2], [10, 10, 10]))
    assert docket.file(0, 0.0).due.size == 0
    assert list(docket.file(1, 0.0).due) == [1]
    docket.file(2, 0.0)
    docket.file(3, 0.0)
    done = docket.review(15.0, filed_by=3)
    assert list(done.due) == [1, 2]
    assert list(done.people) == [10, 5]
    assert list(docket.review(100.0, filed_by=3).people) == [5, 10]
    assert docket.waiting.due.size == 0


def test_sampled_claims_of_one_settlement_are_decided_in_the_order_of_their_rows():
    docket = Docket(seed=1)
    docket.enter(cases([1, 1, 1], [10, 10, 10]))
    docket.file(1, 0.0)
    done = docket.review(15.0, filed_by=1)
    assert (list(done.row), list(done.people)) == ([0, 1], [10, 5])
    assert list(docket.review(100.0, filed_by=1).row) == [1, 2]


def test_an_outcome_is_picked_by_where_the_draw_falls():
    chances = np.array([0.25, 0.5, 0.25])
    draws = (0.0, 0.2499, 0.25, 0.7499, 0.75, 0.9999)
    assert [_pick(chances, u) for u in draws] == [0, 0, 1, 1, 2, 2]


def test_a_claim_is_not_decided_before_its_review_is_over():
    docket = Docket(seed=1)
    docket.enter(cases([1], [1]))
    docket.file(1, 0.0)
    assert docket.review(10.0, filed_by=0).due.size == 0
    assert docket.review(10.0, filed_by=1).due.size == 1


def test_nothing_is_lost_when_filings_are_put_off():
    docket = Docket(seed=1)
    docket.enter(cases([1] * 1000, [1] * 1000))
    docket.enter(cases([1], [1000.0], row=-1))
    filed = docket.file(1, 0.2)
    people = filed.people[filed.row >= 0].sum()
    assert filed.people[filed.row < 0].sum() == 800
    assert abs(people - 800) < 5 * np.sqrt(160)  # five standard errors
    assert docket.diagnosed.people.sum() == pytest.approx(2000 - people - 800)
    rest = docket.file(2, 0.0)
    assert rest.people.sum() + people + 800 == 2000


def test_expected_claims_of_one_period_share_the_capacity_that_is_left():
    docket = Docket(seed=1)
    docket.enter(cases([1, 1, 2], [30.0, 10.0, 5.0], row=-1))
    docket.file(1, 0.0)
    docket.file(2, 0.0)
    assert list(docket.review(20.0, filed_by=2).people) == [15.0, 5.0]
    assert list(docket.review(22.0, filed_by=2).people) == [15.0, 5.0, 2.0]
    assert docket.waiting.people.sum() == 3.0


def test_what_is_owed_leaves_refusals_out():
    docket = Docket(seed=1)
    docket.enter(cases([1, 2], [2, 3])._replace(refused=np.array([False, True])))
    assert docket.owed.tolist() == [200_000, 0, 0]
