"""Policies beside a baseline: what is measured adds up, and pairs differ by the policy alone."""

import numpy as np
import pandas as pd
import pytest

from agents import welfare
from experiments import policies
from experiments.policy_figures import groups_figure, pareto_figure
from experiments.runs.executor import Executor
from model import policy as of_policy
from model.errors import UserError
from model.model import MutualAidModel
from model.policy import of_text
from model.scenario import Scenario

SMALL = {"scale": 200_000}


def numbers(scenario):
    return dict(zip(policies.NAMES, policies.measure(scenario), strict=True))


def summed(found, what):
    return sum(value for name, value in found.items() if name.startswith(f"{what}|"))


@pytest.fixture(scope="module")
def baseline():
    return numbers(Scenario(**SMALL))


def test_what_groups_pay_in_is_what_members_are_charged(baseline):
    model = MutualAidModel(Scenario(**SMALL))
    report = model.simulate()
    assert summed(baseline, "paid_in") == pytest.approx(report.series("collected").sum(), rel=2e-3)
    assert summed(baseline, "members") == pytest.approx(report.series("members").sum(), rel=1e-9)
    assert baseline["benefits_paid"] == pytest.approx(report.series("benefits_paid").sum())
    # Entry fees are paid in as well.
    fee = numbers(Scenario(**SMALL).with_policies([of_text("fee", 'why = "a"\nplans.all.entry_fee = 5')]))
    charged = MutualAidModel(Scenario(**SMALL).with_policies([of_text("fee", 'why = "a"\nplans.all.entry_fee = 5')]))
    paid = charged.simulate().series("collected").sum() + charged.ledger.total("entry fees") / 100
    assert charged.ledger.total("entry fees") > 0
    assert summed(fee, "paid_in") == pytest.approx(paid, rel=2e-3)


def test_expected_benefits_of_groups_are_near_those_that_are_filed(baseline):
    # Benefits are paid later, and refusals found at the review are left out: the same size, not the same figure.
    assert 0.8 < summed(baseline, "paid_out") / baseline["benefits_paid"] < 1.3
    high = sum(baseline[f"paid_out|{age}|high risk"] for age in welfare.AGES)
    low = sum(baseline[f"paid_out|{age}|low risk"] for age in welfare.AGES)
    assert high > 1.5 * low


def test_a_cap_borne_by_the_platform_costs_the_platform_what_members_do_not_pay(baseline):
    capped = numbers(Scenario(**SMALL).with_policies(["yearly_cap"]))
    assert capped["share_last_year"] < baseline["share_last_year"]
    assert capped["platform_result"] < baseline["platform_result"]
    assert capped["surplus"] > baseline["surplus"]


def test_age_bands_move_money_from_the_old_to_the_young(baseline):
    banded = numbers(Scenario(**SMALL).with_policies(["age_bands"]))
    assert banded["transfer_to_old"] < baseline["transfer_to_old"]


def test_people_ill_without_cover_are_counted_by_hand(baseline):
    model = MutualAidModel(Scenario(**SMALL))
    model.simulate()
    columns = model.population.columns
    ill = columns.illness < model.scenario.periods
    members = model.report.series("ill").sum()
    assert baseline["ill_without_cover"] == pytest.approx(ill.sum() * 200_000 - members)


def test_a_policy_that_changes_nothing_makes_no_difference(baseline):
    nothing = Scenario(**SMALL).with_policies([of_text("nothing", 'why = "a test"')])
    assert numbers(nothing) == baseline


def test_policies_of_one_world_are_joined_by_a_plus():
    world = policies.world_of(Scenario(**SMALL), "age_bands+entry_fee")
    assert [each.name for each in world.pool.policies] == ["age_bands", "entry_fee"]
    with pytest.raises(UserError, match="did you mean 'entry_fee'"):
        policies.world_of(Scenario(**SMALL), "age_bands+entry_fees")


def test_a_comparison_goes_on_and_pairs_its_seeds(tmp_path):
    base = Scenario(**SMALL, periods=40, closing=False)
    worlds = policies.Worlds(tmp_path, base, ["full_transparency", "entry_fee"], 3)
    worlds.open()
    with Executor(2) as run:
        measured = worlds.simulate(run)
    assert measured.shape == (3, 3, len(policies.NAMES))
    assert measured[1, 2].tolist() == policies.measure(base.with_policies(["entry_fee"]).replace(rng=base.seed + 1))
    with Executor(1) as run:  # everything is read
        again = policies.Worlds(tmp_path, base, ["full_transparency", "entry_fee"], 3)
        again.open()
        np.testing.assert_array_equal(again.simulate(run), measured)
    with pytest.raises(UserError):
        policies.Worlds(tmp_path, base, ["entry_fee"], 3).open()
    table = policies.differences(worlds.names, measured, "yuan")
    line = table[(table["policy"] == "entry_fee") & (table["key"] == "members_peak")].iloc[0]
    apart = measured[:, 2, 1] - measured[:, 0, 1]
    assert line["difference"] == pytest.approx(apart.mean())
    assert line["same_sign"] == (np.sign(apart) == np.sign(apart.mean())).sum()
    groups = policies.by_group(worlds.names, measured)
    assert len(groups) == 2 * 12
    said = policies.sentences(table, groups)
    assert [line.partition(":")[0] for line in said] == ["full_transparency", "entry_fee"]
    assert list(policies.overview(table)["policy"]) == ["full_transparency", "entry_fee"]
    for figure in (pareto_figure(table, "yuan", "x"), groups_figure(groups, "yuan", "x")):
        assert figure.axes
    assert isinstance(table, pd.DataFrame)


def test_a_policy_is_compared_once(tmp_path):
    with pytest.raises(UserError, match="'entry_fee' is there twice"):
        policies.Worlds(tmp_path, Scenario(**SMALL), ["entry_fee", "entry_fee"], 2)


def test_risk_groups_are_thirds():
    columns = MutualAidModel(Scenario(**SMALL)).population.columns
    groups = welfare.risk_groups(columns)
    assert np.bincount(groups).min() > 0.3 * len(groups)
    assert columns.frailty[groups == 0].max() <= columns.frailty[groups == 2].min()


def test_nineteen_policies_ship():
    assert len(of_policy.named()) == 19
