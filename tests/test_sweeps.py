"""Sweeps: studies, designs, the result folder that survives, and what is read from it."""

import dataclasses
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import mesa
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from experiments import cli
from experiments.output import OutputError
from experiments.sweeps import engine, replication, sensitivity, store, study
from experiments.sweeps.design import Design, StudyError
from experiments.sweeps.engine import Shard, sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store, Unit
from experiments.sweeps.summaries import SUMMARIES, by_year, summarise
from model.errors import UserError
from model.measures import MEASURES
from model.model import MutualAidModel

ROOT = Path(__file__).parents[1]
MAIN = "from experiments.cli import main; main()"
SMALLEST = """
question = "does the fee matter?"
expectation = "little"
scale = 20000
replicates = 3
seed = 5
[design]
kind = "grid"
[design.parameters]
fee_rate = [0.04, 0.08, 0.12]
"""


def quick(**changes):
    """Six points, two replicates, a fraction of a second each."""
    values = {
        "question": "what do fee and wait do?",
        "expectation": "little",
        "design": Design("grid", {"wait_periods": [2, 6, 10], "fee_rate": [0.0, 0.08]}),
        "scale": 500_000,
        "replicates": 2,
        "seed": 5,
        "measures": ("members", "joined", "share_yuan", "member_mean_risk"),
        "parameters": {"expected_claims": True, "periods": 30},
    }
    return study.Study(**(values | changes))


def written(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster of two workers, to which sweeps connect by its address."""
    with engine._cluster(2, None) as client:
        yield client


@pytest.fixture(scope="module")
def address(cluster):
    return cluster.scheduler.address


@pytest.fixture(scope="module")
def whole(address, tmp_path_factory):
    """The folder of the quick study, swept without interruption. Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    assert sweep(quick(), folder, scheduler=address) == 0
    return folder


class TestStudies:
    def test_the_smallest_study_reads(self, tmp_path):
        found = study.load(written(tmp_path, SMALLEST))
        assert found.points == [{"fee_rate": 0.04}, {"fee_rate": 0.08}, {"fee_rate": 0.12}]
        assert [found.seed_of(point, 2) for point in range(3)] == [7, 7, 7]
        assert found.scenario_of(1, 0).fee_rate == 0.08
        assert found.scenario_of(1, 0).scale == 20_000
        assert found.measures == tuple(MEASURES)
        same = study.Study(
            "is this the same?",
            "yes",
            Design("grid", {"fee_rate": [0.04, 0.08, 0.12]}),
            replicates=3,
            seed=5,
        )
        assert same.digest() == found.digest()

    def test_every_study_that_ships_can_be_read(self):
        names = sorted(file.stem for file in study.STUDIES.glob("*.toml"))
        assert {"collapse", "fee_and_wait", "sensitivity", "size"} <= set(names)
        for name in names:
            assert study.load(name).points

    def test_luck_of_its_own_for_every_run_if_told_so(self):
        found = quick(common_luck=False)
        seeds = {found.seed_of(point, replicate) for point in range(6) for replicate in range(2)}
        assert len(seeds) == 12
        assert found.seed_of(3, 1) == quick(common_luck=False).seed_of(3, 1)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('question = "does the fee matter?"', "", "question is missing"),
            ('expectation = "little"', 'expectation = ""', "expectation = '' is not allowed: a sentence"),
            ("replicates = 3", "replicates = 0", "replicates = 0 is not allowed: a whole number of at least 1"),
            ("replicates = 3", "replicats = 3", "unknown key 'replicats' in study .*; did you mean 'replicates'?"),
            ("seed = 5", "seed = -1", "seed = -1 is not allowed"),
            ("seed = 5", "scenario = 3", "scenario = 3 is not allowed: a name or a file"),
            ("seed = 5", 'measures = ["left", "left"]', "names a measure twice"),
            ("[design]", "[parameters]\nrng = 3\n[design]", "unknown parameter 'rng' in .parameters."),
            ("fee_rate = [0.04, 0.08, 0.12]", f"fee_rate = [{10**400}]", "too large"),
            ("seed = 5", "measures = 3", "measures = 3 is not allowed: a list of measures"),
            ("seed = 5", "measures = [3]", "unknown measure 3 in measures"),
            ("scale = 20000", "scale = true", "scale = True is not allowed"),
            ("scale = 20000", 'scale = "a"', "scale = 'a' is not a number"),
            ("seed = 5", 'measures = ["membrs"]', "unknown measure 'membrs' in measures; did you mean 'members'?"),
            ('kind = "grid"', 'kind = "gird"', r"kind = 'gird' in \[design\]; did you mean 'grid'"),
            ('kind = "grid"', 'kind = "sobol"\nsize = 8', r"fee_rate = .* is not a range"),
            ('kind = "grid"', 'kind = "morris"', "size = 0 in .* is not allowed: a whole number of at least 2"),
            (
                "fee_rate = [0.04, 0.08, 0.12]",
                "fee_rat = [0.04]",
                "unknown parameter 'fee_rat'.*did you mean 'fee_rate'",
            ),
            (
                "fee_rate = [0.04, 0.08, 0.12]",
                "fee_rate = [0.04, 9]",
                "fee_rate = 9 is out of bounds; allowed: 0 to 0.5",
            ),
            ("fee_rate = [0.04, 0.08, 0.12]", "fee_rate = [0.1, 0.1]", "fee_rate = .* names a value twice"),
            ("fee_rate = [0.04, 0.08, 0.12]", "fee_rate = []", "fee_rate = .* is not a list"),
            ("[design]", "[parameters]\nfee_rate = 0.1\n[design]", "fee_rate is set twice"),
            ("[design]", "[design", "cannot be read as TOML"),
        ],
    )
    def test_mistakes_are_one_line(self, tmp_path, old, new, message):
        assert old in SMALLEST
        with pytest.raises(UserError, match=message) as caught:
            study.load(written(tmp_path, SMALLEST.replace(old, new)))
        assert "\n" not in str(caught.value)

    def test_the_order_of_parameters_decides_the_points_and_so_the_digest(self):
        one, other = (
            {"wait_periods": [2, 6], "fee_rate": [0.0, 0.1]},
            {"fee_rate": [0.0, 0.1], "wait_periods": [2, 6]},
        )
        assert quick(design=Design("grid", one)).digest() != quick(design=Design("grid", other)).digest()

    def test_equal_values_written_differently_are_the_same_study(self):
        one, other = (Design("grid", {"fee_rate": values}) for values in ([0, 0.08], [0.0, 0.08]))
        assert quick(design=one).digest() == quick(design=other, scale=500_000.0).digest()

    def test_a_range_never_leaves_its_bounds(self):
        for low in (0.011, 0.3, 1.7):
            design = Design("one_at_a_time", {"news_weeks": {"low": low, "log": True}}, size=7)
            assert max(point["news_weeks"] for point in design.points(1)) <= 52

    def test_an_unknown_study_is_refused(self):
        with pytest.raises(
            StudyError, match=r"study = 'colapse' is neither a file nor one of .*did you mean 'collapse'"
        ):
            study.load("colapse")


