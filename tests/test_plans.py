"""The dated rules of the three plans, as the record tells them."""

from datetime import date

import numpy as np
from xiang_hu_bao import ACCIDENT, EARLY_CANCER, EVENTS, OTHER, THYROID

from model.plans import plans
from model.scenario import Scenario

HALF_MONTHS = 24
DAY = date(2020, 7, 1)


def test_what_happened_and_when():
    happened = [(event.day.isoformat(), event.kind) for event in EVENTS]
    assert happened == [
        ("2018-11-27", "regulator"),
        ("2019-03-22", "rule"),
        ("2019-05-08", "rule"),
        ("2019-09-08", "rule"),
        ("2020-02-01", "slowdown"),
        ("2020-05-13", "rule"),
        ("2020-09-07", "regulator"),
        ("2020-11-20", "regulator"),
        ("2020-11-27", "scandal"),
        ("2021-01-31", "rival"),
        ("2021-03-24", "rival"),
        ("2021-03-31", "rival"),
        ("2021-04-30", "rival"),
        ("2021-06-08", "rival"),
        ("2021-12-28", "closing"),
    ]


def test_facts_of_the_plans_that_are_defaults_of_the_scenario():
    facts = Scenario().values()
    rules = ("fee_rate", "insurance_fee_rate", "wait_periods", "case_cap", "cancer_case_cap", "yearly_cap")
    assert [facts[name] for name in rules] == [0.08, 0.10, 6, 0.1, 1.0, 188.0]
    assert [facts[f"benefit_{kind}"] for kind in ("young", "old", "mild")] == [300_000, 100_000, 50_000]
    assert facts["credit_gate"]
    assert facts["closing"]


def test_ages_and_first_days():
    general, seniors, chronic = plans(Scenario())
    assert [plan.opens for plan in (general, seniors, chronic)] == [
        date(2018, 10, 16),
        date(2019, 5, 8),
        date(2020, 5, 13),
    ]
    assert (general.youngest, general.oldest) == (1, 60 * HALF_MONTHS)
    assert (seniors.youngest, seniors.oldest) == (60 * HALF_MONTHS, 71 * HALF_MONTHS)
    assert (chronic.youngest, chronic.oldest) == (general.youngest, general.oldest)


def test_the_cancer_plans_pay_for_cancer_alone():
    general, seniors, chronic = plans(Scenario())
    assert general.benefits_at(DAY)[39, OTHER] == 300_000
    assert general.benefits_at(DAY)[40, [OTHER, ACCIDENT]].tolist() == [100_000, 100_000]
    assert (
        seniors.benefits_at(DAY)[65].tolist()
        == np.select(
            [np.isin(range(5), [OTHER, ACCIDENT]), np.isin(range(5), [EARLY_CANCER, THYROID])], [0, 50_000], 100_000
        ).tolist()
    )
    assert chronic.benefits_at(DAY)[39, [OTHER, ACCIDENT]].tolist() == [0, 0]


def test_mild_thyroid_cancer_is_paid_less_from_may_2019_and_nothing_from_2020():
    general, _, _ = plans(Scenario())
    days = (date(2019, 4, 30), date(2019, 5, 1), date(2019, 12, 31), date(2020, 1, 1))
    assert [general.benefits_at(day)[30, THYROID] for day in days] == [300_000, 50_000, 50_000, 0]


def test_the_fee_falls_when_the_pool_is_no_longer_insurance():
    general, seniors, _ = plans(Scenario())
    assert [general.terms_at(day).fee_rate for day in (date(2018, 11, 26), date(2018, 11, 27))] == [0.10, 0.08]
    assert seniors.terms_at(DAY).fee_rate == 0.08


def test_only_the_questionnaire_of_seniors_is_looser():
    """The chronic plan allows the chronic illness itself, and nothing else."""
    general, seniors, chronic = plans(Scenario(seniors_screening=0.3))
    assert [plan.screening_at(DAY) for plan in (general, seniors, chronic)] == [1.0, 0.3, 1.0]
