"""The set that ships, and the held-out test."""

import numpy as np
import pytest

from experiments import targets
from experiments.calibration import ensemble, priors, validation
from experiments.calibration.journal import Journal
from experiments.runs.executor import Executor
from model.scenario import PARAMETERS, Scenario


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
    # The aid of 2019: its recipients at the mean aid of 2020.
    assert naive.at["aid_cum_2021-12-28", "last_value"] == pytest.approx(9.9e9 * (2 + 16_528 / 68_675), rel=1e-6)
    # 3.61 million fewer in 44 days, or 1.4456 months.
    assert naive.at["exit_rate_2021", "last_value"] == pytest.approx(3.61e6 / 1.4456, rel=1e-4)
    # A year is 11.992 months of 30.4375 days.
    assert naive.at["all_members_2021-12-28", "trend"] == pytest.approx(102.19e6 - 11.992 * 3.61e6 / 1.4456, rel=1e-4)
    # 0.08 yuan in 2.5 months; 2.267 months to 7 March.
    assert naive.at["general_settlement_2021-03-P1", "trend"] == pytest.approx(4.31 + 0.032 * 2.267, rel=1e-4)
    # 0.9 + 0.81 + .. of the first month's change: 6.4581 in twelve months, of which a half would be 6.
    assert validation.damping(12) * 12 == pytest.approx(sum(0.9**month for month in range(1, 13)))
    assert naive.at["general_share_2021", "damped"] == pytest.approx(90.56 + (90.56 - 29.17) * 6.4581 / 12, rel=1e-4)
    without = {"recipients_male_final", "migrated_2022-01-28", "paid_after_closing"}
    assert set(naive.index) == {target.id for target in targets.load() if target.role == "validate"} - without


def test_failing_rows_come_first():
    record = targets.load()
    simulated = np.tile([target.value for target in record], (20, 1))
    simulated[:, 3] *= 10
    missed = next(number for number, target in enumerate(record) if target.role == "validate")
    simulated[:, missed] *= 10
    report = validation.report(record, simulated)
    assert not report["held"][0]
    assert report["role"].to_list()[:2] == ["validate", "fit"]
    assert not report["held"][1]
    assert report["held"].sum() == len(record) - 2
    assert report["covered"].sum() == len(record) - 2


def test_the_set_that_ships_was_fitted_to_the_record_and_priors_that_ship(tmp_path):
    record = [target for target in targets.load() if target.role == "fit"]
    now = Journal(tmp_path, Scenario(expected_claims=True), priors.load(), record).fingerprint()
    made = ensemble.provenance()
    assert {key: made[key] for key in ("targets", "priors", "base", "periods")} == {
        key: now[key] for key in ("targets", "priors", "base", "periods")
    }
    assert made["rows"] == [target.id for target in record]
    assert made["fitted"] == priors.load().names


def test_some_sets_are_taken_evenly():
    sets = [{"habit": float(number)} for number in range(100)]
    assert ensemble.some(sets, 3) == [sets[0], sets[50], sets[99]]
    assert ensemble.some(sets, 200) == sets


def test_widths_of_the_annual_shares_by_hand():
    """Values of 90 to 110 % of the published one: the 90 % band is -9 to +9 %."""
    record = targets.load()
    simulated = np.linspace(0.9, 1.1, 101)[:, np.newaxis] * [target.value for target in record]
    said = validation.summary(validation.report(record, simulated))
    assert said[0].startswith("fit rows: 63 of 63 with the median in the accepted band")
    assert said[0].endswith("(which covers 63; the 50 % band 63)")
    assert "general_share_2021 -9% to +9%" in said[2]


def test_a_set_with_an_unknown_column_is_refused(tmp_path):
    file = tmp_path / "set.csv"
    file.write_text("salience,saliense\n0.1,0.1\n", encoding="utf-8")
    with pytest.raises(ensemble.SetError, match="column 'saliense'"):
        ensemble.load(file)


def test_the_sets_that_ship_are_within_their_priors_and_run_over_2021():
    sets = ensemble.load()
    chosen = priors.load()
    assert len(sets) >= 100
    for prior in chosen.fitted:
        assert all(prior.low <= values[prior.name] <= prior.high for values in sets)
    base = Scenario(expected_claims=True, scale=200_000)
    with Executor(1) as run:
        runs = ensemble.histories(base, sets[:3], run)
    assert [history["period"].iloc[-1] for history, _ in runs] == ["2022-01-P2"] * 3
    quantiles = ensemble.bands(runs, (0.0, 1.0))
    wide = quantiles.pivot(index=["date", "plan"], columns="probability", values="members")
    assert (wide[0.0] <= wide[1.0]).all()
    report = validation.report(targets.load(), ensemble.read_off(runs, targets.load()))
    assert len(report) == 77
    assert report[["median", "crps"]].notna().sum().to_list() == [77, 14]
    assert len(validation.summary(report)) == 4


def test_the_default_scenario_is_the_centre_of_the_set_that_ships():
    defaults = Scenario().values()
    for name, value in ensemble.load()[0].items():
        assert defaults[name] == pytest.approx(value, rel=1e-3, abs=1e-9), name
    chosen = priors.load()
    fitted = {*chosen.names, *chosen.tied}
    assert {name for name, par in PARAMETERS.items() if "fitted" in par.source} == fitted