class TestDesigns:
    def test_a_grid_has_every_combination_in_order(self):
        points = Design("grid", {"wait_periods": [0, 6], "fee_rate": [0.0, 0.1]}).points(1)
        assert [tuple(point.values()) for point in points] == [(0, 0.0), (0, 0.1), (6, 0.0), (6, 0.1)]

    def test_a_list_goes_through_its_columns_together(self):
        points = Design("list", {"wait_periods": [0, 6], "fee_rate": [0.0, 0.1]}).points(1)
        assert [tuple(point.values()) for point in points] == [(0, 0.0), (6, 0.1)]
        with pytest.raises(StudyError, match="different lengths"):
            Design("list", {"wait_periods": [0, 6], "fee_rate": [0.0]})

    @pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
    def test_samples_fill_the_ranges_evenly(self, kind):
        ranges = {"salience": {"low": 0.01, "high": 1, "log": True}, "wait_periods": {}}
        design = Design(kind, ranges, size=64)
        points = pd.DataFrame(design.points(3))
        assert design.number == len(points) == 64
        assert points["salience"].between(0.01, 1).all()
        # Half of the points below the middle of the range, which is in ratios.
        assert (points["salience"] < 0.1).sum() == 32
        assert points["wait_periods"].isin(range(25)).all()
        assert {points["wait_periods"].min(), points["wait_periods"].max()} == {0, 24}
        assert design.points(3) == design.points(3) != design.points(4)

    def test_saltelli_changes_one_column_at_a_time(self):
        design = Design("saltelli", {"salience": {}, "habit": {}, "fee_rate": {}}, size=8)
        blocks = design.shares(1).reshape(8, 5, 3)
        first, second = blocks[:, 0], blocks[:, 4]
        assert design.number == 40
        for column in range(3):
            changed = blocks[:, 1 + column]
            assert (changed[:, column] == second[:, column]).all()
            others = [other for other in range(3) if other != column]
            assert (changed[:, others] == first[:, others]).all()

    def test_morris_moves_one_parameter_a_step(self):
        shares = Design("morris", {"salience": {}, "habit": {}}, size=10).shares(1).reshape(10, 3, 2)
        assert ((np.diff(shares, axis=1) != 0).sum(axis=2) == 1).all()

    def test_one_at_a_time_leaves_the_others_alone(self):
        found = quick(design=Design("one_at_a_time", {"fee_rate": {}, "wait_periods": {"high": 10}}, size=3))
        assert found.points == [
            {"fee_rate": 0.0},
            {"fee_rate": 0.25},
            {"fee_rate": 0.5},
            {"wait_periods": 0},
            {"wait_periods": 5},
            {"wait_periods": 10},
        ]
        assert found.values_at(0) == {"fee_rate": 0.0, "wait_periods": 6}

    def test_bad_ranges_are_refused(self):
        for entry, message in (
            ({"low": 2, "high": 1}, "low = 2, high = 1 of fee_rate"),
            ({"hi": 1}, "unknown key 'hi' of fee_rate"),
            ({"low": "a"}, "low = 'a' of fee_rate"),
            ({"log": True}, "low = 0 of fee_rate .* must be above 0"),
        ):
            with pytest.raises(StudyError, match=message):
                Design("sobol", {"fee_rate": entry}, size=8)
        with pytest.raises(StudyError, match=r"size = 12 in .* is not a power of 2"):
            Design("sobol", {"fee_rate": {}}, size=12)
        with pytest.raises(StudyError, match="a yes or no has no range"):
            Design("sobol", {"closing": {}}, size=8)


