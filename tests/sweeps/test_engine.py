"""The engine: every run once, in any order, by any number of workers; a result folder that survives."""

import dataclasses
import json
import math
import os
import resource
import signal
from pathlib import Path

import dask
import mesa
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed.utils import LoopRunner
from small_studies import quick
from xiang_hu_bao import SUMMARIES

from experiments.output import OutputError
from experiments.runs import executor
from experiments.runs.cluster import ClusterError
from experiments.runs.store import StoreError
from experiments.sweeps import engine, store, study
from experiments.sweeps.design import Design, StudyError
from experiments.sweeps.engine import Shard, sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store, Unit, version
from experiments.sweeps.units import Task, run_unit
from model.model import MutualAidModel


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
        with pytest.raises(StoreError, match=r"scale = 400000.0 differs from 500000.0, with which"):
            sweep(quick(scale=400_000), whole, scheduler=address)
        with pytest.raises(StoreError, match=r"design.parameters.fee_rate = .* differs from \[0.0, 0.08\]"):
            sweep(quick(design=Design("grid", {"wait_periods": [2, 6, 10], "fee_rate": [0.0, 0.1]})), whole)
        monkeypatch.setattr(store, "version", lambda: "another")
        with pytest.raises(StoreError, match=r"model = .* differs from"):
            sweep(quick(), whole, scheduler=address)
        assert sorted(whole.rglob("*")) == before

    def test_another_question_about_the_same_runs_is_the_same_study(self, whole, address):
        states = []
        assert sweep(quick(question="and the same again?"), whole, scheduler=address, progress=states.append) == 0
        assert states[-1].done == states[-1].begun == 12

    def test_a_run_that_raises_is_recorded_and_the_others_go_on(self, address, tmp_path, whole):
        folder = tmp_path / "out"
        assert spoiled_sweep(quick(), folder, "raise ValueError('no such fee')") == 3
        failed = Store(folder).failed()
        assert [unit.point for unit in failed] == [0, 2, 4]
        assert all(what["what"] == "ValueError: no such fee" for what in failed.values())
        assert all("Traceback" in what["traceback"] for what in failed.values())
        assert Results(folder).runs == 6
        assert sweep(quick(), folder, scheduler=address) == 3, "failed units stay aside"
        assert sweep(quick(), folder, scheduler=address, retry=True) == 0
        assert Results(folder).digest() == Results(whole).digest()

    def test_a_run_that_kills_its_worker_three_times_is_set_aside_and_those_handed_out_with_it_are_not(
        self, tmp_path, monkeypatch
    ):
        # All are handed out together, however long they take.
        monkeypatch.setattr(executor, "TASK_SECONDS", math.inf)
        fees = [0.08, 0.01, 0.0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.09]
        folder = tmp_path / "out"
        asked = quick(design=Design("list", {"fee_rate": fees}))
        assert spoiled_sweep(asked, folder, "import os; os.kill(os.getpid(), 9)") == 1
        failed = Store(folder).failed()
        assert [unit.point for unit in failed] == [2]
        assert [what["what"] for what in failed.values()] == ["took its worker down 3 times"]
        assert [unit.point for unit in Store(folder).finished()] == [0, 1, *range(3, 10)]

    def test_a_folder_that_cannot_be_written_is_one_line(self, address, tmp_path, whole):
        (tmp_path / "points").write_text("in the way")
        with pytest.raises(OutputError, match=r"out = .* cannot be written \(File exists\)"):
            sweep(quick(), tmp_path, scheduler=address)
        with pytest.raises(StoreError, match="is not a result folder of a sweep"):
            Results(tmp_path)

    def test_a_full_disk_leaves_earlier_results_intact(self, tmp_path, whole):
        folder = Store(tmp_path)
        folder.open(quick())
        table = Results(whole).table().head(200)
        folder.keep_unit(Unit(0, 0, 2), pa.Table.from_pandas(table), [{}])
        before = {file: file.read_bytes() for file in folder.results.iterdir()}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
        try:
            with pytest.raises(OutputError, match=r"cannot be written .*; results written before are intact"):
                run_unit(tmp_path, version(), ["members"], Task(Unit(1, 0, 1), {}, [quick().scenario_of(1, 0)]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert {file: file.read_bytes() for file in folder.results.iterdir()} == before

    def test_a_study_that_does_not_fit_into_memory_is_refused_or_gets_fewer_workers(self, monkeypatch):
        need = quick().bytes_per_run()
        monkeypatch.setattr(engine.memory, "available", lambda: 2.5 * need)
        assert engine.fitting(quick(), 8) == 2
        monkeypatch.setattr(engine.memory, "available", lambda: need)
        with pytest.raises(StudyError, match=r"scale = 500000 needs .* GB of memory a run"):
            engine.fitting(quick(), 8)

    def test_a_scheduler_that_is_not_there_is_one_line(self, tmp_path, monkeypatch):
        with pytest.raises(ClusterError, match="scheduler = 'nowhere' does not answer"):
            sweep(quick(), tmp_path, scheduler="nowhere")

    def test_many_replicates_of_a_point_are_divided_and_gaps_are_found(self):
        work = study.Work(points=2, replicates=45, tolerance=0.05, most_replicates=40)
        units = [Unit(point, *part) for point in (0, 1) for part in ((0, 20), (20, 40), (40, 45))]
        assert engine.missing(work, {}, {}, Shard(), SUMMARIES) == units
        done, failed = {units[0]: Path(), units[2]: Path(), units[3]: Path()}, {units[4]: {}}
        assert engine.missing(work, done, failed, Shard(), SUMMARIES) == [units[1], units[5]]
        assert engine.missing(work, done, failed, Shard(2, 2), SUMMARIES) == [units[5]]

    def test_a_thread_of_dask_that_is_slow_to_start_is_tried_again(self, address, tmp_path, monkeypatch):
        runner, attempts = LoopRunner._start_unlocked, []

        def slow(self):
            attempts.append(self)
            assert len(attempts) > 1
            return runner(self)

        monkeypatch.setattr(LoopRunner, "_start_unlocked", slow)
        one = quick(design=Design("list", {"fee_rate": [0.08]}), replicates=1)
        assert sweep(one, tmp_path, scheduler=address) == 0
        assert len(attempts) > 1

    def test_results_that_come_into_sight_late_are_waited_for(self, address, tmp_path, monkeypatch):
        one = quick(design=Design("list", {"fee_rate": [0.08]}), replicates=1)
        finished, looks = engine.Store.finished, []

        def late(self):
            looks.append(len(finished(self)))
            return finished(self) if len(looks) > 3 else {}

        monkeypatch.setattr(engine.Store, "finished", late)
        monkeypatch.setattr(engine, "SIGHT", (0, 0.1))
        assert sweep(one, tmp_path, scheduler=address) == 0
        assert looks == [0, 0, 1, 1]

    def test_a_cluster_that_does_not_see_the_folder_is_one_line(self, address, tmp_path, monkeypatch):
        monkeypatch.setattr(engine, "SIGHT", (0, 0.1))
        monkeypatch.setattr(engine.Store, "finished", lambda self: {})
        one = quick(design=Design("list", {"fee_rate": [0.08]}), replicates=1)
        with pytest.raises(StudyError, match="holds no result of runs that have ended"):
            sweep(one, tmp_path, scheduler=address)

    @pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "3"])
    def test_bad_shards_are_refused(self, text):
        with pytest.raises(StudyError, match="shard = "):
            Shard.parse(text)


