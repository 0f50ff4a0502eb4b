"""Measure everything in one run on this machine and write the table.

    python -m benchmarks.bench [--quick] [--runs 5] [--out benchmarks/README.md] [--rewrite]

Each measurement is a process of its own. The cases are gone through in rounds, one run of each a round, so that a
machine that becomes slower becomes slower for all of them. Results are kept in `results.json` beside the table after
every run: an interrupted benchmark goes on where it stopped, a finished one starts anew. This file imports nothing
but the standard library, because a child's peak memory starts at that of its parent.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import table

ROOT = Path(__file__).parents[1]
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
PEERS = ("toy-agentpy", "toy-mesa-frames", "toy-starsim", "toy-laser-core")
OWN_PACKAGES = ("mesa", "numpy", "numba", "pandas")
PEER_PACKAGES = ("agentpy", "mesa-frames", "polars", "starsim", "laser-core", "numpy", "numba")
MEASURED_SOURCES = ("agents/**/*.py", "model/**/*.py", "benchmarks/measure.py", "benchmarks/numpy_*.py")
MEASURED_SOURCES += ("experiments/sweeps/*.py", "experiments/runs/*.py", "benchmarks/short.py", "benchmarks/engine.py")
MEASURED_SOURCES += ("benchmarks/peers.py", "benchmarks/toy.py", "benchmarks/requirements.txt")
DOES_NOT_FIT = "of memory"
"""What the model says of a population that is too large for this machine."""
BUSY = 0.3
"""Load average above which a warning is given."""


@dataclass(frozen=True)
class Case:
    """One engine at one size on so many threads."""

    engine: str
    rows: int
    threads: int = 1

    @property
    def key(self) -> str:
        """How the case is called in the results."""
        return f"{self.engine}/{self.rows}/{self.threads}"

    @property
    def python(self) -> Path:
        """The interpreter with this engine in it."""
        return PEERS_PYTHON if self.engine in PEERS else Path(sys.executable)


def all_cases() -> list[Case]:
    """Everything that the table has."""
    return [
        *(Case("memory", 1_000_000_000, threads) for threads in (1, 2)),
        *(Case("pass", 10**power, threads) for power in (6, 7, 8) for threads in (1, 2)),
        *(Case("crowd", 10**power, threads) for power in (4, 5, 6, 7, 8) for threads in (1, 2)),
        *(Case("earlier", rows) for rows in (100, 19_810, 198_100, 9_905_000)),
        *(Case("sweep", runs) for runs in (400, 2_000)),
        *(Case("agents", 10**power) for power in (3, 4, 5)),
        *(Case("numpy", 10**power) for power in (4, 5, 6, 7)),
        *(Case(engine, 10**power) for engine in ("toy-numpy-coins", "toy-numpy-clocks") for power in (4, 5, 6, 7)),
        *(Case(engine, 10**power) for engine in ("toy-mesa", "toy-agentpy") for power in (4, 5)),
        # Polars takes all cores unless told otherwise.
        *(Case("toy-mesa-frames", 10**power, 2) for power in (5, 6)),
        *(Case("toy-starsim", 10**power) for power in (5, 6, 7)),
        *(Case("toy-laser-core", 10**power, threads) for power in (6, 7) for threads in (1, 2)),
    ]


def quick_cases() -> list[Case]:
    """A tenth of it, to see that everything works."""
    most = {
        "earlier": 200_000,
        "sweep": 400,
        "memory": 10**9,
        "agents": 10**3,
        "crowd": 10**6,
        "pass": 10**6,
        "toy-starsim": 10**5,
    }
    most |= {
        "numpy": 10**6,
        "toy-numpy-coins": 10**6,
        "toy-numpy-clocks": 10**6,
        "toy-laser-core": 10**6,
        "toy-mesa-frames": 10**5,
    }
    return [case for case in all_cases() if case.rows <= most.get(case.engine, 10**4)]


def measure(case: Case) -> dict[str, Any]:
    """One run in a process of its own: what it found, or the `error`."""
    if not case.python.exists():
        return {"error": "not installed: .venv-bench is missing"}
    threads = str(case.threads)
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
    environment = os.environ | dict.fromkeys(names, threads) | {"STARSIM_INSTALL_FONTS": "0"}
    command = [case.python, "-m", "benchmarks.measure", case.engine, str(case.rows)]
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"ended with code {child.returncode}"]
        return {"error": lines[-1][:200]}
    found: dict[str, Any] = json.loads(child.stdout.strip().splitlines()[-1])
    return found


# What it was measured with.


def _first(path: str, key: str) -> str:
    lines = Path(path).read_text(encoding="ascii").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")


def machine() -> dict[str, Any]:
    """Processor, cores, caches, memory and kernel."""
    cache = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    return {
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "l3_cache": cache.read_text(encoding="ascii").strip() if cache.exists() else "unknown",
        "memory_gb": round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / 1e6, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """Versions in this interpreter's environment, as far as they are there."""
    if not python.exists():
        return {}
    code = (
        "import json, platform, sys\nfrom importlib.metadata import PackageNotFoundError, version\n"
        "found = {'python': platform.python_version()}\n"
        "for name in sys.argv[1:]:\n    try: found[name] = version(name)\n    except PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    child = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(child.stdout)
    return found


def sources() -> str:
    """A hash of all that decides what is measured."""
    digest = hashlib.sha256()
    for pattern in MEASURED_SOURCES:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def made_with(quick: bool) -> dict[str, Any]:
    """All that must be the same for results to stand in one table."""
    return {
        "quick": quick,
        "machine": machine(),
        "sources": sources(),
        "versions": versions(Path(sys.executable), OWN_PACKAGES),
        "peer_versions": versions(PEERS_PYTHON, PEER_PACKAGES),
    }


# The run.


def begin(path: Path, quick: bool) -> dict[str, Any]:
    """Results to go on with: those of an interrupted run of the same code on the same machine, or none."""
    with_this = made_with(quick)
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not kept["complete"] and kept["made_with"] == with_this:
            return kept
    started = datetime.now(UTC).isoformat(timespec="minutes")
    load = round(os.getloadavg()[0], 2)
    return {"made_with": with_this, "started": started, "load": load, "complete": False, "samples": {}}


def save(results: dict[str, Any], path: Path) -> None:
    """Keep the results: written beside and moved, so that an interruption leaves the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def go_through(cases: list[Case], runs: int, results: dict[str, Any], path: Path) -> None:
    """Measure what is missing, round by round."""
    samples = results["samples"]
    missing = [(number, case) for number in range(runs) for case in cases if len(samples.get(case.key, [])) <= number]
    for done, (number, case) in enumerate(missing, start=1):
        clock = time.perf_counter()
        found = measure(case)
        what = f"{case.engine}, {case.rows:,}, {case.threads} thread(s)"
        if "error" in found and case.engine not in PEERS and DOES_NOT_FIT not in found["error"]:
            sys.exit(f"error: {what}: {found['error']}")
        samples.setdefault(case.key, []).append(found)
        save(results, path)
        told = found.get("error") or f"{time.perf_counter() - clock:.1f} s"
        say(f"[{done}/{len(missing)}] round {number + 1}: {what}: {told}")


def main() -> None:
    """Measure, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, once, into out/bench")
    parser.add_argument("--runs", type=int, help="runs of each measurement (default 5, quick 1)")
    parser.add_argument("--out", type=Path, help="the table (default benchmarks/README.md)")
    parser.add_argument("--rewrite", action="store_true", help="only write the table again from results.json")
    chosen = parser.parse_args()
    out = chosen.out or (ROOT / "out" / "bench" if chosen.quick else ROOT / "benchmarks") / "README.md"
    kept = out.with_name("results.json")
    if chosen.rewrite:
        out.write_text(table.render(json.loads(kept.read_text(encoding="utf-8"))), encoding="utf-8")
        return
    runs = chosen.runs or (1 if chosen.quick else 5)
    if os.getloadavg()[0] > BUSY:
        say(f"warning: this machine is busy (load average {os.getloadavg()[0]:.2f}); the numbers will be worse")
    results = begin(kept, chosen.quick)
    go_through(quick_cases() if chosen.quick else all_cases(), runs, results, kept)
    results |= {"complete": True, "finished": datetime.now(UTC).isoformat(timespec="minutes")}
    save(results, kept)
    out.write_text(table.render(results), encoding="utf-8")
    say(f"written: {out}")
    if not table.identical(results):
        sys.exit("error: the number of threads changed a result")


if __name__ == "__main__":
    main()
