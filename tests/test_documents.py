"""What the README and the documents show works: every command is run, every snippet executed.

Quick ones here; those that take longer with `make test-slow`. A command that a document shows must stand in
`COMMANDS`, so that nobody adds one that no test runs.
"""

import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.sweeps.study import KEYS as STUDY_KEYS
from model import scenario

ROOT = Path(__file__).parents[1]
FOLLOWED = [ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/tutorials/*.md")]
"""Pages that are followed from top to bottom (`test_pages.py`)."""
DOCUMENTS = sorted({ROOT / "README.md", ROOT / "benchmarks" / "README.md", *ROOT.glob("docs/**/*.md")} - {*FOLLOWED})


@dataclass(frozen=True)
class Command:
    """How a command of the documents is run: `less` is added where the whole would take an hour."""

    quick: bool = False
    less: str = ""


SLOW, QUICK = Command(), Command(quick=True)
MUTUALAID = ".venv/bin/mutualaid"
COMMANDS = {
    f"{MUTUALAID} --help": QUICK,
    f"{MUTUALAID} scenarios": QUICK,
    f"{MUTUALAID} pools": QUICK,
    f"{MUTUALAID} policies": QUICK,
    f"{MUTUALAID} run --policy fees.toml --scale 10000": SLOW,
    f"{MUTUALAID} compare fees.toml age_bands": Command(less="--scale 200000 --replicates 2"),
    f"{MUTUALAID} compare age_bands entry_fee age_bands+entry_fee": Command(
        less="--scale 200000 --replicates 2 --out out/three"
    ),
    f"{MUTUALAID} compare --all": Command(less="--scale 200000 --replicates 2 --out out/all"),
    f"{MUTUALAID} run --policy age_bands --scale 10000": SLOW,
    f"{MUTUALAID} run --policy age_bands --policy entry_fee --scale 10000": SLOW,
    f"{MUTUALAID} pool new mine": SLOW,
    f"{MUTUALAID} pool check mine": SLOW,
    f"{MUTUALAID} run --pool mine --picture": SLOW,
    f"{MUTUALAID} run --pool teaching": SLOW,
    f"{MUTUALAID} theory": SLOW,
    f"{MUTUALAID} reproduce --scale 100 --seed 7 --set information=0 --out out/blind": SLOW,
    f"{MUTUALAID} run --scenario no_gate --picture": SLOW,
    f"{MUTUALAID} compare default no_gate --set habit=0.1": SLOW,
    f"{MUTUALAID} reproduce --bands": SLOW,
    f"{MUTUALAID} calibrate": Command(less="--runs 30 --waves 1 --wave-runs 60"),
    f"{MUTUALAID} validate": SLOW,
    f"{MUTUALAID} stories": Command(
        less="--scale 200000 --runs 1 --waves 1 --wave-runs 10 --number 2 --elsewhere 5 --steps 200"
    ),
    f"{MUTUALAID} contested": Command(less="--scale 20000 --runs 10 --waves 1 --wave-runs 60"),
    f"{MUTUALAID} selection --on 2020-12-31": SLOW,
    f"{MUTUALAID} selection --pool teaching --scale 10": Command(less="--out out/selected"),
    f"{MUTUALAID} tipping --posterior": Command(less="--scale 500000 --replicates 1"),
    f"{MUTUALAID} tipping --pool teaching --scale 10": Command(less="--replicates 1 --out out/teaching"),
    f"{MUTUALAID} explain": Command(less="--mechanism price --mechanism news --replicates 2 --scale 20000"),
    f"{MUTUALAID} run --scenario no_gate --scale 1000 --out out/gate": SLOW,
    f"{MUTUALAID} figures out/gate": SLOW,
    f"{MUTUALAID} report out/gate": SLOW,
    f"{MUTUALAID} figures out/small --pool teaching --scale 1": SLOW,
    f"{MUTUALAID} sweep fee.toml --out out/fee": SLOW,
    f"{MUTUALAID} results out/fee --export fee.csv": SLOW,
    f"{MUTUALAID} sweep collapse": SLOW,
    f"{MUTUALAID} results out/sweep/collapse --picture out/collapse.png": SLOW,
    f"{MUTUALAID} sensitivity sensitivity": SLOW,
}
"""In the order of the README: later ones read what earlier ones wrote."""
PAGE = f"{MUTUALAID} app"
TARGETS = ("make reproduce", "make test")
"""Run by `test_a_fresh_clone_reproduces_the_record` and by `.ci/run`."""


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of this language: the document and its text."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        found += [
            (str(document.relative_to(ROOT)), body)
            for name, body in re.findall(r"^```(\S*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
            if name == language
        ]
    return found


def commands() -> list[str]:
    """Every line of a block without a language, without its comment."""
    lines = [line.split(" #")[0].strip() for _, body in blocks("") for line in body.splitlines()]
    return [line for line in lines if line]


SNIPPETS = [pytest.param(body, id=f"{document}-{number}") for number, (document, body) in enumerate(blocks("python"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder like a checkout with its environment, and the study and the policy that the README shows."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (study,) = [body for _, body in blocks("toml") if "[design]" in body]
    (folder / "fee.toml").write_text(study, encoding="utf-8")
    shown = next(body for document, body in blocks("toml") if document == "README.md" and "entry_fee" in body)
    (folder / "fees.toml").write_text(shown, encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
    assert "Traceback" not in done.stderr
    return done


def test_every_command_shown_is_run():
    shown = set(commands())
    assert shown == {*COMMANDS, PAGE, *TARGETS}
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "make test"


@pytest.mark.parametrize("command", [command for command, how in COMMANDS.items() if how.quick])
def test_a_quick_command_works(folder, command):
    assert run(command, folder).stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works(folder, command):
    assert run(f"{command} {COMMANDS[command].less}", folder).stdout


@pytest.mark.slow
def test_the_page_answers(folder):
    with subprocess.Popen([*PAGE.split(), "--port", "8799"], cwd=folder, stderr=subprocess.DEVNULL) as page:
        try:
            assert answers("http://127.0.0.1:8799/", page)
        finally:
            page.terminate()


def answers(address: str, page: subprocess.Popen) -> bool:
    """Whether the page answers within a minute."""
    for _ in range(120):
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            assert page.poll() is None
            time.sleep(0.5)
    return False


def quick(snippet: str) -> bool:
    """Whether a snippet starts no sweep and needs nothing that one writes."""
    return "out/sweep/" not in snippet and "sweep(" not in snippet


def execute(snippet: str, folder: Path) -> None:
    file = folder / "snippet.py"
    file.write_text(snippet, encoding="utf-8")
    run(f"{sys.executable} {file}", folder)


@pytest.mark.parametrize("snippet", [snippet for snippet in SNIPPETS if quick(snippet.values[0])])
def test_a_quick_snippet_runs(folder, snippet):
    execute(snippet, folder)


@pytest.mark.slow
@pytest.mark.parametrize("snippet", [snippet for snippet in SNIPPETS if not quick(snippet.values[0])])
def test_a_snippet_runs_on_the_results_of_its_command(folder, snippet):
    for study in re.findall(r"out/sweep/(\w+)/", snippet)[:1]:
        run(f"{MUTUALAID} sweep {study}", folder)
    execute(snippet, folder)


@pytest.mark.slow
def test_lines_that_read_results_run(folder):
    """The README's lines within sentences: one of pandas, Polars and DuckDB each."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"`((?:pandas|polars|duckdb)\.[^`]+)`", text)
    assert len(lines) == 3
    if not (folder / "out" / "fee").exists():
        run(f"{MUTUALAID} sweep fee.toml --out out/fee", folder)
    execute("\n".join(["import pandas, polars, duckdb", *(f"assert len({line}) > 0" for line in lines)]), folder)


@pytest.mark.parametrize(("document", "text"), blocks("toml"))
def test_a_file_shown_can_be_read(tmp_path, document, text):
    content = tomllib.loads(text)
    if document == "docs/pools.md":
        # A parameter that a pool declares.
        assert set(content) == {"parameters"}
        return
    if "design" in content:
        assert set(content) <= {*STUDY_KEYS, "parameters", "design"}
        return
    file = tmp_path / "shown.toml"
    file.write_text(text, encoding="utf-8")
    if "plans" in content:
        assert scenario.Scenario().with_policies([str(file)]).pool.policies
        return
    assert scenario.load(str(file)).differences() == content["parameters"]


def test_files_named_in_documents_exist():
    for document in [*DOCUMENTS, *FOLLOWED]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


@pytest.mark.slow
def test_a_fresh_clone_reproduces_the_record(tmp_path):
    """The first command of the README, from nothing."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), "clone"], cwd=tmp_path, check=True)
    done = run(f"make reproduce PYTHON={sys.executable}", tmp_path / "clone")
    assert "general_share_2019" in done.stdout
    assert (tmp_path / "clone" / "out" / "reproduce" / "history.png").is_file()


@pytest.mark.slow
def test_the_site_is_built_without_a_warning():
    done = run("make docs", ROOT)
    assert "WARNING" not in done.stdout + done.stderr
    assert (ROOT / "out" / "docs" / "index.html").is_file()
