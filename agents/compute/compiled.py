"""How the rules are compiled: one place for Numba's options, its cache and what to do without its private interfaces.

Numba stamps a cached function with the time of its own file alone, so an edit in `rules.py` would leave a stale
`driver.py` behind. Each file's functions are therefore cached in a folder named after the syntax trees of that file
and of every file of the project that it imports: an edit recompiles what depends on it and nothing else, and a comment
or a docstring recompiles nothing.
"""

import ast
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numba

HERE = Path(__file__).parents[2]
PACKAGES = ("agents", "model")
KEPT = 8
"""Versions of a file whose compiled code is kept; those that were used last."""

PRIVATE_INTERFACES = not os.environ.get("MUTUALAID_PUBLIC_NUMBA") and not numba.config.DISABLE_JIT
"""Whether to use interfaces of Numba that its releases do not promise to keep: the option `_nrt` and the intrinsic in
`prefetch.py`. They make the pass faster and change no result; MUTUALAID_PUBLIC_NUMBA=1 does without them."""


def _tree(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_bytes())


@cache
def fingerprint(file: Path) -> bytes:
    """A digest of what a file does: of its syntax tree without docstrings. Comments and line breaks do not count."""
    tree = _tree(file)
    for node in ast.walk(tree):
        # A docstring, or the same below an attribute: an expression that is nothing but a text.
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = [line for line in block if not _is_text(line)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).digest()


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def version_of_sources() -> str:
    """Sixteen hexadecimal digits that change with what `agents` or `model` do: which model a result is from."""
    sources = hashlib.sha256()
    for folder in PACKAGES:
        for file in sorted((HERE / folder).rglob("*.py")):
            sources.update(str(file.relative_to(HERE)).encode() + fingerprint(file))
    return sources.hexdigest()[:16]


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names of modules, or of what may be modules, that this file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """The project's own files that this one imports."""
    names = (name.split(".") for name in _imported(_tree(file)))
    files = {HERE.joinpath(*parts).with_suffix(".py") for parts in names if parts[0] in PACKAGES}
    return tuple(sorted(found for found in files if found.is_file()))


def sources_of(file: Path) -> list[Path]:
    """This file and every file of the project that it imports, directly or not, sorted."""
    found, ahead = {file}, [file]
    while ahead:
        new = set(_imports(ahead.pop())) - found
        found |= new
        ahead += new
    return sorted(found)


@cache
def cache_root() -> Path:
    """Where compiled code is kept: in the user's cache or, without a home to write to, with temporary files.

    Raises:
        PermissionError: if the folder for temporary files has one of this name that is another user's. Compiled code is
            executed, so it is read from nobody else.
    """
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mutualaid" / "compiled"
    with contextlib.suppress(OSError):
        usual.mkdir(parents=True, exist_ok=True)
        if os.access(usual, os.W_OK):
            return usual
    own = Path(tempfile.gettempdir()) / f"mutualaid-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.stat().st_uid != os.getuid():
        raise PermissionError(f"{own} is another user's; set XDG_CACHE_HOME to a folder of your own")
    return own


@cache
def _cache_folder(file: Path) -> str:
    """Where the compiled functions of a file are kept."""
    digest = hashlib.sha256()
    for source in sources_of(file):
        digest.update(fingerprint(source))
    interfaces = "" if PRIVATE_INTERFACES else "public-"
    stem = f"{file.stem}-{interfaces}"
    folder = cache_root() / f"{stem}{digest.hexdigest()[:16]}"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        versions = re.compile(re.escape(stem) + "[0-9a-f]{16}")
        _remove_older([old for old in cache_root().iterdir() if versions.fullmatch(old.name)])
    return str(folder)


def _remove_older(folders: list[Path]) -> None:
    """Remove all of these folders but those that were used last."""
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


if PRIVATE_INTERFACES:
    from numba.core import caching

    class _BySyntaxTree(caching.UserProvidedCacheLocator):  # type: ignore[misc]
        """Finds a function by its name in the folder of its file, whose name says what the file does.

        Numba itself would compile again whatever is in a file of which a comment changed or a line moved.
        """

        def get_source_stamp(self) -> str:
            """Nothing: the folder tells versions apart."""
            return ""

        def get_disambiguator(self) -> str:
            """Nothing: no file has two compiled functions of one name."""
            return ""

        @classmethod
        def from_function(cls, py_func: Callable[..., object], py_file: str) -> Any:
            """Take charge of the project's own functions."""
            ours = Path(py_file).is_relative_to(HERE) and not os.environ.get("NUMBA_CACHE_DIR")
            return super().from_function(py_func, py_file) if ours else None

    caching.CacheImpl._locator_classes.insert(0, _BySyntaxTree)


def _njit[F: Callable[..., object]](function: F, **options: Any) -> F:
    """Compile with the options that all share; division by zero gives infinity, as in NumPy."""
    if not os.environ.get("NUMBA_CACHE_DIR"):
        # Numba reads the folder when a function is decorated.
        numba.config.CACHE_DIR = _cache_folder(Path(function.__code__.co_filename))
    return cast("F", numba.njit(cache=True, error_model="numpy", nogil=True, **options)(function))


_NO_COUNTS: dict[str, Any] = {"_nrt": False} if PRIVATE_INTERFACES else {}


def compiled[F: Callable[..., object]](function: F) -> F:
    """Compile a scalar function, or a loop that only reads and writes arrays it was given.

    Such code makes no array, so it needs no reference counts (`_nrt=False`): with a dozen columns at hand, counting
    them took fifteen times as long as a decision itself (`docs/decisions/003-no-reference-counts.md`).
    """
    return _njit(function, **_NO_COUNTS)


def compiled_inline[F: Callable[..., object]](function: F) -> F:
    """The same for a function of one row, made part of its callers: a call would copy the list of columns."""
    return _njit(function, forceinline=True, **_NO_COUNTS)


def compiled_with_arrays[F: Callable[..., object]](function: F) -> F:
    """Compile a function that makes arrays of its own."""
    return _njit(function)
