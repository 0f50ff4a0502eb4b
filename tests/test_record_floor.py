"""A floor under the default scenario: how much of the published record it keeps at least."""

import pytest

from experiments import targets
from experiments.simulated import Simulated
from model.model import MutualAidModel
from model.scenario import Scenario

ROWS_TO_FIT = 40
"""Rows up to the end of 2020 that stay inside their bands. A new fit may only raise it."""
HEADLINES = {"general_share_2019", "general_share_2020"}
"""Headline rows that the default scenario keeps. A new fit may only add to them."""


@pytest.fixture(scope="module")
def compared():
    # Some two million rows.
    return targets.compare(Simulated.of_report(MutualAidModel(Scenario(scale=100, rng=2)).simulate()), targets.load())


def test_the_default_scenario_keeps_rows_to_fit_inside_their_bands(compared):
    assert compared.loc[compared["role"] == "fit", "inside"].sum() >= ROWS_TO_FIT


def test_the_default_scenario_keeps_headline_rows_inside_their_bands(compared):
    headlines = compared[compared["id"].isin(HEADLINES)]
    assert len(headlines) == len(HEADLINES)
    assert headlines["inside"].all(), headlines.loc[
        ~headlines["inside"], ["id", "low", "simulated", "high"]
    ].to_string()


def test_no_settlement_before_october_2020_is_a_spike(compared):
    highest = compared.set_index("id").loc["general_highest_to_2020-10"]
    assert highest["simulated"] <= highest["high"]
