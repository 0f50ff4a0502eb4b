"""Calibration: priors, misfit, the journal, the emulator and the held-out test."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from experiments import cli, targets
from experiments.calibration import contested, emulator, ensemble, priors, recovery, stories, validation
from experiments.calibration.calibrate import Fit, Plan, best_of_search, calibrate, keep
from experiments.calibration.journal import Journal, JournalError, workers
from experiments.calibration.misfit import Rows, misfit
from model.scenario import PARAMETERS, Scenario
from model.scenario import load as load_scenario

HEADER = "id,plan,measure,when,value,unit,low,high,grade,role,source,note\n"
FIT = [target for target in targets.load() if target.role == "fit"]


def toml(tmp_path, text):
    file = tmp_path / "priors.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_priors_that_ship_lie_within_the_bounds_of_their_parameters():
    chosen = priors.load()
    for prior in chosen.fitted:
        assert PARAMETERS[prior.name].low <= prior.low < prior.high <= PARAMETERS[prior.name].high
        assert prior.source


def test_a_point_of_the_cube_and_its_parameters_belong_together():
    chosen = priors.load()
    point = np.random.default_rng(1).uniform(0.01, 0.99, len(chosen.fitted))
    parameters = chosen.parameters(point)
    again = chosen.parameters(chosen.point(parameters))
    assert again == pytest.approx(parameters, rel=1e-6)
    assert parameters["rival_closure_impact"] == parameters["scandal_impact"]
    Scenario(**parameters)


@pytest.mark.parametrize(
    ("kind", "u", "value"), [("uniform", 0.25, 2.5), ("log_uniform", 0.5, 2.0), ("normal", 0.5, 3.0)]
)
def test_quantiles_of_a_prior_by_hand(kind, u, value):
    low, high = (1.0, 7.0) if kind == "uniform" else (1.0, 4.0) if kind == "log_uniform" else (0.0, 6.0)
    prior = priors.Prior("salience", kind, low, high, 3.0, 1.0, "")
    assert prior.value(u) == pytest.approx(value)
    assert prior.quantile(value) == pytest.approx(u)
    assert prior.quantile([low - 1.0, high + 1.0]) == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[saliense]\nkind='uniform'\nlow=0\nhigh=1",
            "unknown parameter 'saliense' in priors.toml; did you mean 'salience'?",
        ),
        ("[salience]\nkind='gamma'\nlow=0\nhigh=1", "kind = 'gamma' in the prior of salience"),
        ("[salience]\nkind='uniform'\nlow=0\nhigh=1000", "low = 0, high = 1000 in the prior of salience"),
        ("[salience]\nkind='uniform'\nlow=0", "high = None in the prior of salience in priors.toml is not a number"),
        ("[salience]\nkind='log_uniform'\nlow=0\nhigh=1", "a logarithmic prior needs more than 0"),
        ("[salience]\nsame_as='habit'", "same_as = 'habit' of salience in priors.toml is not a fitted parameter"),
        ("[salience", "cannot be read"),
        ("salience = 3", "salience = 3 in priors.toml is not a table"),
        ("", "parameters = [] are too few to fit; allowed: at least 2 with priors"),
    ],
)
def test_a_prior_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(priors.PriorError) as error:
        priors.load(toml(tmp_path, text))
    assert message in str(error.value)
    assert "\n" not in str(error.value).removesuffix("\n").split("cannot be read")[0]


def test_the_edge_of_a_band_is_one_half_band_away():
    rows = Rows(tuple(FIT))
    for edge, distance in (("low", -1.0), ("value", 0.0), ("high", 1.0)):
        found = rows.standardise(np.array([getattr(target, edge) for target in FIT]))
        for number, target in enumerate(FIT):
            symmetric = np.isclose(target.value**2, target.low * target.high, rtol=0.02)
            if edge == "value" or symmetric:
                assert found[number] == pytest.approx(distance, abs=0.1)
            else:
                assert np.sign(found[number]) == np.sign(distance)


def test_no_settlement_at_all_counts_as_far_away():
    rows = Rows(tuple(FIT[:1]))
    assert rows.standardise(np.array([np.nan]))[0] == rows.standardise(np.array([0.0]))[0] < -10


def test_misfit_grows_with_distance_and_shrinks_with_noise():
    far, near = np.array([2.0, 0.0]), np.array([1.0, 0.0])
    assert misfit(far) > misfit(near) > misfit(np.zeros(2)) == 0
    assert misfit(far, 1.0) < misfit(far, 0.0)
    # One row out of reach costs no more than the tail: 1000 half bands against 10.
    assert misfit(np.array([1000.0])) - misfit(np.array([10.0])) == pytest.approx(5 * np.log(100), rel=0.01)


def test_the_emulator_finds_a_smooth_function_and_says_how_wrong_it_is():
    generator = np.random.default_rng(2)
    points = generator.random((400, 5))
    exact = np.stack([points[:, 0] ** 2 + points[:, 1] * points[:, 2], 3 * points[:, 3] - 1], axis=1)
    model = emulator.fit(points, exact + 0.05 * generator.standard_normal(exact.shape))
    assert np.abs(model.distances(points) - exact).max() < 0.1
    assert model.error == pytest.approx(0.05, rel=0.2)


def test_far_from_all_simulations_the_trend_goes_on():
    """Distance 3 + 4 (x - 1/2), simulated near the middle only: at x = 0.9 it is 4.6, not a perfect 0."""
    points = 0.5 + 0.05 * np.random.default_rng(3).standard_normal((300, 48))
    model = emulator.fit(points, 3 + 4 * (points[:, :1] - 0.5))
    assert model.distances(np.where(np.arange(48) == 0, 0.9, 0.5)[np.newaxis]) == pytest.approx(4.6, rel=0.01)


def test_the_score_of_a_single_number_is_its_distance_and_spread_is_paid_for():
    assert validation.crps(np.array([3.0]), 5.0) == 2
    # Two equally likely values at distance 1 on either side: 1 - 1/2.
    assert validation.crps(np.array([4.0, 6.0]), 5.0) == pytest.approx(0.5)


def test_naive_forecasts_by_hand():
    naive = validation.naive_forecasts(targets.load()).set_index("id")
    assert naive.at["general_share_2021", "last_value"] == pytest.approx(90.56)
    assert naive.at["general_share_2021", "trend"] == pytest.approx(90.56 + 90.56 - 29.17)
    assert naive.at["recipients_cum_2021-12-28", "last_value"] == 85_203 + 68_675
    assert naive.at["all_members_2021-12-28", "last_value"] == 102.19e6
    # 3.61 million fewer in 44 days, or 1.4456 months.
    assert naive.at["exit_rate_2021", "last_value"] == pytest.approx(3.61e6 / 1.4456, rel=1e-4)
    assert naive.at["all_members_2021-12-28", "trend"] == pytest.approx(102.19e6 - 12 * 3.61e6 / 1.4456, rel=1e-4)
    assert set(naive.index) == {target.id for target in targets.load() if target.role == "validate"}


def test_failing_rows_come_first():
    record = targets.load()
    simulated = np.tile([target.value for target in record], (20, 1))
    simulated[:, 3] *= 10
    missed = next(number for number, target in enumerate(record) if target.role == "validate")
    simulated[:, missed] *= 10
    report = validation.report(record, simulated)
    assert not report["held"][0]
    assert report["role"][0] == "validate"
    assert report["held"].sum() == len(record) - 2
    assert report["covered"].sum() == len(record) - 2


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
        assert batches == ["noise.npz", "search-0000.npz", "set.npz", "wave-0.npz"]
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
        said = recovery.summary(found, fit.identifiability())
        assert said[0].startswith(f"90 % intervals hold the true value in {found['inside'].mean():.1%} of 4 cases (")

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


def test_unknown_targets_and_parameters_are_refused():
    with pytest.raises(targets.TargetError, match="target = 'general_share_2018' is unknown; did you mean"):
        targets.only(FIT, ["general_share_2018"])
    with pytest.raises(priors.PriorError, match="parameter = 'saliense' has no prior; did you mean 'salience'"):
        priors.load().only(["saliense"])


def test_a_set_with_an_unknown_column_is_refused(tmp_path):
    file = tmp_path / "set.csv"
    file.write_text("salience,saliense\n0.1,0.1\n", encoding="utf-8")
    with pytest.raises(ensemble.SetError, match="column 'saliense'"):
        ensemble.load(file)


def test_the_sets_that_ship_are_within_their_priors_and_run_over_2021():
    sets = ensemble.load()
    chosen = priors.load()
    assert len(sets) >= 100
    points = np.array([chosen.point(values) for values in sets])
    assert ((points >= 0) & (points <= 1)).all()
    base = Scenario(expected_claims=True, scale=200_000)
    with workers(1) as pool:
        runs = ensemble.histories(base, sets[:3], pool)
    assert [history["period"].iloc[-1] for history in runs] == ["2022-01-P2"] * 3
    quantiles = ensemble.bands(runs, (0.0, 1.0))
    wide = quantiles.pivot(index=["date", "plan"], columns="probability", values="members")
    assert (wide[0.0] <= wide[1.0]).all()
    report = validation.report(targets.load(), ensemble.read_off(runs, targets.load()))
    assert len(report) == 51
    assert len(validation.summary(report)) == 4


class TestStories:
    record = targets.load()

    def told(self, name, shift, spread=0.2):
        """A story whose set misses every row by about so many half bands."""
        fitted = [target for target in self.record if target.role == "fit"]
        rows = Rows(tuple(fitted))
        generator = np.random.default_rng(4)

        def simulated(chosen):
            half = np.array([0.5 * (target.high - target.low) for target in chosen])
            published = np.array([target.value for target in chosen])
            return published + half * (shift + spread * generator.standard_normal((40, len(chosen))))

        chosen = priors.load().only(["salience", "habit"])
        points = generator.random((40, 2))
        fit = Fit(chosen, rows, points, simulated(fitted), np.full(len(fitted), 0.1), points, None, {})
        return stories.Told(fit, simulated(self.record))

    def test_the_nearer_story_has_the_weight(self):
        table = stories.compare({"default": self.told("a", 0.1), "maturation": self.told("b", 1.5)}, self.record)
        assert table["story"].to_list() == ["all together", "maturation only"]
        assert table["weight_fit"].sum() == pytest.approx(1)
        assert table["weight_fit"][0] > 0.99
        assert table["weight_validate"][0] > 0.9
        assert table["fit_inside"][0] == "45 of 45"
        said = stories.conclusion(table)
        assert "favour 'all together'" in said[0]
        assert "excluded (weight below 0.01): maturation only" in said[0]

    def test_a_story_is_not_excluded_by_an_unfinished_search(self):
        """Best misfit of the whole model 3 worse than the least: weights have to be e^-3 smaller to exclude."""
        table = pd.DataFrame(
            {
                "story": ["maturation only", "adverse exit", "all together"],
                "misfit_best": [20.0, 25.0, 23.0],
                "weight_fit": [0.995, 0.004, 0.001],
                "weight_validate": [0.995, 0.004, 0.001],
            }
        )
        said = stories.conclusion(table)
        assert "its best misfit is 3.0 worse than the least" in said[0]
        assert said[1].endswith("excluded (weight below 0.0005): none")
        assert said[2].endswith("excluded (weight below 0.01): adverse exit, all together")

    def test_equal_stories_share_the_weight(self):
        one = self.told("a", 0.3)
        table = stories.compare({"default": one, "adverse_exit": one}, self.record)
        assert table["weight_fit"].to_list() == [0.5, 0.5]
        assert "excluded (weight below 0.01): none" in stories.conclusion(table)[0]

    def test_weights_by_hand(self):
        assert stories.weights(np.array([1.0, 1.0 + np.log(3.0)])) == pytest.approx([0.75, 0.25])

    def test_a_story_sees_what_others_found_as_far_as_its_parameters_are_free(self):
        values = Scenario().values()
        found = {"default": [values], "trust_and_news": [values | {"filing_share": 0.5, "regulator_impact": 0.0}]}
        chosen = priors.load().only(["filing_share", "regulator_impact"])
        points = stories.of_the_others(found, "default", chosen)
        assert points.shape == (1, 2)
        parameters = chosen.parameters(points[0])
        assert parameters["filing_share"] == pytest.approx(0.5)
        lowest = {prior.name: prior.low for prior in chosen.fitted}["regulator_impact"]
        assert parameters["regulator_impact"] == pytest.approx(lowest, rel=0.02)

    def test_every_story_is_a_scenario_and_leaves_something_to_fit(self):
        for name in stories.STORIES:
            base = load_scenario(name)
            left = priors.load().without(base.differences())
            assert left.names
            assert not set(left.names) & set(base.differences())


class TestContested:
    def test_its_rows_can_be_read_off_a_history(self, small_history):
        record = targets.Record(small_history)
        found = {t.id: targets.MEASURED[t.measure](record, t) for t in contested.rows()}
        assert all(np.isfinite(list(found.values())))
        general = small_history[small_history["date"].str.startswith("2020")]
        collected = general.groupby("date")["collected_yuan"].sum()
        assert found["guancha_float_2020"] == pytest.approx(collected.mean())
        last = small_history[small_history["date"] == "2021-12-21"]
        assert found["guancha_pending_close"] == pytest.approx(last["owed_yuan"].sum())
        assert found["guancha_migration"] == small_history["taken_over"].sum() > 0

    def test_rows_that_no_simulation_has_together_are_named(self):
        chosen = [target for target in contested.rows() if target.id.startswith("guancha_share")]
        rows = Rows(tuple(chosen))
        middle = np.array([target.value for target in chosen])
        # 2019 and 2020 each alone, never together; 2021 never.
        simulated = np.array([[middle[0], 1.0, 1.0], [1.0, middle[1], 1.0]])
        found = contested.together(rows, simulated, rows.names)
        said = contested.contradictions(found)
        assert said == [
            "reached by no simulation: guancha_share_2021",
            "in no simulation together: guancha_share_2019 and guancha_share_2020 "
            f"(nearest: {found['nearest'].to_list()[3]:.1f} half bands)",
        ]
        alone = found[found["second"] == ""].set_index("first")
        assert alone["simulations"].to_list() == [1, 1, 0]
        assert alone.at["guancha_share_2019", "nearest"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,plan,measure,when,value,unit,low,high,grade,role,source\n", "column 'note' is missing in record.csv"),
        (HEADER + "a,general,share,2019-13-P1,1,CNY,0,2,A,fit,s,\n", "when = '2019-13-P1' cannot be read for share"),
        (HEADER, "has no rows"),
        ('id,plan\n"', "cannot be read"),
        (HEADER + 2 * "a,general,share,2019-01-P1,1,CNY,0,2,A,fit,s,\n", "row 'a' of record.csv is there twice"),
        (
            HEADER + "a,general,share,2019-01-P1,3,CNY,0,2,A,fit,s,\n",
            "low = 0, value = 3, high = 2; allowed: low < high",
        ),
        (HEADER + "a,general,share,2019-01-P1,1,CNY,0,2,A,fitt,s,\n", "role = 'fitt'; allowed: fit, validate"),
        (HEADER + "a,general,share,2021-01-P1,1,CNY,0,2,A,fit,s,\n", "allowed up to the end of 2020"),
        (HEADER + "a,general,shares,2019-01-P1,1,CNY,0,2,A,fit,s,\n", "measure = 'shares'; allowed: annual_share"),
    ],
)
def test_calibrate_refuses_a_bad_record_with_one_line(tmp_path, monkeypatch, capsys, content, message):
    file = tmp_path / "record.csv"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["mutualaid", "calibrate", "--targets", str(file), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ctrl_c_of_calibrate_keeps_what_is_finished_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-c", "from experiments.cli import main; main()", "calibrate", "--out", str(tmp_path)]
    running = subprocess.Popen(
        [*command, "--workers", "1"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while running.poll() is None and not list(tmp_path.glob("search-*.npz")):
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "interrupted; the same command goes on from" in said
    assert "Traceback" not in said
    assert list(tmp_path.glob("search-0000.npz"))


def test_the_default_scenario_is_a_member_of_the_set_that_ships():
    defaults = Scenario().values()
    assert any(
        all(defaults[name] == pytest.approx(value, rel=1e-3, abs=1e-9) for name, value in values.items())
        for values in ensemble.load()
    )
    chosen = priors.load()
    fitted = {*chosen.names, *chosen.tied}
    assert {name for name, par in PARAMETERS.items() if "fitted" in par.source} == fitted
