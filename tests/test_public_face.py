"""The names that a user imports: all there, loaded only when used, documented."""

import importlib
import inspect
import subprocess
import sys

import pytest

import model
from model import clash

PACKAGES = ("model", "experiments")
NAMES = [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_public_name_is_there_and_documented(package, name):
    found = getattr(importlib.import_module(package), name)
    assert found.__name__ == name
    assert inspect.getdoc(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_namespace_is_what_all_says(package):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == module.__all__ == dir(module)
    with pytest.raises(AttributeError, match="no attribute 'Pools'"):
        module.Pools  # noqa: B018 - the access is what is tested


def test_nothing_is_loaded_before_it_is_used():
    program = "import sys, model, experiments; print(sorted({'mesa', 'numba', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PROGRAMS = {"model": "from experiments import sweep", "agents": "from model import Scenario"}


@pytest.mark.parametrize("kind", ["module", "package"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_of_the_user_that_takes_one_of_our_names_is_named(tmp_path, name, kind):
    own = tmp_path / f"{name}.py" if kind == "module" else tmp_path / name / "__init__.py"
    own.parent.mkdir(exist_ok=True)
    own.touch()
    (tmp_path / "program.py").write_text(PROGRAMS[name], encoding="utf-8")
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the name '{name}' stands for {own}, and mutualaid needs ")
    assert last.endswith("rename your own file, or install mutualaid in an environment of its own")


def test_our_own_names_are_ours():
    clash.refuse_clash("agents", model.__file__)
    with pytest.raises(ImportError, match=r"the name 'agents' stands for .*/agents/__init__\.py, and "):
        clash.refuse_clash("agents", "/elsewhere/model/__init__.py")
    with pytest.raises(ImportError, match="the name 'no_such' stands for None"):
        clash.refuse_clash("no_such", model.__file__)
