"""How long a whole history takes beside an earlier commit: in one run on one machine, pairs in turn, one thread.

    python -m benchmarks.short [--commit 02989e2] [--pairs 20]

A history is set up and simulated to its data frame. Each side runs in a process of its own, which has compiled
everything and simulated once before; a pair is one history of each side, in alternating order. Both have the same
number of rows and of periods; their default parameters differ, because the record was fitted anew in between. Prints
the medians, the ratio of each size, and the time of a history over its settlements.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMIT = "02989e2"
POPULATION, PERIODS = 198_100_000, 79
ROWS = (100, 19_810, 198_100, 9_905_000)
"""Rows of the histories. A hundred people cost next to nothing: what is left is the cost of settlements."""
RUNNER = f"""
import sys, time
from model.model import MutualAidModel
from model.scenario import Scenario
for line in sys.stdin:
    scenario = Scenario(scale=float(line), potential_population={POPULATION})
    begin = time.perf_counter()
    MutualAidModel(scenario).run()
    print(time.perf_counter() - begin, flush=True)
"""


class Side:
    """One version of the model, in a process that waits for scales."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNNER], cwd=folder, env=environment, text=True, **pipes
        )

    def run(self, scale: float) -> float:
        """Seconds of a history."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{scale}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


@contextlib.contextmanager
def sides(commit: str = COMMIT) -> Iterator[tuple[Side, Side]]:
    """An earlier commit, checked out for as long as this takes, and the model as it is."""
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(earlier), commit], check=True)
        try:
            before, now = Side(earlier), Side(ROOT)
            try:
                yield before, now
            finally:
                before.end()
                now.end()
        finally:
            subprocess.run([*git, "remove", "--force", str(earlier)], check=True)


def compared(before: Side, now: Side, rows: int, pairs: int) -> dict[str, float]:
    """Medians of this many pairs in turn, at this many rows; both sides have run once before."""
    times: dict[Side, list[float]] = {before: [], now: []}
    scale = POPULATION / rows
    for side in (before, now):
        side.run(scale)
    for pair in range(pairs):
        for side in (before, now) if pair % 2 else (now, before):
            times[side].append(side.run(scale))
    medians = [statistics.median(times[side]) for side in (before, now)]
    return {
        "rows": rows,
        "before_s": medians[0],
        "now_s": medians[1],
        "ratio": medians[0] / medians[1],
        "settlement_ms": 1000 * medians[1] / PERIODS,
    }


def main() -> None:
    """Measure and print one JSON line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commit", default=COMMIT, help="commit to compare with")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of histories, but 5 at the largest size")
    chosen = parser.parse_args()
    with sides(chosen.commit) as (before, now):
        for rows in ROWS:
            print(json.dumps(compared(before, now, rows, chosen.pairs if rows < 10**6 else 5)), flush=True)


if __name__ == "__main__":
    main()
