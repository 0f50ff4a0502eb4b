"""A floor under the default scenario: how much of the published record it keeps at least."""

import pytest

from experiments import targets
from experiments.simulated import Simulated
from model.model import MutualAidModel
from model.scenario import Scenario

ROWS_TO_FIT = 33
"""Rows up to the end of 2020 that stay inside their bands. A new fit may only raise it."""
HEADLINES = {
    "general_share_2019",
    "general_share_2020",
    "seniors_share_2019",
    "seniors_share_2020",
    "all_members_2019-11-27",
    "all_members_2021-12-28",
}


@pytest.fixture(scope="module")
def compared():
    # Some two million rows. The general share of 2019 lies at the upper edge of its band: another seed may put it just
    # outside. The scenario was chosen with seed 1 at 1:20, where all six are inside.
    return targets.compare(Simulated.of_report(MutualAidModel(Scenario(scale=100, rng=2)).simulate()), targets.load())


def test_the_default_scenario_keeps_rows_to_fit_inside_their_bands(compared):
    assert compared.loc[compared["role"] == "fit", "inside"].sum() >= ROWS_TO_FIT


def test_the_default_scenario_keeps_every_headline_row_inside_its_band(compared):
    headlines = compared[compared["id"].isin(HEADLINES)]
    assert len(headlines) == len(HEADLINES)
    assert headlines["inside"].all(), headlines.loc[
        ~headlines["inside"], ["id", "low", "simulated", "high"]
    ].to_string()


def test_the_headlines_of_the_command_are_these():
    assert set(targets.HEADLINES) == HEADLINES
