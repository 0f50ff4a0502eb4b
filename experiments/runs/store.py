"""A result folder, which is the journal of the command that fills it.

One JSON file says what the results are of. What is finished together is one Parquet file, written under a temporary
name, synced and renamed. Its name ends with the first sixteen digits of the SHA-256 of its bytes, so that any damage is
found, and the same result made twice is the same file. What failed leaves a small JSON file instead.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from experiments import output
from experiments.output import writing
from model.errors import UserError
from model.files import shown

DIGITS = 16
RESULT = re.compile(r"([^.].*)\.([0-9a-f]{16})\.parquet")
"""Name of what is kept together, and digest."""


class StoreError(UserError):
    """A result folder that cannot be used, in one line."""


class Key(Protocol):
    """What is run and kept together, in one file."""

    @property
    def name(self) -> str:
        """How its files are called."""

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """From that name, or None for any other."""

    def __lt__(self, other: Self, /) -> bool:
        """Keys have an order."""


class Store[K: Key]:
    """A result folder. Any number of processes may write to it at the same time, also over a shared file system."""

    KEY: type[K]
    """The class of what is kept in one file."""
    IDENTITY: str
    """Name of the file that says what the results are of."""
    RESULTS: str
    """Name of the folder of the result files."""
    FORMAT: int
    """Of folder and files; those of another are refused."""
    OF: str
    """Of what it is a result folder, in a word or two."""
    AGAIN: str
    """How damaged files are run again; `{folder}` stands for the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / self.RESULTS
        """Folder of the result files."""
        self.failures = folder / "failures"
        """Folder of what went wrong."""
        self.leases = folder / "leases"
        """Folder of who runs what (`leases.py`), empty while no command that shares its work runs."""

    def begin(self, made_with: Mapping[str, Any]) -> dict[str, Any]:
        """Make the folder, unless it is there, and remove what killed processes left; returns what it was made with.

        Args:
            made_with: everything that its results depend on, as can be written as JSON.

        Raises:
            StoreError: if the folder is one of another format, or damaged.
            OutputError: if it cannot be written.
        """
        file = self.folder / self.IDENTITY
        with writing(self.folder):
            self.results.mkdir(parents=True, exist_ok=True)
            for left in self.results.glob(f".*.{os.uname().nodename}.*.unfinished"):
                if not Path(f"/proc/{left.name.split('.')[-2]}").exists():
                    left.unlink(missing_ok=True)
            if not file.exists():
                content = {"format": self.FORMAT} | dict(made_with)
                output.write(file, (json.dumps(content, indent=2) + "\n").encode(), once=True)
            if not os.access(self.results, os.W_OK):
                raise PermissionError(13, "Permission denied")
        return self.made_with()

    def made_with(self) -> dict[str, Any]:
        """What the results are of.

        Raises:
            StoreError: if the folder is no result folder, one of another format, or damaged.
        """
        name = self.IDENTITY
        try:
            found: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StoreError(f"'{self.folder}' is not a result folder of {self.OF}: it has no {name}") from None
        except OSError as error:
            raise StoreError(f"{name} in '{self.folder}' cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise StoreError(f"{name} in '{self.folder}' is damaged: {error}") from None
        if not isinstance(found, dict):
            raise StoreError(f"{name} in '{self.folder}' is damaged: it does not say what the results are of")
        if found.get("format") != self.FORMAT:
            raise StoreError(
                f"format = {shown(found.get('format'))} of '{self.folder}' is another version's, and here it is "
                f"{self.FORMAT}; allowed: that version, or another folder (its results are kept)"
            )
        return found

    def refuse(self, here: Mapping[str, Any], there: Mapping[str, Any], undecisive: Sequence[str] = ()) -> None:
        """Refuse to mix results made with different values, unless only of these keys.

        Args:
            here: what results would be made with now.
            there: what those in the folder were made with.
            undecisive: keys that change no result.

        Raises:
            StoreError: names what differs.
        """
        now, then = _flat(json.loads(json.dumps(here))), _flat(there)
        for key in (*now, *then):
            if key not in undecisive and (key not in now or key not in then or now[key] != then[key]):
                raise self.differs(key, now.get(key), then.get(key))

    def differs(self, key: str, here: Any, there: Any) -> StoreError:
        """That the folder was begun with another value."""
        return StoreError(
            f"{key} = {here} differs from {there}, with which '{self.folder}' was begun; "
            "allowed: the same, or another folder (finished runs are kept)"
        )

    def keep(self, key: K, table: pa.Table, metadata: Mapping[bytes, bytes]) -> None:
        """Write a result for good; its bytes depend on nothing but what is given.

        Raises:
            OSError: if it cannot be written.
        """
        sink = pa.BufferOutputStream()
        # Figures rarely repeat: dictionaries of them would cost more than they save.
        repeating = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
        pq.write_table(
            table.replace_schema_metadata(metadata),
            sink,
            compression="zstd",
            use_dictionary=repeating,
            write_statistics=False,
            write_page_checksum=True,
        )
        content = sink.getvalue().to_pybytes()
        output.write(self.results / f"{key.name}.{_digest(content)}.parquet", content)

    def set_aside(self, key: K, what: str, trace: str) -> None:
        """Write down why a key has no result.

        Raises:
            OSError: if it cannot be written.
        """
        self.failures.mkdir(exist_ok=True)
        content = {"name": key.name, "what": what, "traceback": trace}
        output.write(self.failures / f"{key.name}.json", (json.dumps(content, indent=2) + "\n").encode())

    def finished(self) -> dict[K, Path]:
        """What has a result, with its file, in order.

        Raises:
            StoreError: if the folder of the results cannot be read.
        """
        found = {}
        try:
            names = [file.name for file in self.results.iterdir()]
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise StoreError(f"'{self.results}' cannot be read: {error.strerror}") from None
        for name in names:
            if (parts := RESULT.fullmatch(name)) and (key := self.KEY.parse(parts[1])):
                found[key] = self.results / name
        return dict(sorted(found.items()))

    def failed(self) -> dict[K, dict[str, Any]]:
        """What was set aside, and why, in order."""
        found = {}
        for file in self.failures.glob("*.json"):
            # A damaged note is no note: it runs again.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(file.read_text(encoding="utf-8"))
                if content["name"] == file.stem and (key := self.KEY.parse(file.stem)):
                    found[key] = content | {"what": str(content["what"])}
        return dict(sorted(found.items()))

    def forget_failures(self, of: Callable[[K], bool]) -> None:
        """Let those of what failed be run again."""
        for key in self.failed():
            if of(key):
                (self.failures / f"{key.name}.json").unlink(missing_ok=True)

    def damaged(self, holds: Callable[[K, pa.Table], bool]) -> list[Path]:
        """The result files that are not what was written: other bytes, or under the name of another key.

        Args:
            holds: whether a table is that of this key.

        Raises:
            StoreError: if a file may not be read.
        """
        found = []
        for key, file in self.finished().items():
            try:
                content = file.read_bytes()
            except PermissionError as error:
                raise StoreError(f"'{file}' cannot be read: {error.strerror}") from None
            except OSError:  # a folder, a link that leads nowhere
                content = b""
            if not _vouched_for(file, content) or not holds(key, pq.read_table(pa.BufferReader(content))):
                found.append(file)
        return found

    def put_aside(self, file: Path) -> None:
        """Put a damaged file into `damaged/`, so that its runs are missing.

        Raises:
            OutputError: if the folder cannot be written.
        """
        aside = self.folder / "damaged"
        with writing(aside):
            aside.mkdir(exist_ok=True)
            file.replace(aside / file.name)

    def content(self, file: Path) -> pa.BufferReader:
        """The bytes of a result file.

        Raises:
            StoreError: if they are not those that were written.
        """
        try:
            content = file.read_bytes()
        except OSError as error:
            raise StoreError(
                f"'{file}' cannot be read ({error.strerror}); {self.AGAIN.format(folder=self.folder)}"
            ) from None
        if not _vouched_for(file, content):
            raise StoreError(f"'{file}' is damaged; {self.AGAIN.format(folder=self.folder)}")
        return pa.BufferReader(content)

    def read(self, file: Path) -> pa.Table:
        """The table in a result file.

        Raises:
            StoreError: if it is damaged.
        """
        return pq.read_table(self.content(file), page_checksum_verification=True)

    def metadata(self, file: Path) -> dict[bytes, bytes]:
        """What is kept beside the table in a result file.

        Raises:
            StoreError: if it is damaged.
        """
        return dict(pq.read_schema(self.content(file)).metadata)


def _vouched_for(file: Path, content: bytes) -> bool:
    """Whether these are the bytes that the name of a result file stands for."""
    found = RESULT.fullmatch(file.name)
    return found is not None and _digest(content) == found[2]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
