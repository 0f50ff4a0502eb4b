"""Differences between points with common random numbers: paired, by hand and in what the commands say."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_studies import quick, typed
from xiang_hu_bao import SUMMARIES

from experiments.sweeps import replication
from experiments.sweeps.design import Design, StudyError
from experiments.sweeps.engine import sweep
from experiments.sweeps.figures import study_figure
from experiments.sweeps.results import Results


def runs(*values):
    """Summaries of runs at points 0, 1, ..: the values of `share_2020` by replicate; everything else is 1."""
    lines = [
        {"point": point, "fee_rate": 0.1 * point, "replicate": replicate}
        | dict.fromkeys(SUMMARIES, 1.0)
        | {"share_2020": value}
        for point, those in enumerate(values)
        for replicate, value in enumerate(those)
    ]
    return pd.DataFrame(lines)


def test_differences_are_paired_by_replicate():
    # Luck moves both points alike by tens of yuan; the difference is 6.7, 8.3 and 8.9 yuan.
    table = replication.differences(runs([80.0, 90.0, 120.0], [86.7, 98.3, 128.9]), 0, ["fee_rate"], SUMMARIES)
    (share,) = table[table["summary"] == "share_2020"].to_dict("records")
    mean, sd = np.mean([6.7, 8.3, 8.9]), np.std([6.7, 8.3, 8.9], ddof=1)
    half = stats.t.ppf(0.975, 2) * sd / np.sqrt(3)
    assert share["point"] == 1
    assert share["pairs"] == 3
    assert share["difference"] == pytest.approx(mean)
    assert (share["low"], share["high"]) == (pytest.approx(mean - half), pytest.approx(mean + half))
    assert share["same_sign"] == 3
    assert share["clear"]
    # The others do not differ at all: no width, nothing to be clear about.
    others = table[table["summary"] != "share_2020"]
    assert (others[["difference", "low", "high"]] == 0).all().all()
    assert not others["clear"].any()


def test_only_replicates_of_both_points_are_pairs():
    table = replication.differences(runs([80.0, 90.0, 120.0], [81.0, np.nan, 117.0]), 0, ["fee_rate"], SUMMARIES)
    (share,) = table[table["summary"] == "share_2020"].to_dict("records")
    assert (share["pairs"], share["same_sign"], share["difference"]) == (2, 1, -1.0)
    assert not share["clear"]


def test_enough_is_judged_by_the_paired_differences():
    # Alone, each mean is known to +-50 %; their difference to +-0.1 of 90.
    verdicts = verdict_of(runs([80.0, 90.0, 100.0], [88.0, 98.05, 107.95]))
    (share,) = verdicts[verdicts["summary"] == "share_2020"].to_dict("records")
    assert share["enough"]
    assert not verdict_of(runs([80.0, 90.0, 100.0], [100.0, 80.0, 90.0]))["enough"].all()


def verdict_of(found):
    return replication.paired_verdict(replication.differences(found, 0, (), SUMMARIES), found, 0, 0.05, SUMMARIES)


@pytest.fixture(scope="module")
def swept(tmp_path_factory, address):
    folder = tmp_path_factory.mktemp("fees")
    fees = quick(
        design=Design("grid", {"fee_rate": [0.0, 0.08, 0.3]}),
        replicates=3,
        parameters={"expected_claims": True},
        scale=200_000,
    )
    assert sweep(fees, folder, scheduler=address) == 0
    return folder


def test_the_baseline_is_the_point_of_the_scenario_unless_one_is_named(swept):
    found = Results(swept)
    assert found.baseline() == 1  # the default scenario has a fee of 8 %
    assert found.baseline("0") == 0
    assert found.baseline("fee_rate=0.3") == 2
    for wrong, words in (
        ("7", "allowed: 0 to 2"),
        ("fee_rate=0.5", "no point has fee_rate = 0.5"),
        ("fee=1", "allowed: fee_rate"),
    ):
        with pytest.raises(StudyError, match=words):
            found.baseline(wrong)


def test_the_differences_are_those_of_the_runs(swept):
    found = Results(swept)
    by_point = found.summaries.pivot(index="replicate", columns="point", values="share_2020")
    table = found.differences(0)
    share = table[table["summary"] == "share_2020"].set_index("point")
    for point in (1, 2):
        assert share.at[point, "difference"] == pytest.approx((by_point[point] - by_point[0]).mean())
    assert share["clear"].to_list() == ((share["low"] > 0) | (share["high"] < 0)).to_list()
    assert share["fee_rate"].to_list() == [0.08, 0.3]


def test_differences_are_taken_once_for_each_baseline(swept, monkeypatch, tmp_path):
    taken, differences = [], replication.differences

    def counted(runs, baseline, names, summaries):
        taken.append(baseline)
        return differences(runs, baseline, names, summaries)

    monkeypatch.setattr(replication, "differences", counted)
    options = ["--differences", str(tmp_path / "differences.csv"), "--picture", str(tmp_path / "picture.png")]
    assert typed(monkeypatch, "results", str(swept), *options) == 0
    assert taken == [1]
    found = Results(swept)
    found.differences(0)
    found.queue_damaged()
    found.differences(0)
    assert taken == [1, 0, 0]


def test_the_command_prints_differences_and_judges_by_them(swept, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    assert (
        typed(monkeypatch, "results", str(swept), "--baseline", "0", "--differences", str(tmp_path / "differences.csv"))
        == 0
    )
    out = " ".join(capsys.readouterr().out.split())
    assert "Paired differences from point 0 (fee_rate = 0)" in out
    assert "95 % interval of the paired difference" in out
    written = pd.read_csv(tmp_path / "differences.csv")
    assert len(written) == 2 * len(SUMMARIES)
    assert {"difference", "low", "high", "same_sign", "clear"} <= set(written.columns)


def test_without_common_random_numbers_nothing_is_paired(swept, tmp_path):
    made = json.loads((swept / "study.json").read_text(encoding="utf-8"))
    assert made["study"]["common_luck"] is True
    found = Results(swept)
    found.content["common_luck"] = False
    assert found.differences(0).empty
    assert found.replicate_verdicts().equals(found.verdicts)


def test_the_picture_says_what_its_bands_are(swept):
    figure = study_figure(Results(swept))
    assert "paired difference from fee_rate = 0.08" in " ".join(figure.get_supxlabel().split())
