"""One measurement in a process of its own: prints one line of JSON.

    python -m benchmarks.measure ENGINE ROWS

Own process, so that peak memory and the number of threads (NUMBA_NUM_THREADS) belong to this measurement alone. What
is compiled is compiled, or read from its cache, in a small run before the clock starts.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import numpy_toy, peers, toy

POPULATION = 220_000_000
WARM_ROWS = 1_000
AGENT_PERIODS = 10
"""Periods of a run with more than `AGENT_ROWS` agents of the real rules."""
AGENT_ROWS = 10_000
PASSES = 15
"""Passes with nothing due: the median of these."""
PAIRS = 4
"""Pairs of histories beside an earlier commit, in each round."""
BYTES_READ = 5
"""Status (1) and clock (4): what a pass reads of every person."""


def resident() -> int:
    """Bytes of memory in use now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def peak() -> int:
    """Most bytes of memory that this process has used."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed(build: Callable[[int], Callable[[], dict[str, Any]]], rows: int) -> dict[str, Any]:
    """Build a model of this many rows and run it; `build` returns what runs it, and that what it found."""
    build(min(rows, WARM_ROWS))()
    before = resident()
    begin = time.perf_counter()
    run = build(rows)
    ready = time.perf_counter()
    found = run()
    end = time.perf_counter()
    return found | {"setup_s": ready - begin, "run_s": end - ready, "grown_bytes": max(0, peak() - before)}


# Our engine, and the same rules as plain Mesa agents.


def _model(rows: int, **options: Any) -> Any:
    from model.model import MutualAidModel
    from model.scenario import Scenario

    scenario = Scenario(potential_population=POPULATION, scale=POPULATION / rows)
    if scenario.rows != rows:
        raise RuntimeError(f"{scenario.rows} rows instead of {rows}")
    return MutualAidModel(scenario, **options)


def _fingerprint(history: Any) -> str:
    text = history.to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def _timed_passes(model: Any) -> Callable[[], dict[str, Any]]:
    """Run this model to its end, and time its passes."""
    driver, passes = model._crowd, []
    decide = driver.decide

    def timed_decide(*arguments: Any) -> Any:
        begin = time.perf_counter()
        counts = decide(*arguments)
        passes.append(time.perf_counter() - begin)
        return counts

    driver.decide = timed_decide

    def run() -> dict[str, Any]:
        history = model.run()
        decided = float((history["considered"] + history["noticed"]).sum()) / POPULATION / model.period
        return {
            "periods": model.period,
            "pass_s": statistics.fmean(passes),
            "decided_share": decided,
            "history_sha256": _fingerprint(history),
        }

    return run


def crowd(rows: int) -> Callable[[], dict[str, Any]]:
    """The real rules in the crowd."""
    return _timed_passes(_model(rows))


def numpy(rows: int) -> Callable[[], dict[str, Any]]:
    """The real rules with a pass in NumPy."""
    from benchmarks.numpy_pass import NumpyCrowd

    model = _model(rows)
    model._crowd = NumpyCrowd(model.population, model.cohorts)
    return _timed_passes(model)


def agents(rows: int) -> Callable[[], dict[str, Any]]:
    """The real rules, one Mesa agent a row, stepped in order by `AgentSet.do`."""
    from agents.member import Member

    model = _model(rows, driver="agents")
    persons = type(model.agents_by_type[Member])
    persons.shuffle_do = persons.do
    periods = model.scenario.periods if rows <= AGENT_ROWS else AGENT_PERIODS

    def run() -> dict[str, Any]:
        for _ in range(periods):
            model.step()
        return {"periods": model.period, "history_sha256": _fingerprint(model.history)}

    return run


# The toy, in NumPy and in other engines.


def _toy(build: Callable[[int], Callable[[], float]]) -> Callable[[int], Callable[[], dict[str, Any]]]:
    def prepare(rows: int) -> Callable[[], dict[str, Any]]:
        run = build(rows)
        return lambda: {"members_share": run(), "periods": toy.PERIODS}

    return prepare


# The machine.


def _threads() -> int:
    return int(os.environ.get("NUMBA_NUM_THREADS", "1"))


def measure_memory(rows: int) -> dict[str, Any]:
    """Bytes a second of a copy (read plus written) and of reading alone, on arrays of this many bytes."""
    import numba

    @numba.njit(nogil=True)
    def total(numbers: np.ndarray) -> int:
        found = 0
        for k in range(numbers.size):
            found += numbers[k]
        return found

    source, target = np.ones(rows // 8, dtype=np.int64), np.zeros(rows // 8, dtype=np.int64)
    halves = list(zip(np.array_split(source, _threads()), np.array_split(target, _threads()), strict=True))
    total(source[:8])
    with ThreadPoolExecutor(_threads()) as pool:

        def seconds(work: Callable[[tuple[Any, Any]], Any]) -> float:
            best = float("inf")
            for _ in range(5):
                begin = time.perf_counter()
                list(pool.map(work, halves))
                best = min(best, time.perf_counter() - begin)
            return best

        copy_s = seconds(lambda half: np.copyto(half[1], half[0]))
        read_s = seconds(lambda half: total(half[0]))
    return {"copy_bytes_per_s": 2 * source.nbytes / copy_s, "read_bytes_per_s": source.nbytes / read_s}


def measure_pass(rows: int) -> dict[str, Any]:
    """The crowd's pass over people none of whom is due."""
    from agents.crowd.driver import Crowd
    from agents.population import COLUMNS, FIRST_PLAN, Columns, Population

    small = _model(WARM_ROWS)
    # Nobody is due, so no other column is looked at.
    columns = {name: np.zeros(1, dtype=column.dtype) for name, column in COLUMNS.items()}
    columns["status"] = np.random.default_rng(1).integers(0, FIRST_PLAN + 3, rows, dtype=np.uint8)
    columns["clock"] = np.full(rows, np.inf, dtype=np.float32)
    people = Population(Columns(**columns), small.population.fate, small.population.scale)
    driver, times, counted = Crowd(people, small.cohorts), [], 0
    for _ in range(PASSES + 1):
        begin = time.perf_counter()
        counts = driver.decide(small.context, small.behaviour, small.influence)
        times.append(time.perf_counter() - begin)
        counted += int(counts.sum())
    if counted:
        raise RuntimeError("somebody was due")
    return {"pass_s": statistics.median(times[1:]), "bytes_read": BYTES_READ * rows}


