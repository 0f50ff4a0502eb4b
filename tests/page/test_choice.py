"""What a visitor chooses: as a link, as a file, and refused in a sentence."""

import shutil

import pytest

from experiments.page import choice
from experiments.page.choice import Choice, Rules
from experiments.page.controls import GROUPS, OF_THE_POOL, groups
from model import pool as pools
from model import scenario
from model.errors import UserError
from model.scenario import PARAMETERS

CHANGED = Choice(
    Rules("no_gate", {"fee_rate": "0.12"}),
    Rules("default", {"information": "0.9"}, policy="age_bands"),
    "7",
)
TEACHING = Choice(Rules(pool="teaching", changes={"habit": "0.5"}), Rules(pool="teaching"), "3")


def test_a_link_leads_back_to_the_choice():
    assert choice.from_query(CHANGED.query()) == CHANGED
    assert choice.from_query("") == Choice()
    assert choice.from_query(TEACHING.query()) == TEACHING


def test_worlds_are_built_with_one_seed_and_the_pages_scale():
    first, second = CHANGED.build()
    assert (first.fee_rate, first.information) == (0.12, scenario.load("no_gate").information)
    assert (second.fee_rate, second.information) == (0.08, 0.9)
    assert first.seed == second.seed == 7
    assert first.scale == second.scale == 1000


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("fee_rat=0.1", "fee_rat"),
        ("second.fee_rate=2", "fee_rate = 2"),
        ("fee_rate=x", "fee_rate"),
        ("scenario=nowhere", "nowhere"),
        ("pool=nowhere", "nowhere"),
        ("pool=/etc", "/etc"),
        ("pool=teaching&fee_rate=0.1", "fee_rate"),
        ("pool=teaching&pool=textbook", "twice"),
        ("policy=nowhere", "policy = 'nowhere'"),
        ("second.policy=/etc/passwd", "/etc/passwd"),
        ("scenario=/etc/passwd", "/etc/passwd"),
        ("seed=-1", "seed"),
        ("seed=x", "seed"),
        ("fee_rate=0.1&fee_rate=0.2", "twice"),
        ("fee_rate=0.1" * 1000, "characters"),
        ("scale=3e6", "scale"),
        ("scale=1", "scale = 1 makes"),
        ("periods=20&second.periods=10", "periods"),
    ],
)
def test_nonsense_in_a_link_is_one_sentence(query, named):
    with pytest.raises(UserError, match=named) as refused:
        choice.from_query(query)
    assert "\n" not in str(refused.value)


def test_the_file_makes_the_same_scenario(tmp_path):
    file = tmp_path / "chosen.toml"
    file.write_text(CHANGED.file(), encoding="utf-8")
    assert scenario.load(str(file)).values() == CHANGED.build()[0].values()
    assert scenario.load(str(file)).seed == 7


def test_a_pool_has_its_own_scenarios_policies_and_scale(tmp_path):
    first, second = TEACHING.build()
    assert first.pool.key == second.pool.key == "teaching"
    assert first.scale == 1
    assert first.rows == 100_000
    pool = choice.pool_of("teaching")
    assert "no_gate" not in choice.scenario_names(pool)
    assert "age_bands" in choice.policy_names(choice.pool_of("xiang_hu_bao"))
    file = tmp_path / "chosen.toml"
    file.write_text(TEACHING.file(), encoding="utf-8")
    assert scenario.load(str(file)).values() == first.values()
    assert scenario.load(str(file)).pool.key == "teaching"


def test_a_policy_is_built_and_its_values_are_its_own():
    (built, _) = Choice(Rules(policy="age_bands")).build()
    assert [each.name for each in built.pool.policies] == ["age_bands"]
    assert Choice(Rules(policy="age_bands")).of_pool("teaching").first.policy == ""


def test_the_command_offers_a_folder_and_begins_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "START", [])
    monkeypatch.setattr(choice, "OFFERED", choice.Offered())
    mine = tmp_path / "mine"
    shutil.copytree(pools.POOLS / "teaching", mine)
    choice.offer(str(mine), None, None)
    assert choice.from_query("").pool == str(mine)
    assert choice.from_query(choice.from_query("").query()).pool == str(mine)
    assert str(mine) in choice.pool_names()
    with pytest.raises(UserError, match="nowhere"):
        choice.offer("nowhere", None, None)


def test_the_scenarios_own_value_is_no_change():
    rules = Rules("no_gate").changed("fee_rate", "0.12")
    assert rules.changes == {"fee_rate": "0.12"}
    assert rules.changed("fee_rate", rules.own_text("fee_rate")) == Rules("no_gate")


def test_a_refused_value_is_said_of_its_parameter_alone():
    rules = Rules("default", {"fee_rate": "7", "habit": "0.1"})
    assert "fee_rate = 7" in rules.refused("fee_rate")
    assert rules.refused("habit") == ""


def test_every_parameter_is_in_a_group():
    found = groups(Rules().declared)
    assert list(found) == [*GROUPS, OF_THE_POOL]
    assert [name for names in found.values() for name in names] == list(PARAMETERS)


@pytest.mark.parametrize(
    ("option", "value"), [("--pool", "nowhere"), ("--scenario", "no_gat"), ("--policy", "age_band"), ("--port", "0")]
)
def test_what_the_page_cannot_begin_with_is_one_line(typed, option, value):
    code, out, err = typed("app", option, value)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert value in err
    assert len(err.splitlines()) == 1
