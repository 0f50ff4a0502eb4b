"""The tipping point: what survives, and the search along the boundary."""

import math

import pandas as pd
import pytest

from experiments import tipping
from experiments.runs.executor import Executor
from experiments.tipping_figure import boundary_figure
from model.errors import UserError
from model.scenario import Scenario
from model.scenario import load as load_scenario

ROUNDS = 3


def test_a_scenario_runs_for_ten_years_without_its_closing_or_as_long_as_the_tables_allow():
    long = tipping.surviving(Scenario(scale=200_000))
    assert (long.periods, long.closing) == (240, False)
    teaching = tipping.surviving(load_scenario("default", "teaching").replace(scale=100))
    assert teaching.periods == 120


def test_a_pool_that_nobody_would_pay_for_does_not_survive():
    base = tipping.surviving(Scenario(scale=500_000))
    assert tipping.kept(base.replace(premium_median=5.0))[0] > 0.5
    assert tipping.kept(base.replace(premium_median=-0.9, habit=1.0))[0] < 0.5


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tipping")
    base = tipping.surviving(Scenario(scale=200_000))
    boundary = tipping.Boundary(folder, base, [1.0], 1, [{"premium_median": 3.0}, {"premium_median": -0.8}])
    boundary.open()
    with pytest.MonkeyPatch.context() as few, Executor(2) as run:
        few.setattr(tipping, "ROUNDS", ROUNDS)
        return boundary, boundary.search(run), boundary.fitted(run)


@pytest.mark.slow
def test_the_boundary_separates_what_survives_from_what_does_not(found):
    boundary, table, _ = found
    assert len(table) == 4
    inside = table[table["found"] == "boundary"]
    assert len(inside) >= 2
    for row in inside.itertuples():
        width = math.log1p(row.high) - math.log1p(row.low)
        assert width == pytest.approx(math.log((1 + tipping.HIGHEST) / (1 + tipping.LOWEST)) / 2**ROUNDS)
        values = {"information": row.information, "salience": row.salience, "habit": row.habit}
        for markup, survives in ((row.low, False), (row.high, True)):
            at = boundary.base.replace(premium_median=markup, **values)
            assert (tipping.kept(at)[0] >= tipping.KEPT) is survives


def test_private_information_makes_a_pool_in_which_all_look_lose_more_members():
    base = tipping.surviving(Scenario(scale=50_000)).replace(habit=1.0, premium_median=0.0)
    assert tipping.kept(base.replace(information=1.0))[0] < tipping.kept(base.replace(information=0.0))[0] - 0.05


@pytest.mark.slow
def test_fitted_sets_are_placed_and_told_of(found):
    boundary, table, fitted = found
    assert fitted["markup"].tolist() == [3.0, -0.8]
    assert fitted["survives"].tolist() == [True, False]
    said = tipping.sentences(table, fitted, boundary.base, tipping.KEPT)
    assert said[0].startswith("Survives: keeps 50 % of its peak membership for 10 years")
    assert "1 of 2 fitted parameter sets survive" in said[-1]
    assert boundary_figure(table, fitted, "caption").axes
    assert boundary_figure(table, pd.DataFrame(columns=fitted.columns), "caption").axes


@pytest.mark.slow
def test_another_search_does_not_go_on_in_the_same_folder(found):
    boundary, *_ = found
    other = tipping.Boundary(boundary.folder, boundary.base, [0.5], 1)
    with pytest.raises(UserError):
        other.open()
