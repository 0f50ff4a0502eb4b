"""Odd inputs, folders and command lines, always the same: each is read, or refused in one line; never anything else."""

import contextlib
import json
import random
import shutil
import signal
import string
from pathlib import Path

import pytest
import typer
from odd_files import CHARACTERS, ODD
from xiang_hu_bao import RECORD, SUMMARIES

from experiments import cli, targets
from experiments.calibration import ensemble, priors
from experiments.console import scenario_from
from experiments.sweeps import study
from experiments.sweeps.design import Design
from experiments.sweeps.engine import Shard, missing
from experiments.sweeps.store import Store, version
from experiments.sweeps.units import Task, run_unit
from model import scenario
from model.errors import UserError

INPUTS = 10_000
SCENARIO = """why = "What if?"
base = "no_gate"
seed = 7
[parameters]
habit = 0.5
periods = 40
credit_gate = false
"""
STUDY = """question = "q"
expectation = "e"
scenario = "no_gate"
scale = 20000
replicates = 3
seed = 5
tolerance = 0.1
common_luck = true
measures = ["members", "share"]
[parameters]
expected_claims = true
[design]
kind = "latin_hypercube"
size = 4
[design.parameters]
fee_rate = { low = 0.01, high = 0.2, log = true }
habit = {}
"""


def spoiled(text: str, luck: random.Random) -> str:
    """A good file with one to three changes."""
    for _ in range(luck.randint(1, 3)):
        lines = text.split("\n")
        number = luck.randrange(len(lines))
        kind = luck.randrange(7)
        if kind == 0:
            lines[number] = lines[number].partition("=")[0] + "= " + luck.choice(ODD)
        elif kind == 1:
            lines.pop(number)
        elif kind == 2:
            lines.insert(luck.randrange(len(lines)), lines[number])
        elif kind == 3:
            luck.shuffle(lines)
        elif kind == 4:
            key = "".join(luck.choices(string.ascii_letters + "._-", k=luck.randint(1, 30)))
            lines.insert(number, f"{key} = {luck.choice(ODD)}")
        else:
            place = luck.randrange(len(text) + 1)
            new = "".join(luck.choices(CHARACTERS, k=luck.randint(0, 4)))
            lines = (text[:place] + new + text[place + luck.randint(0, 4) :]).split("\n")
        text = "\n".join(lines) or "x"
    return text


def read(what: str, text: str, file: Path) -> None:
    """Hand an input to what reads such inputs."""
    if what == "option":
        scenario_from("default", None, None, [text])
    elif what == "seed":
        scenario_from("default", None, text, None)
    elif what == "scale":
        scenario_from("default", text, None, None)
    elif what == "name":
        scenario.load(text)
    elif what == "study name":
        study.load(text)
    elif what == "shard":
        Shard.parse(text)
    else:
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        {
            "scenario": lambda: scenario.load(str(file)),
            "study": lambda: study.load(str(file)),
            "priors": lambda: priors.load(file),
            "targets": lambda: targets.load(file),
            "set": lambda: ensemble.load(file),
        }[what]()


