"""Runs what is missing in a result folder, on a Dask cluster: an embedded one, or any that listens at an address.

The workers write the results themselves; what comes back is a word. A worker gets about a second's work at a time, and
no more, so the memory of this process does not grow with the number of runs, and little is lost with a worker.
"""

import itertools
import math
import multiprocessing
import os
import random
import re
import time
import traceback
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from experiments.output import OutputError, writing
from experiments.runs.cluster import WorkersGoneError, cluster, losing, next_ready
from experiments.runs.simulate import simulate
from experiments.simulated import Simulated
from experiments.sweeps import replication
from experiments.sweeps.design import StudyError
from experiments.sweeps.leases import Leases
from experiments.sweeps.store import Store, Unit, read_summaries, version
from experiments.sweeps.study import FIRST_REPLICATES, Study, Work
from experiments.sweeps.summaries import summarise
from model import memory
from model.files import shown
from model.report import Report

MOST_TOGETHER = 20
"""Replicates of a point that are run and kept together."""
TASK_SECONDS, MOST_UNITS = 1.0, 32
"""Work that is handed to a worker at once, so that short runs do not wait for the scheduler: about so long, and at most
so many units."""
SIGHT = (0, 1, 4, 15)
"""Seconds to wait, one after the other, until a shared file system shows what a worker has written."""
ATTEMPTS = 3
"""How often the embedded cluster is started, if its workers end and are not started again."""
PAUSE = 1.0
"""Seconds between two looks at what other sweeps in the same folder still run."""
SHARE_OF_MEMORY = 0.9


@dataclass(frozen=True)
class Shard:
    """One of several sweeps that divide the points of a study among them."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        """Check that there is such a shard.

        Raises:
            StudyError: if there is not.
        """
        if not 1 <= self.number <= self.of:
            raise StudyError(f"shard = {self.number}/{self.of} is not allowed: 1/n to n/n")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A shard from `i/n`."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if not found:
            raise StudyError(f"shard = {shown(text)} is not allowed: i/n, for example 1/3")
        return cls(int(found[1]), int(found[2]))

    def has(self, point: int) -> bool:
        """Whether a point is this shard's."""
        return point % self.of == self.number - 1


@dataclass
class Progress:
    """How far a sweep is."""

    done: int = 0
    """Replicates that have a result, those of earlier commands included."""
    of: int = 0
    failed: int = 0
    begun: int = 0
    """Replicates that had a result when this command began."""
    workers: int = 0
    """Processes of the embedded cluster."""
    elsewhere: int = 0
    """Replicates that other sweeps run in the same folder, when nothing else is left."""


def _owned(work: Work, shard: Shard) -> Callable[[int], bool]:
    """Which points are a shard's to run: where differences decide how many runs are enough, the baseline is, too."""
    return lambda point: shard.has(point) or point == work.baseline


def missing(work: Work, finished: Mapping[Unit, Path], failed: Container[Unit], shard: Shard) -> list[Unit]:
    """The units to run now, in the order of the study; with replicates = "auto", this round's."""
    points = list(filter(_owned(work, shard), range(work.points)))
    if work.replicates == "auto":
        units = _next_round(work, finished, points)
    else:
        each = int(work.replicates)
        firsts = range(0, each, MOST_TOGETHER)
        units = [Unit(point, first, min(first + MOST_TOGETHER, each)) for point in points for first in firsts]
    return [unit for unit in units if unit not in finished and unit not in failed]


def _next_round(work: Work, finished: Mapping[Unit, Path], points: Sequence[int]) -> list[Unit]:
    """The replicates that these points need next: those that were lost, or else the next round.

    A round is kept as a whole, so that every next one is the same. The baseline has as many replicates as the point
    with the most, and differences are judged of as many pairs as the point has replicates, so that the end does not
    depend on which of them was ready first.
    """
    kept: dict[int, list[Unit]] = {}
    for unit in finished:
        kept.setdefault(unit.point, []).append(unit)
    rounds = {point: sorted(kept.get(point, [])) for point in {*points, *kept}}

    def summaries(point: int) -> list[dict[str, float]]:
        return [summary for unit in rounds[point] for summary in read_summaries(finished[unit])]

    have = {point: _whole(units) for point, units in rounds.items()}
    baseline = work.baseline
    reference = summaries(baseline) if baseline is not None and have[baseline] else []
    wanted, ends = FIRST_REPLICATES, {}
    for point in points:
        if point == baseline:
            continue
        number = ends[point] = have[point]
        if not number or rounds[point][-1].end > number:
            ends[point] = next((unit.first for unit in rounds[point] if unit.first > number), FIRST_REPLICATES)
        elif baseline is None:
            if not replication.known(summaries(point), None, work.tolerance):
                ends[point] = replication.grown(number, work.most_replicates)
        elif have[baseline] >= number and not replication.known(summaries(point), reference[:number], work.tolerance):
            ends[point] = replication.grown(number, work.most_replicates)
        wanted = max(wanted, ends[point])
    if baseline is not None:
        number = have[baseline]
        lost = next((unit.first for unit in rounds[baseline] if unit.first > number), None)
        following = replication.grown(number, work.most_replicates) if number else FIRST_REPLICATES
        ends[baseline] = lost or (following if number < wanted else number)
    return [Unit(point, have[point], ends[point]) for point in points if ends[point] > have[point]]


