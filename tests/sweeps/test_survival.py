"""Sweeps that are killed, interrupted, or meet a full disk, and go on as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_studies import written

from experiments.sweeps import study
from experiments.sweeps.engine import sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store

ROOT = Path(__file__).parents[2]
MAIN = "from experiments.cli import main; main()"
STUDY_OF_60_RUNS = """
question = "what do fee and wait do?"
expectation = "little"
scale = 200000
replicates = 2
seed = 5
measures = ["members", "share"]
[parameters]
expected_claims = true
[design]
kind = "grid"
[design.parameters]
wait_periods = [0, 2, 4, 6, 8, 10]
fee_rate = [0.0, 0.04, 0.08, 0.12, 0.16]
"""
FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from experiments.cli import main
main()
"""


def start(study_file, folder, *options):
    """The command in a process group of its own."""
    command = [sys.executable, "-c", MAIN, "sweep", str(study_file), "--out", str(folder), *options]
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def workers_of(process):
    """The worker processes of a running sweep."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            started = "spawn_main" in (status.parent / "cmdline").read_text(encoding="utf-8")
        except OSError:
            continue
        if parent == process.pid and started:
            found.append(int(status.parent.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_a_sweep_that_is_interrupted_or_killed_can_be_resumed(how, address, tmp_path):
    shorter = {"[0, 2, 4, 6, 8, 10]": "[2, 6]", "[parameters]": "[parameters]\nperiods = 30"}
    text = STUDY_OF_60_RUNS
    for old, new in shorter.items():
        text = text.replace(old, new)
    file = written(tmp_path, text)
    running = start(file, tmp_path / "out", "--workers", "1")
    points = tmp_path / "out" / "points"
    while running.poll() is None and not (points.is_dir() and any(points.glob("[0-9]*.parquet"))):
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(running.pid, how)  # as a terminal does
    else:
        running.kill()
    said, _ = running.communicate(timeout=60)
    assert running.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), said
    assert ("runs are kept in" in said) == (how == signal.SIGINT)
    assert "Traceback" not in said
    found = Results(tmp_path / "out")
    assert 0 < found.runs < 20
    assert how != signal.SIGINT or f"interrupted; {found.runs} runs are kept in" in said
    assert found.runs + 2 * len(found.missing) == 20
    for folder in ("out", "whole"):
        assert sweep(study.load(file), tmp_path / folder, scheduler=address) == 0
    assert Results(tmp_path / "out").digest() == Results(tmp_path / "whole").digest()


@pytest.mark.slow
def test_sixty_runs_survive_twenty_kills_at_any_moment(tmp_path):
    """Kill -9 of the parent (with the embedded scheduler) or of a worker, at random moments, each time resumed."""
    file = written(tmp_path, STUDY_OF_60_RUNS)
    whole = {}
    for workers in (1, 2, 4):
        running = start(file, tmp_path / f"whole-{workers}", "--workers", str(workers))
        said, _ = running.communicate(timeout=300)
        assert running.returncode == 0, said
        whole[workers] = Results(tmp_path / f"whole-{workers}").digest()
    assert len(set(whole.values())) == 1
    generator = np.random.default_rng(17)
    folder, kills, complete = tmp_path / "killed", 0, False
    while kills < 20:
        if complete:
            shutil.rmtree(folder)
        running = start(file, folder, "--workers", "2")
        time.sleep(generator.uniform(1, 12))
        if kills % 2 and workers_of(running):
            os.kill(generator.choice(workers_of(running)), signal.SIGKILL)
            kills += 1
            time.sleep(generator.uniform(0, 2))
        if running.poll() is None:
            running.kill()
            kills += 1
        running.communicate(timeout=60)
        found = Results(folder) if (folder / "study.json").exists() else None
        complete = found is not None and not found.missing and not found.failed
        assert not Store(folder).damaged_units()
    running = start(file, folder, "--workers", "2")
    said, _ = running.communicate(timeout=300)
    assert running.returncode == 0, said
    found = Results(folder)
    assert found.runs == 60
    assert found.digest() == whole[1]


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_with_one_line_and_earlier_results_stay(tmp_path):
    file = written(tmp_path, STUDY_OF_60_RUNS)
    # The compiled code is in its cache from here on, so that only results meet the limit.
    running = start(written(tmp_path, STUDY_OF_60_RUNS), tmp_path / "out", "--workers", "1", "--shard", "1/6")
    said, _ = running.communicate(timeout=200)
    assert running.returncode == 0, said
    before = Results(tmp_path / "out").digest()
    limit = 6_000
    full = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(limit=limit), "sweep", str(file), "--out", str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    assert "cannot be written (File too large); results written before are intact" in full.stderr
    assert Results(tmp_path / "out").digest() == before


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_one_line_and_its_results_stay(tmp_path):
    file = written(tmp_path, STUDY_OF_60_RUNS)
    address, commands = "tcp://127.0.0.1:8797", (["scheduler", "--port", "8797"], ["worker", "tcp://127.0.0.1:8797"])
    scheduler, worker = (
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command in commands
    )  # fmt: skip
    try:
        time.sleep(8)
        running = start(file, tmp_path / "out", "--scheduler", address)
        while running.poll() is None and not Store(tmp_path / "out").finished():
            time.sleep(0.05)
        scheduler.kill()
        said, _ = running.communicate(timeout=120)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert running.returncode == 2, said
    assert "Traceback" not in said
    assert f"error: scheduler = '{address}' went away; what it had finished is in" in said
    assert 0 < Results(tmp_path / "out").runs < 60
    assert not Store(tmp_path / "out").damaged_units()


def test_ctrl_c_while_the_workers_start_is_heard(tmp_path):
    file = written(tmp_path, STUDY_OF_60_RUNS)
    running = start(file, tmp_path / "out", "--workers", "2")
    while running.poll() is None and not workers_of(running):
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert Results(tmp_path / "out").runs < 60


WITHOUT_GUARD = """
from small_studies import quick
from experiments.sweeps.engine import sweep
sweep(quick(), "out", workers=2)
"""


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    (tmp_path / "script.py").write_text(WITHOUT_GUARD, encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[-1].endswith(
        'script.py\' the call must stand under `if __name__ == "__main__":`, for the workers read it, too'
    )
    assert sum("Traceback" in line for line in said) == 1  # the script's own; none of the workers
