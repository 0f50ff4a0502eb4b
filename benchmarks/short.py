"""How long a whole history takes beside an earlier commit: in one run on one machine, pairs in turn, one thread.

    python -m benchmarks.short [--commit 02989e2] [--pairs 20]

A history is set up and simulated to its data frame. Each side runs in a process of its own, which has compiled
everything and simulated once before; a pair is one history of each side, in alternating order. Prints the medians, the
ratio of each size and whether the histories are equal but for rounding, and the cost of a settlement: the time of a
history of the smallest population over its settlements.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCALES = (10_000.0, 1_000.0, 20.0)
"""Real people per row: 19,810, 198,100 and 9.9 million rows."""
SMALLEST = 1_981_000.0
"""A hundred rows: what is left is the cost of settlements."""
RUNNER = """
import sys, time
from model.model import MutualAidModel
from model.scenario import Scenario
for line in sys.stdin:
    scenario = Scenario(scale=float(line))
    begin = time.perf_counter()
    history = MutualAidModel(scenario).run()
    seconds = time.perf_counter() - begin
    shares = history["share_yuan"].round(9).tolist() + history["members"].tolist()
    print(repr((seconds, shares)), flush=True)
"""


class Side:
    """One version of the model, in a process that waits for scales."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNNER], cwd=folder, env=environment, text=True, **pipes
        )

    def run(self, scale: float) -> tuple[float, list[float]]:
        """Seconds of a history, and its shares and members."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{scale}\n")
        self._process.stdin.flush()
        seconds, numbers = eval(self._process.stdout.readline())  # what the runner above printed
        return seconds, numbers

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def compared(before: Side, now: Side, scale: float, pairs: int) -> dict[str, float | bool]:
    """Medians of this many pairs in turn."""
    times: dict[Side, list[float]] = {before: [], now: []}
    numbers = {side: side.run(scale)[1] for side in (before, now)}
    for pair in range(pairs):
        for side in (before, now) if pair % 2 else (now, before):
            times[side].append(side.run(scale)[0])
    medians = [statistics.median(times[side]) for side in (before, now)]
    return {
        "scale": scale,
        "before_s": medians[0],
        "now_s": medians[1],
        "ratio": medians[0] / medians[1],
        "equal": numbers[before] == numbers[now],
    }


def main() -> None:
    """Measure and print one JSON line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commit", default="02989e2", help="commit to compare with")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of histories at the two smallest sizes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(earlier), chosen.commit], check=True)
        try:
            before, now = Side(earlier), Side(ROOT)
            for scale in SCALES:
                found = compared(before, now, scale, chosen.pairs if scale >= 1_000 else 5)
                print(json.dumps(found), flush=True)
            found = compared(before, now, SMALLEST, chosen.pairs)
            print(json.dumps(found | {"settlement_ms": 1000 * found["now_s"] / 79}), flush=True)
            before.end()
            now.end()
        finally:
            subprocess.run([*git, "remove", "--force", str(earlier)], check=True)


if __name__ == "__main__":
    main()
