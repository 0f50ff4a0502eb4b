"""The laws of the design, on whole histories."""

import numpy as np
import pandas as pd
import pytest
from xiang_hu_bao import CHRONIC, GENERAL, PLAN_NAMES, calendar

from agents.cohorts import COVERED, NONMEMBERS, empty_cohorts
from agents.crowd.driver import count_everybody
from agents.population import PLACE_MASK
from model.model import MutualAidModel
from model.scenario import Scenario

EXITS = ["left", "aged_out", "ill", "died"]


def run(**changes) -> pd.DataFrame:
    return MutualAidModel(Scenario(**({"scale": 20_000} | changes))).run()


def wide(history: pd.DataFrame, name: str) -> pd.DataFrame:
    return history.pivot(index="date", columns="plan", values=name)


# Money.


def test_collected_and_platform_money_pay_aid_fee_and_carry_to_the_fen(small_history):
    for _, plan in small_history.groupby("plan"):
        fen = (plan[["collected", "platform_paid", "benefits_paid", "fee", "carry"]] * 100).round()
        carried = fen["carry"].diff().fillna(fen["carry"].iloc[0])
        kept = fen["collected"] + fen["platform_paid"] - fen["benefits_paid"] - fen["fee"] - carried
        assert (kept == 0).all()


def test_all_accounts_sum_to_zero_and_pools_hold_the_carry(small_model, small_history):
    balances = small_model.ledger.balances
    assert sum(balances.values()) == 0
    last = small_history.groupby("plan")["carry"].last()
    for plan in PLAN_NAMES:
        assert balances[f"pool of {plan}"] == round(last[plan] * 100)


def test_each_member_pays_the_share_and_nothing_else(small_history):
    general = small_history[small_history["plan"] == "general"]
    collected = (general["share"] * general["members"]).round(2)
    assert (general["collected"] <= collected + 0.01).all()
    late = general["date"] >= "2021-12-21"
    assert (general.loc[late, "collected"] == 0).all()  # the platform paid the last three settlements
    assert late.sum() == 3


# People.


def test_members_follow_from_those_who_came_and_went(small_history):
    for _, plan in small_history.groupby("plan"):
        before = plan["members"].shift(fill_value=0)
        assert (plan["members"] == before + plan["joined"] - plan[EXITS].sum(axis=1)).all()


def test_transfers_come_from_those_who_aged_out(small_history):
    aged_out = wide(small_history, "aged_out").sum(axis=1)
    moved = wide(small_history, "transferred_in")
    assert (moved["seniors"] <= aged_out).all()
    assert moved["seniors"].sum() > 0
    assert moved[["general", "chronic"]].to_numpy().sum() == 0


def test_the_rolls_are_what_the_columns_say(small_model):
    fresh = empty_cohorts(len(small_model.plans), int(small_model.waits.max()))
    count_everybody(small_model.population, small_model.period - 1, small_model.waits, fresh)
    np.testing.assert_array_equal(fresh[[NONMEMBERS]], small_model.cohorts[[NONMEMBERS]])
    np.testing.assert_array_equal(fresh[COVERED:].sum(axis=0), small_model.cohorts[COVERED:].sum(axis=0))
    np.testing.assert_array_equal(fresh, small_model.cohorts)


def test_ages_are_those_of_the_plans(small_model):
    columns = small_model.population.columns
    age = (calendar.half_month(small_model.period - 1) - 2 * columns.birth_month.astype(int)) / 24
    place = columns.status & PLACE_MASK
    assert age[place == GENERAL].max() < 60
    assert age[place == CHRONIC].max() < 60
    assert age[place == GENERAL + 1].min() >= 60


# Claims.


