"""The pages that a reader follows step by step: every file, command and snippet, from top to bottom, in one folder.

A block whose first line is `# name.ext` is a file, `# in name.py` a quotation of the code, and
`# file.toml, before "..."` (or: in place of, at the end) changes a file that is there. A block of Python is run, a
block without a language are commands.
"""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "tutorials").glob("*_*.md"))]
NOT_HERE = ("make ",)
"""Commands of a checkout, which other tests run."""


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = re.findall(r"^```(\S*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*block) for block in found]


def heading(block: Block) -> tuple[str, str]:
    """What the first line of a block says of it, and the rest."""
    first, _, rest = block.text.partition("\n")
    return (first[2:], rest) if first.startswith("# ") else ("", block.text)


def follow(block: Block, folder: Path) -> None:
    """Do what a block says.

    Raises:
        AssertionError: if it does not work.
    """
    what, rest = heading(block)
    if what.startswith("in "):
        assert rest in (ROOT / what[3:]).read_text(encoding="utf-8"), f"{what[3:]} does not say\n{rest}"
    elif match := re.fullmatch(r'(\S+), (before|in place of) "(.+)"', what):
        file, place = folder / match[1], match[3].replace("\\n", "\n")
        text = file.read_text(encoding="utf-8")
        assert text.count(place) == 1, place
        file.write_text(text.replace(place, rest + place if match[2] == "before" else rest), encoding="utf-8")
    elif what.endswith(", at the end"):
        file = folder / what.removesuffix(", at the end")
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{rest}", encoding="utf-8")
    elif re.fullmatch(r"[\w/.-]+\.(toml|csv|py)", what):
        file = folder / what
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rest, encoding="utf-8")
    elif block.language == "python":
        done(f"{sys.executable} -", folder, block.text)
    elif block.language == "":
        for command in commands(block):
            done(command, folder)
    else:
        raise AssertionError(f"a block of {block.language} that is neither a file nor run:\n{block.text}")


def done(command: str, folder: Path, text: str = "") -> None:
    """Run a command that must succeed and print something."""
    paths = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        command, shell=True, cwd=folder, env=os.environ | paths, input=text, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{text}\n{result.stdout[-2_000:]}\n{result.stderr[-2_000:]}"
    assert result.stdout, f"{command} printed nothing"


def commands(block: Block) -> list[str]:
    """The commands of a block, without comments and without those that other tests run."""
    lines = [line.split(" #")[0].strip() for line in block.text.splitlines()] if block.language == "" else []
    return [line for line in lines if line and not line.startswith(NOT_HERE)]


EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


@pytest.mark.slow
@EACH_PAGE
def test_a_page_can_be_followed(page, tmp_path):
    for block in blocks(page):
        follow(block, tmp_path)


@EACH_PAGE
def test_a_page_quotes_what_is_there(page, tmp_path):
    for block in blocks(page):
        if heading(block)[0].startswith("in "):
            follow(block, tmp_path)


@EACH_PAGE
def test_a_page_imports_what_is_there(page):
    own = {heading(block)[0].removesuffix(".py") for block in blocks(page)}
    for block in blocks(page):
        if block.language == "python" and not heading(block)[0].startswith("in "):
            imports = [node for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.ImportFrom)]
            for node in imports:
                if node.module in own:
                    continue
                module = importlib.import_module(node.module)
                assert not [name.name for name in node.names if not hasattr(module, name.name)], block.text


@EACH_PAGE
def test_a_page_has_commands_with_options_that_are_there(page, typed):
    for block in blocks(page):
        for command in commands(block):
            program, *arguments = shlex.split(command)
            assert program == "mutualaid"
            code, _, err = typed(*arguments, "--help")
            assert code == 0, f"{command}: {err}"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
