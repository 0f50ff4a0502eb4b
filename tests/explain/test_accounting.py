"""Exact accounting of a member's yearly share."""

import numpy as np
import pandas as pd
import pytest

from experiments.explain import accounting
from experiments.explain.accounting import FACTORS, RISK_TERMS, People, change_between
from experiments.explain.figures import waterfall_figure
from model.model import MutualAidModel
from model.scenario import Scenario

SMALL = Scenario(scale=100_000, expected_claims=True)


def people(member, own, of_age):
    return People(np.array(member, dtype=bool), np.array(own, dtype=float), np.array(of_age, dtype=float))


def test_a_change_by_hand():
    # Two stay: from age risks 1, 2 to 2, 4, and from relative risks 1, 1 to 1, 1.5. One of 9 over 6 leaves, one of 2
    # over 4 joins.
    was = people([1, 1, 1, 0], [1, 2, 9, 0], [1, 2, 6, 1])
    now = people([1, 1, 0, 1], [2, 6, 0, 2], [2, 4, 1, 4])
    found = change_between(was, now)
    assert found.ageing == pytest.approx((1 * 1 + 2 * 1.25) / 2)
    assert found.wear_off == pytest.approx((0 + 0.5 * 3) / 2)
    # Members now: mean age risk 10 / 3 and own risk 10 / 3; those who stayed 3 and 4.
    assert found.joiners_age == pytest.approx(10 / 3 - 3)
    assert found.joiners_risk == pytest.approx((10 / 3 - 4) - (10 / 3 - 3))
    # Members before: 3 and 4; those who stayed 1.5 and 1.5.
    assert found.leavers_age == pytest.approx(-(3 - 1.5))
    assert found.leavers_risk == pytest.approx(-((4 - 1.5) - (3 - 1.5)))
    assert sum(found) == pytest.approx(10 / 3 - 4)


def test_if_nobody_stayed_joiners_are_all_of_it():
    found = change_between(people([1, 0], [2, 5], [1, 3]), people([0, 1], [2, 5], [1, 3]))
    assert found == pytest.approx((0, 0, 2, 1, 0, 0))


@pytest.fixture(scope="module")
def observed():
    return accounting.observe(SMALL)


def test_what_is_observed_is_what_the_history_says(observed):
    history = MutualAidModel(SMALL).run()
    both = observed.merge(history, on=["period", "plan"], suffixes=("", "_reported"))
    assert len(both) == len(observed) > 100
    assert both["members"].to_numpy() == pytest.approx(both["members_reported"].to_numpy())
    mean = both["risk"] / both["members"]
    assert mean.to_numpy() == pytest.approx(both["member_mean_risk"].to_numpy(), rel=1e-6)
    assert both["share"].to_numpy() == pytest.approx(both["share_reported"].to_numpy())


def test_the_parts_of_the_change_of_the_mean_risk_add_up_at_every_settlement(observed):
    for _, rows in observed.groupby("plan"):
        mean = (rows["risk"] / rows["members"]).to_numpy()
        change = rows[list(RISK_TERMS)].sum(axis=1).to_numpy()
        assert np.diff(mean) == pytest.approx(change[1:], abs=1e-12)


def test_factors_multiply_to_the_share(observed):
    years = accounting.by_year(observed, SMALL.calendar.per_year)
    assert years["year"].between(2019, 2021).all()  # whole years with claims
    product = years[["own_risk", *FACTORS]].prod(axis=1)
    assert product.to_numpy() == pytest.approx(years["share"].to_numpy(), rel=1e-12)


def test_the_account_closes(observed):
    per_year = SMALL.calendar.per_year
    accounts = accounting.account(observed, per_year)
    shares = accounting.by_year(observed, per_year).set_index(["plan", "year"])["share"]
    found = accounts.groupby(["plan", "year"])["part"].sum()
    assert len(found) >= 4
    for (plan, year), part in zip(found.index.to_list(), found, strict=True):
        assert part == pytest.approx(shares[plan, year] - shares[plan, year - 1], abs=1e-9)
    assert set(accounts["term"]) == {*RISK_TERMS, *FACTORS}


def test_a_pool_in_which_only_the_wait_ends_says_so():
    """Two years that differ by the covered share alone: all of the change is its."""
    columns = {"members": 100.0, "risk": 1.0, "filed": 2.0, "decided": 2.0, "recipients": 1.0, "aid": 50.0, "fee": 0.0}
    rows = []
    for year, covered in ((2001, 0.5), (2002, 1.0)):
        books = {"billed": 50.0 * covered, "aid": 50.0 * covered, "share": 0.5 * covered}
        cases = {name: columns[name] * covered for name in ("filed", "decided", "recipients")}
        line = (
            columns | books | cases | {"covered": 100 * covered, "covered_risk": covered, "plan": "one", "year": year}
        )
        rows.append(line | dict.fromkeys(RISK_TERMS, 0.0) | {"period": year, "date": f"{year}-01-01"})
    accounts = accounting.account(pd.DataFrame(rows), per_year=1).set_index("term")["part"]
    assert accounts["covered"] == pytest.approx(0.25)
    assert accounts.drop("covered").abs().max() < 1e-12


def test_sentences_and_picture(observed):
    per_year = SMALL.calendar.per_year
    accounts = accounting.account(observed, per_year)
    labels = {plan: f"plan {plan}" for plan in accounts["plan"].unique()}
    falls = accounting.waterfalls(accounts, observed, per_year, labels, "crowns")
    lines = accounting.sentences(falls)
    assert len(lines) == len(accounts.groupby(["plan", "year"]))
    assert all("crowns a member" in line and "the year before" in line for line in lines)
    axis = waterfall_figure(falls, "a run").axes[0]
    assert len(axis.get_yticklabels()) == 2 + len(RISK_TERMS) + len(FACTORS)
