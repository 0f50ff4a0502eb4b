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


@pytest.fixture
def no_cache():
    compiled.cache_root.cache_clear()
    yield
    compiled.cache_root.cache_clear()


@pytest.mark.usefixtures("no_cache")
def test_compiled_code_is_kept_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled.cache_root() == tmp_path / "mutualaid" / "compiled"


@pytest.mark.usefixtures("no_cache")
def test_without_a_home_to_write_to_it_is_kept_with_temporary_files(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("no folder", encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    root = compiled.cache_root()
    assert root == tmp_path / "tmp" / f"mutualaid-{os.getuid()}"
    assert root.stat().st_mode & 0o777 == 0o700
    compiled.cache_root.cache_clear()
    # Compiled code of another user is never loaded.
    monkeypatch.setattr("os.getuid", lambda: os.geteuid() + 1)
    (tmp_path / "tmp" / f"mutualaid-{os.geteuid() + 1}").mkdir()
    with pytest.raises(PermissionError, match="is another user's"):
        compiled.cache_root()


@pytest.mark.slow
def test_the_model_is_the_same_without_private_interfaces_of_numba(tmp_path):
    """The worked cases, laws and drivers once more, compiled by what Numba promises to keep, and the same history."""
    tests = Path(__file__).parent
    environment = os.environ | {"MUTUALAID_PUBLIC_NUMBA": "1", "XDG_CACHE_HOME": str(tmp_path)}
    suite = ["tests/worked", "tests/test_drivers.py", "tests/test_laws.py", "tests/baseline"]
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