class Watched(MutualAidModel):
    """Keeps the claims that were entered and the members who fell ill."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.entered, self.ill = [], []
        enter = self.claims.enter

        def noted(claims, *when):
            self.entered.append(claims)
            enter(claims, *when)

        self.claims.enter = noted  # type: ignore[method-assign]

    def review_claims(self, ill):
        self.ill.append((self.period, ill))
        return super().review_claims(ill)


def test_nobody_claims_inside_the_wait_or_twice_or_as_a_non_member():
    model = Watched(Scenario(scale=1_000, accident_share=0.0, filing_share=1.0, expected_claims=False))
    model.run()
    rows = np.concatenate([claims.row for claims in model.entered])
    assert rows.size > 200
    assert np.unique(rows).size == rows.size
    fell_ill = {
        row: (period, covered_from)
        for period, sick in model.ill
        for row, covered_from in zip(sick.row, sick.covered_from, strict=True)
    }
    for row in rows:
        period, covered_from = fell_ill[row]  # a KeyError would be a claim by someone who was no member
        assert period >= covered_from == model.population.columns.joined[row] + model.scenario.wait_periods
        assert model.population.columns.illness[row] == period


def test_accidents_are_exempt_from_the_wait():
    history = MutualAidModel(Scenario(scale=2_000, accident_share=0.5, filing_share=1.0, lag_months=0.0)).run()
    early = history[(history["plan"] == "general") & (history["date"] < "2019-01-14")]
    assert early["claims_filed"].sum() > 0


@pytest.mark.parametrize(("expected_claims", "error"), [(False, 0.0), (True, 1e-9)])
def test_claims_filed_are_decided_or_waiting(expected_claims, error):
    # Refusals are counted apart from recipients; what is left waits. Sampled claims are whole numbers.
    history = run(scale=5_000, expected_claims=expected_claims)
    totals = history[["claims_filed", "claims_refused", "recipients"]].sum()
    waiting = history.groupby("plan")["claims_waiting"].last().sum()
    assert totals["recipients"] > 0
    assert totals["claims_filed"] == pytest.approx(
        totals["claims_refused"] + totals["recipients"] + waiting, rel=error, abs=0
    )


# Luck.


def test_changing_the_fee_changes_nobodys_health():
    one, other = (MutualAidModel(Scenario(scale=20_000, fee_rate=rate)) for rate in (0.0, 0.3))
    one.run()
    other.run()
    for name in ("birth_month", "body", "frailty", "premium", "signs", "illness", "death"):
        np.testing.assert_array_equal(
            getattr(one.population.columns, name), getattr(other.population.columns, name), err_msg=name
        )
    assert not one.history["members"].equals(other.history["members"])


def test_the_same_seed_gives_the_same_history_and_another_seed_another():
    pd.testing.assert_frame_equal(run(rng=5), run(rng=5))
    assert not run(rng=5).equals(run(rng=6))


# Direction.

CALM = {
    "mortality_multiplier": 0.0,
    "regulator_impact": 0.0,
    "scandal_impact": 0.0,
    "rival_closure_impact": 0.0,
    "expected_claims": True,
}


def selection(history: pd.DataFrame) -> float:
    """ln of the risk of general members over that of eligible ages outside, at the end."""
    last = history[history["plan"] == "general"].iloc[-4]
    return float(np.log(last["member_mean_risk"] / last["nonmember_mean_risk"]))


def frailty_of_members(model: MutualAidModel) -> tuple[float, float]:
    """Mean frailty of general members over that of all their age, and its standard error."""
    columns = model.population.columns
    young = columns.birth_month > 1425 - 55 * 12
    inside = ((columns.status & PLACE_MASK) == GENERAL) & young
    frailty = columns.frailty / 4096
    return float(frailty[inside].mean() - frailty[young].mean()), float(frailty[inside].std() / np.sqrt(inside.sum()))


BLIND = CALM | {
    "scale": 2_000,
    "information": 0.0,
    "blue_share": 1.0,  # no signs
    "premium_risk_correlation": 0.0,
    "insurer_loading": 1e6,
    "salience": 0.5,
    # As clear a picture as can be: the law shall not depend on what was fitted last.
    "premium_sd": 0.4,
    "frailty_sd": 0.76,
}


def test_without_information_and_signs_there_is_no_selection():
    model = MutualAidModel(Scenario(**BLIND))
    model.run()
    difference, error = frailty_of_members(model)
    # Illness itself takes the frail away, members and others alike; five standard errors.
    assert abs(difference) < 5 * error + 0.005


def test_with_information_the_frail_stay():
    model = MutualAidModel(Scenario(**(BLIND | {"information": 1.0})))
    model.run()
    difference, error = frailty_of_members(model)
    assert difference > 10 * error


@pytest.mark.parametrize("blind", [("entry_knowledge",), ("exit_knowledge",), ("entry_knowledge", "exit_knowledge")])
def test_knowledge_that_does_not_count_selects_nobody(blind):
    # One door is enough for selection; when neither looks at one's own risk, there is none: five standard errors, and
    # what illness itself takes away.
    model = MutualAidModel(Scenario(**(BLIND | {"information": 1.0} | dict.fromkeys(blind, 0.0))))
    model.run()
    difference, error = frailty_of_members(model)
    found = abs(difference) > 5 * error + 0.005
    assert found == (len(blind) == 1)
    assert difference > 0 or not found


def test_without_illness_cover_is_worth_nothing_and_nobody_joins():
    history = run(incidence_multiplier=0.0)
    assert history[["ill", "claims_filed", "share", "benefits_paid", "joined"]].to_numpy().sum() == 0
    assert history["considered"].sum() > 0


def test_equal_risks_leave_nothing_to_select():
    model = MutualAidModel(Scenario(**(BLIND | {"information": 1.0, "frailty_sd": 0.0})))
    model.run()
    assert frailty_of_members(model)[0] == 0


def test_a_negative_correlation_of_premium_and_risk_turns_entry_advantageous():
    got = {}
    for correlation in (-0.8, 0.8):
        model = MutualAidModel(Scenario(**(BLIND | {"premium_risk_correlation": correlation, "joining_hassle": 400.0})))
        model.run()
        got[correlation] = frailty_of_members(model)[0]
    assert got[-0.8] < 0 < got[0.8]


def test_more_inertia_means_less_selection():
    got = []
    for inert in (0.0, 0.5, 0.95):
        model = MutualAidModel(Scenario(**(BLIND | {"information": 1.0, "inert_share": inert, "habit": 0.1})))
        model.run()
        got.append(frailty_of_members(model)[0])
    assert got[0] > got[1] > got[2]


def test_all_risks_times_k_is_the_share_times_k():
    # People who do not react to the price: the share follows the risks, but for rounding to fen and exits by illness.
    still = CALM | {"join_temperature": 0.0, "premium_median": 10.0, "premium_sd": 0.0, "habit": 0.0, "salience": 0.0,
                    "insurer_loading": 1e6, "review_start": 1e9, "blue_share": 1.0, "news_attention": 0.0,
                    "joining_hassle": 0.0, "refusal_impact": 0.0, "case_cap": 1e6, "cancer_case_cap": 1e6}  # fmt: skip
    shares = {}
    for k in (0.1, 0.2, 0.4):
        history = run(incidence_multiplier=k, **still)
        shares[k] = history.loc[history["plan"] == "general", "share"].sum()
    assert shares[0.2] / shares[0.1] == pytest.approx(2, rel=0.01)
    assert shares[0.4] / shares[0.2] == pytest.approx(2, rel=0.01)
