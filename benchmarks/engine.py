"""What the sweep engine costs: the same short runs through `sweep` and through a bare loop on every core, in one go.

    python -m benchmarks.engine [--runs 400] [--scale 10000]

The bare loop is a pool of as many processes, which have imported and compiled everything; its workers do nothing but
simulate. Throughput of the sweep is given with and without the start of its cluster.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from experiments.sweeps.design import Design
from experiments.sweeps.engine import sweep
from experiments.sweeps.study import Study
from model.scenario import Scenario

WORKERS = os.cpu_count() or 1
SCALE = 10_000.0
"""Real people per row: 19,810 rows."""
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


def throughput(runs: int, scale: float) -> dict[str, float]:
    """Seconds a run in the loop and in the sweep, and what part of the loop's throughput the sweep reaches."""
    loop = bare(runs, scale)
    few, all_ = swept(FEW, scale), swept(runs, scale)
    running = (all_ - few) / (runs - FEW)
    return {
        "loop_run_s": loop / runs,
        "sweep_run_s": running,
        "start_s": few - FEW * running,
        "running": loop / runs / running,
        "with_start": loop / all_,
        "parent_bytes": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400, help="runs of the sweep")
    parser.add_argument("--scale", type=float, default=SCALE, help="real people per row")
    chosen = parser.parse_args()
    found = throughput(chosen.runs, chosen.scale)
    loop, run = 1e3 * found["loop_run_s"], 1e3 * found["sweep_run_s"]
    print(f"a run: {loop:.1f} ms in a bare loop, {run:.1f} ms in the sweep")
    print(f"throughput of the loop: {found['running']:.2f} once it runs, {found['with_start']:.2f} with its start")
    print(
        f"start {found['start_s']:.1f} s; memory of the parent {found['parent_bytes'] / 1e6:.0f} MB; {WORKERS} workers"
    )


if __name__ == "__main__":
    main()
