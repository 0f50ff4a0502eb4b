"""Mechanisms in a file, and what each adds."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.cli import app
from experiments.explain import causes, mechanisms
from experiments.explain.causes import EVERYTHING_ON, NOTHING_ON, Causes
from experiments.explain.figures import waterfall_figure
from experiments.explain.mechanisms import MechanismError
from experiments.runs.executor import Executor
from experiments.runs.store import StoreError
from model.scenario import Scenario

SMALL = Scenario(scale=200_000, expected_claims=True)


def test_the_mechanisms_that_ship_change_the_default_scenario():
    for mechanism in mechanisms.load():
        changed = Scenario().replace(**mechanism.off)
        assert changed.differences(), mechanism.name


def test_worlds_have_on_what_their_number_says():
    price, news = mechanisms.load(names=["price", "news"])
    none, only_price, only_news, both = causes.worlds(SMALL, [price, news])
    assert (none.salience, none.news_attention) == (0, 0)
    assert (only_price.salience, only_price.news_attention) == (SMALL.salience, 0)
    assert (only_news.salience, only_news.news_attention) == (0, SMALL.news_attention)
    assert both.values() == SMALL.values()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[a]\nlabel = "a"\nwhy = "b"\noff = { salience = 0 }\nwhen = 1', "unknown key 'when' in a"),
        ('[a]\nlabel = "a"\nwhy = "b"', "a has no 'off'"),
        ("a = 1", "a = 1 is not a table"),
        ('[a]\nlabel = "a"\nwhy = "b"\noff = {}', "off = {} of a is not a table of parameters"),
        ('[a]\nlabel = "a"\nwhy = "b"\noff = { salence = 0 }', "did you mean 'salience'"),
        ('[a]\nlabel = "a"\nwhy = "b"\noff = { salience = -1 }', "salience = -1"),
        (
            '[a]\nlabel = "a"\nwhy = "b"\noff = { habit = 0 }\n[b]\nlabel = "a"\nwhy = "b"\noff = { habit = 0 }',
            "habit is switched off by a and by b",
        ),
        ("", "has 0 mechanisms"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, text, message):
    file = tmp_path / "mechanisms.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MechanismError, match=message) as raised:
        mechanisms.load(file)
    assert "\n" not in str(raised.value)


def test_an_unknown_mechanism_is_one_line():
    with pytest.raises(MechanismError, match=r"mechanism = 'prise' is unknown.*did you mean 'price'"):
        mechanisms.load(names=["prise"])


def test_outcomes_are_those_of_the_history():
    report = causes.simulate(SMALL)
    history = report.history()
    members = history.groupby("period", sort=False)["members"].sum()
    first = history[history["plan"] == history["plan"].iloc[0]]
    by_year = first.groupby(first["date"].str[:4])["share"].sum()
    found = dict(zip((outcome.name for outcome in causes.outcomes(SMALL)), causes.measure(SMALL), strict=True))
    assert found["peak"] == pytest.approx(members.max())
    assert found["lost"] == pytest.approx(members.max() - members.iloc[-1])
    # Whole years only: the pool opened in October 2018 and closed in January 2022.
    assert [name for name in found if name.startswith("share")] == ["share_2019", "share_2020", "share_2021"]
    assert found["share_2020"] == pytest.approx(by_year["2020"])


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    made = Causes(tmp_path_factory.mktemp("causes"), SMALL, mechanisms.load(names=["price", "news"]), [{}] * 2)
    made.open()
    with Executor(1) as run:
        return made, made.simulate(run)


def test_parts_add_up_to_the_difference(explained):
    made, measured = explained
    table = causes.parts(made, measured)
    for _, rows in table.groupby("outcome"):
        means = rows.set_index("mechanism")["mean"]
        parts = means.drop([NOTHING_ON, EVERYTHING_ON]).sum()
        assert parts == pytest.approx(means[EVERYTHING_ON] - means[NOTHING_ON], rel=1e-9, abs=1e-9)


def test_a_part_is_the_mean_of_what_it_adds_first_and_last(explained):
    made, measured = explained
    column = [outcome.name for outcome in made.outcomes].index("lost")
    none, price, news, both = measured[:, :, column].mean(axis=0)
    table = causes.parts(made, measured)
    lost = table[table["outcome"] == "members lost since the peak"].set_index("mechanism")["mean"]
    assert lost["price salience"] == pytest.approx(1e-6 * ((price - none) + (both - news)) / 2)


class NothingLeft:
    """An executor that must not run anything."""

    def map(self, function, arguments, together):
        assert not arguments
        return []


def test_the_same_command_goes_on_and_another_is_refused(explained):
    made, measured = explained
    again = Causes(made.folder, SMALL, made.mechanisms, [{}] * 2)
    again.open()
    assert np.array_equal(again.simulate(NothingLeft()), measured)
    with pytest.raises(StoreError):
        Causes(made.folder, SMALL.replace(fee_rate=0.2), made.mechanisms, [{}] * 2).open()


def test_sentences_name_the_largest_parts_and_the_picture_every_mechanism(explained):
    made, measured = explained
    table = causes.parts(made, measured)
    lines = causes.sentences(table)
    assert len(lines) == table["outcome"].nunique()
    assert all("news and trust" in line and "price salience" in line for line in lines)
    axis = waterfall_figure(table, "two seeds").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        NOTHING_ON,
        "price salience",
        "news and trust",
        EVERYTHING_ON,
    ]


def test_the_command(tmp_path):
    options = ["--mechanism", "price", "--replicates", "2", "--scale", "1000000", "--workers", "1"]
    done = CliRunner().invoke(app, ["explain", *options, "--out", str(tmp_path)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "price salience" in done.output
    table = pd.read_csv(tmp_path / "causes.csv")
    assert set(table["mechanism"]) == {NOTHING_ON, "price salience", EVERYTHING_ON}
    assert (tmp_path / "causes.png").is_file()
    assert json.loads((tmp_path / "causes.json").read_text(encoding="utf-8"))["mechanisms"] == {
        "price": {"salience": 0.0, "level_salience": 0.0}
    }
