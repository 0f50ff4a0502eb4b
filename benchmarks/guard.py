"""Guard against a slower crowd: its speed over that of the NumPy pass, in one process, beside what was recorded.

    python -m benchmarks.guard [--record]

Both run the same rules in turn, a million people on one thread, so that a slow or busy machine slows both. Set
against NumPy's passes is the crowd's whole run, so that no phase becomes slower unnoticed. Ends with 1 if the ratio
fell below `FLOOR` of the one in `guard.json`; `--record` writes a new one there.
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


def measured_ratio() -> float:
    """The median, over some rounds, of the time of NumPy's passes over that of a whole run of the crowd."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    from benchmarks import measure

    seconds(measure.crowd)
    ratios = []
    for _ in range(ROUNDS):
        whole, _ = seconds(measure.crowd)
        _, passes = seconds(measure.numpy)
        ratios.append(passes / whole)
    return statistics.median(ratios)


def main() -> None:
    """Measure, compare, and end with 1 if the crowd became slower."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write the ratio to guard.json")
    chosen = parser.parse_args()
    found = measured_ratio()
    if chosen.record:
        RECORDED.write_text(json.dumps({"numpy_passes_over_crowd_run": round(found, 2)}) + "\n", encoding="utf-8")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["numpy_passes_over_crowd_run"]
    said = f"NumPy's passes / crowd's run at {ROWS:,} people, 1 thread: {found:.2f}; recorded {recorded:.2f}"
    sys.stdout.write(f"{said}; at least {FLOOR * recorded:.2f} is asked\n")
    if found < FLOOR * recorded:
        sys.exit(1)


if __name__ == "__main__":
    main()