def measure_earlier(rows: int) -> dict[str, Any]:
    """Whole histories of this many rows beside an earlier commit, some pairs in turn."""
    from benchmarks import short

    with short.sides() as (before, now):
        return short.compared(before, now, rows, PAIRS if rows < 10**6 else 1)


def measure_sweep(runs: int) -> dict[str, Any]:
    """A sweep of this many short runs, beside the same in a bare loop on every core."""
    from benchmarks import engine

    return engine.throughput(runs, engine.SCALE, pairs=1)


ENGINES: dict[str, Callable[[int], dict[str, Any]]] = {
    "crowd": lambda rows: timed(crowd, rows),
    "numpy": lambda rows: timed(numpy, rows),
    "agents": lambda rows: timed(agents, rows),
    "toy-numpy-coins": lambda rows: timed(_toy(numpy_toy.coins), rows),
    "toy-numpy-clocks": lambda rows: timed(_toy(numpy_toy.clocks), rows),
    "memory": measure_memory,
    "pass": measure_pass,
    "earlier": measure_earlier,
    "sweep": measure_sweep,
} | {f"toy-{name}": lambda rows, build=build: timed(_toy(build), rows) for name, build in peers.ENGINES.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("rows", type=int)
    chosen = parser.parse_args()
    found = ENGINES[chosen.engine](chosen.rows)
    sys.stdout.write(json.dumps(found | {"peak_bytes": peak()}) + "\n")


if __name__ == "__main__":
    main()
