"""Decompositions, by hand and by the cases of the literature."""

import itertools
import json

import numpy as np
import pytest

from experiments.explain.decomposition import (
    composition_and_rate,
    of_product,
    persisters,
    shapley,
    turnover,
)
from experiments.theory import CASES

CASE = json.loads(CASES.read_text(encoding="utf-8"))


def test_shapley_by_hand():
    # Nothing 0; a alone 1; b alone 2; both 6: a adds 1 or 4, b adds 2 or 5.
    assert shapley(np.array([0.0, 1.0, 2.0, 6.0])) == pytest.approx([2.5, 3.5])


def test_shapley_is_the_mean_over_all_orders():
    values = np.random.default_rng(1).random((16, 3))
    expected = np.zeros((4, 3))
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        on = 0
        for switch in order:
            expected[switch] += (values[on | 1 << switch] - values[on]) / len(orders)
            on |= 1 << switch
    assert shapley(values) == pytest.approx(expected)
    assert shapley(values).sum(axis=0) == pytest.approx(values[15] - values[0])


def test_combinations_of_no_whole_number_of_switches_are_refused():
    with pytest.raises(ValueError, match="3 combinations"):
        shapley(np.zeros(3))


def test_three_factors_of_the_literature():
    case = CASE["V17_shapley3"]
    names = "abc"
    parts = of_product(dict(zip(names, case["x0"], strict=True)), dict(zip(names, case["x1"], strict=True)))
    assert list(parts.values()) == pytest.approx(case["contrib"], abs=1e-12)
    assert sum(parts.values()) == pytest.approx(case["total"], abs=1e-12)


def test_composition_and_rate_of_the_literature():
    case = CASE["V16_kitagawa"]
    given = case["inputs"]
    found = composition_and_rate(*(np.array(given[name]) for name in ("w0", "r0", "w1", "r1")))
    assert found == pytest.approx((case["total"], case["composition"], case["rate"]), abs=1e-12)


def test_conservation_of_claims_of_the_literature():
    for case in CASE["V14_conservation"]:
        found = persisters(case["excess_lapse"], case["rel_risk_lapsers"])
        assert found == pytest.approx(case["persister_rel"], abs=1e-12)


def test_turnover_by_hand():
    # Members 1, 2, 6; the one with 6 leaves, one with 5 joins; those who stay go from 1, 2 to 2, 4.
    was, now = np.array([True, True, True, False]), np.array([True, True, False, True])
    found = turnover(was, np.array([1.0, 2.0, 6.0, 4.0]), now, np.array([2.0, 4.0, 7.0, 5.0]))
    assert found.stayers == pytest.approx(1.5)
    assert found.joiners == pytest.approx(11 / 3 - 3)
    assert found.leavers == pytest.approx(1.5 - 3)
    assert found.total == pytest.approx(11 / 3 - 3)


def test_leavers_of_less_risk_raise_the_mean_as_claims_are_conserved():
    """A quarter leaves whose risk is half the mean: turnover says what the law of conservation says."""
    was = np.full(400, True)
    now = np.arange(400) >= 100
    risk = np.where(now, (1 - 0.25 * 0.5) / 0.75, 0.5)
    found = turnover(was, risk, now, risk)
    assert found.leavers == pytest.approx(persisters(0.25, 0.5) - 1)
    assert found.stayers == found.joiners == 0


def test_nobody_who_stays_is_refused():
    one = np.array([True, False])
    with pytest.raises(ValueError, match="nobody"):
        turnover(one, np.ones(2), ~one, np.ones(2))
