"""The command: what it writes, and how it refuses."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread
from xiang_hu_bao import RECORD

from experiments import cli
from experiments.console import people_periods
from model.measures import MEASURES
from model.scenario import Scenario, load

MAIN = "import sys; sys.argv[0] = 'mutualaid'; from experiments.cli import main; main()"
SMALL = ("--scale", "20000")
COMMANDS = (
    "reproduce",
    "run",
    "compare",
    "calibrate",
    "validate",
    "stories",
    "contested",
    "sweep",
    "results",
    "sensitivity",
    "theory",
    "scenarios",
    "describe",
    "app",
)


def mutualaid(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type the command in a folder, in a process of its own, with these environment variables."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )


def test_reproduce_prints_the_record_and_writes_its_files(tmp_path):
    done = mutualaid("reproduce", *SMALL, "--seed", "3", "--out", "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("published", "accepted band", "simulated", "inside?", "fit rows", "validate rows"):
        assert words in done.stdout
    lines = [line for line in done.stdout.splitlines() if "_" in line and "│" in line]
    assert "general_share_2019" in lines[0]  # headline rows first
    assert len(lines) == 77
    out = tmp_path / "results"
    assert sorted(file.name for file in out.iterdir()) == ["history.csv", "history.png", "run.json", "targets.csv"]
    history = pd.read_csv(out / "history.csv")
    assert list(history.columns) == ["period", "date", "plan", *MEASURES]
    assert len(history) == 79 * 3
    assert history["period"].iloc[0] == "2018-10-P2"
    run = json.loads((out / "run.json").read_text())
    assert run["seed"] == 3
    assert run["scale"] == 20_000
    assert run["rows"] == round(Scenario().potential_population / 20_000)
    assert run["wall_s"] > 0
    assert run["peak_rss_bytes"] > 50e6
    assert {"python", "mesa", "numba"} <= set(run["versions"])
    assert imread(out / "history.png").shape[0] > 800
    targets = pd.read_csv(out / "targets.csv")
    assert (
        targets["inside"] == ((targets["low"] <= targets["simulated"]) & (targets["simulated"] <= targets["high"]))
    ).all()


def test_a_scenario_is_held_against_a_record_of_its_own(typed):
    contested = RECORD.with_name("targets_contested.csv")
    code, out, _ = typed("reproduce", *SMALL, "--scenario", "guancha", "--targets", str(contested), "--out", "here")
    assert code == 0
    compared = pd.read_csv("here/targets.csv")
    assert compared["id"].str.startswith("guancha_").all()
    assert compared["simulated"].notna().all()
    assert "guancha_share_2020" in out
    code, _, err = typed("reproduce", *SMALL, "--targets", "nowhere.csv", "--out", "there")
    assert code == 2
    assert "targets = 'nowhere.csv' cannot be read" in err
    assert not Path("there").exists()


def test_run_is_the_same_without_the_record(tmp_path):
    done = mutualaid("run", *SMALL, "--scenario", "no_gate", "--set", "habit=0.1", "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "published" not in done.stdout
    assert sorted(file.name for file in (tmp_path / "here").iterdir()) == ["history.csv", "run.json"]
    changed = json.loads((tmp_path / "here" / "run.json").read_text())["changed"]
    assert changed["credit_gate"] is False
    assert changed["habit"] == 0.1


def test_the_same_command_gives_the_same_files(tmp_path):
    for name in ("a", "b"):
        mutualaid("run", "--scale", "200000", "--picture", "--out", name, cwd=tmp_path)
    for file in ("history.csv", "history.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_help_explains_every_command_in_a_line(typed):
    code, out, _ = typed("--help")
    assert code == 0
    for command in COMMANDS:
        line = next(line for line in out.splitlines() if line.strip().startswith(command + " "))
        assert len(line.split()) > 4
        assert "..." not in line  # the whole explanation fits


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_what_its_options_take(typed, name):
    _, out, _ = typed(name, "--help")
    options = out.partition("Options:")[2]
    for sign in ("<", ">", "x>="):
        assert sign not in options


@pytest.mark.parametrize("line", [line for lines in cli.EXAMPLES.values() for line in lines])
def test_every_example_of_the_help_is_a_command(typed, line):
    name, *options = line.split()
    code, out, _ = typed(name, *options, "--help")
    assert code == 0
    assert f"  mutualaid {line}\n" in out


def test_the_bar_tells_the_speed_that_the_run_is_kept_with(monkeypatch, capsys):
    now = iter([10.0, 12.0])
    monkeypatch.setattr("experiments.console.time.perf_counter", lambda: next(now))
    with people_periods() as report:
        report(10_000_000, 0, 8)
        report(10_000_000, 4, 8)
    assert "20.0 M people-periods/s" in " ".join(capsys.readouterr().err.split())


def test_help_does_not_load_the_simulator(tmp_path):
    code = (
        "import sys; from experiments import cli; print([m for m in ('mesa', 'numba', 'solara') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_scenarios_and_phases_are_listed(typed):
    _, out, _ = typed("scenarios")
    assert "no_selection: Nobody knows" in out
    assert "no_gate: What if everybody could have joined" in out
    assert "    credit_gate = False\n" in out
    assert "parameters differ; see them with: mutualaid scenarios guancha" in out
    assert max(map(len, out.splitlines())) < 200
    _, out, _ = typed("describe")
    assert "2. hear and join, notice and leave" in out
    assert "│ fee_rate" in out
    assert "Generated by" not in out
    assert "](" not in out


def test_a_scenario_of_many_differences_is_a_table(typed):
    code, out, _ = typed("scenarios", "guancha")
    assert code == 0
    differences = load("guancha").differences()
    assert f"{len(differences)} parameters of guancha differ from the default" in out
    for name in differences:
        assert f"│ {name} " in out
    assert typed("scenarios", "default")[1] == "0 parameters of default differ from the default\n"
    assert typed("scenarios", "guanch")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "fee_rat=0.1"), "unknown parameter 'fee_rat'; did you mean 'fee_rate'?"),
        (("--set", "fee_rate=0.9"), "fee_rate = 0.9 is out of bounds; allowed: 0 to 0.5"),
        (("--set", "fee_rate"), "--set 'fee_rate' is not of the form key=value"),
        (("--set", "fee_rate=0.1", "--set", "fee_rate=0.2"), "fee_rate is set twice: 0.1 and 0.2"),
        (("--scale", "1000", "--set", "scale=10"), "scale is set twice: 1000 and 10"),
        (("--scale", "9000000"), "people; at least 100 are needed, so at most scale = "),
        (("--scale", "big"), "scale = 'big' is not a number"),
        (("--scale", "0"), "scale = 0 is out of bounds"),
        (("--seed", "x"), "seed = 'x' is not allowed"),
        (("--scenario", "no_gat"), "did you mean 'no_gate'?"),
        (("--set", "potential_population=1400000000", "--scale", "1"), "GB of memory"),
    ],
)
@pytest.mark.parametrize("command", ["run", "reproduce"])
def test_a_mistake_is_one_line_exit_code_2_and_nothing_left_behind(typed, tmp_path, command, arguments, words):
    code, out, err = typed(command, *arguments, "--out", "results/deep")
    assert code == 2
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert out == ""
    assert not (tmp_path / "results").exists()


def test_unreadable_toml_is_refused(typed, tmp_path):
    (tmp_path / "bad.toml").write_text("[parameters\n", encoding="utf-8")
    code, _, err = typed("run", "--scenario", "bad.toml")
    assert code == 2
    assert "scenario = 'bad.toml' cannot be read as TOML" in err
    assert err.count("\n") == 1


def test_a_folder_that_is_a_file_cannot_be_written(typed, tmp_path):
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    code, _, err = typed("run", *SMALL, "--out", "taken/below")
    assert code == 2
    assert "out = 'taken/below' cannot be written (Not a directory); allowed: a folder that you may write to" in err
    assert (tmp_path / "taken").read_text() == "x"


def test_a_folder_without_permission_cannot_be_written(typed, monkeypatch):
    # Permissions do not bind the superuser, so the refusal of the operating system is played.
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    code, _, err = typed("run", *SMALL, "--out", "results")
    assert code == 2
    assert "out = 'results' cannot be written (Permission denied)" in err
    assert not Path("results").exists()


def test_earlier_results_stay_when_a_run_fails(typed, tmp_path, monkeypatch):
    typed("run", *SMALL, "--picture", "--out", "results")
    before = {file.name: file.read_bytes() for file in (tmp_path / "results").iterdir()}
    monkeypatch.setattr("experiments.figures.history_figure", lambda *_: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["mutualaid", "run", *SMALL, "--picture", "--seed", "9", "--out", "results"])
    with pytest.raises(ZeroDivisionError):
        cli.main()
    assert {file.name: file.read_bytes() for file in (tmp_path / "results").iterdir()} == before


def test_an_unknown_option_is_exit_code_2(typed):
    code, _, err = typed("run", "--scal", "3")
    assert code == 2
    assert "No such option: --scal" in err


def test_an_interruption_keeps_the_periods_done_so_far(typed, tmp_path, interrupt_at):
    interrupt_at(10)
    code, out, _ = typed("run", *SMALL, "--out", "results")
    assert code == 130
    assert "interrupted after 10 periods, which are kept" in out
    assert len(pd.read_csv(tmp_path / "results" / "history.csv")) == 30
    assert json.loads((tmp_path / "results" / "run.json").read_text())["finished"] is False


NAMED_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""Typer takes the shell's name, and does not look which one runs the tests."""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell):
    done = mutualaid("--show-completion", shell, cwd=Path.cwd(), **NAMED_SHELL)
    assert done.returncode == 0
    assert f"_MUTUALAID_COMPLETE=complete_{shell}" in done.stdout


def test_completion_is_installed_for_a_shell(tmp_path):
    done = mutualaid("--install-completion", "bash", cwd=tmp_path, HOME=str(tmp_path), **NAMED_SHELL)
    assert done.returncode == 0, done.stderr
    assert "bash completion installed in" in done.stdout
    script = tmp_path / ".bash_completions" / "mutualaid.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    assert "complete -o default -F _mutualaid_completion mutualaid" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["re"], ["reproduce", "report", "results"]),
        (["run", "--sc"], ["--scenario", "--scale"]),
        (["run", "--scenario", "no_"], ["no_gate", "no_selection"]),
        (["run", "--pool", "te"], ["teaching", "textbook"]),
    ],
)
def test_words_are_completed(tmp_path, words, completed):
    line = {"COMP_WORDS": " ".join(["mutualaid", *words]), "COMP_CWORD": str(len(words))}
    done = mutualaid(cwd=tmp_path, _MUTUALAID_COMPLETE="complete_bash", **line)
    assert done.stdout.split() == completed


def test_the_version_is_that_of_the_package(typed):
    assert typed("--version")[:2] == (0, f"mutualaid {metadata.version('mutualaid')}\n")