class TestSweeps:
    def test_the_table_has_every_run_and_a_year_is_its_periods(self, whole):
        found = Results(whole)
        table = found.table()
        assert found.runs == 12
        assert not found.missing
        periods, years = (table[table["resolution"] == r].reset_index(drop=True) for r in ("period", "year"))
        assert len(periods) == 12 * 30 * 3
        assert list(table.columns[:8]) == [
            "point", "wait_periods", "fee_rate", "replicate", "seed", "resolution", "period", "date",
        ]  # fmt: skip
        assert (periods["seed"] == 5 + periods["replicate"]).all()
        in_2019 = periods[periods["date"].str.startswith("2019")]
        keys = ["point", "replicate", "plan"]
        year = years[years["period"] == "2019"].set_index(keys).sort_index()
        assert (in_2019.groupby(keys)["joined"].sum() == year["joined"]).all()
        assert (in_2019.groupby(keys)["members"].last() == year["members"]).all()
        assert np.allclose(
            in_2019.groupby(keys)["member_mean_risk"].mean(), year["member_mean_risk"], equal_nan=True, rtol=1e-12
        )

    def test_a_run_of_a_sweep_is_a_run_of_the_model_and_of_mesas_batch_run(self, whole):
        table = Results(whole).table()
        one = table[(table["point"] == 3) & (table["replicate"] == 1) & (table["resolution"] == "period")]
        asked = quick()
        history = MutualAidModel(asked.scenario_of(3, 1)).run()
        for name in asked.measures:
            np.testing.assert_array_equal(one[name].to_numpy(), history[name].to_numpy())
        rows = mesa.batch_run(
            MutualAidModel,
            {"scale": 500_000, "expected_claims": True, "periods": 30, "wait_periods": 6, "fee_rate": [0.0, 0.08]},
            rng=[5, 6],
            number_processes=1,
            data_collection_period=-1,
            display_progress=False,
        )
        last = table[(table["resolution"] == "period") & (table["period"] == one["period"].iloc[-1])]
        for row in rows:
            those = last[
                (last["wait_periods"] == 6) & (last["fee_rate"] == row["fee_rate"]) & (last["seed"] == row["rng"])
            ]
            for plan in ("general", "seniors"):
                for name in asked.measures:
                    assert those.loc[those["plan"] == plan, name].item() == pytest.approx(
                        row[f"{plan}_{name}"], nan_ok=True
                    )

    def test_neither_workers_nor_shards_nor_order_change_the_table(self, whole, address, tmp_path):
        expected = Results(whole).digest()
        assert sweep(quick(), tmp_path / "one", workers=1) == 0
        assert sweep(quick(), tmp_path / "backwards", scheduler=address, backwards=True) == 0
        shards = [tmp_path / f"shard-{number}" for number in (1, 2, 3)]
        for number, folder in enumerate(shards, start=1):
            assert sweep(quick(), folder, scheduler=address, shard=Shard(number, 3)) == 0
        assert Results(shards[0]).missing
        for folders in ([tmp_path / "one"], [tmp_path / "backwards"], shards, shards[::-1]):
            assert Results(*folders).digest() == expected

    def test_the_same_call_again_does_only_what_is_missing(self, whole, address, tmp_path):
        last = None

        def interrupt(state):
            nonlocal last
            last = dataclasses.replace(state)
            if state.done - state.begun >= 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sweep(quick(), tmp_path, scheduler=address, progress=interrupt)
        kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "points").iterdir()}
        assert 2 <= len(kept) < 6
        states = []
        sweep(quick(), tmp_path, scheduler=address, progress=lambda state: states.append(dataclasses.replace(state)))
        assert states[0].begun >= 4
        for name, when in kept.items():
            assert (tmp_path / "points" / name).stat().st_mtime_ns == when
        assert Results(tmp_path).digest() == Results(whole).digest()

    def test_results_of_another_study_or_model_do_not_mix(self, whole, address, monkeypatch):
        before = sorted(whole.rglob("*"))
        with pytest.raises(StudyError, match=r"scale = 400000.0 differs from 500000.0, with which"):
            sweep(quick(scale=400_000), whole, scheduler=address)
        with pytest.raises(StudyError, match=r"design.parameters.fee_rate = .* differs from \[0.0, 0.08\]"):
            sweep(quick(design=Design("grid", {"wait_periods": [2, 6, 10], "fee_rate": [0.0, 0.1]})), whole)
        monkeypatch.setattr(store, "version_of_sources", lambda: "another")
        with pytest.raises(StudyError, match=r"model = .* differs from"):
            sweep(quick(), whole, scheduler=address)
        assert sorted(whole.rglob("*")) == before

    def test_another_question_about_the_same_runs_is_the_same_study(self, whole, address):
        states = []
        assert sweep(quick(question="and the same again?"), whole, scheduler=address, progress=states.append) == 0
        assert states[-1].done == states[-1].begun == 12

    def test_a_run_that_raises_is_recorded_and_the_others_go_on(self, cluster, address, tmp_path, whole):
        with _spoiled(cluster, "raise ValueError('no such fee')"):
            assert sweep(quick(), tmp_path, scheduler=address) == 3
        failed = Store(tmp_path).failed()
        assert [unit.point for unit in failed] == [0, 2, 4]
        assert all(what["what"] == "ValueError: no such fee" for what in failed.values())
        assert all("Traceback" in what["traceback"] for what in failed.values())
        assert Results(tmp_path).runs == 6
        assert sweep(quick(), tmp_path, scheduler=address) == 3, "failed units stay aside"
        assert sweep(quick(), tmp_path, scheduler=address, retry=True) == 0
        assert Results(tmp_path).digest() == Results(whole).digest()

    def test_a_run_that_kills_its_worker_three_times_is_set_aside(self, cluster, address, tmp_path):
        one = quick(design=Design("list", {"fee_rate": [0.0, 0.08]}))
        with _spoiled(cluster, "import os; os.kill(os.getpid(), 9)"):
            assert sweep(one, tmp_path, scheduler=address) == 1
        assert [what["what"] for what in Store(tmp_path).failed().values()] == ["took its worker down 3 times"]
        assert [unit.point for unit in Store(tmp_path).finished()] == [1]

    def test_a_folder_that_cannot_be_written_is_one_line(self, address, tmp_path, whole):
        (tmp_path / "points").write_text("in the way")
        with pytest.raises(OutputError, match=r"out = .* cannot be written \(File exists\)"):
            sweep(quick(), tmp_path, scheduler=address)
        with pytest.raises(StudyError, match="is not a result folder of a sweep"):
            Results(tmp_path)

    def test_a_full_disk_leaves_earlier_results_intact(self, tmp_path, whole):
        folder = Store(tmp_path)
        folder.open(quick())
        table = Results(whole).table().head(200)
        folder.keep(Unit(0, 0, 2), table, [{}])
        before = {file: file.read_bytes() for file in folder.points.iterdir()}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
        try:
            with pytest.raises(OutputError, match=r"cannot be written .*; results written before are intact"):
                engine.run_unit(tmp_path, Unit(1, 0, 1), {}, ["members"], [quick().scenario_of(1, 0)], 1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert {file: file.read_bytes() for file in folder.points.iterdir()} == before

    def test_a_study_that_does_not_fit_into_memory_is_refused_or_gets_fewer_workers(self, monkeypatch):
        need = quick().bytes_per_run()
        monkeypatch.setattr(engine.memory, "available", lambda: 2.5 * need)
        assert engine.fitting(quick(), 8) == 2
        monkeypatch.setattr(engine.memory, "available", lambda: need)
        with pytest.raises(StudyError, match=r"scale = 500000 needs .* GB of memory a run"):
            engine.fitting(quick(), 8)

    def test_a_scheduler_that_is_not_there_is_one_line(self, tmp_path, monkeypatch):
        with pytest.raises(StudyError, match="scheduler = 'nowhere' does not answer"):
            sweep(quick(), tmp_path, scheduler="nowhere")

    def test_a_cluster_that_does_not_see_the_folder_is_one_line(self, address, tmp_path, monkeypatch):
        monkeypatch.setattr(engine.Store, "finished", lambda self: {})
        one = quick(design=Design("list", {"fee_rate": [0.08]}), replicates=1)
        with pytest.raises(StudyError, match="holds no result of runs that have ended"):
            sweep(one, tmp_path, scheduler=address)

    @pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "3"])
    def test_bad_shards_are_refused(self, text):
        with pytest.raises(StudyError, match="shard = "):
            Shard.parse(text)


