"""The journal of a calibration: resumed, damaged, mixed up."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments import targets
from experiments.calibration import ensemble, posterior, priors, recovery
from experiments.calibration.calibrate import best_of_search, calibrate, keep
from experiments.calibration.journal import Journal
from experiments.calibration.misfit import Rows
from experiments.calibration.plan import Plan
from experiments.runs.executor import Executor
from experiments.runs.store import StoreError
from model.scenario import Scenario

FIT = [target for target in targets.load() if target.role == "fit"]


def interrupt_after(number):
    """Press Ctrl-C when so many simulations are done."""

    def progress(done):
        if done == number:
            raise KeyboardInterrupt

    return progress


# The smallest calibration: two parameters, three rows, one row a million people.

NAMES = ("filing_share", "launch_advertising")
ROWS = ("general_share_2020", "general_members_2018-12-31", "recipients_2020")
PLAN = Plan(search_runs=12, waves=1, wave_runs=10, chains=4, steps=9, set_size=4, scale=1e6)


def journal_in(folder, seed=1, rows=None):
    chosen = priors.load().only(NAMES)
    wanted = targets.only(FIT, rows or ROWS)
    journal = Journal(folder, Scenario(expected_claims=True), chosen, wanted)
    journal.open({"seed": seed})
    return journal


@pytest.fixture(scope="module")
def run():
    """One worker for all tests, which simulates; walks are short, and few runs measure the noise."""
    with pytest.MonkeyPatch.context() as patch, Executor(1) as run:
        patch.setattr("experiments.calibration.posterior.REPEATS", 4)
        patch.setattr(posterior, "WALK", 60)
        patch.setattr(recovery, "RECOVERY", PLAN)
        yield run


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    """The folder of a whole calibration, not to be changed, and what it found."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, calibrated(folder, run)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished folder, to damage."""
    shutil.copytree(finished[0], tmp_path / "copy")
    return tmp_path / "copy"


def calibrated(folder, run):
    return calibrate(journal_in(folder), PLAN, run, lambda *_: None)


def test_an_interrupted_calibration_goes_on_to_the_same_end(finished, folder, run):
    whole = finished[1]
    chains = [f"chains-{step:04d}" for step in range(9)]
    centres = [f"centre-{number}" for number in range(4)]
    assert journal_in(folder).whole() == ["again", *centres, *chains, "noise", "search-0000", "wave-0"]
    for part, file in journal_in(folder).finished().items():
        if part.batch not in {"search-0000", "chains-0000", "chains-0003"}:
            file.unlink()
    again = calibrated(folder, run)
    pd.testing.assert_frame_equal(pd.DataFrame(whole.sets()), pd.DataFrame(again.sets()))
    pd.testing.assert_frame_equal(whole.table(), again.table())
    keep(again, folder)
    sets = ensemble.load(folder / "acceptable_set.csv")
    assert 1 <= len(sets) <= 4
    assert set(sets[0]) == set(NAMES)
    provenance = ensemble.provenance(folder / "acceptable_set.csv")
    assert sorted(provenance["fitted"]) == sorted(NAMES)
    identifiability = whole.identifiability()
    assert list(identifiability["parameter"].sort_values()) == sorted(NAMES)


@pytest.mark.slow
def test_points_found_elsewhere_are_looked_at_beside_those_of_the_search(tmp_path, run):
    journal, told = journal_in(tmp_path), []
    best = best_of_search(journal, PLAN, run, lambda *_: None, 3)
    calibrate(journal, PLAN, run, lambda *step: told.append(step[:3]), np.full((5, 2), 0.4))
    assert ("elsewhere", 5, 5) in told
    assert (journal.points("elsewhere")[0] == 0.4).all()
    searched, simulated = journal.points("search-0000")
    rows = Rows(tuple(journal.targets))
    misfits = rows.misfit(rows.standardise(simulated))
    nearest = journal.priors.parameters(searched[misfits.argmin()])
    assert len(best) == 3
    assert best[0]["filing_share"] == nearest["filing_share"]


