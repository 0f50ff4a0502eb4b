"""How the rules are compiled, said once for every file.

Numba caches a compiled function under the time stamp of its own file alone, so an edit in `rules.py` would leave
a stale `crowd.py` behind. The cache therefore lives in a folder named after the sources of `agents` and
`model`: change one of them, and everything is compiled anew.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numba


def version_of_sources() -> str:
    """Sixteen hexadecimal digits that change with any line of `agents` or `model`: which model a result is from."""
    sources = hashlib.sha256()
    here = Path(__file__).parents[1]
    for folder in ("agents", "model"):
        for file in sorted((here / folder).glob("*.py")):
            sources.update(file.read_bytes())
    return sources.hexdigest()[:16]


def _cache_folder() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "mutualaid" / f"compiled-{version_of_sources()}"


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(_cache_folder())


def compiled[F: Callable[..., object]](function: F) -> F:
    """Compile a scalar function, or a loop that only reads and writes arrays it was given.

    Division by zero gives infinity, as in NumPy. Such code makes no array, so it needs no reference counts
    (`_nrt=False`): with a dozen columns at hand, counting them took fifteen times as long as a decision itself
    (`docs/decisions/003-no-reference-counts.md`).
    """
    return cast("F", numba.njit(cache=True, error_model="numpy", nogil=True, _nrt=False)(function))


def compiled_inline[F: Callable[..., object]](function: F) -> F:
    """The same for a function of one row, made part of its callers: a call would copy the list of columns."""
    return cast("F", numba.njit(cache=True, error_model="numpy", nogil=True, _nrt=False, forceinline=True)(function))


def compiled_with_arrays[F: Callable[..., object]](function: F) -> F:
    """Compile a function that makes arrays of its own."""
    return cast("F", numba.njit(cache=True, error_model="numpy", nogil=True)(function))