GOOD = {
    "scenario": SCENARIO,
    "study": STUDY,
    "priors": "\n".join(priors.PRIORS.read_text(encoding="utf-8").splitlines()[:40]),
    "targets": "\n".join(RECORD.read_text(encoding="utf-8").splitlines()[:12]),
    "set": "habit,salience\n0.1,0.2\n0.3,0.4\n",
    "option": "habit=0.5",
    "seed": "12",
    "scale": "100000",
    "name": "no_gate",
    "study name": "collapse",
    "shard": "1/3",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", GOOD)
def test_no_odd_input_ends_in_a_traceback(what, tmp_path):
    luck = random.Random(what)
    file = tmp_path / "odd.toml"
    number = INPUTS // len(GOOD) + 1
    said = [refusal(what, spoiled(GOOD[what], luck), file) for _ in range(number)]
    refused = [words for words in said if words]
    assert 0 < len(refused) < number  # some are read, some are refused
    assert max(map(len, refused)) < 2_000


def refusal(what: str, text: str, file: Path) -> str:
    """What is said of an input that is refused; nothing of one that is read."""
    try:
        read(what, text, file)
    except UserError as error:
        return str(error)
    except Exception as error:  # whatever it is, it is what this test looks for
        pytest.fail(f"{type(error).__name__}: {error}\n{text!r}")
    return ""


FOLDERS = 600
COMMAND_LINES = 400
PATIENCE = 30
"""Seconds after which an input counts as one that hangs."""
VALUES = [None, -1, 0, float("inf"), float("nan"), True, "x", "", [], {}, [[]], 10**30, 2**70, "\0", "auto", "grid"]
BYTES = [b"0", b"-1", b"null", b"[]", b"{}", b'"x"', b"1e999", b"NaN", 30 * b"9"]
OPTIONS = [
    [],
    ["--verify"],
    ["--export", "table.csv"],
    ["--export", "table.parquet"],
    ["--summaries", "summaries.csv"],
    ["--differences", "differences.csv"],
    ["--picture", "picture.svg"],
    ["--baseline", "0"],
    ["--baseline", "fee_rate=0.08"],
    ["--baseline", 30 * "9"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A result folder with six points of two replicates."""
    fees = Design("grid", {"wait_periods": [2, 6, 10], "fee_rate": [0.0, 0.08]})
    kept = {"expected_claims": True, "periods": 12}
    asked = study.Study("q?", "e", fees, scale=1_000_000, replicates=2, measures=("members",), parameters=kept)
    store = Store(tmp_path_factory.mktemp("fuzz"))
    store.open(asked)
    for unit in missing(asked.work, {}, {}, Shard(), SUMMARIES):
        scenarios = [asked.scenario_of(unit.point, replicate) for replicate in range(2)]
        task = Task(unit, asked.values_at(unit.point), scenarios)
        assert run_unit(store.folder, version(), ["members"], task)
    return store.folder


def flipped(file: Path, luck: random.Random) -> None:
    """Change some bytes of a file."""
    content = bytearray(file.read_bytes())
    for _ in range(luck.randint(1, 3)):
        place = luck.randrange(len(content) + 1)
        kind = luck.randrange(4)
        if kind == 0:
            del content[place:]
        elif kind == 1:
            content[place:place] = luck.randbytes(luck.randint(1, 5))
        elif kind == 2:
            content[place : place + luck.randint(1, 20)] = b""
        else:
            content[place : place + 1] = luck.choice(BYTES)
    file.write_bytes(bytes(content))


def forged(file: Path, luck: random.Random) -> None:
    """Change what a study says of itself, with the digest that belongs to it where there is one."""
    made = json.loads(file.read_text(encoding="utf-8"))
    node = made if luck.random() < 0.2 else made["study"]
    while (below := [value for value in node.values() if isinstance(value, dict) and value]) and luck.random() < 0.6:
        node = luck.choice(below)
    key = luck.choice(list(node))
    if luck.random() < 0.3:
        del node[key]
    else:
        node[key] = luck.choice(VALUES)
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        made["digest"] = study.digest_of(made["study"])
    file.write_text(json.dumps(made), encoding="utf-8")


def renamed(file: Path, luck: random.Random) -> None:
    """Give a result another name."""
    parts = file.name.partition(".")[0].split("-")
    parts[luck.randrange(3)] = luck.choice(["0", "1", "000000", "777", 100 * "9", "²", "x", "-1", "02", "000006"])
    digest = luck.choice([file.name.split(".")[1], 16 * "0"])
    new = luck.choice(["-".join(parts) + f".{digest}.parquet", file.name.upper(), "." + file.name, 50 * "a"])
    file.rename(file.with_name(new))


def note(failures: Path, luck: random.Random) -> None:
    """Write the note of a failure, or something like it."""
    numbers = [0, 1, 2, 99, -1, float("inf"), "x", None, 10**30]
    content = {"point": luck.choice(numbers), "first": luck.choice(numbers), "end": luck.choice(numbers)}
    file = failures / luck.choice(["000001-000-002.json", "0.json", "x.json", "1é.json"])
    file.write_text(json.dumps(content | {"what": luck.choice(["x", None, [], 3])}), encoding="utf-8")


def replaced(file: Path, luck: random.Random) -> None:
    """Put something else in the place of a file or folder, or nothing."""
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()
    kind = luck.randrange(4)
    if kind == 1:
        file.mkdir()
    elif kind == 2:
        file.symlink_to("nowhere")
    elif kind == 3:
        file.write_bytes(luck.choice([b"", b"x", b"{}", b"PAR1"]))


def harmed(folder: Path, luck: random.Random) -> None:
    """Do something to a result folder."""
    kind = luck.randrange(6)
    everything = sorted(folder.rglob("*"))
    files = [file for file in everything if file.is_file()]
    results = sorted((folder / "points").glob("[0-9]*.parquet"))
    if kind == 0 and files:
        flipped(luck.choice(files), luck)
    elif kind == 1 and (folder / "study.json").is_file():
        flipped(folder / "study.json", luck)
    elif kind == 2 and (folder / "study.json").is_file():
        forged(folder / "study.json", luck)
    elif kind == 3 and results:
        renamed(luck.choice(results), luck)
    elif kind == 4 and (folder / "failures").is_dir():
        note(folder / "failures", luck)
    elif everything:
        replaced(luck.choice(everything), luck)


class Hanging(BaseException):
    """An input takes too long. Nothing that is tested catches it."""


@pytest.fixture
def heard(typed, monkeypatch):
    """Type a command that must end soon, with one line if it is refused; returns its exit code."""

    def slow(*_):
        raise Hanging(f"longer than {PATIENCE} s")

    def run(*arguments: str) -> int:
        signal.alarm(PATIENCE)
        try:
            code, _, err = typed(*arguments)
        except BaseException as error:  # whatever it is, it is what these tests look for
            pytest.fail(f"{type(error).__name__}: {error}\n{arguments!r}")
        finally:
            signal.alarm(0)
        assert code != 2 or sum(line.startswith("error: ") for line in err.splitlines()) == 1, (arguments, err)
        return code

    before = signal.signal(signal.SIGALRM, slow)
    yield run
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_no_odd_result_folder_ends_in_a_traceback(folder, heard):
    luck = random.Random("folders")
    codes = []
    for _ in range(FOLDERS):
        shutil.rmtree("odd", ignore_errors=True)
        shutil.copytree(folder, "odd")
        for _ in range(luck.randint(1, 2)):
            try:
                harmed(Path("odd"), luck)
            except ValueError:  # it was harmed too much already to be harmed in this way
                continue
        codes.append(heard("results", "odd", *luck.choice(OPTIONS)))
    assert set(codes) == {0, 2, 3}


TYPED = ["", "-", "--", "x", "0", "-1", "1", "2", "1e400", "nan", "inf", 30 * "9", "default", "no_gate", "collapse"]
TYPED += [
    "a=b",
    "fee_rate=0.1",
    "fee_rate=",
    "=",
    "habit=nan",
    "\0",
    "²",
    "贵",
    "[/b]",
    "$_{",
    "../..",
    "/",
    "/dev/null",
]
TYPED += [
    ".",
    300 * "a",
    "nowhere/x.csv",
    "x.csv",
    "x.svg",
    "1/1",
    "2/3",
    "~",
    " ",
    "\n",
    "--help",
    "--seed",
    "1500000",
]
QUICK = {
    "run": ["--scale", "1500000", "--set", "periods=12"],
    "reproduce": ["--scale", "1500000"],
    "compare": ["default", "default", "--scale", "1500000", "--replicates", "2"],
    "results": ["{folder}"],
    "scenarios": [],
    "describe": [],
}
"""Command -> what makes it quick."""
REFUSED = ["validate", "calibrate", "stories", "contested", "sweep", "sensitivity", "theory", "app"]
"""Commands that would start processes or a server, or take long: their line ends with an unknown option."""


def odd_line(luck: random.Random, folder: Path) -> list[str]:
    """A command with odd options."""
    name = luck.choice([*QUICK, *REFUSED])
    options = [text for each in typer.main.get_group(cli.app).commands[name].params for text in each.opts]
    options = [text for text in options if text != "--bands"]  # a hundred histories
    line = [text.format(folder=folder) for text in QUICK.get(name, ())]
    for _ in range(luck.randint(1, 3)):
        kind = luck.randrange(4)
        if kind == 0 and line:
            line[luck.randrange(len(line))] = luck.choice(TYPED)
        elif kind == 1:
            line.insert(luck.randrange(len(line) + 1), luck.choice(TYPED))
        elif kind == 2 and options:
            line.append(luck.choice(options))
        else:
            line += [luck.choice(options or ["--out"]), luck.choice(TYPED)]
    if name in REFUSED:
        line += 2 * ["--nowhere"]  # the first may be what an option takes
    return [name if luck.random() < 0.95 else luck.choice(TYPED), *line]


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_no_odd_command_line_ends_in_a_traceback(folder, heard):
    luck = random.Random("commands")
    codes = [heard(*odd_line(luck, folder)) for _ in range(COMMAND_LINES)]
    assert {0, 2} <= set(codes) <= {0, 2, 3}
