"""The whole history of some scenarios, changed only on purpose."""

import baseline
import numpy as np
import pytest

from model.measures import MEASURES


@pytest.fixture(scope="module")
def simulated():
    return baseline.simulate()


def test_the_history_is_that_of_the_baseline(simulated):
    apart = baseline.moved(baseline.read(), simulated)
    assert apart.empty, f"{len(apart)} numbers moved; if on purpose, run `make baseline`:\n{apart.head(20)}"


def test_the_baseline_has_every_measure_of_every_year(simulated):
    assert list(baseline.read().columns) == [*baseline.KEYS, *MEASURES]
    assert len(baseline.read()) == len(simulated) == len(baseline.SCENARIOS) * 5 * 3
    assert set(baseline.read()["year"]) == {2018, 2019, 2020, 2021, 2022}


def test_a_change_in_the_sixth_digit_is_noticed():
    then, now = baseline.read(), baseline.read()
    now["benefits_paid"] *= np.where(now.index == 3, 1 + 1e-6, 1.0)
    now.loc[7, "member_mean_risk"] = np.nan
    assert baseline.moved(then, now)["measure"].tolist() == ["benefits_paid", "member_mean_risk"]
    assert baseline.moved(then, then).empty


def test_no_number_of_the_baseline_breaks_a_law():
    """So that a measure that nobody fills in cannot be frozen."""
    table = baseline.read()
    numbers = table[list(MEASURES)]
    assert (numbers.drop(columns="carry").fillna(0) >= 0).all().all()
    # Every measure says something in each scenario, but for the excess carried, which may be nothing.
    for _, rows in table.groupby("scenario"):
        assert (rows[list(MEASURES)].fillna(0).abs().sum() > 0).all()


def test_a_changed_baseline_has_its_line_in_the_changelog(monkeypatch, tmp_path):
    assert baseline.named_in_changelog(), (
        f"results changed: CHANGELOG.md needs a line '- [results] baseline {baseline.digest()}: what moved and why'"
    )
    # And the check can fail.
    monkeypatch.setattr(baseline, "CHANGELOG", tmp_path / "CHANGELOG.md")
    baseline.CHANGELOG.write_text(f"- baseline {baseline.digest()}\n- [results] baseline 00000000: x\n", "utf-8")
    assert not baseline.named_in_changelog()
