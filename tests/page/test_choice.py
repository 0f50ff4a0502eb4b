"""What a visitor chooses: as a link, as a file, and refused in a sentence."""

import pytest

from experiments.page import choice
from experiments.page.choice import Choice, Rules
from experiments.page.controls import GROUPS, OF_THE_POOL, groups
from model import scenario
from model.errors import UserError
from model.scenario import PARAMETERS

CHANGED = Choice(Rules("no_gate", {"fee_rate": "0.12"}), Rules("default", {"information": "0.9"}), "7")


def test_a_link_leads_back_to_the_choice():
    assert choice.from_query(CHANGED.query()) == CHANGED
    assert choice.from_query("") == Choice()


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
