"""The results of a sweep as one tidy table, whose order depends on the study alone."""

import contextlib
import hashlib
import itertools
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.output import write_csv, writing
from experiments.sweeps import replication
from experiments.sweeps.design import LISTS, Design, StudyError, is_rule
from experiments.sweeps.engine import Shard, missing
from experiments.sweeps.store import Store, Unit, read, read_summaries
from experiments.sweeps.study import check, pool_of, reference, work_of
from experiments.sweeps.summaries import by_year, summaries_of
from model.errors import UserError
from model.files import shown
from model.pool import default

EXPORTS = (".csv", ".parquet")


class Results:
    """What is in one result folder, or in those of several shards together.

    Args:
        folders: result folders of `sweep`.

    Raises:
        StudyError: if a folder is none, or they hold results of different studies.

    Example:
        from experiments import Results

        results = Results("out/fee")
        print(results.summaries.groupby("fee_rate")["share_2020"].mean())
        print(results.differences(results.baseline()))
    """

    def __init__(self, *folders: str | Path) -> None:
        self.stores = [Store(Path(folder)) for folder in folders]
        made = [store.made_with() for store in self.stores]
        for store, other in zip(self.stores, made, strict=True):
            for key in ("digest", "model", "format"):
                if other[key] != made[0][key]:
                    raise StudyError(
                        f"{key} = {other[key]} of '{store.folder}' differs from {made[0][key]} of "
                        f"'{self.stores[0].folder}'; allowed: folders of the same study and model"
                    )
        self.content: dict[str, Any] = made[0]["study"]
        self.design = _design_of(self.content, self.stores[0].folder)
        self.pool = self.design.pool or default()
        """Whose histories they are."""
        self.outcomes = summaries_of(self.pool)
        """The summaries of a run, by name."""

    @cached_property
    def finished(self) -> dict[Unit, Path]:
        """The units that have a result, in order."""
        found: dict[Unit, Path] = {}
        for store in self.stores:
            found |= store.finished()
        return dict(sorted(found.items()))

    @cached_property
    def failed(self) -> dict[Unit, dict[str, Any]]:
        """The units that failed and have no result elsewhere, in order."""
        found: dict[Unit, dict[str, Any]] = {}
        for store in self.stores:
            found |= store.failed()
        return {unit: what for unit, what in sorted(found.items()) if unit not in self.finished}

    @cached_property
    def missing(self) -> list[Unit]:
        """The units that still have to be run."""
        work = work_of(self.content, self._points, self.content["base"])
        return missing(work, self.finished, self.failed, Shard(), self.outcomes)

    @cached_property
    def _points(self) -> list[dict[str, Any]]:
        return self.design.points(self.content["seed"])

    @property
    def runs(self) -> int:
        """Runs that have a result."""
        return sum(unit.runs for unit in self.finished)

    def queue_damaged(self) -> list[Path]:
        """Find damaged files and put them into `damaged/`, so that the sweep runs them again; returns them.

        Returns:
            The files that were damaged.

        Raises:
            OutputError: if the folder cannot be written.
        """
        found = []
        for store in self.stores:
            for file in store.damaged_units():
                store.put_aside(file)
                found.append(file)
        for name in ("finished", "failed", "missing", "summaries", "verdicts", "_apart"):
            self.__dict__.pop(name, None)
        return found

    def parts(self) -> Iterator[pd.DataFrame]:
        """The tidy table file by file, in order.

        One row a run, plan and period (`resolution` = "period") or year ("year"; sums of flows, last values of
        stocks, means of ratios). Columns: point, the varied parameters, replicate, seed, resolution, period, date,
        plan, and the measures of the study.

        Returns:
            Tables with the same columns.
        """
        keys = ["point", *self.design.names, "replicate", "seed"]
        for file in self.finished.values():
            table = read(file)
            for _, run in table.groupby("replicate", sort=True):
                for resolution, rows in (("period", run), ("year", by_year(run, keys))):
                    rows = rows.reset_index(drop=True)
                    rows.insert(len(keys), "resolution", resolution)
                    yield rows

    def table(self) -> pd.DataFrame:
        """The whole tidy table; see `parts`.

        Returns:
            The parts, one below the other.
        """
        return pd.concat(self.parts(), ignore_index=True)

    def digest(self) -> str:
        """SHA-256 of the tidy table as CSV.

        Returns:
            64 hexadecimal digits; the same for any number of workers, shards and interruptions.
        """
        digest = hashlib.sha256()
        for number, part in enumerate(self.parts()):
            digest.update(_csv(part, header=number == 0))
        return digest.hexdigest()

    def export(self, file: Path) -> None:
        """Write the tidy table, part by part, as CSV or Parquet.

        Args:
            file: its name ends in .csv or .parquet.

        Raises:
            StudyError: for another kind of file.
            OutputError: if it cannot be written; nothing half-written is left.
        """
        if file.suffix not in EXPORTS:
            raise StudyError(f"export = '{file}' is not allowed: a name that ends with {' or '.join(EXPORTS)}")
        temporary = file.with_name(f".{file.name}.unfinished")
        try:
            with writing(file):
                if file.suffix == ".csv":
                    self._write_csv(temporary)
                else:
                    self._write_parquet(temporary)
                temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    def _write_csv(self, file: Path) -> None:
        with file.open("wb") as out:
            for number, part in enumerate(self.parts()):
                out.write(_csv(part, header=number == 0))

    def _write_parquet(self, file: Path) -> None:
        tables = (pa.Table.from_pandas(part, preserve_index=False).replace_schema_metadata() for part in self.parts())
        first = next(tables)
        with pq.ParquetWriter(file, first.schema, compression="zstd", write_page_checksum=True) as writer:
            for table in itertools.chain([first], tables):
                writer.write_table(table)

    def export_summaries(self, file: Path) -> None:
        """Write what is known of every summary at every point, as CSV.

        Args:
            file: where to.

        Raises:
            OutputError: if it cannot be written.
        """
        write_csv(file, self.verdicts)

    @cached_property
    def summaries(self) -> pd.DataFrame:
        """One row a run: point, varied parameters, replicate and every summary."""
        points = self._points
        base = {name: self.content["base"][name] for name in self.design.names}
        lines: list[dict[str, Any]] = []
        for unit, file in self.finished.items():
            if unit.point >= len(points):
                raise StudyError(
                    f"'{file}' is of point {unit.point}, and the study has {len(points)}; "
                    f"`mutualaid results --verify {file.parents[1]}` moves it away"
                )
            for replicate, found in enumerate(read_summaries(file), start=unit.first):
                lines.append({"point": unit.point, **base, **points[unit.point], "replicate": replicate, **found})
        return pd.DataFrame(lines, columns=["point", *self.design.names, "replicate", *self.outcomes])

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row a point and summary: replicates, mean, 95 % interval, variation, and whether they are enough."""
        parts = []
        for point, runs in self.summaries.groupby("point", sort=True):
            table = replication.verdict(
                runs[list(self.outcomes)].to_dict("records"), self.content["tolerance"], self.outcomes
            )
            chosen = runs[self.design.names].iloc[:1]
            table.insert(0, "point", point)
            for position, name in enumerate(self.design.names, start=1):
                table.insert(position, name, chosen[name].iloc[0])
            parts.append(table)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def baseline(self, named: str | None = None) -> int:
        """The point from which differences are taken.

        Args:
            named: its number, or values of varied parameters (`fee_rate=0.08`, several with commas). By default the
                point whose values are those of the scenario, else the first.

        Returns:
            The number of the point, counted from 0.

        Raises:
            StudyError: if there is no such point.
        """
        points = self._points
        if named is None:
            return reference(points, self.content["base"])
        if named.isdecimal() and named.isascii():
            if int(named[:9]) < len(points):
                return int(named)
            raise StudyError(f"baseline = {shown(named)} is no point; allowed: 0 to {len(points) - 1}")
        wanted: dict[str, float | str] = {}
        for part in named.split(","):
            name, _, value = part.partition("=")
            if name.strip() not in self.design.names:
                raise StudyError(f"baseline = {shown(named)} is not allowed; allowed: {', '.join(self.design.names)}")
            try:
                wanted[name.strip()] = value.strip() if is_rule(name.strip()) else float(value)
            except ValueError:
                raise StudyError(f"baseline = {shown(named)}: {shown(value)} is not a number") from None
        for number, point in enumerate(points):
            if all(_same(point[name], value) for name, value in wanted.items()):
                return number
        values = ", ".join(f"{name} = {told(value)}" for name, value in wanted.items())
        raise StudyError(f"baseline: no point has {values}")

    def differences(self, baseline: int) -> pd.DataFrame:
        """Paired differences from a point (`replication.differences`); empty without common random numbers.

        Args:
            baseline: the number of a point.

        Returns:
            One row a pair and summary, in the unit of the summary.
        """
        if not self.content["common_luck"]:
            return pd.DataFrame()
        if baseline not in self._apart:
            self._apart[baseline] = replication.differences(self.summaries, baseline, self.design.names, self.outcomes)
        return self._apart[baseline]

    @cached_property
    def _apart(self) -> dict[int, pd.DataFrame]:
        """The differences taken so far, by baseline: table, verdict, picture and export all ask for them."""
        return {}

    def replicate_verdicts(self, baseline: int = 0) -> pd.DataFrame:
        """Whether the replicates are enough: of paired differences where random numbers are common, else of means.

        Args:
            baseline: the number of a point.

        Returns:
            One row a point and summary: replicates, mean, 95 % interval, and whether they are enough.
        """
        if not self.content["common_luck"] or self.design.number < 2:
            return self.verdicts
        apart = self.differences(baseline)
        return replication.paired_verdict(apart, self.summaries, baseline, self.content["tolerance"], self.outcomes)

    def export_differences(self, file: Path, baseline: int) -> None:
        """Write the paired differences from a point, as CSV.

        Args:
            file: where to.
            baseline: the number of a point.

        Raises:
            OutputError: if it cannot be written.
        """
        write_csv(file, self.differences(baseline))

    def named(self, point: int) -> str:
        """A point by the values of its varied parameters.

        Args:
            point: its number, counted from 0.

        Returns:
            A text such as `fee_rate=0.08`.
        """
        values = self._points[point]
        return ", ".join(f"{name} = {told(value)}" for name, value in values.items())


def told(value: float | str) -> str:
    """A varied value, short."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _same(value: float | str, wanted: float | str) -> bool:
    """Whether a varied value is the one named: as a number where it is one."""
    if isinstance(value, int | float):
        with contextlib.suppress(ValueError):
            return float(value) == float(wanted)
    return str(value) == str(wanted)


def _design_of(content: dict[str, Any], folder: Path) -> Design:
    """The design of a study, once everything that is read of it is what a sweep writes.

    Raises:
        StudyError: if it is not.
    """
    try:
        design = Design(**content["design"], pool=pool_of(content))
        check(content, design)
        varied = [name for name in design.names if not is_rule(name)]
        lists = [design.parameters[name] for name in varied] if design.kind in LISTS else []
        for value in (*itertools.chain.from_iterable(lists), *(content["base"][name] for name in varied)):
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise StudyError(f"{shown(value)} is not a value of a parameter")
    except UserError as error:
        raise StudyError(f"study.json in '{folder}' is damaged: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise StudyError(f"study.json in '{folder}' is damaged: {type(error).__name__}: {error}") from None
    return design


def _csv(part: pd.DataFrame, *, header: bool) -> bytes:
    return part.to_csv(index=False, header=header, lineterminator="\n").encode()
