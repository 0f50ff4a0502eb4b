"""What stands in a result folder belongs together: no stale picture, no partial history over a finished one."""

import errno
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from xiang_hu_bao import calendar

from experiments import figures
from experiments.output import OutputError, OutputFolder
from model.events import events_of
from model.scenario import Scenario, load

TINY = ("--scale", "500000")


def test_a_picture_of_an_earlier_run_goes_with_its_numbers(typed, tmp_path):
    typed("run", *TINY, "--scenario", "no_gate", "--picture", "--out", "here")
    (tmp_path / "here" / "mine.txt").write_text("notes", encoding="utf-8")
    assert (tmp_path / "here" / "history.png").is_file()
    typed("run", *TINY, "--scenario", "maturation", "--out", "here")
    assert sorted(file.name for file in (tmp_path / "here").iterdir()) == ["history.csv", "mine.txt", "run.json"]


def test_an_interrupted_run_leaves_a_finished_one_alone(typed, tmp_path, interrupt_at):
    typed("run", *TINY, "--out", "here")
    before = (tmp_path / "here" / "history.csv").read_bytes()
    interrupt_at(10)
    code, out, _ = typed("run", *TINY, "--seed", "9", "--out", "here")
    assert code == 130
    assert "interrupted after 10 periods, which are kept" in out
    assert "here/interrupted" in " ".join(out.split())
    assert (tmp_path / "here" / "history.csv").read_bytes() == before
    partial = tmp_path / "here" / "interrupted"
    assert len(pd.read_csv(partial / "history.csv")) == 30
    assert json.loads((partial / "run.json").read_text())["finished"] is False


def full(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("command", ["run", "reproduce"])
def test_a_full_disk_is_one_line_after_the_numbers(typed, tmp_path, monkeypatch, command):
    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    code, out, err = typed(command, *TINY, "--out", "here")
    assert code == 2
    assert err.splitlines()[-1].startswith("error: out = 'here' cannot be written (No space left on device)")
    assert "Traceback" not in err
    assert "general" in out  # the numbers themselves
    assert not (tmp_path / "here").exists()


def test_leftovers_of_a_dead_process_are_removed_and_those_of_a_living_one_stay(tmp_path):
    here = os.uname().nodename
    dead, alive = tmp_path / f".unfinished-{here}-999999999-x", tmp_path / f".unfinished-{here}-{os.getpid()}-y"
    elsewhere = tmp_path / ".unfinished-elsewhere-999999999-z"
    for folder in (dead, alive, elsewhere):
        folder.mkdir()
        (folder / "history.csv").write_text("half", encoding="utf-8")
    with OutputFolder(tmp_path) as folder:
        folder.json("run.json", {})
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_what_cannot_be_moved_over_is_one_line(tmp_path, monkeypatch):
    folder = OutputFolder(tmp_path / "here")
    folder.__enter__()
    folder.json("run.json", {})
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        folder.__exit__(None, None, None)
    assert not (tmp_path / "here").exists()


# Pictures.


def drawn(monkeypatch, typed, *arguments):
    """The figure that a command draws."""
    kept = []
    draw = figures.history_figure

    def keep(*given, **named):
        kept.append(draw(*given, **named))
        return kept[-1]

    monkeypatch.setattr(figures, "history_figure", keep)
    assert typed(*arguments, "--out", "here")[0] == 0
    return kept[-1]


def test_a_title_names_every_difference(typed, monkeypatch):
    figure = drawn(
        monkeypatch, typed, "reproduce", *TINY, "--seed", "7", "--set", "information=0", "--set", "habit=0.5"
    )
    title = " ".join(figure.get_suptitle().split())
    for words in ("default scenario with information = 0, habit = 0.5", "1:500,000", "seed 7"):
        assert words in title
    plain = drawn(monkeypatch, typed, "run", *TINY, "--scenario", "no_gate", "--picture")
    assert plain.get_suptitle() == "no_gate scenario, 1:500,000, seed 1"


def test_a_picture_ends_with_its_history_and_marks_what_happened_in_it(typed, monkeypatch):
    figure = drawn(monkeypatch, typed, "run", *TINY, "--scenario", "stays_open", "--picture")
    end = figures.mdates.num2date(figure.axes[-1].get_xlim()[1]).date()
    assert end >= calendar.published(102)
    key = figure.get_supxlabel()
    assert "closing announced" not in key
    assert "credit gate dropped" in key
    figure = drawn(monkeypatch, typed, "run", *TINY, "--scenario", "no_gate", "--picture")
    assert "credit gate dropped" not in figure.get_supxlabel()
    assert "closing announced" in figure.get_supxlabel()


def test_events_of_a_scenario_are_those_that_happen_in_it():
    every = [event.what for event in events_of(Scenario())]
    assert len(every) == 15
    assert [event.kind for event in events_of(load("stays_open"))].count("closing") == 0
    assert len(events_of(load("no_gate"))) == 14
    assert len(events_of(Scenario(periods=20))) == 3  # to August 2019
