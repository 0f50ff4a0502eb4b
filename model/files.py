"""Files that a user writes: found by name, read as TOML, and refused in one line where they cannot be."""

import difflib
import reprlib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.errors import UserError

MOST_BYTES = 1_000_000
MOST_PARTS = 100
"""Of a dotted key: reading one takes time that grows with the square of its parts."""
INTEGERS = range(-(2**63), 2**63)
"""What TOML promises to keep; longer numbers cannot even be printed."""

_SHORT = reprlib.Repr(maxlevel=3, maxlist=8, maxtuple=8, maxdict=8, maxstring=100, maxother=100, maxlong=100)


def shown(value: object) -> str:
    """A value as a message shows it: as written, but never longer than a line or so."""
    return _SHORT.repr(value)


def plain(text: object) -> str:
    """Text as it was typed, without quotation marks, and never longer than a line or so."""
    return text if isinstance(text, str) and len(text) <= 100 else shown(text)


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'fee_rate'?`, or nothing where no known name is close."""
    close = difflib.get_close_matches(name[:100], list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def find(name: str, shipped: Path, what: str, error: type[UserError], *also: str) -> Path:
    """The file of a name: one that ships in a folder, or a path.

    Args:
        name: of a file of `shipped`, without `.toml`, or a path.
        shipped: folder of those that ship.
        what: what the file is, for the message: `scenario`.
        error: raised if there is no such file.
        also: names that are no files, for the message.
    """
    known = [*also, *sorted(file.stem for file in shipped.glob("*.toml"))]
    if name in known:
        return shipped / f"{name}.toml"
    try:
        if Path(name).is_file():
            return Path(name)
    except (OSError, ValueError) as failure:  # too long, in a folder that may not be entered, a null byte
        reason = getattr(failure, "strerror", None) or failure
        raise error(f"{what} = {shown(name)} cannot be read: {reason}") from None
    raise error(f"{what} = {shown(name)} is neither a file nor one of {', '.join(known)}{suggest(name, known)}")


def read_toml(file: Path, what: str, error: type[UserError]) -> dict[str, Any]:
    """The tables of a TOML file, with or without a byte-order mark.

    Args:
        file: the file.
        what: what it is, for the message: `scenario`.
        error: raised if the file cannot be read, is no TOML, or is larger than any of its kind.
    """
    named = f"{what} = {shown(str(file))}"
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise error(f"{named} is larger than {MOST_BYTES:,} bytes, the most that is allowed")
        text = content.decode("utf-8-sig")
        if any(line.partition("=")[0].count(".") >= MOST_PARTS for line in text.splitlines()):
            raise error(f"{named} has a key of more than {MOST_PARTS} parts")
        tables = tomllib.loads(text)
        _check_integers(tables)
    except OSError as failure:
        raise error(f"{named} cannot be read: {failure.strerror}") from None
    except RecursionError:
        raise error(f"{named} cannot be read: it is nested too deeply") from None
    except UserError:
        raise
    except ValueError as failure:  # what tomllib and the decoder raise are ValueErrors
        raise error(f"{named} cannot be read as TOML: {failure}") from None
    return tables


def _check_integers(value: object) -> None:
    """Refuse whole numbers of more than 64 bits, wherever they stand."""
    if isinstance(value, dict):
        for entry in value.values():
            _check_integers(entry)
    elif isinstance(value, list):
        for entry in value:
            _check_integers(entry)
    elif isinstance(value, int) and value not in INTEGERS:
        raise ValueError("it has a whole number of more than 64 bits")
