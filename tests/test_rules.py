"""What a person perceives and decides, by hand."""

import math

import numpy as np
import pytest
from xiang_hu_bao import GENERAL

from agents import rules
from agents.compute.logarithm import ln
from agents.population import AWARE, BARRED, LOG_UNIT, from_log


def test_perceived_value_mixes_own_risk_with_the_average():
    assert rules.perceived_value(240.0, 0.0, 2.0, False, 0.0, 1.0) == 240
    assert rules.perceived_value(240.0, 0.0, 2.0, False, 1.0, 1.0) == 480
    assert rules.perceived_value(240.0, 0.0, 2.0, False, 0.25, 1.0) == 300


def test_signs_raise_perceived_value():
    assert rules.perceived_value(240.0, 1000.0, 1.0, True, 0.0, 0.5) == 740


def test_willingness_to_pay_is_the_textbook_form():
    assert rules.willingness_to_pay(200.0, 1.5, 0.8) == pytest.approx(240)


def test_nobody_pays_more_than_the_insurer_asks_if_they_could_be_insured():
    assert rules.reservation_price(500.0, 300.0, True) == 300
    assert rules.reservation_price(500.0, 300.0, False) == 500
    assert rules.reservation_price(200.0, 300.0, True) == 200


def test_the_cut_off_rule_accepts_at_the_price():
    assert rules.accepts(100.0, 100.0, 0.0, 0.999)
    assert not rules.accepts(99.99, 100.0, 0.0, 0.001)


def test_the_logit_is_even_at_the_price_and_follows_the_ratio():
    assert rules.accepts(100.0, 100.0, 0.5, 0.499)
    assert not rules.accepts(100.0, 100.0, 0.5, 0.501)
    chance = 1 / (1 + (100 / 200) ** (1 / 0.5))
    assert rules.accepts(200.0, 100.0, 0.5, chance - 1e-9)
    assert not rules.accepts(200.0, 100.0, 0.5, chance + 1e-9)


def test_what_costs_nothing_is_accepted_and_what_is_worth_nothing_is_not():
    assert rules.accepts(0.0, 0.0, 0.5, 0.999)
    assert not rules.accepts(0.0, 1.0, 0.5, 0.001)
    assert rules.accepts(0.0, -1.0, 0.5, 0.999)


def test_an_extreme_ratio_does_not_overflow():
    assert rules.accepts(1e300, 1e-300, 0.001, 0.999999)
    assert not rules.accepts(1e-300, 1e300, 0.001, 1e-12)


def test_the_questionnaire():
    assert rules.conceals(False, 0.5, 1.0, 0.1) == 0  # nothing to tell
    assert rules.conceals(True, 0.2, 1.0, 0.1) == 1  # conceals
    assert rules.conceals(True, 0.2, 1.0, 0.3) == 2  # turned away
    assert rules.conceals(True, 0.2, 0.5, 0.6) == 0  # was not asked


def test_where_someone_who_considered_ends_up():
    assert rules.enrols(GENERAL, False, True, 1) == GENERAL
    assert rules.enrols(GENERAL, True, True, 0) == BARRED
    assert rules.enrols(GENERAL, False, False, 0) == AWARE
    assert rules.enrols(GENERAL, False, True, 2) == AWARE


def test_the_next_notice_comes_sooner_for_the_attentive():
    assert rules.patience(math.exp(-1.0)) == pytest.approx(1)
    assert rules.next_notice(3.0, 1.0, 1.0) == pytest.approx(4)
    assert rules.next_notice(3.0, 2.0, 1.0) == pytest.approx(3.5)


def test_the_logarithm_is_that_of_the_library():
    numbers = np.concatenate([np.geomspace(1e-300, 1e300, 10_001), np.linspace(0.5, 2, 10_001)])
    assert [ln(x) for x in numbers] == pytest.approx(np.log(numbers), rel=1e-15, abs=1e-16)
    assert ln(1.0) == 0.0


@pytest.mark.parametrize("level", [-32767, -2048, -1, 0, 1, 255, 256, 3000, 32767])
def test_a_stored_logarithm_gives_its_number(level):
    assert from_log(level) == pytest.approx(math.exp(level / LOG_UNIT), rel=1e-15)


def test_own_risk():
    assert rules.own_risk(0.002, 1.5, False, 0.3) == pytest.approx(0.003)
    assert rules.own_risk(0.002, 1.5, True, 0.3) == 0.3


def test_refusals_and_filing():
    assert rules.refused_share(False, 0.6, 0.05) == 0.05
    assert rules.refused_share(True, 0.6, 0.05) == pytest.approx(0.05 + 0.95 * 0.6)
    assert rules.refused(True, 0.6, 0.05, 0.6)
    assert not rules.refused(False, 0.6, 0.05, 0.6)
    assert rules.files_claim(True, 0.5, 0.49)
    assert not rules.files_claim(False, 0.5, 0.01)
    # A draw lies in [0, share) with the probability of the share.
    assert not rules.files_claim(True, 0.5, 0.5)
    assert not rules.refused(False, 0.6, 0.05, 0.05)
