"""How the rules are compiled: which edit compiles what anew, and Numba's private interfaces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents import compiled


def test_a_file_is_compiled_again_when_what_it_imports_changes():
    def sources(name: str) -> set[str]:
        return {str(file.relative_to(compiled.HERE)) for file in compiled.sources_of(compiled.HERE / name)}

    of_rules = ("rules", "compiled", "logarithm", "population", "threads")
    assert sources("agents/rules.py") == {f"agents/{name}.py" for name in of_rules}
    assert "agents/rules.py" in sources("agents/crowd.py")  # imported as `from agents import rules`
    assert "agents/logarithm.py" in sources("agents/crowd.py")  # by way of rules
    assert "agents/platform.py" not in sources("agents/crowd.py")
    assert {"agents/rolls.py", "model/health.py"} <= sources("model/claims.py")


def test_the_version_of_the_model_counts_every_file():
    assert len(compiled.version_of_sources()) == 16


@pytest.mark.slow
def test_the_model_is_the_same_without_private_interfaces_of_numba(tmp_path):
    """The worked cases, laws and drivers once more, compiled by what Numba promises to keep, and the same history."""
    tests = Path(__file__).parent
    environment = os.environ | {"MUTUALAID_PUBLIC_NUMBA": "1", "XDG_CACHE_HOME": str(tmp_path)}
    suite = ["tests/worked", "tests/test_drivers.py", "tests/test_laws.py", "tests/test_baseline.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite],
        cwd=tests.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    kept = {folder.name for folder in (tmp_path / "mutualaid" / "compiled").iterdir()}
    assert kept
    assert all("-public-" in name for name in kept)
