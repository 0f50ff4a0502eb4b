"""Ten thousand odd inputs, always the same: each is read, or refused in one line; never anything else."""

import random
import string
from pathlib import Path

import pytest

from experiments import targets
from experiments.calibration import ensemble, priors
from experiments.console import scenario_from
from experiments.sweeps import study
from experiments.sweeps.engine import Shard
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
measures = ["members", "share_yuan"]
[parameters]
expected_claims = true
[design]
kind = "latin_hypercube"
size = 4
[design.parameters]
fee_rate = { low = 0.01, high = 0.2, log = true }
habit = {}
"""
ODD = [
    "inf",
    "-inf",
    "nan",
    "1e400",
    "-1",
    "0",
    "true",
    "false",
    '""',
    "[]",
    "[[1],2]",
    "{}",
    "{a=1}",
    "07:32:00",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    '"[/b]"',
    '"$30_{"',
    '"贵"',
    "''",
    '"\\u0000"',
    "[1,true,'x']",
    "3.9999999999999999",
    "1_000",
    "-0.0",
    "[inf]",
    "{low=nan}",
    "{low=1,high=0}",
    '{low="x"}',
    "{log=3}",
    "18446744073709551616",
    '"auto"',
    '"grid"',
    '"default"',
    '"."',
    '"/"',
    '"~"',
]
ODD += ["1" + 400 * "0", "0x" + 400 * "f", '"' + 300 * "x" + '"', "'''\n'''"]
CHARACTERS = string.printable + "\0é贵\ufeff\u2028²①"


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
    "targets": "\n".join(targets.RECORD.read_text(encoding="utf-8").splitlines()[:12]),
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
