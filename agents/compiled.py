"""How the rules are compiled: one place for Numba's options, its cache and what to do without its private interfaces.

Numba stamps a cached function with the time of its own file alone, so an edit in `rules.py` would leave a stale
`crowd.py` behind. Each file's functions are therefore cached in a folder named after the sources of that file and of
every file of the project that it imports: an edit recompiles what depends on it, and nothing else.
"""

import ast
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import numba

HERE = Path(__file__).parents[1]
PACKAGES = ("agents", "model")

PRIVATE_INTERFACES = not os.environ.get("MUTUALAID_PUBLIC_NUMBA") and not numba.config.DISABLE_JIT
"""Whether to use interfaces of Numba that its releases do not promise to keep: the option `_nrt` and the intrinsic in
`prefetch.py`. They make the pass faster and change no result; MUTUALAID_PUBLIC_NUMBA=1 does without them."""


def version_of_sources() -> str:
    """Sixteen hexadecimal digits that change with any line of `agents` or `model`: which model a result is from."""
    sources = hashlib.sha256()
    for folder in PACKAGES:
        for file in sorted((HERE / folder).glob("*.py")):
            sources.update(file.read_bytes())
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
    names = (name.split(".") for name in _imported(ast.parse(file.read_bytes())))
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
        digest.update(source.read_bytes())
    interfaces = "" if PRIVATE_INTERFACES else "public-"
    return str(cache_root() / f"{file.stem}-{interfaces}{digest.hexdigest()[:16]}")


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
