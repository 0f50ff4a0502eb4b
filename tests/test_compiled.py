"""How the rules are compiled: which edit compiles what anew, and Numba's private interfaces."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agents.compute import compiled


def test_a_file_is_compiled_again_when_what_it_imports_changes():
    def sources(name: str) -> set[str]:
        return {str(file.relative_to(compiled.HERE)) for file in compiled.sources_of(compiled.HERE / name)}

    of_rules = ("rules", "compute/compiled", "compute/logarithm", "compute/threads", "population")
    assert sources("agents/rules.py") == {f"agents/{name}.py" for name in of_rules}
    driver = "agents/crowd/driver.py"
    assert "agents/decisions.py" in sources(driver)  # imported as `from agents import decisions`
    assert "agents/compute/logarithm.py" in sources(driver)  # by way of rules
    assert "agents/platform.py" not in sources(driver)
    assert {"agents/cohorts.py", "model/health.py"} <= sources("model/claims.py")


TWICE = """
'''What it is.'''
UNIT = 2.0


def twice(x):
    return UNIT * x
"""


def fingerprint(tmp_path, text):
    file = tmp_path / "twice.py"
    file.write_text(text, encoding="utf-8")
    compiled.fingerprint.cache_clear()
    return compiled.fingerprint(file)


def test_comments_and_docstrings_are_not_part_of_afingerprint(tmp_path):
    before = fingerprint(tmp_path, TWICE)
    for old, new in (
        ("What it is", "What this is"),
        ("UNIT = 2.0\n", "UNIT = 2.0  # a unit\n\n"),
        ("    return", "    # Why.\n    return"),
        ("    return", '    """Twice x."""\n    return'),
        ("UNIT = 2.0\n", 'UNIT = 2.0\n"""A unit."""\n'),
    ):
        assert fingerprint(tmp_path, TWICE.replace(old, new)) == before, new
    for old, new in (("2.0", "2.5"), ("UNIT * x", "UNIT + x"), ("(x)", "(x, y=1)")):
        assert fingerprint(tmp_path, TWICE.replace(old, new)) != before, new


def test_the_version_of_the_model_counts_every_file(monkeypatch):
    version = compiled.version_of_sources()
    assert len(version) == 16
    counted = []

    def note(file):
        counted.append(file)
        return b""

    monkeypatch.setattr(compiled, "fingerprint", note)
    assert compiled.version_of_sources() != version
    names = {str(file.relative_to(compiled.HERE)) for file in counted}
    assert {"agents/rules.py", "agents/crowd/driver.py", "agents/compute/compiled.py", "model/model.py"} <= names


EDITS = [
    ('"""Whether the reviewer refuses."""', '"""Whether the one who reviews refuses."""', False),
    ("def refused(", "# A comment.\n\n\ndef refused(", False),
    ("return u < refused_share(", "return u <= refused_share(", True),
]


@pytest.mark.slow
def test_a_comment_compiles_nothing_again_and_a_change_does(tmp_path):
    """A copy of the sources is edited; numba says how often it compiled `refused`."""
    for package in compiled.PACKAGES:
        shutil.copytree(compiled.HERE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    code = "from agents.rules import refused as f; f(True, 0.5, 0.5, 0.5); print(sum(f.stats.cache_hits.values()))"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}

    def hits():
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert hits() == 0
    file = tmp_path / "agents" / "rules.py"
    for old, new, compiles in EDITS:
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        assert hits() == (0 if compiles else 1), new


def test_the_oldest_versions_of_a_file_are_removed(tmp_path):
    folders = [tmp_path / f"rules-{number:016x}" for number in range(compiled.KEPT + 3)]
    for age, folder in enumerate(folders):
        folder.mkdir()
        (folder / "code").write_text("", encoding="utf-8")
        os.utime(folder, (10**9 - age, 10**9 - age))
    compiled._remove_older(list(folders))
    assert [folder for folder in folders if folder.exists()] == folders[: compiled.KEPT]


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