SPOILED = """
from model.model import MutualAidModel

# Dask may load this file twice.
simulate = MutualAidModel.unspoiled = getattr(MutualAidModel, "unspoiled", MutualAidModel.simulate)


def spoiled(self, *arguments):
    if self.scenario.fee_rate == 0.0:
        {what}
    return simulate(self, *arguments)


MutualAidModel.simulate = spoiled
"""


def spoiled_sweep(study, folder, what, **options):
    """A sweep on a cluster of its own, whose workers do this at every run without a fee, also when started again."""
    file = folder.with_name("spoiled.py")
    file.write_text(SPOILED.format(what=what), encoding="utf-8")
    with dask.config.set({"distributed.worker.preload": [str(file)]}):
        return sweep(study, folder, workers=2, **options)


def test_bytes_of_a_result_depend_on_the_result_alone(whole, tmp_path):
    first = Store(whole).finished()
    table, summaries = pq.read_table(first[Unit(1, 0, 2)]), store.read_summaries(first[Unit(1, 0, 2)])
    again = Store(tmp_path)
    again.open(quick())
    again.keep_unit(Unit(1, 0, 2), table, summaries)
    assert [file.name for file in again.finished().values()] == [first[Unit(1, 0, 2)].name]


def test_leftovers_of_dead_processes_are_swept_away_and_those_of_others_left(tmp_path):
    folder = Store(tmp_path)
    folder.open(quick())
    name = os.uname().nodename
    dead, alive, elsewhere = (
        folder.results / f".000001-000-002.abc.parquet.{node}.{process}.unfinished"
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
