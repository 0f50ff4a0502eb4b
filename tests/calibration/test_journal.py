"""The journal of a calibration: resumed, damaged, mixed up."""

import json

import numpy as np
import pandas as pd
import pytest

from experiments import targets
from experiments.calibration import ensemble, priors, recovery
from experiments.calibration.calibrate import best_of_search, calibrate, keep
from experiments.calibration.journal import Journal, JournalError
from experiments.calibration.misfit import Rows, misfit
from experiments.calibration.plan import Plan
from experiments.calibration.processes import workers
from model.scenario import Scenario

FIT = [target for target in targets.load() if target.role == "fit"]


def interrupt_after(number):
    """Press Ctrl-C when so many simulations are done."""

    def progress(done):
        if done == number:
            raise KeyboardInterrupt

    return progress


class TestJournal:
    """The smallest calibration: two parameters, three rows, one row a hundred thousand people."""

    names = ("filing_share", "launch_advertising")
    rows = ("general_share_2020", "general_members_2018-12-31", "recipients_2020")
    plan = Plan(search_runs=20, waves=1, wave_runs=12, set_size=6, scale=1e6)

    def journal(self, folder, seed=1, rows=rows):
        chosen = priors.load().only(self.names)
        wanted = targets.only(FIT, rows)
        journal = Journal(folder, Scenario(expected_claims=True), chosen, wanted)
        journal.open({"seed": seed})
        return journal

    @pytest.fixture(autouse=True)
    def short_walks(self, monkeypatch):
        from experiments.calibration import posterior

        monkeypatch.setattr(posterior, "STEPS", 40)
        monkeypatch.setattr(posterior, "LAST_STEPS", 60)
        monkeypatch.setattr(recovery, "SAMPLE", 100)

    def run(self, folder):
        with workers(1) as pool:
            return calibrate(self.journal(folder), self.plan, pool, lambda *_: None)

    def test_an_interrupted_calibration_goes_on_to_the_same_end(self, tmp_path):
        whole = self.run(tmp_path / "whole")
        batches = sorted(file.name for file in (tmp_path / "whole").glob("*.npz"))
        assert batches == ["again.npz", "noise.npz", "search-0000.npz", "set.npz", "wave-0.npz"]
        (tmp_path / "part").mkdir()
        for name in ("calibration.json", "search-0000.npz"):
            (tmp_path / "part" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
        again = self.run(tmp_path / "part")
        pd.testing.assert_frame_equal(pd.DataFrame(whole.sets()), pd.DataFrame(again.sets()))
        pd.testing.assert_frame_equal(whole.table(), again.table())
        keep(again, tmp_path / "part")
        sets = ensemble.load(tmp_path / "part" / "acceptable_set.csv")
        assert len(sets) == 6
        assert set(sets[0]) == set(self.names)
        provenance = ensemble.provenance(tmp_path / "part" / "acceptable_set.csv")
        assert sorted(provenance["fitted"]) == sorted(self.names)
        identifiability = whole.identifiability()
        assert list(identifiability["parameter"].sort_values()) == sorted(self.names)

    def test_points_found_elsewhere_are_looked_at_beside_those_of_the_search(self, tmp_path):
        journal, told = self.journal(tmp_path), []
        with workers(1) as pool:
            best = best_of_search(journal, self.plan, pool, lambda *_: None, 3)
            calibrate(journal, self.plan, pool, lambda *step: told.append(step[:3]), np.full((5, 2), 0.4))
        assert ("elsewhere", 5, 5) in told
        assert (np.load(tmp_path / "elsewhere.npz")["points"] == 0.4).all()
        searched = np.load(tmp_path / "search-0000.npz")
        misfits = misfit(Rows(tuple(journal.targets)).standardise(searched["simulated"]))
        nearest = journal.priors.parameters(searched["points"][misfits.argmin()])
        assert len(best) == 3
        assert best[0]["filing_share"] == nearest["filing_share"]

    def test_made_records_give_an_interval_for_every_parameter(self, tmp_path):
        fit = self.run(tmp_path)
        with workers(1) as pool:
            found = recovery.recover(self.journal(tmp_path), fit, 2, self.plan.scale, pool)
        assert found["parameter"].to_list() == fit.priors.names * 2
        assert (found["inside"] == found["true"].between(found["low"], found["high"])).all()
        assert (found["low"] < found["high"]).all()
        assert found["true"].between(0, 1).all()
        said = recovery.summary(found, fit.identifiability())
        assert said[0].startswith(f"90 % intervals hold the true value in {found['inside'].mean():.1%} of 4 cases (+-")

    def test_an_unfinished_batch_goes_on_where_it_stopped(self, tmp_path, monkeypatch):
        monkeypatch.setattr("experiments.calibration.journal.KEPT_AT_ONCE", 2)
        points = np.random.default_rng(1).random((5, 2))
        journal, told = self.journal(tmp_path), []
        with workers(1) as pool:
            whole = journal.simulate("whole", points, 1e6, range(1, 6), pool)[1]
            with pytest.raises(KeyboardInterrupt):
                journal.simulate("part", points, 1e6, range(1, 6), pool, interrupt_after(3))
            assert len(journal.batch("part", ".part")[1]) == 2
            assert journal.batch("part") is None
            again = journal.simulate("part", points, 1e6, range(1, 6), pool, told.append)[1]
        np.testing.assert_array_equal(again, whole)
        assert told == [3, 4, 5]
        assert not (tmp_path / "part.part").exists()

    def test_a_batch_at_other_points_is_refused(self, tmp_path):
        journal = self.journal(tmp_path)
        with workers(1) as pool:
            journal.simulate("some", np.full((2, 2), 0.4), 1e6, range(1, 3), pool)
            with pytest.raises(
                JournalError, match=r"batch = 'some' of .* was simulated at other points; allowed: another"
            ):
                journal.simulate("some", np.full((2, 2), 0.5), 1e6, range(1, 3), pool)

    def test_a_damaged_batch_is_simulated_again_and_a_damaged_journal_refused(self, tmp_path):
        whole = self.run(tmp_path)
        sound = (tmp_path / "set.npz").read_bytes()
        (tmp_path / "set.npz").write_bytes(sound[:100])
        pd.testing.assert_frame_equal(whole.table(), self.run(tmp_path).table())
        assert (tmp_path / "set.npz").read_bytes()[:100] == sound[:100]
        (tmp_path / "calibration.json").write_text("{", encoding="utf-8")
        with pytest.raises(JournalError, match=r"calibration.json' is damaged"):
            self.journal(tmp_path)

    def test_another_calibration_is_refused_and_the_finished_work_kept(self, tmp_path):
        self.journal(tmp_path)
        made = (tmp_path / "calibration.json").read_bytes()
        with pytest.raises(JournalError, match=r"targets = .* differs from .*, with which"):
            self.journal(tmp_path, rows=self.rows[:2])
        with pytest.raises(JournalError, match="seed = 2 differs from 1"):
            self.journal(tmp_path, seed=2)
        content = json.loads(made)
        (tmp_path / "calibration.json").write_text(json.dumps(content | {"model": "older"}), encoding="utf-8")
        with pytest.raises(JournalError, match=r"model = .* differs from older"):
            self.journal(tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == {"calibration.json"}