def _spoiled(client, what):
    """Let the model do this at every run without a fee, also in workers that are started again."""
    import contextlib

    from distributed import WorkerPlugin

    class Spoil(WorkerPlugin):
        name = "spoil"

        def setup(self, worker):
            from model.model import MutualAidModel

            whole_run = MutualAidModel.run

            def run(self, *arguments):
                if self.scenario.fee_rate == 0.0:
                    exec(what)
                return whole_run(self, *arguments)

            MutualAidModel.whole_run = whole_run
            MutualAidModel.run = run

        def teardown(self, worker):
            from model.model import MutualAidModel

            MutualAidModel.run = MutualAidModel.whole_run

    @contextlib.contextmanager
    def spoiled():
        client.register_plugin(Spoil())
        try:
            yield
        finally:
            client.unregister_worker_plugin("spoil")

    return spoiled()


class TestResults:
    def test_exports_are_the_table(self, whole, tmp_path):
        found = Results(whole)
        found.export(tmp_path / "table.csv")
        found.export(tmp_path / "table.parquet")
        table = found.table()
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)
        assert hashlib.sha256((tmp_path / "table.csv").read_bytes()).hexdigest() == found.digest()
        # Reading the folder itself takes one line, too.
        assert len(pd.read_parquet(whole / "points")) == (table["resolution"] == "period").sum()
        with pytest.raises(StudyError, match=r"export = .*table.xlsx' is not allowed"):
            found.export(tmp_path / "table.xlsx")

    def test_every_flipped_byte_is_found_and_its_unit_queued_again(self, whole, address, tmp_path):
        assert sweep(quick(), tmp_path, scheduler=address) == 0
        files = list(Store(tmp_path).finished().values())
        generator = np.random.default_rng(11)
        for _ in range(200):
            file = files[generator.integers(len(files))]
            sound = file.read_bytes()
            spoiled = bytearray(sound)
            spoiled[generator.integers(len(sound))] ^= 1 << int(generator.integers(8))
            file.write_bytes(bytes(spoiled))
            assert [found for _, found in Store(tmp_path).damaged()] == [file]
            with pytest.raises(StudyError, match="is damaged; `mutualaid results --verify` queues it again"):
                store.read(file)
            file.write_bytes(sound)
        files[2].write_bytes(files[2].read_bytes()[:-1])
        found = Results(tmp_path)
        assert found.queue_damaged() == [files[2]]
        assert [unit.point for unit in found.missing] == [2]
        assert sweep(quick(), tmp_path, scheduler=address) == 0
        assert Results(tmp_path).digest() == Results(whole).digest()

    def test_pages_carry_checksums(self, whole):
        file = next(iter(Store(whole).finished().values()))
        assert len(pq.read_table(file, page_checksum_verification=True)) == 2 * 30 * 3

    def test_shards_of_different_studies_are_not_merged(self, whole, address, tmp_path):
        sweep(quick(replicates=1), tmp_path, scheduler=address)
        with pytest.raises(StudyError, match=r"digest = .* differs from"):
            Results(whole, tmp_path)

    def test_the_command_prints_exports_and_verifies(self, whole, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        arguments = [
            str(whole),
            "--export",
            "table.csv",
            "--picture",
            "summaries.png",
            "--summaries",
            "known.csv",
            "--verify",
        ]
        assert _type(monkeypatch, "results", *arguments) == 0
        out = capsys.readouterr().out
        for words in ("what do fee and wait do?", "Enough replicates?", "12 runs at 6 of 6 points", "0 units missing"):
            assert words in out
        assert Results(whole).digest() in out
        assert len(pd.read_csv(tmp_path / "known.csv")) == 6 * len(SUMMARIES)
        assert (tmp_path / "summaries.png").stat().st_size > 10_000
        for mistake in (["--picture", "no/such/place.png"], ["--export", "no/such/table.csv"]):
            assert _type(monkeypatch, "results", str(whole), *mistake) == 2
            assert capsys.readouterr().err.count("\n") == 1
        (tmp_path / "study.json").write_text("{}")
        assert _type(monkeypatch, "results", str(tmp_path)) == 2
        assert "does not say what the results are of" in capsys.readouterr().err
        (tmp_path / "study.json").unlink()
        assert _type(monkeypatch, "results", str(tmp_path)) == 2
        assert "is not a result folder" in capsys.readouterr().err


def _type(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mutualaid", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


class TestSummaries:
    def test_they_are_read_off_a_whole_history(self, small_history):
        found = summarise(small_history)
        assert set(found) == set(SUMMARIES)
        assert all(np.isfinite(list(found.values())))
        general = small_history[small_history["plan"] == "general"]
        in_2020 = general["date"].str.startswith("2020")
        assert found["share_2020"] == general.loc[in_2020, "share_yuan"].sum()
        assert found["peak_members"] == small_history.groupby("period")["members"].sum().max()
        assert 0 < found["fall_2021"] < 1
        assert 0.5 < found["selection"] < 1.5

    def test_what_a_run_does_not_reach_is_not_a_number(self, small_history):
        short = small_history[small_history["date"] < "2020-06-01"]
        found = summarise(short)
        assert np.isfinite(found["share_2019"])
        assert all(np.isnan(found[name]) for name in ("share_2020", "seniors_share_2020", "fall_2021", "selection"))

    def test_years_add_up_by_the_kind_of_the_measure(self):
        table = pd.DataFrame(
            {
                "run": 0,
                "period": ["2019-01-P1", "2019-01-P2", "2020-01-P1"],
                "date": ["2019-01-07", "2019-01-21", "2020-01-07"],
                "plan": "general",
                "members": [10, 20, 30],
                "share_yuan": [1.0, 2.0, 5.0],
                "member_mean_age": [30.0, 40.0, 50.0],
            }
        )
        years = by_year(table, ["run"])
        assert years["period"].to_list() == ["2019", "2020"]
        assert years["members"].to_list() == [20, 30]
        assert years["share_yuan"].to_list() == [3.0, 5.0]
        assert years["member_mean_age"].to_list() == [35.0, 50.0]


class TestReplicates:
    def test_the_interval_by_hand(self):
        runs = [dict.fromkeys(SUMMARIES, value) for value in (9.0, 10.0, 11.0)]
        line = replication.verdict(runs, 0.05).iloc[0]
        # Student's t at 97.5 % and two degrees of freedom: 4.303; standard error 1 / sqrt(3).
        assert line["mean"] == 10
        assert line["high"] - line["mean"] == pytest.approx(4.303 / np.sqrt(3), abs=1e-3)
        assert line["variation"] == pytest.approx(0.1)
        assert not line["enough"]
        assert replication.verdict(runs, 0.3)["enough"][0]
        assert replication.variation_by_number(runs, "share_2020") == pytest.approx([np.sqrt(0.5) / 9.5, 0.1])

    def test_intervals_hold_the_mean_as_often_as_they_say(self):
        """2,000 intervals of 95 %: between 93 and 97 % hold; by chance outside once in 20,000 tests."""
        generator = np.random.default_rng(3)
        held = 0
        for _ in range(2_000):
            runs = [dict.fromkeys(SUMMARIES, value) for value in generator.normal(50, 5, 6)]
            line = replication.verdict(runs[:6], 0.05).iloc[0]
            held += line["low"] <= 50 <= line["high"]
        assert 0.93 < held / 2_000 < 0.97

    def test_auto_adds_runs_until_the_verdict_holds(self, address, tmp_path):
        asked = quick(
            design=Design("list", {"fee_rate": [0.08]}),
            replicates="auto",
            tolerance=0.02,
            most_replicates=30,
            scale=200_000,
        )
        assert sweep(asked, tmp_path, scheduler=address) == 0
        found = Results(tmp_path)
        verdicts = found.verdicts()
        assert found.runs > study.FIRST_REPLICATES
        assert verdicts["enough"].all() or found.runs == 30
        assert found.summaries()["replicate"].to_list() == list(range(found.runs))
        assert not found.missing


class Made:
    """Results of a function that is known, in place of a sweep's."""

    def __init__(self, design, function):
        self.design, self.content = design, {"seed": 1}
        self.missing = self.failed = []
        values = function(design.shares(1))
        self._table = pd.DataFrame(dict.fromkeys(SUMMARIES, values)).assign(point=range(len(values)))

    def summaries(self):
        return self._table


class TestSensitivity:
    ranges: ClassVar = {"salience": {}, "habit": {}, "fee_rate": {}}

    def test_indices_of_a_sum_are_the_shares_of_its_parts(self):
        """x + 2 y + 3 z: shares of the variance 1/14, 4/14, 9/14, alone and together."""
        design = Design("saltelli", self.ranges, size=512)
        found = sensitivity.indices(Made(design, lambda x: x @ [1.0, 2.0, 3.0]))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        for name, share in zip(self.ranges, (1 / 14, 4 / 14, 9 / 14), strict=True):
            assert one.at[name, "first"] == pytest.approx(share, abs=0.03)
            assert one.at[name, "total"] == pytest.approx(share, abs=0.03)

    def test_what_matters_only_together_has_no_first_index(self):
        """(x - 1/2) (y - 1/2): neither explains anything alone, each everything with the other."""
        design = Design("saltelli", self.ranges, size=512)
        found = sensitivity.indices(Made(design, lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5)))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        assert one["first"].abs().max() < 0.1
        assert one.at["salience", "total"] == pytest.approx(1, abs=0.1)
        assert one.at["fee_rate", "total"] == pytest.approx(0, abs=1e-9)

    def test_indices_are_the_same_every_time_and_missing_where_a_figure_is(self):
        design = Design("saltelli", self.ranges, size=8)
        made = Made(design, lambda x: np.exp(3 * x).sum(axis=1))
        pd.testing.assert_frame_equal(sensitivity.indices(made), sensitivity.indices(made))
        made._table.loc[3, "selection"] = np.nan
        assert set(sensitivity.indices(made)["summary"]) == {*SUMMARIES} - {"selection"}
        assert set(sensitivity.screening(Made(Design("morris", self.ranges, size=10), lambda x: x[:, 0]))["summary"])

    def test_wide_intervals_are_not_called_settled(self):
        few, many = (
            sensitivity.indices(Made(Design("saltelli", self.ranges, size=size), lambda x: np.exp(3 * x).sum(axis=1)))
            for size in (8, 2048)
        )
        assert not few["settled"].any()
        assert many["settled"].all()
        assert "have NOT settled" in sensitivity.verdict(few)
        assert "have settled" in sensitivity.verdict(many)

    def test_screening_finds_the_slope_and_no_interaction_of_a_line(self):
        found = sensitivity.screening(Made(Design("morris", self.ranges, size=10), lambda x: x @ [1.0, -2.0, 0.0]))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        assert one["mu_star"].to_list() == pytest.approx([1, 2, 0])
        assert one["sigma"].to_list() == pytest.approx([0, 0, 0], abs=1e-9)

    def test_a_study_without_ranges_is_refused(self):
        with pytest.raises(StudyError, match=r"kind = 'grid' in \[design\] has no ranges"):
            sensitivity.designs(quick())

    def test_the_command_samples_thrice_and_writes_its_results(self, address, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        file = written(
            tmp_path,
            """
            question = "which matters?"
            expectation = "the wait"
            scale = 1000000
            measures = ["members"]
            [parameters]
            expected_claims = true
            periods = 54
            [design]
            kind = "saltelli"
            size = 4
            [design.parameters]
            fee_rate = {}
            filing_share = {low = 0.1}
            """,
        )
        assert _type(monkeypatch, "sensitivity", str(file), "--scheduler", address, "--out", "here") == 0
        made = {name.name for name in (tmp_path / "here").iterdir()}
        assert {"curves.csv", "morris.csv", "sobol.csv", "sensitivity.png", "morris", "saltelli"} <= made
        assert "settled" in capsys.readouterr().out
        curves = pd.read_csv(tmp_path / "here" / "curves.csv")
        assert len(curves) == 2 * sensitivity.CURVE_POINTS
        assert curves.loc[curves["parameter"] == "filing_share", "share_2020"].is_monotonic_increasing


def test_bytes_of_a_result_depend_on_the_result_alone(whole, tmp_path):
    first = Store(whole).finished()
    table, summaries = store.read(first[Unit(1, 0, 2)]), store.read_summaries(first[Unit(1, 0, 2)])
    again = Store(tmp_path)
    again.open(quick())
    again.keep(Unit(1, 0, 2), table, summaries)
    assert [file.name for file in again.finished().values()] == [first[Unit(1, 0, 2)].name]


def test_leftovers_of_dead_processes_are_swept_away_and_those_of_others_left(tmp_path):
    folder = Store(tmp_path)
    folder.open(quick())
    name = os.uname().nodename
    dead, alive, elsewhere = (
        folder.points / f".000001-000-002.abc.parquet.{node}.{process}.unfinished"
        for node, process in ((name, 2**22 + 1), (name, os.getpid()), ("elsewhere", 2**22 + 1))
    )
    for file in (dead, alive, elsewhere):
        file.write_bytes(b"half")
    folder.open(quick())
    assert [file.exists() for file in (dead, alive, elsewhere)] == [False, True, True]
    assert not folder.finished()


def test_the_study_is_kept_with_its_question(whole):
    kept = json.loads((Path(whole) / "study.json").read_text(encoding="utf-8"))
    assert kept["study"]["expectation"] == "little"
    assert kept["study"]["base"]["wait_periods"] == 6


STUDY_OF_60_RUNS = """
question = "what do fee and wait do?"
expectation = "little"
scale = 200000
replicates = 2
seed = 5
measures = ["members", "share_yuan"]
[parameters]
expected_claims = true
[design]
kind = "grid"
[design.parameters]
wait_periods = [0, 2, 4, 6, 8, 10]
fee_rate = [0.0, 0.04, 0.08, 0.12, 0.16]
"""


def start(study_file, folder, *options):
    """The command in a process group of its own."""
    command = [sys.executable, "-c", MAIN, "sweep", str(study_file), "--out", str(folder), *options]
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def workers_of(process):
    """The worker processes of a running sweep."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            started = "spawn_main" in (status.parent / "cmdline").read_text(encoding="utf-8")
        except OSError:
            continue
        if parent == process.pid and started:
            found.append(int(status.parent.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_that_is_interrupted_or_killed_can_be_resumed(how, address, tmp_path):
    shorter = {"[0, 2, 4, 6, 8, 10]": "[2, 6]", "[parameters]": "[parameters]\nperiods = 30"}
    text = STUDY_OF_60_RUNS
    for old, new in shorter.items():
        text = text.replace(old, new)
    file = written(tmp_path, text)
    running = start(file, tmp_path / "out", "--workers", "1")
    points = tmp_path / "out" / "points"
    while running.poll() is None and not (points.is_dir() and any(points.glob("[0-9]*.parquet"))):
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(running.pid, how)  # as a terminal does
    else:
        running.kill()
    said, _ = running.communicate(timeout=60)
    assert running.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), said
    assert ("runs are kept in" in said) == (how == signal.SIGINT)
    assert "Traceback" not in said
    found = Results(tmp_path / "out")
    assert 0 < found.runs < 20
    assert found.runs + 2 * len(found.missing) == 20
    for folder in ("out", "whole"):
        assert sweep(study.load(file), tmp_path / folder, scheduler=address) == 0
    assert Results(tmp_path / "out").digest() == Results(tmp_path / "whole").digest()


@pytest.mark.slow
def test_sixty_runs_survive_twenty_kills_at_any_moment(tmp_path):
    """Kill -9 of the parent (with the embedded scheduler) or of a worker, at random moments, each time resumed."""
    file = written(tmp_path, STUDY_OF_60_RUNS)
    whole = {}
    for workers in (1, 2, 4):
        running = start(file, tmp_path / f"whole-{workers}", "--workers", str(workers))
        said, _ = running.communicate(timeout=300)
        assert running.returncode == 0, said
        whole[workers] = Results(tmp_path / f"whole-{workers}").digest()
    assert len(set(whole.values())) == 1
    generator = np.random.default_rng(17)
    folder, kills, complete = tmp_path / "killed", 0, False
    while kills < 20:
        if complete:
            shutil.rmtree(folder)
        running = start(file, folder, "--workers", "2")
        time.sleep(generator.uniform(1, 12))
        if kills % 2 and workers_of(running):
            os.kill(generator.choice(workers_of(running)), signal.SIGKILL)
            kills += 1
            time.sleep(generator.uniform(0, 2))
        if running.poll() is None:
            running.kill()
            kills += 1
        running.communicate(timeout=60)
        found = Results(folder) if (folder / "study.json").exists() else None
        complete = found is not None and not found.missing and not found.failed
        assert not list(Store(folder).damaged())
    running = start(file, folder, "--workers", "2")
    said, _ = running.communicate(timeout=300)
    assert running.returncode == 0, said
    found = Results(folder)
    assert found.runs == 60
    assert found.digest() == whole[1]


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_with_one_line_and_earlier_results_stay(tmp_path):
    file = written(tmp_path, STUDY_OF_60_RUNS)
    # The compiled code is in its cache from here on, so that only results meet the limit.
    running = start(written(tmp_path, STUDY_OF_60_RUNS), tmp_path / "out", "--workers", "1", "--shard", "1/6")
    said, _ = running.communicate(timeout=200)
    assert running.returncode == 0, said
    before = Results(tmp_path / "out").digest()
    limit = 6_000
    full = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(limit=limit), "sweep", str(file), "--out", str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    assert "cannot be written (File too large); results written before are intact" in full.stderr
    assert Results(tmp_path / "out").digest() == before


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from experiments.cli import main
main()
"""
