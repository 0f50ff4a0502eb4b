"""The result folder of a sweep, which is its journal.

`study.json` says what the results are of. Each finished part of a design point is one Parquet file, written under a
temporary name, synced and renamed. Its name ends with the first sixteen digits of the SHA-256 of its bytes, so that any
damage is found, and the same result made twice is the same file. A failed run leaves a small JSON file instead.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments import output
from experiments.output import writing
from experiments.sweeps.design import StudyError
from experiments.sweeps.study import UNDECISIVE, Study, digest_of
from model.files import shown

FORMAT = 2
DIGITS = 16
RESULT = re.compile(r"(\d+)-(\d+)-(\d+)\.[0-9a-f]{16}\.parquet")
"""Point, first and last replicate + 1, digest."""
SUMMARIES_KEY = b"summaries"


@cache
def version() -> str:
    """Sixteen hexadecimal digits that change with the model, its data, or how a run is summarised."""
    return output.version(Path(__file__).with_name("summaries.py"))


@dataclass(frozen=True, order=True)
class Unit:
    """What is run and kept together: some replicates of one design point."""

    point: int
    first: int
    """First replicate."""
    end: int
    """Last replicate + 1."""

    @property
    def span(self) -> tuple[int, int]:
        """First replicate, and last + 1."""
        return self.first, self.end

    @property
    def runs(self) -> int:
        """How many replicates."""
        return self.end - self.first

    @property
    def name(self) -> str:
        """How its files are called."""
        return f"{self.point:06d}-{self.first:03d}-{self.end:03d}"


@dataclass(frozen=True)
class Store:
    """A result folder. Any number of processes may write to it at the same time, also over a shared file system."""

    folder: Path

    @property
    def points(self) -> Path:
        """Folder of the result files."""
        return self.folder / "points"

    @property
    def failures(self) -> Path:
        """Folder of what went wrong."""
        return self.folder / "failures"

    @property
    def leases(self) -> Path:
        """Folder of who runs what (`leases.py`), empty while no sweep is at work."""
        return self.folder / "leases"

    def open(self, study: Study) -> None:
        """Make the folder, or check that it holds results of the same study and model.

        Raises:
            StudyError: if it holds those of another; names what differs.
            OutputError: if it cannot be written.
        """
        made_with = {
            "format": FORMAT,
            "model": version(),
            "digest": study.digest(),
            "study": study.content(),
        }
        with writing(self.folder):
            for folder in (self.points, self.failures, self.leases):
                folder.mkdir(parents=True, exist_ok=True)
            for left in self.points.glob(f".*.{os.uname().nodename}.*.unfinished"):
                if not Path(f"/proc/{left.name.split('.')[-2]}").exists():
                    left.unlink(missing_ok=True)
            if not (self.folder / "study.json").exists():
                output.write(self.folder / "study.json", (json.dumps(made_with, indent=2) + "\n").encode(), once=True)
            if not os.access(self.points, os.W_OK):
                raise PermissionError(13, "Permission denied")
        found = self.made_with()
        if found["model"] != made_with["model"]:
            raise StudyError(
                f"model = {made_with['model']} differs from {found['model']}, with which '{self.folder}' "
                "was begun; allowed: the same version, or another folder (finished runs are kept)"
            )
        if found["digest"] != made_with["digest"]:
            here, there = _flat(made_with["study"]), _flat(found["study"])
            keys = [key for key in (*here, *there) if key not in UNDECISIVE]
            key = next((key for key in keys if here.get(key) != there.get(key)), "the order of the varied parameters")
            raise StudyError(
                f"{key} = {here.get(key)} differs from {there.get(key)}, with which '{self.folder}' was begun; "
                "allowed: the same study, or another folder (finished runs are kept)"
            )

    def made_with(self) -> dict[str, Any]:
        """What `study.json` says.

        Raises:
            StudyError: if the folder is no result folder.
        """
        try:
            found: dict[str, Any] = json.loads((self.folder / "study.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StudyError(f"'{self.folder}' is not a result folder of a sweep: it has no study.json") from None
        except OSError as error:
            raise StudyError(f"study.json in '{self.folder}' cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise StudyError(f"study.json in '{self.folder}' is damaged: {error}") from None
        if not isinstance(found, dict) or not {"format", "model", "digest", "study"} <= found.keys():
            raise StudyError(f"study.json in '{self.folder}' is damaged: it does not say what the results are of")
        if found["format"] != FORMAT:
            raise StudyError(
                f"format = {shown(found['format'])} of '{self.folder}' is another version's, and here it is {FORMAT}; "
                "allowed: that version, or another folder (its results are kept)"
            )
        try:
            sound = digest_of(found["study"]) == found["digest"]
        except (KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise StudyError(f"study.json in '{self.folder}' is damaged: it was changed after the results were begun")
        return found

    def keep(self, unit: Unit, table: pa.Table, summaries: Sequence[dict[str, float]]) -> None:
        """Write the result of a unit; its bytes depend on nothing but the result."""
        arrow = table.replace_schema_metadata({SUMMARIES_KEY: json.dumps(summaries).encode()})
        sink = pa.BufferOutputStream()
        pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
        content = sink.getvalue().to_pybytes()
        output.write(self.points / f"{unit.name}.{_digest(content)}.parquet", content)

    def set_aside(self, unit: Unit, what: str, trace: str) -> None:
        """Write down why a unit has no result."""
        content = {"point": unit.point, "first": unit.first, "end": unit.end, "what": what, "traceback": trace}
        output.write(self.failures / f"{unit.name}.json", (json.dumps(content, indent=2) + "\n").encode())

    def finished(self) -> dict[Unit, Path]:
        """The units that have a result, with their files, in order.

        Raises:
            StudyError: if the folder of the results cannot be read.
        """
        found = {}
        try:
            names = [file.name for file in self.points.iterdir()]
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise StudyError(f"'{self.points}' cannot be read: {error.strerror}") from None
        for name in names:
            if parts := RESULT.fullmatch(name):
                found[Unit(*map(int, parts.groups()))] = self.points / name
        return dict(sorted(found.items()))

    def failed(self) -> dict[Unit, dict[str, Any]]:
        """The units set aside, with what went wrong, in order."""
        found = {}
        for file in self.failures.glob("[0-9]*.json"):
            # A damaged note is no note: the unit runs again.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
                content = json.loads(file.read_text(encoding="utf-8"))
                unit = Unit(int(content["point"]), int(content["first"]), int(content["end"]))
                found[unit] = content | {"what": str(content["what"])}
        return dict(sorted(found.items()))

    def forget_failures(self, of: Callable[[int], bool]) -> None:
        """Let the failed units of these points be run again."""
        for unit in self.failed():
            if of(unit.point):
                (self.failures / f"{unit.name}.json").unlink(missing_ok=True)

    def damaged(self) -> list[Path]:
        """The result files that are not what was written: other bytes, or the results of another point or replicate.

        Raises:
            StudyError: if a file may not be read.
        """
        return [file for unit, file in self.finished().items() if not _is_result_of(unit, file)]


def _vouched_for(file: Path, content: bytes) -> bool:
    """Whether these are the bytes that the name of a result file stands for."""
    return _digest(content) == file.name.split(".")[1]


def _is_result_of(unit: Unit, file: Path) -> bool:
    """Whether a file holds the results that its name says."""
    try:
        content = file.read_bytes()
    except PermissionError as error:
        raise StudyError(f"'{file}' cannot be read: {error.strerror}") from None
    except OSError:  # a folder, a link that leads nowhere
        return False
    if not _vouched_for(file, content):
        return False
    keys = pq.read_table(pa.BufferReader(content), columns=["point", "replicate"]).to_pydict()
    return set(keys["point"]) == {unit.point} and set(keys["replicate"]) == set(range(unit.first, unit.end))


def _content(file: Path) -> pa.BufferReader:
    """The bytes of a result file.

    Raises:
        StudyError: if they are not those that were written.
    """
    verify = f"`mutualaid results --verify {file.parents[1]}` queues it again"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StudyError(f"'{file}' cannot be read ({error.strerror}); {verify}") from None
    if not _vouched_for(file, content):
        raise StudyError(f"'{file}' is damaged; {verify}")
    return pa.BufferReader(content)


def read(file: Path) -> pd.DataFrame:
    """The rows of a result file.

    Raises:
        StudyError: if it is damaged.
    """
    return pq.read_table(_content(file), page_checksum_verification=True).to_pandas()


def read_summaries(file: Path) -> list[dict[str, float]]:
    """The summaries of the replicates in a result file.

    Raises:
        StudyError: if it is damaged.
    """
    found: list[dict[str, float]] = json.loads(pq.read_schema(_content(file)).metadata[SUMMARIES_KEY])
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
