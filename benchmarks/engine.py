"""What the sweep engine costs: the same runs through `sweep` and through a bare pool of processes, in one go.

Starting up is taken out by the difference of a long and a short sweep. `python -m benchmarks.engine`
"""

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

SHORT, LONG, WORKERS = 10, 110, 2
SCALE = 150.0
"""Real people per row: a run of about a second."""


def study(runs: int) -> Study:
    """So many points of one run each."""
    return Study(
        question="what does the engine cost?",
        expectation="less than 5 % of the runs",
        design=Design("latin_hypercube", {"salience": {"low": 0.004, "high": 0.4}}, size=runs),
        scale=SCALE,
        parameters={"expected_claims": True},
    )


def _run(scenario: Scenario) -> float:
    from model.model import MutualAidModel

    begin = time.perf_counter()
    MutualAidModel(scenario).run()
    return time.perf_counter() - begin


def bare(runs: int) -> tuple[float, float]:
    """Wall seconds of these runs in a bare pool, and the mean seconds of one."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    asked = study(runs)
    begin = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        each = list(pool.map(_run, [asked.scenario_of(point, 0) for point in range(runs)]))
    return time.perf_counter() - begin, sum(each) / runs


def swept(runs: int) -> float:
    """Wall seconds of the same by the engine, results on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        sweep(study(runs), Path(folder), workers=WORKERS)
        return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    bare(4)  # compiles
    short, long = bare(SHORT)[0], bare(LONG)
    without = (long[0] - short) / (LONG - SHORT)
    memory = []
    seconds = []
    for runs in (SHORT, LONG):
        seconds.append(swept(runs))
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    with_engine = (seconds[1] - seconds[0]) / (LONG - SHORT)
    print(f"a run takes {long[1]:.2f} s; {WORKERS} workers")
    print(f"seconds a run: a bare pool {without:.3f}, the engine {with_engine:.3f}")
    print(f"overhead {with_engine / without - 1:+.1%}; starting up {seconds[0] - SHORT * with_engine:.1f} s")
    print(f"memory of the parent: {memory[0]:.0f} MB after {SHORT} runs, {memory[1]:.0f} MB after {LONG} more")


if __name__ == "__main__":
    main()
