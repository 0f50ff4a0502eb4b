"""People made elsewhere and handed to a model."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from xiang_hu_bao import PLACES

from model.model import MutualAidModel
from model.report import Report
from model.scenario import Scenario, ScenarioError
from model.synthesis import synthesize

SMALL = Scenario(scale=500_000, periods=12)


@pytest.mark.parametrize("driver", ["crowd", "agents"])
def test_two_models_on_the_same_people_do_not_meet(driver):
    people = synthesize(SMALL)
    before = people.copy()
    one, other = (MutualAidModel(SMALL, population=people, driver=driver).run() for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(one, MutualAidModel(SMALL).run())
    assert one["members"].max() > 0
    for name, now, then in zip(people.columns._fields, people.columns, before.columns, strict=True):
        np.testing.assert_array_equal(now, then, err_msg=name)


def test_a_copy_is_of_its_own():
    people = synthesize(SMALL)
    again = people.copy()
    for name, theirs, mine in zip(people.columns._fields, people.columns, again.columns, strict=True):
        np.testing.assert_array_equal(theirs, mine, err_msg=name)
        assert not np.shares_memory(theirs, mine)
    assert (len(again), again.scale, again.periods) == (len(people), people.scale, 12)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda people: pickle.loads(pickle.dumps(people))])
def test_copies_lie_in_memory_as_the_original_does(copied):
    people = synthesize(SMALL)
    again = copied(people)
    for name in people.columns._fields:
        theirs, mine = getattr(people.columns, name), getattr(again.columns, name)
        np.testing.assert_array_equal(theirs, mine, err_msg=name)
        assert theirs.strides == mine.strides, name
    np.testing.assert_array_equal(again.fate.row, people.fate.row)
    assert again.scale == people.scale


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"periods": 13}, "periods = 13 contradicts the population, whose health events were drawn for 12 periods"),
        ({"periods": 11}, "allowed: periods = 12"),
        ({"scale": 250_000}, "scale = 250000 contradicts the population, a row of which stands for 500000 people"),
    ],
)
def test_people_of_another_scenario_are_refused_in_one_line(changes, words):
    with pytest.raises(ScenarioError) as error:
        MutualAidModel(SMALL.replace(**changes), population=synthesize(SMALL))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_members_whom_their_plan_does_not_take_are_refused_in_one_line():
    # Sums over a plan look at the birth months that it can have, so these would share no bill.
    people = synthesize(SMALL)
    people.columns.birth_month[5] = 12 * 40  # January 1940: 78 years and 19 half-months at the launch
    people.columns.status[5] = PLACES.index("general")
    with pytest.raises(ScenarioError) as error:
        MutualAidModel(SMALL, population=people)
    assert "plan = general contradicts the population, which has a member of 78.8 years in it" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_report_is_not_the_clock():
    # What a user appends to the report or takes from it changes neither the time nor the money.
    model, undisturbed = MutualAidModel(SMALL), MutualAidModel(SMALL)
    for _ in range(6):
        model.step()
        model.report = Report(model.report.pool)
        undisturbed.step()
    assert (model.period, model.context.period) == (6, 5)
    model.step()
    undisturbed.step()
    one, other = (m.history.tail(3).drop(columns=["period", "date"]) for m in (model, undisturbed))
    one, other = (frame.reset_index(drop=True) for frame in (one, other))
    pd.testing.assert_frame_equal(one, other)