def _whole(rounds: Iterable[Unit]) -> int:
    """How many replicates these rounds hold without a gap, from the first on."""
    number = 0
    for unit in rounds:
        if unit.first > number:
            break
        number = max(number, unit.end)
    return number


def sweep(
    study: Study,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    shard: Shard | None = None,
    retry: bool = False,
    dashboard: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    backwards: bool = False,
) -> int:
    """Run what is missing; returns the number of failed units, 0 when everything has a result.

    Args:
        study: what to run.
        folder: the result folder; the same call goes on where it stopped.
        workers: processes of the embedded cluster, one a core by default.
        scheduler: address of a Dask cluster that sees the same folder, instead of the embedded one.
        shard: do only these points.
        retry: run failed units again.
        dashboard: port on this machine at which Dask's dashboard of the embedded cluster answers; none by default.
        progress: told about every finished unit.
        backwards: hand the runs out in reversed order; results do not depend on it.

    Raises:
        StudyError: if the folder holds another study's results, or no worker would fit into memory.
        OutputError: if results cannot be written; those written before are intact.
    """
    # A worker that reads a script without a guard comes by here, too: it ends, and the command says why.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)
    shard = shard or Shard()
    store = Store(Path(folder))
    store.open(study)
    owned = _owned(study.work, shard)
    if retry:
        store.forget_failures(owned)

    def look() -> tuple[list[Unit], int, int]:
        """The units still missing, the runs done and the units failed."""
        finished, failed = store.finished(), store.failed()
        done = sum(unit.runs for unit in finished if owned(unit.point))
        lost = [unit for unit in failed if owned(unit.point) and unit not in finished]
        return missing(study.work, finished, failed, shard), done, len(lost)

    units, done, failed = look()
    state = Progress(done=done, of=done + sum(unit.runs for unit in units), failed=failed, begun=done)
    if not units:
        progress(state)
        return state.failed
    if not scheduler:
        state.workers = fitting(study, workers or os.cpu_count() or 1)
    # Sweeps that share a folder begin at different places, so that they rarely want the same unit.
    place = random.random()

    def go_through(client: Any, leases: Leases) -> None:
        """Run what is missing, until nothing is."""
        nonlocal units
        progress(state)
        while units:
            first = int(place * len(units))
            order = units[first:] + units[:first]
            if backwards:
                order.reverse()
            ended = _run_all(client, study, store, leases, order, state, progress)
            if not ended:
                state.elsewhere = sum(unit.runs for unit in units)
                progress(state)
                time.sleep(PAUSE)
            for seconds in SIGHT:
                time.sleep(seconds)
                units, state.done, state.failed = look()
                if ended.isdisjoint(units):
                    break
            else:
                raise StudyError(
                    f"out = '{folder}' holds no result of runs that have ended; "
                    "allowed: a folder that the workers of the cluster see under the same name"
                )
            state.of, state.elsewhere = state.done + sum(unit.runs for unit in units), 0
            progress(state)

    with Leases(store) as leases:
        for attempt in range(ATTEMPTS):
            try:
                with cluster(state.workers, scheduler, dashboard) as client, losing(client, store.folder):
                    go_through(client, leases)
                break
            except WorkersGoneError:
                if attempt + 1 == ATTEMPTS:
                    raise
                units, state.done, state.failed = look()
    return state.failed


