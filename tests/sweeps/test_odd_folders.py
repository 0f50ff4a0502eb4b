"""Result folders that something happened to: one line each, and `--verify` finds them."""

import json
import shutil

import pytest
from small_studies import quick, typed

from experiments.runs.store import StoreError
from experiments.sweeps import study
from experiments.sweeps.engine import sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def test_two_files_that_changed_places_are_found(copy, whole, address):
    one, other = list(Store(copy).finished().values())[:2]
    stems = [file.name.split(".")[0] for file in (one, other)]
    contents = [file.read_bytes() for file in (one, other)]
    for file in (one, other):
        file.unlink()
    for stem, origin, content in zip(stems, (other, one), contents[::-1], strict=True):
        (one.parent / f"{stem}.{origin.name.split('.')[1]}.parquet").write_bytes(content)
    found = Results(copy)
    assert len(found.queue_damaged()) == 2
    assert [unit.point for unit in found.missing] == [0, 1]
    assert sweep(quick(), copy, scheduler=address) == 0
    assert Results(copy).digest() == Results(whole).digest()


def test_a_file_under_the_name_of_a_point_that_does_not_exist(copy, monkeypatch, capsys):
    file = next(iter(Store(copy).finished().values()))
    pattern = file.name.split(".")[0]
    moved = file.with_name(file.name.replace(pattern, pattern.replace(pattern.split("-")[0], "777", 1)))
    file.rename(moved)
    assert typed(monkeypatch, "results", str(copy)) == 2
    err = capsys.readouterr().err
    assert "is of point 777, and the study has 6" in err
    assert err.count("\n") == 1
    assert typed(monkeypatch, "results", "--verify", str(copy)) == 3
    assert (copy / "damaged" / moved.name).is_file()


def test_a_copy_under_other_replicates_is_no_run(copy):
    file = next(iter(Store(copy).finished().values()))
    point, first, end = file.name.split(".")[0].split("-")
    shutil.copy(
        file,
        file.with_name(
            file.name.replace(
                f"{point}-{first}-{end}", f"{point}-{int(end):0{len(first)}d}-{int(end) + 2:0{len(end)}d}"
            )
        ),
    )
    found = Results(copy)
    assert found.runs == 14
    assert len(found.queue_damaged()) == 1
    assert found.runs == 12


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_result_that_is_no_file(copy, kind, monkeypatch, capsys):
    file = next(iter(Store(copy).finished().values()))
    file.unlink()
    if kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(copy / "nowhere")
    assert typed(monkeypatch, "results", str(copy)) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert len(Results(copy).queue_damaged()) == 1
    assert len(Results(copy).missing) == 1


