"""Policies: patches of a pool, by hand and in whole histories."""

import pickle
from datetime import date

import mesa
import numpy as np
import pytest

from agents.platform import PlanRules, Platform, PlatformRules, Terms
from agents.sharing import RiskRated, Smoothed, Smoothing
from model import policy
from model.model import MutualAidModel
from model.plans import timeline
from model.policy import PolicyError, of_text
from model.pool import load
from model.pool_file import PoolError
from model.scenario import Scenario, ScenarioError
from model.scenario import load as load_scenario

SMALL = {"scale": 200_000}


def under(text, **values):
    return Scenario(**SMALL | values).with_policies([of_text("mine", 'why = "a test"\n' + text)])


def test_every_policy_that_ships_fits_the_default_pool_and_the_teaching_pool():
    for name in policy.named():
        for pool in ("xiang_hu_bao", "teaching"):
            scenario = load_scenario("default", pool).with_policies([name])
            assert scenario.pool.policies == (policy.load(name),)
            assert timeline(scenario)


def test_every_policy_that_ships_changes_the_history_and_keeps_the_ledger_in_balance():
    base = MutualAidModel(Scenario(**SMALL)).simulate()
    for name in policy.named():
        model = MutualAidModel(Scenario(**SMALL).with_policies([name]))
        report = model.simulate()
        changed = [not np.array_equal(report.series(m), base.series(m)) for m in ("members", "benefits_paid", "fee")]
        assert any(changed), name
        assert sum(model.ledger.balances.values()) == 0


def test_a_policy_without_a_date_changes_values_and_one_with_a_date_changes_them_later():
    at_once = under("[parameters]\nhabit = 0.5")
    assert at_once.habit == 0.5
    assert at_once.amendments() == []
    later = under("from = 2020-01-01\n[parameters]\nhabit = { times = 2 }\n[plans.general]\nfee = 0.2")
    ((day, changed),) = later.amendments()
    assert day == date(2020, 1, 1)
    assert (later.habit, changed.habit) == (Scenario().habit, 2 * Scenario().habit)
    (_, _, before), (period, _, after) = timeline(later)
    assert later.calendar.published(period) == date(2020, 1, 7)
    for general in (before[0], after[0]):
        fees = [general.terms_at(day).fee_rate for day in (date(2018, 10, 21), date(2019, 12, 31), date(2020, 1, 1))]
        assert fees == [0.10, 0.08, 0.2]


def test_policies_are_applied_in_order_and_values_of_the_user_stand_above_them():
    first, second = (of_text(n, f'why = "{n}"\n[parameters]\nhabit = {v}') for n, v in (("a", 0.3), ("b", 0.4)))
    scenario = Scenario(**SMALL).with_policies([first, second])
    assert scenario.habit == 0.4
    assert scenario.replace(habit=0.1).habit == 0.1
    assert load_scenario("no_selection", scenario.pool).habit == 0.4


def test_a_policy_that_holds_from_the_launch_is_the_same_with_and_without_a_date():
    text = "[plans.all]\nsharing = 'risk_rated'\nminimum_stay = '1 year'\n[parameters]\ninsurer_loading = 0.5"
    plain = MutualAidModel(under(text)).run()
    dated = MutualAidModel(under("from = 2018-10-16\n" + text)).run()
    assert plain.equals(dated)


def test_nothing_differs_before_the_day_of_a_policy():
    base = MutualAidModel(Scenario(**SMALL)).run()
    dated = MutualAidModel(under("from = 2019-10-01\n[plans.all]\nentry_fee = 100\n[parameters]\nhabit = 1")).run()
    before = base["date"] < "2019-10-01"
    assert dated[before].equals(base[before])
    assert not dated[~before].equals(base[~before])


def test_a_scenario_under_a_policy_can_be_pickled():
    scenario = under("from = 2020-01-01\n[plans.general]\nfee = 0.2")
    again = pickle.loads(pickle.dumps(scenario))
    assert again.pool is scenario.pool
    assert again.values() == scenario.values()
    assert scenario.pool.digest != load("xiang_hu_bao").digest


def test_a_history_may_run_past_the_end_of_the_pool_when_the_closing_is_switched_off():
    model = MutualAidModel(Scenario(scale=200_000, periods=200, closing=False))
    model.run()
    assert model.report.series("members").shape[0] == 200
    assert model.report.last("members", 0) > 0
    with pytest.raises(ScenarioError, match=r"periods = 80 is beyond the end of the pool.*closing = false"):
        Scenario(scale=200_000, periods=80)


def test_a_history_ends_where_the_tables_do():
    patch = 'why = "a test"\nplans.all.ages = { below = 95, ends = 100 }'
    old = load_scenario("default", "teaching").with_policies([of_text("old", patch)])
    assert old.periods == 120
    with pytest.raises(ScenarioError, match=r"periods = 121 takes people who are 95 at the launch.*allowed: up to 120"):
        old.replace(periods=121)


# Sharing rules, by hand.


