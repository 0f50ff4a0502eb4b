"""The worlds of the page: watching changes nothing, lives agree with the model, Reset keeps the choice."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from agents import inspection
from agents.member import Member
from agents.population import OUTSIDE, PLACE_MASK
from experiments.page import crowd, plots
from experiments.page.choice import Choice, Rules
from experiments.page.demand import demand
from experiments.page.shown import key_numbers, life, shown
from experiments.page.worlds import Pace, PageModel, Visit
from model import pool as pools
from model.model import MutualAidModel
from model.scenario import Scenario

PLACES = (*OUTSIDE, "general", "seniors", "chronic")
COARSE = {"scale": "20000", "periods": "60"}


def visited(second=None, **changes):
    first = Rules("default", COARSE | changes)
    return PageModel(visit=Visit(Choice(first, None if second is None else Rules("default", COARSE | second), "3")))


def run(model):
    while model.running:
        model.step()
    return model


@pytest.fixture(scope="module")
def played():
    return run(visited({"habit": "0.2"}, incidence_multiplier="5"))


def test_watching_changes_nothing(played):
    alone = MutualAidModel(Scenario(scale=20_000, periods=60, incidence_multiplier=5.0), rng=3)
    assert alone.run().equals(played.history)


def test_both_worlds_have_the_same_people(played):
    first, second = (world.population for world in played.worlds)
    assert np.array_equal(first.columns.birth_month, second.columns.birth_month)
    assert played.second.history["left"].sum() > played.history["left"].sum()


def test_states_are_those_of_the_members(played):
    seen = played.crowd.seen()
    place = played.population.columns.status[seen.row] & PLACE_MASK
    for state, places in (("outside", {"unaware", "aware", "barred"}), ("left", {"left"}), ("ill", {"out"})):
        those = place[seen.state == crowd.STATES.index(state)]
        assert those.size
        assert {PLACES[each] for each in those} <= places
    covered = seen.state == crowd.STATES.index("covered")
    assert {PLACES[each] for each in place[covered]} <= {"general", "seniors", "chronic"}
    since = played.period - 1 - played.population.columns.joined[seen.row[covered]]
    assert since.min() >= played.waits.min()
    assert (seen.state == crowd.STATES.index("paid")).any()


def test_risks_are_those_of_the_members(played):
    member = Member(played, 40)
    risk = inspection.own_risks(played.population.columns, np.array([40]), played.context)
    assert risk[0] == member.own_risk


def test_a_life_ends_where_the_person_is(played):
    endings = {"left": "leaves", "paid": "is paid", "covered": "stays"}
    seen = played.crowd.seen()
    for state, words in endings.items():
        rows = seen.row[seen.state == crowd.STATES.index(state)][:20]
        lives = [life(played, 0, int(row)) for row in rows]
        assert any(words in event.what for one in lives for event in one.events)
        for one in lives:
            days = [event.day for event in one.events]
            assert days == sorted(days)


def test_who_leaves_expects_to_pay_as_the_model_says(played):
    """At zero noise nobody leaves a plan that is worth more than its price."""
    model = run(visited(stay_temperature="0", join_temperature="0", habit="0.3"))
    decided = 0
    for row in model.crowd.rows[:1500].tolist():
        for event in model.crowd.life(row).events:
            if event.what.endswith("leaves"):
                assert event.worth < event.price
                decided += 1
            elif event.what.endswith("stays"):
                assert event.worth >= event.price
                decided += 1
            elif "and joins" in event.what:
                assert event.worth >= event.price
    assert decided > 50


def test_a_bad_choice_is_a_sentence_and_the_last_good_one_stays():
    visit = Visit(Choice(Rules("default", COARSE), None, "5"))
    good = PageModel(visit=visit)
    assert good.refused == ""
    visit.choice = Choice(Rules("default", COARSE | {"fee_rate": "9"}), None, "5")
    kept = type(good)(Scenario(), visit=visit)
    assert "fee_rate = 9" in kept.refused
    assert kept.scenario.seed == 5
    assert kept.scenario.fee_rate == good.scenario.fee_rate


def test_demand_falls_and_cost_adds_up(played):
    curves = demand(played)
    assert (np.diff(curves.price) <= 0).all()
    weights = np.diff(np.concatenate([[0.0], curves.share]))
    assert np.average(curves.marginal, weights=weights) == pytest.approx(curves.average[-1], rel=1e-6)
    general = played.population.columns.status & PLACE_MASK == PLACES.index("general")
    could = np.flatnonzero(
        inspection.plans_for(played.population.columns, np.arange(len(general)), played.context) == 0,
    )
    alive = played.population.columns.status[could] & PLACE_MASK != PLACES.index("out")
    assert curves.members == pytest.approx(100 * general[could][alive].mean(), abs=2)


def test_key_numbers_are_those_of_the_history(played):
    last = played.history[played.history["date"] == played.history["date"].max()].set_index("plan")
    numbers = key_numbers(shown(played).worlds[0].history)
    assert numbers["members of all plans (million people)"] == pytest.approx(last["members"].sum() / 1e6)
    assert numbers["share of this settlement, seniors' plan (yuan)"] == pytest.approx(last.loc["seniors", "share"])


def test_every_plot_draws_before_the_first_settlement_and_after():
    model = visited({})
    for _ in range(2):
        now = shown(model)
        look = plots.Look(True, now.first, now.last, now.pool, now.people)
        drawn = [
            plots.people(look, now.worlds[0].seen, None),
            plots.members(look, now.histories),
            *(plots.share(look, now.histories, plan) for plan in now.pool.plan_names),
            plots.risks(look, now.histories, "general"),
            plots.flows(look, now.histories),
            plots.trust(look, now.histories, now.events),
            plots.demand(look, [world.demand for world in now.worlds], "general"),
        ]
        assert all(option["yAxis"]["name"] for option in drawn)
        lines = [one for one in drawn[1]["series"] if one["type"] == "line" and "second" in one.get("name", "")]
        assert [len(line["data"]) for line in lines] == [now.done] * 4
        model.step()


def test_values_are_shown_to_four_digits_and_gaps_stay_gaps():
    shown_ = plots.rounded(np.array([123456.0, 0.0123456, 0.0, -2.00004]))
    assert shown_.tolist() == pytest.approx([123500, 0.01235, 0.0, -2.0])
    assert plots._pairs(["a"], np.array([np.nan])) == [["a", None]]


def test_a_model_that_is_reset_is_freed():
    model = visited({})
    model.step()
    shown(model)
    gone = weakref.ref(model), weakref.ref(model.second)
    del model
    gc.collect()
    assert [each() for each in gone] == [None, None]


@pytest.mark.parametrize("pool", pools.named())
def test_every_pool_has_a_page_in_its_own_words(pool):
    model = PageModel(visit=Visit(Choice(Rules(pool=pool, changes=COARSE if pool == pools.DEFAULT else {}))))
    for _ in range(12):
        model.step()
    now = shown(model)
    look = plots.Look(False, now.first, now.last, now.pool, now.people)
    drawn = [plots.members(look, now.histories), *(plots.share(look, now.histories, p) for p in now.pool.plan_names)]
    money = now.pool.rules.currency.name
    assert all(option["yAxis"]["name"].startswith(money) for option in drawn[1:])
    words = " ".join(now.worlds[0].numbers) + "".join(now.worlds[0].ledger.columns) + now.population
    assert money in words
    assert ("yuan" in words) == (money == "yuan")
    published = any(one.get("name") == plots.PUBLISHED for one in drawn[0]["series"])
    assert published == (now.pool.rules.record is not None)
    assert life(model, 0, int(now.worlds[0].seen.row[0])).who


def test_a_model_waits_until_its_browser_has_drawn_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(Pace, "PATIENCE", 0.3)
    model = visited()
    assert timed(model.step) < 0.3  # nobody looks on
    listener = threading.Thread(target=model.pace.drawn, args=(model.moment,))
    listener.start()
    listener.join()
    assert timed(model.step) < 0.3
    assert timed(model.step) < 0.3  # one may be on its way to the browser
    assert timed(model.step) >= 0.3  # what came after it was never drawn
    model.pace.drawn("another moment")
    assert timed(model.step) < 0.3  # the thread that would hear of it does not wait


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
