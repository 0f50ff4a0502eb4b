"""The names that a user imports: all there, loaded only when used, documented."""

import importlib
import inspect
import subprocess
import sys

import pytest

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
