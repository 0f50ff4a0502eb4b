"""The report of a result folder: whole in one file, true to its folder, and refused in one line."""

import base64
import json
import re
import shlex

import pytest

from experiments.pictures import report
from experiments.sweeps.design import Design
from experiments.sweeps.store import Store, Unit, version
from experiments.sweeps.study import Study
from experiments.sweeps.units import Task, run_unit

SMALL = ("--scale", "500000", "--seed", "3", "--out", "here")


def pictures(page: str) -> list[bytes]:
    return [base64.b64decode(found) for found in re.findall(r"data:image/png;base64,([^\"]+)", page)]


def whole(page: str) -> None:
    """Nothing in it is asked of a network or of another file."""
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    assert "http" not in page
    assert "<script" not in page
    assert "@media print" in page
    assert "width=device-width" in page


def test_the_report_of_a_run_tells_what_it_was_and_how_to_repeat_it(typed, tmp_path):
    made = ("reproduce", *SMALL, "--policy", "age_bands", "--set", "habit=0.2")
    assert typed(*made)[0] == 0
    history = (tmp_path / "here" / "history.csv").read_bytes()
    code, out, _ = typed("report", "here")
    assert (code, out.strip()) == (0, "the report is here/report.html")
    page = (tmp_path / "here" / "report.html").read_text(encoding="utf-8")
    whole(page)
    for told in (
        "The history as the record tells it.",
        "Each age band pays its own claims",
        "habit",
        "general_share_2020",
    ):
        assert told in page
    assert "of 63 inside" in page
    assert [picture[:4] for picture in pictures(page)] == [b"\x89PNG"] * 2
    command = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert command
    assert typed(*shlex.split(command[1])[1:], "--out", "again")[0] == 0
    assert (tmp_path / "again" / "history.csv").read_bytes() == history


@pytest.mark.slow
def test_a_pool_without_a_record_has_a_report_with_every_picture(typed, tmp_path):
    assert typed("figures", "here", "--pool", "teaching", "--scale", "100")[0] == 0
    assert typed("report", "here")[0] == 0
    page = (tmp_path / "here" / "report.html").read_text(encoding="utf-8")
    whole(page)
    assert len(pictures(page)) == 6
    assert "euro" in page
    assert "yuan" not in page
    assert "published record" not in page


def test_names_of_a_user_are_text_and_never_html(typed, tmp_path):
    (tmp_path / "odd.toml").write_text('why = "x"\nbase = "no_gate"\n', encoding="utf-8")
    assert typed("run", *SMALL, "--scenario", "odd.toml")[0] == 0
    file = tmp_path / "here" / "run.json"
    summary = json.loads(file.read_text()) | {"scenario": "<script>alert(1)</script>"}
    file.write_text(json.dumps(summary), encoding="utf-8")
    assert typed("report", "here")[0] == 0
    assert "<script" not in (tmp_path / "here" / "report.html").read_text(encoding="utf-8")


def test_the_report_of_a_sweep_has_its_question_expectation_and_evidence(tmp_path):
    design = Design(kind="list", parameters={"fee_rate": [0.04, 0.16]})
    study = Study("Does the fee matter?", "It raises the share.", design, scale=500_000, replicates=2)
    store = Store(tmp_path)
    store.open(study)
    with pytest.raises(report.kept.KeptError, match="no results yet"):
        report.of_folder(tmp_path)
    for point in range(2):
        runs = [study.scenario_of(point, replicate) for replicate in range(2)]
        assert run_unit(
            tmp_path, version(), list(study.measures), Task(Unit(point, 0, 2), study.values_at(point), runs)
        )
    page = report.of_folder(tmp_path)
    whole(page)
    for told in ("Does the fee matter?", "It raises the share.", "Whether it held", "up at 1, down at 0 of 1 points"):
        assert told in page
    assert len(pictures(page)) == 1
    assert "mutualaid sweep study.toml" in page


@pytest.mark.parametrize("name", ["nothing", "empty", "damaged", "old", "changed", "histories"])
def test_a_folder_without_results_is_one_line(typed, tmp_path, name):
    folder = tmp_path / "here"
    if name != "nothing":
        folder.mkdir()
    if name in {"old", "changed", "histories"}:
        assert typed("run", *SMALL)[0] == 0
        summary = json.loads((folder / "run.json").read_text())
        if name == "old":
            del summary["pool"]
        elif name == "changed":
            summary["parameters"] |= {"no_such": 1.0}
        else:
            (folder / "history.csv").write_text("period,plan\n", encoding="utf-8")
        (folder / "run.json").write_text(json.dumps(summary), encoding="utf-8")
    if name == "damaged":
        (folder / "run.json").write_text("{", encoding="utf-8")
    before = sorted(folder.iterdir()) if folder.exists() else None
    code, out, err = typed("report", "here")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert "here" in err
    assert (sorted(folder.iterdir()) if folder.exists() else None) == before
