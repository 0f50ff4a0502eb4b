"""Named batches of runs, kept in parts as they are finished, so that an interruption loses few.

    store = SomeBatches(folder)
    store.begin(made_with)
    with Executor(workers) as run:
        simulated = store.fill(run, "first", inputs, function, arguments, outputs)

Filled again, after whatever interruption, a batch is read, and only what is missing of it runs.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.output import writing
from experiments.runs.executor import Executor
from experiments.runs.store import Store, StoreError

KEPT_AT_ONCE, TOGETHER = 20, 5
"""Runs that are written together, and those that a worker is given at once, at most: two workers lose no more than some
thirty when they are killed."""
PART = re.compile(r"(.+)-(\d+)-(\d+)", re.ASCII)
"""Batch, first and last run + 1."""
LENGTH = b"length"
"""How many runs the whole batch of a part has: a key of the metadata of its file."""
SAME = 1e-9
"""Inputs that differ by less are the same."""


@dataclass(frozen=True, order=True)
class Part:
    """Consecutive runs of a named batch."""

    batch: str
    first: int
    end: int
    """Last run + 1."""

    @property
    def name(self) -> str:
        """How its files are called."""
        return f"{self.batch}-{self.first:04d}-{self.end:04d}"

    @classmethod
    def parse(cls, name: str) -> "Part | None":
        """A part from that name."""
        found = PART.fullmatch(name)
        return cls(found[1], int(found[2]), int(found[3])) if found else None


class Batches(Store[Part]):
    """A result folder of named batches. A row of a file is a run: what went in, and what came out."""

    KEY = Part

    def batch(self, name: str) -> pa.Table | None:
        """Inputs and outputs of a whole batch, a row a run; None if runs of it are missing, or were damaged.

        Raises:
            StoreError: if a file cannot be read.
            OutputError: if a damaged file cannot be put aside.
        """
        places, table, length = self._kept(name)
        return table if table is not None and len(places) == length else None

    def whole(self) -> list[str]:
        """Names of the batches of which no run is missing or damaged, in alphabetical order."""
        return [name for name in sorted({part.batch for part in self.finished()}) if self.batch(name) is not None]

    def fill[A](
        self,
        run: Executor,
        name: str,
        inputs: pa.Table,
        function: Callable[[A], Sequence[float]],
        arguments: Sequence[A],
        outputs: Sequence[str],
        progress: Callable[[int], None] = lambda done: None,
    ) -> NDArray[np.float64]:
        """Run what is missing of a batch; returns what came out of all of it, shape (runs, outputs).

        Args:
            run: what runs it.
            name: of the batch.
            inputs: what stands for each run in the file, a row a run, and must be the same when a batch goes on.
            function: of the argument of a run; returns a number for each output.
            arguments: one for each run.
            outputs: names of what comes out.
            progress: is told how many runs have a result, after every run.

        Raises:
            StoreError: if the folder has this batch with other inputs.
            OutputError: if it cannot be written; what was kept before is intact.
        """
        places, kept, length = self._kept(name)
        if kept is not None and (length != len(arguments) or not _same(kept, inputs.take(places), outputs)):
            raise StoreError(
                f"batch = '{name}' of '{self.folder}' was simulated at other points; "
                "allowed: another folder (its finished work is kept)"
            )
        found = np.empty((len(arguments), len(outputs)))
        if kept is not None:
            found[places] = np.column_stack([kept[output] for output in outputs])
        missing = np.setdiff1d(np.arange(len(arguments)), places).tolist()
        done = len(arguments) - len(missing)
        left: dict[int, tuple[Part, set[int]]] = {}
        for part in _parts(name, missing):
            left |= dict.fromkeys(range(part.first, part.end), (part, set(range(part.first, part.end))))
        given = [arguments[place] for place in missing]
        for number, output in run.map(function, given, together=TOGETHER):
            place = missing[number]
            found[place] = output
            done += 1
            part, waiting = left.pop(place)
            waiting.discard(place)
            if not waiting:
                span = slice(part.first, part.end)
                results = dict(zip(outputs, found[span].T, strict=True))
                columns = dict(zip(inputs.column_names, inputs.slice(part.first, part.end - part.first), strict=True))
                with writing(self.folder, kept="simulations kept before"):
                    self.keep(part, pa.table(columns | results), {LENGTH: str(len(arguments)).encode()})
            progress(done)
        return found

    def _kept(self, name: str) -> tuple[NDArray[np.int64], pa.Table | None, int]:
        """Which runs of a batch are kept, in order, their rows, and how many runs it has; damaged files go aside."""
        places: list[int] = []
        tables, length = [], 0
        for part, file in self.finished().items():
            if part.batch != name:
                continue
            try:
                table = self.read(file)
            except StoreError:
                table = None
            if table is None or len(table) != part.end - part.first:
                self.put_aside(file)
                continue
            length = int(table.schema.metadata[LENGTH])
            places += range(part.first, part.end)
            tables.append(table)
        if not tables:
            return np.empty(0, dtype=np.int64), None, length
        # Two commands in one folder may have divided a batch in different ways.
        once, first = np.unique(np.asarray(places, dtype=np.int64), return_index=True)
        return once, pa.concat_tables(tables).take(first), length


def after(progress: Callable[[int, int], None], before: int, of: int, done: int) -> None:
    """Say how many runs are done, those of earlier batches included."""
    progress(before + done, of)


def _parts(batch: str, missing: Sequence[int]) -> list[Part]:
    """Consecutive runs among these, in parts of which each is written at once."""
    parts: list[Part] = []
    for place in missing:
        if parts and parts[-1].end == place and place - parts[-1].first < KEPT_AT_ONCE:
            parts[-1] = Part(batch, parts[-1].first, place + 1)
        else:
            parts.append(Part(batch, place, place + 1))
    return parts


def _same(kept: pa.Table, inputs: pa.Table, outputs: Sequence[str]) -> bool:
    """Whether the rows of a file are of these inputs and outputs."""
    if kept.column_names != [*inputs.column_names, *outputs]:
        return False
    return all(np.allclose(kept[name], inputs[name], rtol=0, atol=SAME) for name in inputs.column_names)