def test_a_folder_of_results_that_cannot_be_read(copy, monkeypatch):
    def closed(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", closed)
    with pytest.raises(StoreError, match="points' cannot be read: Permission denied"):
        Store(copy).finished()


def test_a_file_that_cannot_be_read(copy, monkeypatch):
    def closed(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", closed)
    with pytest.raises(StoreError, match=r"cannot be read \(Permission denied\)"):
        _ = Results(copy).summaries
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        Store(copy).damaged_units()


@pytest.mark.parametrize("content", [{}, [1], "x", None, {"design": 3}, {"desigm": {"parameters": {}}}])
def test_a_study_that_says_nothing_is_damaged(copy, content):
    made = json.loads((copy / "study.json").read_text(encoding="utf-8"))
    (copy / "study.json").write_text(json.dumps(made | {"study": content}), encoding="utf-8")
    with pytest.raises(StoreError, match=r"study.json in .* is damaged"):
        Results(copy)


def test_a_folder_of_another_version_says_so(copy, monkeypatch, capsys):
    made = json.loads((copy / "study.json").read_text(encoding="utf-8"))
    (copy / "study.json").write_text(json.dumps(made | {"format": 1}), encoding="utf-8")
    assert typed(monkeypatch, "results", str(copy)) == 2
    err = capsys.readouterr().err
    assert "format = 1 of" in err
    assert err.count("\n") == 1


def test_a_study_that_may_not_be_read_is_not_a_missing_one(copy, monkeypatch):
    def closed(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", closed)
    with pytest.raises(StoreError, match=r"study.json in .* cannot be read: Permission denied"):
        Results(copy)


@pytest.mark.parametrize(
    "note",
    [
        '{"point": 1, "first": 0, "end": 2}',
        '{"point": "x"}',
        "[]",
        "{",
        '{"point": null, "first": 0, "end": 2, "what": 1}',
    ],
)
def test_a_note_of_a_failure_that_says_nothing_is_no_note(copy, note, monkeypatch):
    (copy / "failures").mkdir(exist_ok=True)
    (copy / "failures" / "000001-000-002.json").write_text(note, encoding="utf-8")
    assert Store(copy).failed() == {}
    assert typed(monkeypatch, "results", str(copy)) == 0


@pytest.mark.parametrize("option", ["--summaries", "--differences", "--export", "--picture"])
def test_a_file_without_a_name_is_refused(copy, option, monkeypatch, capsys):
    assert typed(monkeypatch, "results", str(copy), option, "") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("name", "starts"), [("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.pdf", b"%PDF")])
def test_a_picture_is_of_the_kind_of_its_name(copy, name, starts, monkeypatch, tmp_path):
    assert typed(monkeypatch, "results", str(copy), "--picture", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes().startswith(starts)


def test_a_picture_of_another_kind_is_refused(copy, monkeypatch, capsys, tmp_path):
    assert typed(monkeypatch, "results", str(copy), "--picture", str(tmp_path / "x.xlsx")) == 2
    assert "allowed: a name that ends with .png, .svg or .pdf" in capsys.readouterr().err


def test_a_question_is_text(tmp_path, address, monkeypatch, capsys):
    question = "does [/b] matter? What does a year cost [yuan/year], $30_{ or $50? 贵吗？" + 200 * " and so on"
    folder, table, picture = tmp_path / "out", tmp_path / "x.csv", tmp_path / "x.png"
    short = quick(question=question, replicates=1, parameters={"expected_claims": True, "periods": 12})
    assert sweep(short, folder, scheduler=address) == 0
    assert typed(monkeypatch, "results", str(folder), "--export", str(table), "--picture", str(picture)) == 0
    out = "".join(capsys.readouterr().out.split())
    assert "".join(question.split()) in out


def test_a_scenario_file_stands_beside_its_study(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "there" / "mine.toml").write_text('why = "x"\n[parameters]\nhabit = 0.5\n', encoding="utf-8")
    text = (
        'question = "q"\nexpectation = "e"\nscenario = "{}"\n'
        '[design]\nkind = "list"\n[design.parameters]\nfee_rate = [0.1]\n'
    )
    for name, scenario in (("a", "mine.toml"), ("b", "./mine.toml"), ("c", str(tmp_path / "there" / "mine.toml"))):
        (tmp_path / "there" / f"{name}.toml").write_text(text.format(scenario), encoding="utf-8")
    monkeypatch.chdir(tmp_path / "elsewhere")
    studies = [study.load(f"../there/{name}.toml") for name in "abc"]
    assert {one.scenario_of(0, 0).habit for one in studies} == {0.5}
    assert len({one.digest() for one in studies}) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("replicates", 2**70),
        ("replicates", "x"),
        ("tolerance", None),
        ("common_luck", None),
        ("seed", "x"),
        ("measures", [1]),
        ("question", 3),
        ("base", {}),
        ("base", None),
        ("design", {"kind": "grid", "parameters": {"fee_rate": [None]}}),
        ("design", {"kind": "list", "parameters": {"fee_rate": [float("inf")]}}),
        ("design", {"parameters": {}}),
        (None, "seed"),
    ],
)
def test_a_study_that_no_sweep_can_have_written_is_damaged(copy, key, value, monkeypatch, capsys):
    made = json.loads((copy / "study.json").read_text(encoding="utf-8"))
    if key is None:
        del made["study"][value]
    else:
        made["study"][key] = value
    made["digest"] = study.digest_of(made["study"])
    (copy / "study.json").write_text(json.dumps(made), encoding="utf-8")
    assert typed(monkeypatch, "results", str(copy)) == 2
    err = capsys.readouterr().err
    assert "is damaged: " in err
    assert err.count("\n") == 1


def test_a_folder_in_the_place_of_a_note_of_a_failure_is_no_note(copy, monkeypatch):
    (copy / "failures" / "000001-000-002.json").mkdir(parents=True)
    assert Store(copy).failed() == {}
    assert typed(monkeypatch, "results", str(copy)) == 0
