"""The result folder of a sweep: what its files are of, and how they are read."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from experiments import output
from experiments.runs import store
from experiments.runs.store import StoreError
from experiments.sweeps.study import UNDECISIVE, Study, digest_of

UNIT = re.compile(r"(\d+)-(\d+)-(\d+)", re.ASCII)
"""Point, first and last replicate + 1."""
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

    @classmethod
    def parse(cls, name: str) -> "Unit | None":
        """A unit from that name."""
        found = UNIT.fullmatch(name)
        return cls(*map(int, found.groups())) if found else None


class Store(store.Store[Unit]):
    """The result folder of a sweep."""

    KEY, FORMAT = Unit, 2
    IDENTITY, RESULTS, OF = "study.json", "points", "a sweep"
    AGAIN = "`mutualaid results --verify {folder}` queues it again"

    def open(self, study: Study) -> None:
        """Make the folder, or check that it holds results of the same study and model.

        Raises:
            StoreError: if it holds those of another; names what differs.
            OutputError: if it cannot be written.
        """
        made_with = {"model": version(), "digest": study.digest(), "study": study.content()}
        found = self.begin(made_with)
        self.refuse({"model": made_with["model"]}, {"model": found["model"]})
        if found["digest"] != made_with["digest"]:
            self.refuse(study.content(), found["study"], UNDECISIVE)
            here, there = (list(content["design"]["parameters"]) for content in (study.content(), found["study"]))
            raise self.differs("the order of the varied parameters", here, there)

    def made_with(self) -> dict[str, Any]:
        """What `study.json` says.

        Raises:
            StoreError: if the folder is no result folder of a sweep, or `study.json` was changed.
        """
        found = super().made_with()
        if not {"model", "digest", "study"} <= found.keys():
            raise StoreError(f"study.json in '{self.folder}' is damaged: it does not say what the results are of")
        try:
            sound = digest_of(found["study"]) == found["digest"]
        except (KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise StoreError(f"study.json in '{self.folder}' is damaged: it was changed after the results were begun")
        return found

    def keep_unit(self, unit: Unit, table: pa.Table, summaries: Sequence[dict[str, float]]) -> None:
        """Write the result of a unit; its bytes depend on nothing but the result."""
        self.keep(unit, table, {SUMMARIES_KEY: json.dumps(summaries).encode()})

    def damaged_units(self) -> list[Path]:
        """The result files that are not what was written: other bytes, or the results of another point or replicate.

        Raises:
            StoreError: if a file may not be read.
        """
        return self.damaged(_holds)


def _holds(unit: Unit, table: pa.Table) -> bool:
    """Whether a table is that of a unit."""
    points, replicates = (set(table[name].to_pylist()) for name in ("point", "replicate"))
    return points == {unit.point} and replicates == set(range(unit.first, unit.end))


def read(file: Path) -> pd.DataFrame:
    """The rows of a result file.

    Raises:
        StoreError: if it is damaged.
    """
    rows: pd.DataFrame = Store(file.parents[1]).read(file).to_pandas()
    return rows


def read_summaries(file: Path) -> list[dict[str, float]]:
    """The summaries of the replicates in a result file.

    Raises:
        StoreError: if it is damaged.
    """
    found: list[dict[str, float]] = json.loads(Store(file.parents[1]).metadata(file)[SUMMARIES_KEY])
    return found
