"""The command `calibrate`: bad records, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import pytest
from xiang_hu_bao import RECORD

from experiments import cli, targets
from experiments.calibration import priors

HEADER = "id,plan,measure,when,value,unit,low,high,grade,role,source,note\n"
FIT = [target for target in targets.load() if target.role == "fit"]


def refused(capsys):
    """What the command says when it ends with exit code 2: one line."""
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_unknown_targets_and_parameters_are_refused():
    with pytest.raises(targets.TargetError, match="target = 'general_share_2018' is unknown; did you mean"):
        targets.only(FIT, ["general_share_2018"])
    with pytest.raises(priors.PriorError, match="parameter = 'saliense' has no prior; did you mean 'salience'"):
        priors.load().only(["saliense"])


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
        (HEADER + "a,general,share,2021-01-P1,1,CNY,0,2,A,fit,s,\n", "allowed up to 2020-12-31"),
        (HEADER + "a,general,shares,2019-01-P1,1,CNY,0,2,A,fit,s,\n", "measure = 'shares'; allowed: annual_share"),
    ],
)
def test_calibrate_refuses_a_bad_record_with_one_line(tmp_path, monkeypatch, capsys, content, message):
    file = tmp_path / "record.csv"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["mutualaid", "calibrate", "--targets", str(file), "--out", str(tmp_path / "out")])
    assert message in refused(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "calibrate --targets {pool}/targets_contested.csv",
            "has no row to fit; allowed: some with role = 'fit'",
        ),
        ("calibrate --recover 2000", "recover = 2000 is not allowed: at most 1000"),
        ("calibrate --row general_share_2018", "target = 'general_share_2018' is unknown"),
        ("calibrate --parameter saliense", "parameter = 'saliense' has no prior; did you mean 'salience'"),
        ("calibrate --priors {pool}/targets.csv", "priors = '"),
        (
            "validate --scenario no_selection",
            "scenario = 'no_selection' fixes premium_risk_correlation, blue_share, information, as",
        ),
        ("validate --parameter-sets {pool}/targets.csv", "column '"),
    ],
)
def test_what_cannot_be_done_is_refused_with_one_line(tmp_path, monkeypatch, capsys, command, message):
    asked = command.format(pool=RECORD.parent).split()
    monkeypatch.setattr(sys, "argv", ["mutualaid", *asked, "--out", str(tmp_path / "out")])
    assert message in refused(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_calibration_that_is_interrupted_or_killed_keeps_what_is_finished_and_ends_its_workers(tmp_path, how):
    command = [sys.executable, "-c", "from experiments.cli import main; main()", "calibrate", "--out", str(tmp_path)]
    running = subprocess.Popen(
        [*command, "--workers", "1"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while running.poll() is None and not list(tmp_path.glob("simulations/search-*.parquet")):
        time.sleep(0.1)
    if how == signal.SIGINT:
        os.killpg(running.pid, how)  # as a terminal does
    else:
        running.kill()
    said, _ = running.communicate(timeout=120)  # which waits for the workers, too: they hold the pipe
    assert running.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), said
    assert ("interrupted; the same command goes on from" in said) == (how == signal.SIGINT)
    assert "Traceback" not in said
    assert list(tmp_path.glob("simulations/search-0000-*.parquet"))
    assert not list(tmp_path.glob("simulations/*.unfinished"))
