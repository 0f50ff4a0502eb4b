"""Runs what is missing in the result folder of a study.

The workers write the results themselves; what comes back is a word, so the memory of this process does not grow with
the number of runs.
"""

import os
import random
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments.output import writing
from experiments.runs.executor import Executor
from experiments.runs.leases import Leases
from experiments.sweeps import replication
from experiments.sweeps.design import StudyError
from experiments.sweeps.store import Store, Unit, read_summaries, version
from experiments.sweeps.study import FIRST_REPLICATES, Study, Work
from experiments.sweeps.summaries import Summary, summaries_of
from experiments.sweeps.units import Task, run_unit
from model import memory
from model.files import shown

MOST_TOGETHER = 20
"""Replicates of a point that are run and kept together."""
SIGHT = (0, 1, 4, 15)
"""Seconds to wait, one after the other, until a shared file system shows what a worker has written."""
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
    waits: str = ""
    """What the sweep waits for, in a line; empty while runs end."""


def _owned(work: Work, shard: Shard) -> Callable[[int], bool]:
    """Which points are a shard's to run: where differences decide how many runs are enough, the baseline is, too."""
    return lambda point: shard.has(point) or point == work.baseline


def missing(
    work: Work,
    finished: Mapping[Unit, Path],
    failed: Container[Unit],
    shard: Shard,
    outcomes: Mapping[str, Summary],
) -> list[Unit]:
    """The units to run now, in the order of the study; with replicates = "auto", this round's.

    Args:
        work: how many runs the study asks for.
        finished: units that have a result, with its file.
        failed: units that were set aside.
        shard: which points are this sweep's.
        outcomes: the summaries of the pool, which tell whether replicates are enough.
    """
    points = list(filter(_owned(work, shard), range(work.points)))
    if work.replicates == "auto":
        units = _next_round(work, finished, points, outcomes)
    else:
        each = int(work.replicates)
        firsts = range(0, each, MOST_TOGETHER)
        units = [Unit(point, first, min(first + MOST_TOGETHER, each)) for point in points for first in firsts]
    return [unit for unit in units if unit not in finished and unit not in failed]


def _next_round(
    work: Work, finished: Mapping[Unit, Path], points: Sequence[int], outcomes: Mapping[str, Summary]
) -> list[Unit]:
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
            if not replication.known(summaries(point), None, work.tolerance, outcomes):
                ends[point] = replication.grown(number, work.most_replicates)
        elif have[baseline] >= number and not replication.known(
            summaries(point), reference[:number], work.tolerance, outcomes
        ):
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
    """Run what is missing of a study.

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

    Returns:
        The number of failed units; 0 when everything has a result.

    Raises:
        StudyError: if the folder holds another study's results, or no worker would fit into memory.
        OutputError: if results cannot be written; those written before are intact.

    Example:
        from experiments import Design, Study, sweep

        if __name__ == "__main__":  # the workers read this file, too
            fees = Design("grid", {"fee_rate": [0.04, 0.12]})
            sweep(Study("does the fee matter?", "little", fees, scale=200_000), "out/fee", workers=2)
    """
    shard = shard or Shard()
    store = Store(Path(folder))
    store.open(study)
    owned = _owned(study.work, shard)
    outcomes = summaries_of(study.design.pool)
    if retry:
        store.forget_failures(lambda unit: owned(unit.point))

    def look() -> tuple[list[Unit], int, int]:
        """The units still missing, the runs done and the units failed."""
        finished, failed = store.finished(), store.failed()
        done = sum(unit.runs for unit in finished if owned(unit.point))
        lost = [unit for unit in failed if owned(unit.point) and unit not in finished]
        return missing(study.work, finished, failed, shard, outcomes), done, len(lost)

    units, done, failed = look()
    state = Progress(done=done, of=done + sum(unit.runs for unit in units), failed=failed, begun=done)
    if not units:
        progress(state)
        return state.failed
    if not scheduler:
        state.workers = fitting(study, workers or os.cpu_count() or 1)
    # Sweeps that share a folder begin at different places, so that they rarely want the same unit.
    place = random.random()

    def wait_for(what: str) -> None:
        state.waits = what
        progress(state)

    options: dict[str, Any] = {"dashboard": dashboard, "kept": store.folder, "waiting": wait_for}
    with Leases(store) as leases, Executor(state.workers or None, scheduler, **options) as run:
        progress(state)
        while units:
            first = int(place * len(units))
            order = units[first:] + units[:first]
            if backwards:
                order.reverse()
            ended = set()
            for unit, has_result in _run_all(run, study, store, leases, order):
                ended.add(unit)
                leases.release(unit)
                state.done += unit.runs if has_result else 0
                state.failed += not has_result
                state.waits = ""
                progress(state)
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
    run: Executor, study: Study, store: Store, leases: Leases[Unit], units: Sequence[Unit]
) -> Iterator[tuple[Unit, bool]]:
    """Run those of these units that no other sweep has; each with whether it has a result, as they end."""
    claimed: list[Unit] = []

    def tasks() -> Iterator[Task]:
        for unit in filter(leases.claim, units):
            claimed.append(unit)
            scenarios = [study.scenario_of(unit.point, replicate) for replicate in range(*unit.span)]
            yield Task(unit, study.values_at(unit.point), scenarios)

    def killed(task: Task, times: int) -> bool:
        with writing(store.folder):
            store.set_aside(task.unit, f"took its worker down {times} times", "")
        return False

    one = partial(run_unit, store.folder.resolve(), version(), list(study.measures))
    for number, has_result in run.map(one, tasks(), of=len(units), killed=killed):
        yield claimed[number], has_result
