"""Mutation testing of `agents/` and `model/`: are one-line bugs noticed? Run by `make test-mutation`.

Cosmic Ray makes the mutants: an operator, a number, a comparison or a loop changed at one place. A random sample of
places, the same for the same seed, is tested by the part of the quick suite that looks at `agents/` and `model/`. Each
worker has its own copy of the checkout and its own cache of compiled code. The same command resumes an interrupted run.
Survivors are written to `survivors.md`, except those that `equivalent.toml` explains.
"""

import argparse
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, WorkResultStorage, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent.toml"
NAMED = ("agents/rules.py", "agents/platform.py", "model/claims.py", "agents/insurer.py", "model/model.py")
"""Where money is moved and decisions are taken: at least `FEWEST` mutants each."""
FEWEST = 20
LEFT_OUT = ("core/RemoveDecorator", "core/ExceptionReplacer")
"""A decorator compiles, and changes no result; exceptions are tested by what they say."""
# Those that end soonest and see most come first: the first failure ends the run of a mutant.
TESTS = [
    "tests/baseline",
    "tests/test_rules.py",
    "tests/test_settlement.py",
    "tests/test_claims.py",
    "tests/test_plans.py",
    "tests/test_calendar.py",
    "tests/worked",
    "tests/test_measures.py",
    "tests/test_scenario.py",
    "tests/test_luck.py",
    "tests/test_population.py",
    "tests/test_compiled.py",
    "tests/test_drivers.py",
    "tests/test_mesa_contract.py",
    "tests/test_health.py",
    "tests/test_laws.py",
    "tests/test_theory.py",
    "tests/test_parameters.py",
    "tests/test_record_floor.py",
]
TIMEOUT = 900.0
"""Seconds, several times what the tests take with everything compiled anew."""


def sources() -> list[Path]:
    """The files that are mutated, relative to the checkout."""
    return [Path(folder) / file.name for folder in ("agents", "model") for file in sorted((ROOT / folder).glob("*.py"))]


def version() -> str:
    """Changes with any line of what is mutated: mutants of other sources are others."""
    digest = hashlib.sha256()
    for file in sources():
        digest.update((ROOT / file).read_bytes())
    return digest.hexdigest()[:12]


def in_annotation(item: WorkItem, lines: dict[Path, list[str]]) -> bool:
    """Whether a mutant changes `|` between types, which says nothing at run time."""
    (mutation,) = item.mutations
    row, column = mutation.start_pos
    line = lines[mutation.module_path][row - 1]
    return "BitOr" in mutation.operator_name and ("def " in line or "->" in line or ": " in line[:column])


def sample(items: list[WorkItem], size: int, seed: int) -> list[WorkItem]:
    """One mutant each of some places, drawn without regard to order: the same for the same seed and sources."""

    def lot(item: WorkItem) -> bytes:
        (mutation,) = item.mutations
        key = f"{seed} {mutation.module_path} {mutation.operator_name} {mutation.occurrence}"
        return hashlib.sha256(key.encode()).digest()

    by_place = {}
    for item in sorted(items, key=lot):
        (mutation,) = item.mutations
        by_place.setdefault((mutation.module_path, mutation.start_pos), item)
    places = list(by_place.values())
    chosen = places[:size]
    for file in NAMED:
        of_file = [item for item in places if str(item.mutations[0].module_path) == file]
        chosen += [item for item in of_file[:FEWEST] if item not in chosen]
    return chosen


def copy_checkout(folder: Path) -> None:
    """What git knows of the checkout, with uncommitted changes, in a folder of its own."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def run_tests(folder: Path, command: str, item: WorkItem | None) -> WorkResult:
    """Test a mutant in a worker's copy, or the copy itself; leaves copy and cache as they were."""
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    os.environ["XDG_CACHE_HOME"] = str(folder / ".cache")
    cache = folder / ".cache" / "mutualaid" / "compiled"
    before = set(cache.glob("*")) if item else set()
    mutations = item.mutations if item else []
    times = {mutation.module_path: mutation.module_path.stat() for mutation in mutations}
    result = mutate_and_test(mutations, command, TIMEOUT)
    for path, stat in times.items():
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if item:
        for made in set(cache.glob("*")) - before:
            shutil.rmtree(made)
    return result


def work(folder: Path, command: str, todo: multiprocessing.Queue, done: multiprocessing.Queue) -> None:
    """A worker: test one mutant after another until there are no more."""
    try:
        if run_tests(folder, command, None).test_outcome is not TestOutcome.SURVIVED:
            raise SystemExit(f"the tests fail without a mutant; see for yourself in {folder}: {command}")
        while (item := todo.get()) is not None:
            done.put((item.job_id, run_tests(folder, command, item)))
    finally:
        done.put(None)


def forget_survivors(database: WorkDB) -> None:
    """Take back the results of the survivors, so that tests written since then are tried on them."""
    survived = [item.job_id for item, result in database.completed_work_items if outcome(result) == "survived"]
    with database._session_maker.begin() as session:
        session.query(WorkResultStorage).where(WorkResultStorage.job_id.in_(survived)).delete()


