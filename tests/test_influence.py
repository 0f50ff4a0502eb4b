"""Behavioural rules of a user: one function with its own column, the same for the crowd and for agents."""

import numpy as np
import pandas as pd
import pytest

from agents.population import PLACE_MASK, is_member
from model.model import MutualAidModel
from model.scenario import Scenario

FEW = Scenario(scale=660_000, periods=40, habit=0.2)


def village(population, context, factor):
    """Cover is worth up to twice as much where many of the fifty people around were members last period."""
    members = [is_member(status & PLACE_MASK) for status in population.columns.status]
    share = np.add.reduceat(members, np.arange(0, len(members), 50)) / 50
    factor[:] = 1 + np.repeat(share, 50)[: len(factor)]


def half(population, context, factor):
    """Cover is worth half from the tenth period on."""
    factor[:] = 0.5 if context.period >= 10 else 1.0


def test_both_drivers_follow_a_rule_alike():
    crowd, agents = (MutualAidModel(FEW, driver=driver, rules=[village]) for driver in ("crowd", "agents"))
    pd.testing.assert_frame_equal(crowd.run(), agents.run())
    plain = MutualAidModel(FEW)
    plain.run()
    assert crowd.report.series("members")[-1] > plain.report.series("members")[-1]


def test_a_rule_that_says_one_changes_nothing():
    alone = MutualAidModel(FEW).run()
    pd.testing.assert_frame_equal(alone, MutualAidModel(FEW, rules=[lambda *_: None]).run())


def test_rules_multiply_and_begin_when_they_say_so():
    plain, once, twice = (MutualAidModel(FEW, rules=rules) for rules in ([], [half], [half, half]))
    members = [(m.run(), m.report.series("members"))[1] for m in (plain, once, twice)]
    assert (members[0][:10] == members[1][:10]).all()
    assert members[0][-1] > members[1][-1] > members[2][-1]
    assert twice.influence[0] == np.float32(0.25)


def test_a_column_is_kept_from_period_to_period():
    def slowly(population, context, factor):
        factor *= 0.9

    model = MutualAidModel(FEW.replace(periods=7), rules=[slowly])
    model.run()
    np.testing.assert_allclose(model.influence, 0.9**7, rtol=1e-5)


@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_a_factor_that_cannot_be_is_refused(value):
    def wrong(population, context, factor):
        factor[3] = value

    with pytest.raises(ValueError, match=r"rule wrong wrote (-1.0|nan); allowed: factors from 0 on"):
        MutualAidModel(FEW, rules=[wrong]).step()
