"""What the sweep engine costs: the same short runs through `sweep` and through a bare loop on every core, in turn.

    python -m benchmarks.engine [--runs 400] [--scale 10000] [--pairs 3]
    python -m benchmarks.engine --generations 20

The bare loop is a pool of as many processes, which have imported and compiled everything; its workers do nothing but
simulate. Throughput of the sweep is given with and without the start of its cluster, as medians over the pairs. With
`--generations`: the generations of a calibration's search, thirty runs that are waited for, through the executor and
through such a pool.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from experiments.runs.batches import TOGETHER
from experiments.runs.executor import Executor
from experiments.sweeps.design import Design
from experiments.sweeps.engine import sweep
from experiments.sweeps.study import Study
from model.scenario import Scenario

WORKERS = os.cpu_count() or 1
SCALE = 10_000.0
"""Real people per row: 19,810 rows."""
GENERATION = 30
"""Runs of a generation of a search."""
FEW = 20
"""Runs of the sweep from which the cost of starting is taken."""


def study(runs: int, scale: float) -> Study:
    """So many points of one run each."""
    return Study(
        question="what does the engine cost?",
        expectation="less than a fifth of short runs",
        design=Design("latin_hypercube", {"salience": {"low": 0.004, "high": 0.4}}, size=runs),
        scale=scale,
        parameters={"expected_claims": True},
    )


def _run(scenario: Scenario) -> None:
    from model.model import MutualAidModel

    MutualAidModel(scenario).simulate()


def bare(runs: int, scale: float) -> float:
    """Wall seconds of these runs in a bare loop on every core."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    asked = study(runs, scale)
    scenarios = [asked.scenario_of(point, 0) for point in range(runs)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        list(pool.map(_run, scenarios[: 4 * WORKERS]))
        begin = time.perf_counter()
        list(pool.map(_run, scenarios, chunksize=10))
        return time.perf_counter() - begin


def swept(runs: int, scale: float) -> float:
    """Wall seconds of the same by the engine, its start and the results on the disk included."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        sweep(study(runs, scale), Path(folder), workers=WORKERS)
        return time.perf_counter() - begin


def throughput(runs: int, scale: float, pairs: int) -> dict[str, float]:
    """Seconds a run in the loop and in the sweep, and what part of the loop's throughput the sweep reaches."""
    measured = [(bare(runs, scale), swept(FEW, scale), swept(runs, scale)) for _ in range(pairs)]
    loop, few, all_ = (np.array(column) for column in zip(*measured, strict=True))
    running = (all_ - few) / (runs - FEW)
    found = {
        "loop_run_s": loop / runs,
        "sweep_run_s": running,
        "start_s": few - FEW * running,
        "running": loop / runs / running,
        "with_start": loop / all_,
    }
    memory = {"parent_bytes": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    return {name: float(np.median(values)) for name, values in found.items()} | memory


def generations(number: int, scale: float) -> tuple[float, float]:
    """Median seconds of a generation in the pool and in the executor, in turn."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    asked = study(number * GENERATION, scale)
    scenarios = [asked.scenario_of(point, 0) for point in range(number * GENERATION)]
    took: tuple[list[float], list[float]] = ([], [])
    with (
        ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool,
        Executor(WORKERS) as run,
    ):
        ways = (lambda those: pool.map(_run, those, chunksize=3), lambda those: run.map(_run, those, together=TOGETHER))
        for way in ways:
            list(way(scenarios[:GENERATION]))
        for first in range(0, len(scenarios), GENERATION):
            for way, times in zip(ways, took, strict=True):
                begin = time.perf_counter()
                list(way(scenarios[first : first + GENERATION]))
                times.append(time.perf_counter() - begin)
    return float(np.median(took[0])), float(np.median(took[1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400, help="runs of the sweep")
    parser.add_argument("--scale", type=float, default=SCALE, help="real people per row")
    parser.add_argument("--pairs", type=int, default=3, help="how often both are measured, in turn")
    parser.add_argument("--generations", type=int, default=0, help="measure so many generations of a search instead")
    chosen = parser.parse_args()
    if chosen.generations:
        loop, executed = generations(chosen.generations, chosen.scale)
        print(f"a generation of {GENERATION}: {loop:.3f} s in a pool, {executed:.3f} s in the executor")
        return
    found = throughput(chosen.runs, chosen.scale, chosen.pairs)
    loop, run = 1e3 * found["loop_run_s"], 1e3 * found["sweep_run_s"]
    print(f"a run: {loop:.1f} ms in a bare loop, {run:.1f} ms in the sweep")
    print(f"throughput of the loop: {found['running']:.2f} once it runs, {found['with_start']:.2f} with its start")
    print(
        f"start {found['start_s']:.1f} s; memory of the parent {found['parent_bytes'] / 1e6:.0f} MB; {WORKERS} workers"
    )


if __name__ == "__main__":
    main()