@pytest.mark.slow
def test_synthetic_records_are_fitted_and_give_an_interval_and_a_rank_for_every_parameter(tmp_path, run, monkeypatch):
    monkeypatch.setattr(recovery, "ALIVE", 0)
    told = []
    found = recovery.recover(journal_in(tmp_path), 2, run, lambda *step: told.append(step[0]))
    assert found["parameter"].to_list() == journal_in(tmp_path).priors.names * 2
    assert (found["inside"] == found["true"].between(found["low"], found["high"])).all()
    assert (found["low"] <= found["high"]).all()
    assert found["true"].between(0, 1).all()
    assert found["rank"].between(0, 1).all()
    assert "synthetic record 2: search" in told
    # What is in the folders is used again.
    pd.testing.assert_frame_equal(recovery.recover(journal_in(tmp_path), 2, run, lambda *_: None), found)
    said = recovery.summary(found)
    assert said[0].startswith(f"90 % intervals hold the true value in {found['inside'].mean():.1%} of 4 cases (+-")
    assert "uniform with p = " in said[2]


def ranks(records, parameters, draw):
    """Ranks of synthetic records, as `recover` gives them."""
    cells = [(record, parameter) for record in range(records) for parameter in range(parameters)]
    table = pd.DataFrame(cells, columns=["truth", "parameter"])
    return table.assign(rank=draw(len(table)), low=0.0, high=1.0, inside=True)


def test_uniform_ranks_are_told_from_those_of_intervals_that_are_too_narrow():
    generator = np.random.default_rng(1)
    probability, power = recovery.uniform(ranks(10, 50, lambda size: generator.uniform(size=size)))
    assert probability > 0.05
    assert power > 0.8
    narrow = ranks(10, 50, lambda size: stats.norm.cdf(generator.normal(size=size) / 0.6))
    assert recovery.uniform(narrow)[0] < 0.01
    assert recovery.uniform(ranks(2, 2, lambda size: generator.uniform(size=size)))[1] < 0.5


def test_an_unfinished_batch_goes_on_where_it_stopped(tmp_path, run, monkeypatch):
    monkeypatch.setattr("experiments.runs.batches.KEPT_AT_ONCE", 2)
    points = np.random.default_rng(1).random((5, 2))
    journal, told = journal_in(tmp_path), []
    whole = journal.simulate("whole", points, 1e6, range(1, 6), run)[1]
    with pytest.raises(KeyboardInterrupt):
        journal.simulate("part", points, 1e6, range(1, 6), run, interrupt_after(3))
    assert [part.end for part in journal.finished() if part.batch == "part"] == [2]
    assert journal.points("part") is None
    again = journal.simulate("part", points, 1e6, range(1, 6), run, told.append)[1]
    np.testing.assert_array_equal(again, whole)
    assert told == [3, 4, 5]
    assert journal.whole() == ["part", "whole"]


def test_a_batch_at_other_points_is_refused(tmp_path, run):
    journal = journal_in(tmp_path)
    journal.simulate("some", np.full((2, 2), 0.4), 1e6, range(1, 3), run)
    with pytest.raises(StoreError, match=r"batch = 'some' of .* was simulated at other points; allowed: another"):
        journal.simulate("some", np.full((2, 2), 0.5), 1e6, range(1, 3), run)


def test_a_damaged_batch_is_simulated_again_and_a_damaged_journal_refused(finished, folder, run):
    file = next((folder / "simulations").glob("noise-*.parquet"))
    sound = file.read_bytes()
    spoiled = bytearray(sound)
    spoiled[len(sound) // 2] ^= 1
    file.write_bytes(spoiled)
    pd.testing.assert_frame_equal(finished[1].table(), calibrated(folder, run).table())
    assert file.read_bytes() == sound
    assert (folder / "damaged" / file.name).read_bytes() == spoiled
    (folder / "calibration.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"calibration.json in '.*' is damaged"):
        journal_in(folder)


def test_another_calibration_is_refused_and_the_finished_work_kept(tmp_path):
    journal_in(tmp_path)
    made = (tmp_path / "calibration.json").read_bytes()
    with pytest.raises(StoreError, match=r"targets = .* differs from .*, with which"):
        journal_in(tmp_path, rows=ROWS[:2])
    with pytest.raises(StoreError, match="seed = 2 differs from 1"):
        journal_in(tmp_path, seed=2)
    content = json.loads(made)
    (tmp_path / "calibration.json").write_text(json.dumps(content | {"model": "older"}), encoding="utf-8")
    with pytest.raises(StoreError, match=r"model = .* differs from older"):
        journal_in(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"calibration.json", "simulations"}
    assert not list((tmp_path / "simulations").iterdir())
