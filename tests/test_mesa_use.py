"""What Mesa users try: replicates without seeds, agents of their own, agent reporters."""

import mesa
import pytest
from xiang_hu_bao import PLACES

from agents.member import Member
from model.model import MutualAidModel
from model.scenario import Scenario

FEW = {"scale": 600_000, "periods": 8}
LONG = FEW | {"periods": 40, "habit": 0.5}


def test_a_model_without_a_seed_draws_one_and_records_it():
    seeds = {MutualAidModel(**FEW).scenario.seed for _ in range(5)}
    assert len(seeds) == 5
    model = MutualAidModel(**FEW)
    again = MutualAidModel(**FEW, rng=model.scenario.seed)
    assert model.run().equals(again.run())


def test_a_scenario_keeps_its_seed():
    assert Scenario().seed == 1
    assert MutualAidModel(Scenario(**FEW)).scenario.seed == 1
    assert MutualAidModel(Scenario(**FEW, rng=7)).scenario.seed == 7
    assert MutualAidModel(Scenario(**FEW, rng=7), rng=8).scenario.seed == 8


def test_iterations_of_a_batch_are_replicates():
    rows = mesa.batch_run(
        MutualAidModel, FEW, rng=[None] * 3, number_processes=1, data_collection_period=-1, display_progress=False
    )
    assert len({row["seed"] for row in rows}) == 3
    assert len({row["general_member_mean_risk"] for row in rows}) == 3
    # Each can be repeated from the seed that it names.
    model = MutualAidModel(**FEW, rng=rows[0]["seed"])
    model.run()
    assert model.report.last("member_mean_risk", 0) == rows[0]["general_member_mean_risk"]


class Loyal(Member):
    """Looks at no bill."""

    def consider_staying(self):
        self.think_again_later()


def test_a_class_of_ones_own_takes_the_place_of_the_members():
    ordinary = MutualAidModel(**LONG, rng=1, driver="agents")
    loyal = MutualAidModel(**LONG, rng=1, driver="agents", member=Loyal)
    ordinary.run()
    history = loyal.run()
    assert history["left"].sum() == 0 < ordinary.history["left"].sum()
    assert history["joined"].sum() > 0


def test_members_may_be_replaced_before_the_first_step():
    model = MutualAidModel(**LONG, rng=1, driver="agents")
    model.remove_all_agents()
    Loyal.create_agents(model, len(model.population), list(range(len(model.population))))
    history = model.run()
    assert history["left"].sum() == 0
    assert history["joined"].sum() > 0


def test_a_row_without_a_member_is_refused():
    model = MutualAidModel(**FEW, rng=1, driver="agents")
    model.agents_by_type[Member].select(at_most=1).do("remove")
    people = len(model.population)
    with pytest.raises(RuntimeError, match=rf"needs one Member for each of the {people} rows; there are {people - 1}"):
        model.step()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"driver": "crowd", "member": Loyal}, "needs driver = 'agents'"),
        ({"driver": "agents", "member": mesa.Agent}, "is no subclass of Member"),
    ],
)
def test_a_class_that_cannot_take_part_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        MutualAidModel(**FEW, **changes)


def test_reporters_of_members():
    model = MutualAidModel(**FEW, rng=1, driver="agents")
    collector = mesa.DataCollector(agenttype_reporters={Member: {"place": "place", "age": "age"}})
    for _ in range(2):
        model.step()
        collector.collect(model)
    table = collector.get_agenttype_vars_dataframe(Member)
    assert len(table) == 2 * len(model.population)
    assert set(table["place"]) <= set(PLACES)
    assert (table["age"] >= 0).all()
