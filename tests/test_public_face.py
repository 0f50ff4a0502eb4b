"""The names that a user imports: all there, loaded only when used, documented."""

import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def callables() -> list[tuple[str, Callable[..., Any]]]:
    """What a user calls: public functions, constructors and public methods."""
    found = []
    for package, name in NAMES:
        thing = getattr(importlib.import_module(package), name)
        found.append((name, thing))
        if inspect.isclass(thing):
            methods = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            found += [(f"{name}.{key}", value) for key, value in methods.items() if inspect.isfunction(value)]
    return [(name, thing) for name, thing in found if name != "UserError"]


CALLABLES = callables()


@pytest.mark.parametrize(("name", "called"), CALLABLES, ids=[name for name, _ in CALLABLES])
def test_a_callable_says_what_it_takes_and_returns(name, called):
    text = inspect.getdoc(called) or ""
    signature = inspect.signature(called)
    taken = [parameter for parameter in signature.parameters if parameter != "self"]
    arguments = text.partition("Args:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^ {4}(\w+):", arguments, re.MULTILINE) == taken
    returns = not inspect.isclass(called) and signature.return_annotation not in {None, "None"}
    assert ("\n\nReturns:\n" in text) == returns


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder in which the example of `sweep` was run."""
    folder = tmp_path_factory.mktemp("swept")
    run_example("sweep", "experiments", folder)
    return folder


def run_example(name: str, package: str, folder: Path) -> None:
    text = inspect.getdoc(getattr(importlib.import_module(package), name)) or ""
    example = textwrap.dedent(text.partition("Example:\n")[2])
    assert f"from {package} import" in example
    (folder / "example.py").write_text(example, encoding="utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name"), NAMES)
def test_an_example_runs(package, name, swept):
    run_example(name, package, swept)


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
