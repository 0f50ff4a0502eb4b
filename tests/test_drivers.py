"""One set of rules, two drivers, any number of threads: the same history bit for bit."""

import subprocess
import sys

import numba
import numpy as np
import pandas as pd
import pytest

from agents.member import Member
from benchmarks.numpy_pass import NumpyCrowd
from model.model import MutualAidModel
from model.scenario import Scenario

PEOPLE = Scenario(scale=Scenario().potential_population / 3_000)
"""3,000 rows."""


def assert_same(one: MutualAidModel, other: MutualAidModel) -> None:
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    for name, a, b in zip(
        one.population.columns._fields, one.population.columns, other.population.columns, strict=True
    ):
        np.testing.assert_array_equal(a, b, err_msg=name)
    np.testing.assert_array_equal(one.cohorts, other.cohorts)
    assert one.ledger.transfers == other.ledger.transfers


@pytest.mark.parametrize("expected_claims", [False, True])
def test_agent_by_agent_equals_the_crowd_bit_for_bit(expected_claims):
    scenario = PEOPLE.replace(expected_claims=expected_claims)
    crowd = MutualAidModel(scenario)
    agents = MutualAidModel(scenario, driver="agents")
    assert len(agents.agents_by_type[Member]) == 3_000
    crowd.run()
    agents.run()
    assert crowd.history["joined"].sum() > 0
    assert crowd.history["left"].sum() > 0
    assert crowd.history["aged_out"].sum() > 0
    assert_same(crowd, agents)


def test_the_pass_in_numpy_of_the_benchmarks_gives_the_same_history():
    crowd, arrays = (MutualAidModel(PEOPLE.replace(periods=40)) for _ in range(2))
    arrays._crowd = NumpyCrowd(arrays.population, arrays.cohorts)
    crowd.run()
    arrays.run()
    assert_same(crowd, arrays)


def test_the_order_of_agents_does_not_matter():
    one = MutualAidModel(PEOPLE.replace(periods=30), driver="agents")
    other = MutualAidModel(PEOPLE.replace(periods=30), driver="agents")
    other.random.seed(99)
    one.run()
    other.run()
    assert_same(one, other)


@pytest.mark.slow
def test_more_people_and_other_seeds_agree_too():
    for seed in (2, 3, 4):
        scenario = Scenario(scale=22_000, rng=seed)
        crowd, agents = MutualAidModel(scenario), MutualAidModel(scenario, driver="agents")
        crowd.run()
        agents.run()
        assert_same(crowd, agents)


def test_one_thread_and_two_give_the_same_history():
    scenario = Scenario(scale=200, periods=40)  # above the size from which threads are used
    two = MutualAidModel(scenario)
    two.run()
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = MutualAidModel(scenario)
        one.run()
    finally:
        numba.set_num_threads(threads)
    assert_same(one, two)


def test_a_fresh_process_gives_the_same_numbers():
    code = (
        "from model.model import MutualAidModel; from model.scenario import Scenario;"
        "print(MutualAidModel(Scenario(scale=100_000, periods=30)).run().to_csv(index=False))"
    )
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    here = MutualAidModel(Scenario(scale=100_000, periods=30)).run().to_csv(index=False)
    assert fresh.strip() == here.strip()


def test_the_wrong_driver_is_refused():
    with pytest.raises(ValueError, match="crowd or agents"):
        MutualAidModel(PEOPLE, driver="threads")
