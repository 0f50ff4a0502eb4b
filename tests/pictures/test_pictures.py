"""The pictures of a run: what is watched agrees with the model, and every picture says what it shows."""

import json

import numpy as np
import pandas as pd
import pytest

from experiments.pictures import draw
from experiments.pictures.commands import NAMES
from experiments.pictures.watched import run_off, survival, watch
from model import pool as pools
from model.events import events_of
from model.model import MutualAidModel
from model.scenario import load

COARSE = {"xiang_hu_bao": 200_000, "teaching": 100, "textbook": 100}


def watched(pool, **changes):
    scenario = load("default", pool).replace(scale=COARSE[pool], **changes)
    return watch(scenario, lambda done, of: None)


@pytest.fixture(scope="module")
def run():
    return watched("xiang_hu_bao")


@pytest.mark.parametrize("expected", [True, False])
def test_watching_changes_nothing(expected):
    model, _ = watched("xiang_hu_bao", expected_claims=expected)
    assert MutualAidModel(model.scenario).run().equals(model.history)


@pytest.mark.parametrize("name", ["yearly_cap", "claim_investigation", "longer_wait_on_return"])
def test_the_run_off_holds_under_a_policy(name):
    scenario = load("default").replace(scale=COARSE["xiang_hu_bao"]).with_policies([name])
    model, _ = watch(scenario, lambda done, of: None)
    paid = model.history.groupby("date", sort=True)["benefits_paid"].sum().to_numpy()
    assert model.claims.granted[: model.period, : model.period].sum(axis=0) == pytest.approx(paid, rel=1e-6, abs=1.0)


@pytest.mark.parametrize("expected", [True, False])
def test_the_run_off_is_the_aid_of_the_history(expected):
    model, frames = watched("xiang_hu_bao", expected_claims=expected)
    paid = model.history.groupby("date", sort=True)["benefits_paid"].sum().to_numpy()
    granted = model.claims.granted[: model.period, : model.period]
    assert granted.sum(axis=0) == pytest.approx(paid, rel=1e-6, abs=1.0)
    assert (granted.sum(axis=1) >= 0).all()
    assert np.triu(granted).sum() == pytest.approx(granted.sum())
    last = frames.runoff.groupby("diagnosed").last()
    assert last["granted"].sum() == pytest.approx(paid.sum(), rel=1e-6)
    owed = model.history[model.history["date"] == model.history["date"].max()]["outstanding"].sum()
    assert (last["ultimate"] - last["granted"]).sum() == pytest.approx(owed, rel=1e-6)


def test_a_run_off_by_hand():
    days = pools.default().calendar.published
    granted = np.zeros((8, 8))
    granted[0, 0], granted[0, 7], granted[6, 7] = 10.0, 30.0, 5.0
    found = run_off(granted, np.eye(8)[6] * 15.0, [days(period) for period in range(8)])
    assert found.to_dict("split")["data"] == [
        ["2018 Q4", "quarter", 0, 10.0, 40.0],
        ["2018 Q4", "quarter", 1, 40.0, 40.0],
        ["2019 Q1", "quarter", 0, 5.0, 20.0],
    ]


def test_survival_by_hand():
    """Two of ten of the lowest risk leave after one settlement, one is ill after two, one leaves after three."""
    lasted = np.full(100, 4)
    lasted[:4] = 1, 1, 2, 3
    left = np.zeros(100, dtype=bool)
    left[[0, 1, 3]] = True
    found = survival(lasted, left, np.arange(100) / 100, per_year=2)
    lowest = found[found["decile"] == 1]
    assert lowest["years"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert lowest["staying"].tolist() == pytest.approx([1.0, 0.8, 0.8, 0.8 * 6 / 7, 0.8 * 6 / 7])
    assert (found[found["decile"] > 1]["staying"] == 1.0).all()
    assert (found.groupby("decile")["people"].first() == 10).all()


def test_the_pyramid_counts_every_member(run):
    model, frames = run
    counted = frames.pyramid.groupby(["date", "plan"])["members"].sum()
    assert frames.pyramid["date"].nunique() == 4
    history = model.history.set_index(["date", "plan"])["members"]
    assert counted.to_dict() == history[history > 0].loc[frames.pyramid["date"].unique().tolist()].to_dict()


@pytest.mark.parametrize("pool", pools.named())
def test_every_picture_has_units_and_says_what_was_run(pool):
    model, frames = watched(pool)
    scenario = model.scenario
    summary = {"scenario": "no_gate", "seed": 1, "scale": scenario.scale, "rows": 777, "periods": 42}
    summary |= {"pool": {"name": pool}, "set": {"habit": 0.25}}
    tables = {"history": model.history} | vars(frames)
    drawn = draw.pictures(tables, summary, scenario.pool, events_of(scenario))
    assert set(drawn) == set(NAMES) - ({"cost"} if pool == "textbook" else set())
    for name, figure in drawn.items():
        words = " ".join(figure.get_supxlabel().split())
        for told in (
            "n = 777 rows",
            f"scale 1:{scenario.scale:,g}",
            "seed 1",
            "scenario no_gate with habit = 0.25",
            pool,
        ):
            assert told in words, name
        axes = [axis for axis in figure.axes if axis.get_visible()]
        assert all(
            axis.get_ylabel() or axis.get_shared_y_axes().get_siblings(axis)[1:] or name == "cost" for axis in axes
        )
        if name not in {"history"}:
            assert all(axis.get_xlabel() for axis in axes if axis.get_label() != "<colorbar>"), name
    money = scenario.pool.rules.currency.name
    assert money in drawn["runoff"].axes[0].get_ylabel()
    assert money in drawn["history"].axes[1].get_ylabel()


@pytest.mark.slow
def test_the_command_draws_png_and_svg_and_repeats_the_run_of_a_folder(typed, tmp_path):
    small = ("run", "--pool", "teaching", "--scale", "100", "--out", "here")
    assert typed(*small, "--seed", "5", "--set", "habit=0.2")[0] == 0
    history = (tmp_path / "here" / "history.csv").read_bytes()
    code, out, _ = typed("figures", "here")
    assert code == 0
    assert "as PNG and SVG in here" in " ".join(out.split())
    assert (tmp_path / "here" / "history.csv").read_bytes() == history
    assert json.loads((tmp_path / "here" / "run.json").read_text())["set"] == {"habit": 0.2}
    for name in NAMES:
        assert (tmp_path / "here" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "here" / f"{name}.svg").read_text()
    assert not (tmp_path / "here" / "targets.csv").exists()
    assert typed(*small)[0] == 0
    assert sorted(file.name for file in (tmp_path / "here").iterdir()) == ["history.csv", "run.json"]


def test_a_picture_can_be_drawn_again_from_its_files(run, tmp_path):
    model, frames = run
    summary = {"scenario": "default", "seed": 1, "scale": 2e5, "rows": 9, "periods": 79, "pool": {"name": "x"}}
    for name, frame in frames.files().items():
        frame.to_csv(tmp_path / name, index=False)
    again = {file.stem: pd.read_csv(file) for file in tmp_path.glob("*.csv")}
    drawn = draw.pictures(again, summary, model.scenario.pool, [])
    assert set(drawn) == {"cost", "pyramid", "survival", "runoff"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("figures", "here", "--pool", "nowhere"), "nowhere"),
        (("figures", "here", "--scenario", "no_gat"), "did you mean 'no_gate'"),
        (("figures", "here", "--seed", "x"), "seed"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(typed, tmp_path, arguments, named):
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert named in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "here").exists()