def settle(sharing, members, claims, carry=0):
    rules = PlatformRules((PlanRules("general", 100.0, sharing),), 24, 100, 1900, 10.0, 1.0, 1.0, 0.5, 0.1)
    made = Platform(mesa.Model(), rules)
    made.begin_settlement(2020)
    made.carry[0][0] = carry
    members = members.astype(np.int64)
    return made.settle(
        0,
        number=int(members.sum()),
        members=members,
        scale=1.0,
        benefits=[300_000.0],
        approved=[float(claims)],
        approved_by_cell=np.zeros((1, 2, 120)),
        terms=Terms(0.0),
    )


def test_risk_rated_shares_are_in_proportion_to_the_table_and_add_up():
    table = np.ones((2, 106))
    table[:, 40:] = 3.0
    members = np.zeros((2, 120))
    members[0, 90], members[1, 60] = 1000, 600  # aged 30 and 60 in 2020
    done = settle(RiskRated(table), members, 1)
    # 1,000 + 3 x 600 = 2,800 parts of 300,000: 107.14 and 321.43, to within the thousandths of a weight.
    assert done.table[0, 90] / 100 == pytest.approx(107.14, abs=0.1)
    assert done.table[1, 60] / 100 == pytest.approx(321.43, abs=0.1)
    assert done.whole.collected == 1000 * done.table[0, 90] + 600 * done.table[1, 60]
    assert done.whole.carry == done.whole.collected - 300_000_00
    assert abs(done.whole.carry) <= 1600
    assert done.mean_share == done.whole.collected / 1600


def test_a_reserve_fund_is_never_overdrawn():
    members = np.zeros((2, 120))
    members[0, 90] = 1000
    smoothed = Smoothed(Smoothing(settlements=10, reserve=0))
    # Smoothed over ten settlements the first claim alone makes the level; the fund holds 29,000 more than it costs.
    done = settle(smoothed, members, 1, carry=329_000_00)
    assert done.parts[0].share == 300_00 - 32_90
    short = settle(smoothed, members, 1, carry=-10_000_00)
    assert short.parts[0].share == 310_00
    assert short.parts[0].carry == 0


@pytest.mark.parametrize("values", [(0.5, 1), (1, -1)])
def test_smoothing_that_cannot_be_is_refused(values):
    with pytest.raises(ValueError, match="is not allowed"):
        Smoothing(*values)


# What cannot be.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[plans.genral]\nfee = 0", "plans.genral = 'genral' does not exist; did you mean 'general'?"),
        ("[plans.general]\nfe = 0", "with policy mine: unknown key 'fe' in plans.general; did you mean 'fee'?"),
        ("[plans.general]\nfee = 2", "plans.general.fee = 2; allowed: 0 to 1"),
        ("[plans.general]\nsharing = 'bands'", "sharing"),
        ("[plans.general]\nsharing = { rule = 'age_bands' }", "bounds is missing for rule = 'age_bands'"),
        ("[plans.general]\nsharing = { rule = 'equal', bounds = [3] }", "bounds is not allowed for rule = 'equal'"),
        ("[parameters]\nhabbit = 1", "parameters.habbit does not exist; did you mean 'habit'?"),
        ("[parameters]\nhabit = 'much'", "parameters.habit = 'much'; allowed: a number, true, false, or such as"),
        ("[parameters]\nhabit = -1", "habit = -1 is out of bounds; allowed: 0 to 500"),
        ("from = 'later'", "from = 'later'; allowed: a date such as 2030-01-31"),
        ("from = 2020-01-01\n[parameters]\nfrailty_sd = 1", "parameters.frailty_sd cannot change on a day"),
        ("from = 2020-01-01\n[parameters]\naccident_share = 0.1", "parameters.accident_share cannot change on a day"),
        ("from = 2020-01-01\n[plans.all]\nopens = 2020-02-01", "plans.all.opens cannot change on a day"),
        ("from = 2020-01-01\n[plans.all.ages]\nends = 50", "plans.all.ages.ends cannot change on a day"),
        ("from = 2020-01-01\nend = 2021-01-01", "end cannot change on a day"),
        ("without = ['plans']", "without = 'plans'; allowed: events"),
        ("[[caps]]\nplan = 'none'\nper_member = 1", "caps.plan = 'none' does not exist"),
        ("caps = 3", "caps = 3; allowed: tables [[caps]]"),
        ("plans = 3", "plans = 3; allowed: a table"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_one_line(text, said):
    with pytest.raises((PolicyError, PoolError, ScenarioError)) as refused:
        under(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_needs_its_sentence_and_is_there_once():
    with pytest.raises(PolicyError, match="why is missing"):
        of_text("mine", "[parameters]\nhabit = 1")
    with pytest.raises(PolicyError, match="policy = 'entry_fee' is there twice"):
        Scenario(**SMALL).with_policies(["entry_fee", "entry_fee"])
    with pytest.raises(PolicyError, match="did you mean 'entry_fee'"):
        Scenario(**SMALL).with_policies(["entry_fees"])
