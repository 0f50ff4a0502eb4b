"""Guard against a slower crowd and slower settlements, by ratios measured in one process beside what was recorded.

    python -m benchmarks.guard [--record]

Both ratios have NumPy's passes over a million people on one thread above the line, so that a slow or busy machine slows
both parts. Below it stand the crowd's whole run over the same people, so that no phase becomes slower unnoticed, and
a settlement of a history of a hundred people, which is what a short run pays for. Ends with 1 if a ratio fell below
`FLOOR` of the one in `guard.json`; `--record` writes new ones there.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 1_000_000
FEW = 100
ROUNDS = 3
FLOOR = 0.6
"""Share of the recorded ratio that must be left."""
RECORDED = Path(__file__).with_name("guard.json")


def seconds(build: Callable[[int], Callable[[], dict[str, Any]]]) -> tuple[float, float]:
    """How long a run took, and its passes in it."""
    run = build(ROWS)
    begin = time.perf_counter()
    found = run()
    return time.perf_counter() - begin, found["pass_s"] * found["periods"]


def settlement_seconds() -> float:
    """How long one settlement of a history of a hundred people takes, set-up not counted."""
    run = _few()
    begin = time.perf_counter()
    periods = run()["periods"]
    return (time.perf_counter() - begin) / periods


def _few() -> Callable[[], dict[str, Any]]:
    from benchmarks import measure

    return measure.crowd(FEW)


def measured() -> dict[str, float]:
    """Medians, over some rounds, of the time of NumPy's passes over that of a run of the crowd and of a settlement."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    from benchmarks import measure

    seconds(measure.crowd)
    settlement_seconds()
    of_run, of_settlement = [], []
    for _ in range(ROUNDS):
        whole, _ = seconds(measure.crowd)
        _, passes = seconds(measure.numpy)
        of_run.append(passes / whole)
        of_settlement.append(passes / statistics.median(settlement_seconds() for _ in range(5)))
    found = {
        "numpy_passes_over_crowd_run": statistics.median(of_run),
        "numpy_passes_over_settlement": statistics.median(of_settlement),
    }
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def main() -> None:
    """Measure, compare, and end with 1 if something became slower."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write the ratios to guard.json")
    chosen = parser.parse_args()
    found = measured()
    if chosen.record:
        RECORDED.write_text(json.dumps(found) + "\n", encoding="utf-8")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    slower = False
    for name, ratio in found.items():
        least = FLOOR * recorded[name]
        said = f"{name.replace('_', ' ')}: {ratio:g}; recorded {recorded[name]:g}"
        sys.stdout.write(f"{said}; at least {least:.3g} is asked\n")
        slower |= ratio < least
    if slower:
        sys.exit(1)


if __name__ == "__main__":
    main()
