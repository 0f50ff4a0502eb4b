"""The wheel: it holds everything that the commands read, and what it imports is declared."""

import ast
import os
import re
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agents", "model", "experiments")
IMPORTED_AS = {"mesa[rec]": "mesa", "scikit-learn": "sklearn", "SALib": "SALib"}
"""Requirement -> the package that it installs, where the names differ."""
WITHIN = {
    "solara": "mesa[rec]",
    "dask": "distributed",
    "threadpoolctl": "scikit-learn",
    "llvmlite": "numba",
    "reacton": "mesa[rec]",
    "starlette": "mesa[rec]",
    "uvicorn": "mesa[rec]",
}
"""Packages that another requirement cannot do without, and which that is."""


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [re.split(r"[<>=!~ ]", line)[0] for line in project["dependencies"]]
    assert set(WITHIN.values()) <= set(declared)
    known = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared} | set(WITHIN)
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in {name.partition(".")[0] for name in names} - {*PACKAGES, *sys.stdlib_module_names}:
                    assert name in known, f"{file.relative_to(ROOT)} imports {name}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of what is committed."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), "source"], cwd=folder, check=True)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        ".",
        "./source",
    ]
    subprocess.run(build, cwd=folder, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(wheel):
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        assert set(tracked.stdout.split()) <= set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_runs_elsewhere(wheel, tmp_path):
    """In an environment that has the wheel, and sees the packages of this one but not its checkout."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, cwd=tmp_path, env=clean, check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(python, "-c", "import agents, model, experiments; print(agents.__file__, model.__file__)")
    assert where.count(str(packages)) == 2
    mutualaid = environment / "bin" / "mutualaid"
    assert run(mutualaid, "--version").startswith("mutualaid ")
    assert "teaching: " in run(mutualaid, "pools")
    assert "entry_fee: " in run(mutualaid, "policies")
    assert "general_share_2019" in run(mutualaid, "reproduce", "--scale", "20000", "--out", "record")
    assert {file.name for file in (tmp_path / "record").iterdir()} >= {"history.csv", "history.png", "targets.csv"}
    run(mutualaid, "pool", "new", "mine")
    assert run(mutualaid, "run", "--pool", "mine", "--set", "scale=10", "--out", "mine-run")
    assert run(python, "-c", "from experiments.page import app; print(app.Page)")
