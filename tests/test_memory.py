"""How much memory there is: of the machine, the container and the process."""

import resource
import subprocess
import sys

import pytest

from model import memory
from model.scenario import Scenario

GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 16 GB free; files of control groups can be added."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    groups.mkdir()
    (proc / "meminfo").write_text("MemTotal: 32000000 kB\nMemAvailable: 15625000 kB\n", encoding="ascii")
    (proc / "self" / "cgroup").write_text("0::/\n", encoding="ascii")
    (proc / "self" / "statm").write_text(f"{GB // resource.getpagesize()} 1 1 1 0 1 0\n", encoding="ascii")
    monkeypatch.setattr(memory, "PROC", proc)
    monkeypatch.setattr(memory, "GROUPS", groups)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def group(path, limit, used, names=memory.MEMORY_OF_GROUP):
        folder = groups / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in zip(names, (limit, used), strict=True):
            (folder / name).write_text(f"{value}\n", encoding="ascii")

    return proc, group


def test_without_limits_it_is_what_the_machine_has_free(machine):
    assert memory.available() == 16 * GB


def test_a_container_has_what_its_limit_leaves(machine):
    machine[1](".", 2 * GB, GB // 2)
    assert memory.available() == 3 * GB // 2


def test_a_container_without_a_limit_has_what_the_machine_has(machine):
    machine[1](".", "max", GB)
    assert memory.available() == 16 * GB


def test_every_group_above_counts(machine):
    proc, group = machine
    (proc / "self" / "cgroup").write_text("0::/user/job/step\n", encoding="ascii")
    group("user", 100 * GB, GB)
    group("user/job", 5 * GB, GB)
    group("user/job/step", "max", GB)
    assert memory.available() == 4 * GB


def test_groups_of_version_1(machine):
    proc, group = machine
    (proc / "self" / "cgroup").write_text("9:cpu,cpuacct:/job\n4:memory:/job\n", encoding="ascii")
    group("memory/job", 3 * GB, GB, ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    group("job", 1, 1)  # the limit of another controller
    assert memory.available() == 2 * GB


def test_a_limit_of_the_process_counts(machine, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3 * GB, 3 * GB))
    assert memory.available() == pytest.approx(2 * GB, abs=resource.getpagesize())


def test_an_overdrawn_limit_leaves_nothing(machine):
    machine[1](".", GB, 2 * GB)
    assert memory.available() == 0


def test_a_row_takes_its_bytes_and_half_a_byte_for_its_events():
    # 21 bytes of columns and records, 0.5 of events, and 700 MB for everything else.
    scenario = Scenario(potential_population=198_000_000, scale=2)
    assert memory.needed(scenario) == 99_000_000 * 215 // 10 + 700_000_000


def test_an_allocation_that_fails_is_one_line(tmp_path):
    # The check is played to allow it; the process may have 3 GB of addresses and would need more.
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000,) * 2);"
        "from model import memory; memory.check = lambda _: None;"
        "from experiments.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "run", "--scale", "1", "--out", "here"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr[-500:]
    assert done.stderr.splitlines()[-1].startswith("error: memory ran out (")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "here").exists()
