"""What a worker does for a sweep: run the replicates of a unit, and write their result."""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from experiments.output import writing
from experiments.runs.simulate import simulate
from experiments.runs.store import StoreError
from experiments.simulated import Simulated
from experiments.sweeps.store import Store, Unit, version
from experiments.sweeps.summaries import summarise
from model.report import Report


class Task(NamedTuple):
    """A unit to run, with what it needs."""

    unit: Unit
    values: dict[str, Any]
    """The varied parameters of its point."""
    scenarios: list[Any]
    """One for each replicate."""


def run_unit(folder: Path, model: str, measures: list[str], task: Task) -> bool:
    """Run the replicates of a unit and write their result, or why there is none; returns whether there is one.

    Args:
        folder: the result folder.
        model: the version of the model with which it was begun.
        measures: columns to keep.
        task: what to run.

    Raises:
        StoreError: if the worker has another version of the model.
        OutputError: if the result cannot be written.
    """
    if model != version():
        raise StoreError(
            f"model = {version()} of a worker differs from {model} of '{folder}'; allowed: the same version"
        )
    store, parts, summaries = Store(folder), [], []
    try:
        for replicate, scenario in enumerate(task.scenarios, start=task.unit.first):
            report = simulate(scenario)
            summaries.append(summarise(Simulated.of_report(report)))
            keys = {"point": task.unit.point, **task.values, "replicate": replicate, "seed": scenario.seed}
            parts.append(table_of(report, keys, measures))
    except Exception as error:  # whatever a run raises is its result; the others go on
        trace = traceback.format_exc()
        with writing(folder):
            store.set_aside(task.unit, f"{type(error).__name__}: {error}", trace)
        return False
    with writing(folder):
        store.keep_unit(task.unit, pa.concat_tables(parts), summaries)
    return True


def table_of(report: Report, keys: Mapping[str, Any], measures: Sequence[str]) -> pa.Table:
    """A row for each period and plan of a run: the keys, period, date, plan, and these measures."""
    index, columns = report.index(), report.columns()
    size = len(index["plan"])
    repeated = {name: pa.repeat(pa.scalar(value), size) for name, value in keys.items()}
    return pa.table(repeated | index | {name: columns[name] for name in measures})