def execute(database: WorkDB, out: Path, workers: int) -> None:
    """Test every mutant that has no result yet."""
    pending = {item.job_id: item for item in database.pending_work_items}
    if not pending:
        return
    command = f"{ROOT / '.venv/bin/python'} -m pytest -x -q --no-header -p no:cacheprovider {' '.join(TESTS)}"
    todo: multiprocessing.Queue = multiprocessing.Queue()
    done: multiprocessing.Queue = multiprocessing.Queue()
    for item in [*pending.values(), *[None] * workers]:
        todo.put(item)
    processes = []
    for number in range(workers):
        folder = out / f"worker-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        copy_checkout(folder)
        processes.append(multiprocessing.Process(target=work, args=(folder, command, todo, done)))
        processes[-1].start()
    begun, finished, ended = time.monotonic(), 0, 0
    while ended < workers:
        message = done.get()
        if message is None:
            ended += 1
            continue
        job, result = message
        database.set_result(job, result)
        finished += 1
        rate = (time.monotonic() - begun) / finished
        (mutation,) = pending[job].mutations
        left = rate * (len(pending) - finished) / 60
        print(f"{finished}/{len(pending)} {outcome(result):9} {mutation.module_path}, {left:.0f} min left", flush=True)
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("a worker failed; what it had tested is kept")


def outcome(result: WorkResult) -> str:
    """`killed`, `survived` or `timeout`; a mutant that is no Python at all counts as killed."""
    if result.output == "timeout":
        return "timeout"
    if result.worker_outcome is WorkerOutcome.NORMAL:
        return "survived" if result.test_outcome is TestOutcome.SURVIVED else "killed"
    return "killed"


def changed(result: WorkResult) -> tuple[str, str]:
    """The line of a mutant before and after."""
    lines = (result.diff or "").splitlines()
    gone = " ".join(line[1:].strip() for line in lines if line.startswith("-") and not line.startswith("---"))
    come = " ".join(line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++"))
    return gone, come


def report(database: WorkDB, out: Path) -> None:
    """Print how many were killed by file, and write the survivors."""
    known = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"] if EQUIVALENT.is_file() else []
    explained = {(entry["file"], entry["mutant"]): entry["why"] for entry in known}
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    survivors = []
    for item, result in database.completed_work_items:
        (mutation,) = item.mutations
        file, how = str(mutation.module_path), outcome(result)
        gone, come = changed(result)
        if how == "survived" and (file, come) in explained:
            how = "equivalent"
        elif how == "survived":
            survivors.append((file, mutation.start_pos[0], gone, come))
        counts[file][how] += 1
        counts["all"][how] += 1
        if file in NAMED:
            counts["the five named"][how] += 1
    hows = ("killed", "timeout", "equivalent", "survived")
    lines = [
        "| file | mutants | killed | timed out | equivalent | survived | noticed |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for file in sorted(counts, key=lambda name: ("/" not in name, name)):
        count = counts[file]
        real = sum(count.values()) - count["equivalent"]
        share = (count["killed"] + count["timeout"]) / real if real else 1.0
        numbers = " | ".join(str(count[how]) for how in hows)
        lines.append(f"| {file} | {sum(count.values())} | {numbers} | {share:.0%} |")
    print("\n".join(lines))
    text = ["# Mutants that no test notices", ""]
    for file, row, gone, come in sorted(survivors):
        text += [f"- `{file}` line {row}", f"  - was `{gone}`", f"  - is `{come}`"]
    (out / "survivors.md").write_text("\n".join([*text, "", *lines, ""]), encoding="utf-8")
    print(f"{len(survivors)} survivors in {out / 'survivors.md'}")


def main() -> None:
    """Make the mutants of these sources once, test those without a result, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=240, help="mutants to test (default 240, an hour on two cores)")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other mutants (default 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "mutation", help="folder of the results")
    parser.add_argument("--again", action="store_true", help="test the survivors again, after new tests")
    options = parser.parse_args()
    out = options.out.resolve() / f"{version()}-{options.seed}-{options.sample}"
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    with use_db(str(out / "session.sqlite")) as database:
        if not database.num_work_items:
            paths = sources()
            lines = {path: path.read_text(encoding="utf-8").splitlines() for path in paths}
            with use_db(":memory:") as every:
                init(find_modules(paths), every, {})
                items = [
                    item
                    for item in every.work_items
                    if item.mutations[0].operator_name not in LEFT_OUT and not in_annotation(item, lines)
                ]
            chosen = sample(items, options.sample, options.seed)
            print(f"{len(items)} mutants of {len(paths)} files, {len(chosen)} in the sample", flush=True)
            database.add_work_items(chosen)
        if options.again:
            forget_survivors(database)
        try:
            execute(database, out, options.workers)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on", file=sys.stderr)
            raise SystemExit(130) from None
        finally:
            report(database, out)


if __name__ == "__main__":
    main()
