"""Result folders: checked before the work, filled at once after it, never half-written."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pandas import DataFrame

from agents.compute.compiled import fingerprint, version_of_sources
from model.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_UNFINISHED = f".unfinished-{os.uname().nodename}-"
"""Begins the name of a folder in which results are made, before the number of the process."""


class OutputError(UserError):
    """A folder that cannot be written: one line naming it and the reason."""


def write(file: Path, content: bytes, *, once: bool = False) -> None:
    """Write a file at once and for good: another process, or a power cut, sees the whole of it or nothing.

    With `once` the first one stays. The temporary file names machine and process, so that leftovers can be told.
    """
    if not file.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    temporary = file.with_name(f".{file.name}.{os.uname().nodename}.{os.getpid()}.unfinished")
    try:
        with temporary.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        if once:
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(temporary)
            temporary.unlink()
        else:
            temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def writing(place: Path, kept: str = "results written before") -> Iterator[None]:
    """Say in one line that this file or folder cannot be written, and what is intact nevertheless.

    Raises:
        OutputError: if something in the block meets a full disk, a missing folder or a closed one.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"out = '{place}' cannot be written ({error.strerror}); {kept} are intact") from None


def write_table(file: Path, table: DataFrame) -> None:
    """Write a table as CSV with six digits, at once and for good.

    Raises:
        OutputError: if it cannot be written.
    """
    with writing(file.parent, kept="simulations"):
        write(file, table.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode())


def write_csv(file: Path, table: DataFrame) -> None:
    """Write a table as the CSV file that a user named, with five digits, at once and for good.

    Raises:
        OutputError: if it cannot be written.
    """
    with writing(file):
        write(file, table.to_csv(index=False, lineterminator="\n", float_format="%.5g").encode())


def version(*further: Path) -> str:
    """Sixteen hexadecimal digits that change with the model, its data, how the record is read, or further files."""
    here = Path(__file__).parent
    digest = hashlib.sha256(version_of_sources().encode())
    model = here.parent / "model"
    for table in [*sorted((model / "data").glob("*.csv")), *sorted((model / "pools").glob("*/*.*"))]:
        digest.update(table.read_bytes())
    for source in (here / "targets.py", here / "simulated.py", *further):
        digest.update(fingerprint(source))
    return digest.hexdigest()[:16]


class OutputFolder:
    """A folder for results. Files are made in a hidden neighbour and moved over when all of them are there.

    Args:
        path: the folder.
        owned: names of files that stand for one result; those that are not made again are removed, so that a picture
            never stands beside the numbers of another run.

    Raises:
        OutputError: if the folder cannot be written; what stood in it stays.
    """

    def __init__(self, path: Path, owned: Iterable[str] = ()) -> None:
        self.path = path
        self.owned = tuple(owned)
        self._made: list[Path] = []

    def __enter__(self) -> "OutputFolder":
        """Check that results can be written, before any work is done for them."""
        try:
            missing = [self.path, *self.path.parents]
            self._made = [folder for folder in missing if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            self._staging = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{os.getpid()}-", dir=self.path))
        except OSError as error:
            self._unmake()
            raise OutputError(
                f"out = '{self.path}' cannot be written ({error.strerror}); allowed: a folder that you may write to"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Move the finished files over; after an error leave nothing behind."""
        failure = error if isinstance(error, OSError) else None
        try:
            if kind is None:
                self.path.mkdir(exist_ok=True)
                made = sorted(self._staging.iterdir())
                for file in made:
                    file.replace(self.path / file.name)
                for name in set(self.owned) - {file.name for file in made}:
                    (self.path / name).unlink(missing_ok=True)
        except OSError as moving:
            failure = moving
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)
            if kind is not None or failure is not None:
                self._unmake()
        if failure is not None:
            raise OutputError(f"out = '{self.path}' cannot be written ({failure.strerror})") from None

    def move_to(self, path: Path) -> None:
        """Let the files go to this folder, in or beside the first, instead of there."""
        self.path = path

    def _remove_leftovers(self) -> None:
        """Remove what runs on this machine left here when they were killed."""
        for leftover in self.path.glob(f"{_UNFINISHED}*"):
            process = leftover.name.removeprefix(_UNFINISHED).partition("-")[0]
            if process.isdecimal() and not Path(f"/proc/{process}").exists():
                shutil.rmtree(leftover, ignore_errors=True)

    def _unmake(self) -> None:
        for folder in self._made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def table(self, name: str, frame: DataFrame) -> None:
        """Write a data frame as CSV."""
        frame.to_csv(self._staging / name, index=False, lineterminator="\n")

    def json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file."""
        (self._staging / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def picture(self, name: str, figure: "Figure") -> None:
        """Write a picture as PNG or SVG, by its name; without a time stamp."""
        from experiments.style import quiet_fonts

        metadata = {"Date": None, "Creator": None} if name.endswith(".svg") else {"Software": None}
        with quiet_fonts():
            figure.savefig(self._staging / name, dpi=120, metadata=metadata)

    def text(self, name: str, content: str) -> None:
        """Write a text file."""
        (self._staging / name).write_text(content, encoding="utf-8")
