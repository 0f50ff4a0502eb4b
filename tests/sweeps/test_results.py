"""What is read from a result folder: tables, summaries, verdicts on replicates."""

import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_studies import quick, typed
from xiang_hu_bao import SUMMARIES

from experiments.runs.store import StoreError
from experiments.simulated import Simulated
from experiments.sweeps import replication, store, study
from experiments.sweeps.design import Design, StudyError
from experiments.sweeps.engine import sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store, Unit
from experiments.sweeps.summaries import by_year, summarise


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
            assert Store(tmp_path).damaged_units() == [file]
            with pytest.raises(StoreError, match=r"is damaged; `mutualaid results --verify .*` queues it again"):
                store.read(file)
            file.write_bytes(sound)
        files[2].write_bytes(files[2].read_bytes()[:-1])
        found = Results(tmp_path)
        assert found.queue_damaged() == [files[2]]
        assert (tmp_path / "damaged" / files[2].name).exists()
        assert len(pd.read_parquet(tmp_path / "points")) == 5 * 2 * 30 * 3
        assert [unit.point for unit in found.missing] == [2]
        assert sweep(quick(), tmp_path, scheduler=address) == 0
        assert Results(tmp_path).digest() == Results(whole).digest()

    def test_a_study_that_was_changed_afterwards_is_found(self, whole, tmp_path):
        made = json.loads((whole / "study.json").read_text(encoding="utf-8"))
        made["study"]["seed"] += 1
        (tmp_path / "study.json").write_text(json.dumps(made), encoding="utf-8")
        with pytest.raises(StoreError, match="is damaged: it was changed after the results were begun"):
            Results(tmp_path)

    def test_a_damaged_note_of_a_failure_counts_as_none(self, tmp_path):
        folder = Store(tmp_path)
        folder.open(quick())
        folder.set_aside(Unit(1, 0, 2), "ValueError", "Traceback")
        (folder.failures / "000000-000-002.json").write_text("{", encoding="utf-8")
        assert list(folder.failed()) == [Unit(1, 0, 2)]
        assert Results(tmp_path).missing[0] == Unit(0, 0, 2)

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
        assert typed(monkeypatch, "results", *arguments) == 0
        out = capsys.readouterr().out
        for words in ("what do fee and wait do?", "Enough replicates?", "12 runs at 6 of 6 points", "0 units missing"):
            assert words in out
        assert Results(whole).digest() in out
        assert len(pd.read_csv(tmp_path / "known.csv")) == 6 * len(SUMMARIES)
        assert (tmp_path / "summaries.png").stat().st_size > 10_000
        for mistake in (["--picture", "no/such/place.png"], ["--export", "no/such/table.csv"]):
            assert typed(monkeypatch, "results", str(whole), *mistake) == 2
            assert capsys.readouterr().err.count("\n") == 1
        (tmp_path / "study.json").write_text('{"format": 2}')
        assert typed(monkeypatch, "results", str(tmp_path)) == 2
        assert "does not say what the results are of" in capsys.readouterr().err
        (tmp_path / "study.json").unlink()
        assert typed(monkeypatch, "results", str(tmp_path)) == 2
        assert "is not a result folder" in capsys.readouterr().err


class TestSummaries:
    def test_they_are_read_off_a_whole_history(self, small_history):
        found = summarise(Simulated.of(small_history))
        assert set(found) == set(SUMMARIES)
        assert all(np.isfinite(list(found.values())))
        general = small_history[small_history["plan"] == "general"]
        in_2020 = general["date"].str.startswith("2020")
        assert found["share_2020"] == general.loc[in_2020, "share"].sum()
        assert found["peak_members"] == small_history.groupby("period")["members"].sum().max()
        members = small_history.groupby("date")["members"].sum()
        assert found["fall_2021"] == pytest.approx(1 - members["2021-12-21"] / members["2020-12-21"], abs=0.02)
        assert 0.5 < found["selection"] < 1.5

    def test_what_a_run_does_not_reach_is_not_a_number(self, small_history):
        short = small_history[small_history["date"] < "2020-06-01"]
        found = summarise(Simulated.of(short))
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
                "share": [1.0, 2.0, 5.0],
                "member_mean_age": [30.0, 40.0, 50.0],
            }
        )
        years = by_year(table, ["run"])
        assert years["period"].to_list() == ["2019", "2020"]
        assert years["members"].to_list() == [20, 30]
        assert years["share"].to_list() == [3.0, 5.0]
        assert years["member_mean_age"].to_list() == [35.0, 50.0]


class TestReplicates:
    def test_the_interval_by_hand(self):
        runs = [dict.fromkeys(SUMMARIES, value) for value in (9.0, 10.0, 11.0)]
        line = replication.verdict(runs, 0.05, SUMMARIES).iloc[0]
        # Student's t at 97.5 % and two degrees of freedom: 4.303; standard error 1 / sqrt(3).
        assert line["mean"] == 10
        assert line["high"] - line["mean"] == pytest.approx(4.303 / np.sqrt(3), abs=1e-3)
        assert line["variation"] == pytest.approx(0.1)
        assert not line["enough"]
        assert replication.verdict(runs, 0.3, SUMMARIES)["enough"][0]
        assert replication.variation_by_number(runs, "share_2020") == pytest.approx([np.sqrt(0.5) / 9.5, 0.1])

    def test_intervals_hold_the_mean_as_often_as_they_say(self):
        """2,000 intervals of 95 %: between 93 and 97 % hold; by chance outside once in 20,000 tests."""
        generator = np.random.default_rng(3)
        held = 0
        for _ in range(2_000):
            runs = [dict.fromkeys(SUMMARIES, value) for value in generator.normal(50, 5, 6)]
            line = replication.verdict(runs[:6], 0.05, SUMMARIES).iloc[0]
            held += line["low"] <= 50 <= line["high"]
        assert 0.93 < held / 2_000 < 0.97

    def test_auto_adds_runs_until_the_verdict_holds(self, address, tmp_path):
        asked = quick(
            design=Design("list", {"fee_rate": [0.08]}),
            replicates="auto",
            tolerance=0.02,
            most_replicates=12,
            scale=200_000,
        )
        assert sweep(asked, tmp_path, scheduler=address) == 0
        found = Results(tmp_path)
        verdicts = found.verdicts
        assert found.runs > study.FIRST_REPLICATES
        assert verdicts["enough"].all() or found.runs == 12
        assert found.summaries["replicate"].to_list() == list(range(found.runs))
        assert not found.missing
        before, first = found.digest(), next(iter(found.finished.values()))
        first.unlink()
        assert Results(tmp_path).missing == [Unit(0, 0, study.FIRST_REPLICATES)]
        assert sweep(asked, tmp_path, scheduler=address) == 0
        assert Results(tmp_path).digest() == before


def test_a_folder_without_results_has_no_digest_and_exports_nothing(tmp_path, monkeypatch, capsys):
    Store(tmp_path / "begun").open(quick())
    table = tmp_path / "table.csv"
    assert typed(monkeypatch, "results", str(tmp_path / "begun"), "--export", str(table)) == 3
    out = capsys.readouterr().out
    assert "no run has a result yet: nothing was written" in out
    assert "0 runs at 0 of 6 points, 6 units missing, 0 failed\n" in out
    assert not table.exists()