def fitting(study: Study, workers: int) -> int:
    """How many of these workers fit into memory at once.

    Raises:
        StudyError: if not even one does.
    """
    need, have = study.bytes_per_run(), memory.available()
    fit = int(SHARE_OF_MEMORY * have // need)
    if fit < 1:
        raise StudyError(
            f"scale = {study.scale:g} needs {need / 1e9:.1f} GB of memory a run and {have / 1e9:.1f} GB are free; "
            "allowed: a larger scale"
        )
    return min(workers, fit)


def _run_all(
    client: Any,
    study: Study,
    store: Store,
    leases: Leases,
    units: list[Unit],
    state: Progress,
    progress: Callable[[Progress], None],
) -> set[Unit]:
    """Run these units, as many at a time as there are workers; returns those that no other sweep had.

    Raises:
        WorkersGoneError: if the workers of this machine have all ended; those of another cluster are waited for.
    """
    from distributed import KilledWorker, as_completed

    waiting = filter(leases.claim, units)
    left = len(units)
    suspects: list[Unit] = []
    """Units of a task that took its worker down with others: they run again, each alone."""
    ended = set()
    running: dict[str, list[Unit]] = {}
    futures = as_completed()
    seconds = math.inf
    """How long a unit takes; unknown until the first has ended."""

    def submit() -> None:
        """Give every worker something to do; a cluster may have more of them, or fewer, than a moment ago."""
        nonlocal left
        workers = max(1, len(client.nthreads()))
        for _ in range(workers - len(running)):
            # At the end the rest is divided, so that no worker waits for another.
            most = min(MOST_UNITS, TASK_SECONDS / seconds, left / (2 * workers))
            batch = [suspects.pop()] if suspects else list(itertools.islice(waiting, max(1, int(most))))
            if not batch:
                return
            left -= len(batch)
            tasks = [
                Task(unit, study.values_at(unit.point), [study.scenario_of(unit.point, n) for n in range(*unit.span)])
                for unit in batch
            ]
            threads = None if state.workers == 1 else 1
            future = client.submit(
                run_units, store.folder.resolve(), tasks, list(study.measures), threads, pure=False, retries=0
            )
            running[future.key] = batch
            futures.add(future)

    def settle(unit: Unit, *, failed: bool) -> None:
        ended.add(unit)
        leases.release(unit)
        state.done += 0 if failed else unit.runs
        state.failed += failed

    submit()
    while not futures.is_empty():
        try:
            future = next_ready(client, futures, watched=state.workers > 0)
        except WorkersGoneError:
            for unit in itertools.chain.from_iterable(running.values()):
                leases.release(unit)
            raise
        batch = running.pop(future.key)
        try:
            failed, took = future.result()
            seconds = took / len(batch)
            for unit in batch:
                settle(unit, failed=unit in failed)
        except KilledWorker as error:
            kept = store.finished()
            lost = [unit for unit in batch if unit not in kept]
            for unit in kept.keys() & set(batch):
                settle(unit, failed=False)
            if len(batch) == 1 and lost:
                with writing(store.folder):
                    store.set_aside(batch[0], f"took its worker down {error.allowed_failures + 1} times", "")
                settle(batch[0], failed=True)
            else:
                suspects += lost
                left += len(lost)
        except (OutputError, StudyError):
            client.cancel(list(futures.futures))
            raise
        progress(state)
        del future
        submit()
    return ended


class Task(NamedTuple):
    """A unit to run, with what it needs."""

    unit: Unit
    values: dict[str, Any]
    """The varied parameters of its point."""
    scenarios: list[Any]
    """One for each replicate."""


def run_units(folder: Path, tasks: list[Task], measures: list[str], threads: int | None) -> tuple[set[Unit], float]:
    """Run some units, one after the other, in the worker; returns those that failed and the seconds it took.

    Raises:
        StudyError: if the worker has another version of the model than the folder.
        OutputError: if a result cannot be written.
    """
    import numba

    if threads is not None:
        numba.set_num_threads(threads)
    begun = time.perf_counter()
    store = Store(folder)
    if (made_with := store.made_with()["model"]) != (here := version()):
        raise StudyError(
            f"model = {here} of a worker differs from {made_with} of '{folder}'; allowed: the same version"
        )
    failed = {task.unit for task in tasks if not _run_unit(store, task, measures)}
    return failed, time.perf_counter() - begun


def _run_unit(store: Store, task: Task, measures: list[str]) -> bool:
    """Run the replicates of a unit and write their result; returns whether it has one."""
    parts, summaries = [], []
    try:
        for replicate, scenario in enumerate(task.scenarios, start=task.unit.first):
            report = simulate(scenario)
            summaries.append(summarise(Simulated.of_report(report)))
            keys = {"point": task.unit.point, **task.values, "replicate": replicate, "seed": scenario.seed}
            parts.append(table_of(report, keys, measures))
    except Exception as error:  # whatever a run raises is its result; the others go on
        trace = traceback.format_exc()
        with writing(store.folder):
            store.set_aside(task.unit, f"{type(error).__name__}: {error}", trace)
        return False
    with writing(store.folder):
        store.keep(task.unit, pa.concat_tables(parts), summaries)
    return True


def table_of(report: Report, keys: Mapping[str, Any], measures: Sequence[str]) -> pa.Table:
    """A row for each period and plan of a run: the keys, period, date, plan, and these measures."""
    index, columns = report.index(), report.columns()
    size = len(index["plan"])
    repeated = {name: pa.repeat(pa.scalar(value), size) for name, value in keys.items()}
    return pa.table(repeated | index | {name: columns[name] for name in measures})
