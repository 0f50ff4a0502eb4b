"""Sweeps that share a result folder share the work: each unit is run once, and nobody waits for the dead."""

import os
import threading
import time

import pytest
from distributed import Client
from small_studies import quick

from experiments.output import OutputError
from experiments.runs import leases
from experiments.runs.leases import Leases
from experiments.sweeps import engine
from experiments.sweeps.design import Design
from experiments.sweeps.engine import sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store, Unit

NOBODY = 2**22 + 1
"""A process that does not exist."""


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    found.open(quick())
    return found


@pytest.fixture
def submitted(monkeypatch):
    """The units handed out by all sweeps of this process."""
    units, submit = [], Client.submit

    def counted(self, function, folder, unit, *arguments, **options):
        units.append(unit)
        return submit(self, function, folder, unit, *arguments, **options)

    monkeypatch.setattr(Client, "submit", counted)
    return units


def left_by(store, unit, node, process, age=0.0):
    """A lease that another sweep made, renewed so many seconds ago."""
    lease = store.leases / unit.name
    lease.parent.mkdir(exist_ok=True)
    lease.write_text(f"{node}.{process}.abc")
    then = time.time() - age
    os.utime(lease, (then, then))
    return lease


def test_two_sweeps_in_one_folder_share_the_work(whole, address, tmp_path, submitted, monkeypatch):
    monkeypatch.setattr(engine, "PAUSE", 0.1)
    Store(tmp_path).open(quick())  # whose temporary file is named after the process, and here both are in one
    failed = []
    both = [
        threading.Thread(target=lambda: failed.append(sweep(quick(), tmp_path, scheduler=address))) for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert failed == [0, 0]
    assert len(submitted) == 6
    assert Results(tmp_path).digest() == Results(whole).digest()
    assert not list((tmp_path / "leases").iterdir())


def test_a_unit_has_one_holder(store):
    unit = Unit(1, 0, 2)
    with Leases(store) as one, Leases(store) as other:
        assert one.claim(unit)
        assert not other.claim(unit)
        one.release(unit)
        assert other.claim(unit)
        one.release(unit)  # not its own any more
        assert not one.claim(unit)
    assert not list(store.leases.iterdir())
    assert not store.finished()


def test_what_was_finished_meanwhile_is_not_run_again(store, monkeypatch):
    monkeypatch.setattr(leases, "SHARE_OF_TIME", 1e9)
    with Leases(store) as one:
        assert one.claim(Unit(0, 0, 2))
        store.set_aside(Unit(1, 0, 2), "ValueError", "")
        (store.results / "000002-000-002.0123456789abcdef.parquet").touch()
        assert not one.claim(Unit(1, 0, 2))
        assert not one.claim(Unit(2, 0, 2))
        assert [file.name for file in store.leases.iterdir() if "." not in file.name] == ["000000-000-002"]


def test_a_killed_sweep_blocks_nobody_for_longer_than_the_lease(store):
    with Leases(store) as one:
        left_by(store, Unit(0, 0, 2), "elsewhere", 1)
        left_by(store, Unit(1, 0, 2), "elsewhere", 1, age=leases.LEASE + 5)
        left_by(store, Unit(2, 0, 2), os.uname().nodename, NOBODY)
        left_by(store, Unit(3, 0, 2), os.uname().nodename, os.getpid())
        (store.leases / Unit(4, 0, 2).name).write_bytes(b"\xff")
        assert [one.claim(Unit(point, 0, 2)) for point in range(5)] == [False, True, True, False, False]


def test_leftovers_of_killed_sweeps_go_and_those_of_living_ones_stay(store):
    gone = left_by(store, Unit(0, 0, 2), os.uname().nodename, NOBODY)
    old = left_by(store, Unit(1, 0, 2), "elsewhere", 1, age=leases.LEASE + 5)
    alive = left_by(store, Unit(2, 0, 2), "elsewhere", 1)
    with Leases(store):
        assert [lease.exists() for lease in (gone, old, alive)] == [False, False, True]


def test_all_leases_are_renewed_until_the_end(store, monkeypatch):
    monkeypatch.setattr(leases, "RENEWAL", 0.05)
    with Leases(store) as one:
        one.claim(Unit(0, 0, 2))
        lease = store.leases / Unit(0, 0, 2).name
        before = lease.stat().st_mtime_ns
        time.sleep(0.3)
        assert lease.stat().st_mtime_ns > before


def test_a_sweep_that_was_taken_for_dead_goes_on(store):
    with Leases(store) as one:
        for file in store.leases.iterdir():
            file.unlink()
        assert one.claim(Unit(0, 0, 2))


def test_a_sweep_waits_for_another_and_does_its_work_if_it_dies(address, tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 8.0)
    monkeypatch.setattr(engine, "PAUSE", 0.2)
    store, one = Store(tmp_path), quick(design=Design("list", {"fee_rate": [0.0, 0.08]}), replicates=1)
    store.open(one)
    left_by(store, Unit(1, 0, 1), "elsewhere", 1)
    elsewhere = []
    assert sweep(one, tmp_path, scheduler=address, progress=lambda state: elsewhere.append(state.elsewhere)) == 0
    assert 1 in elsewhere
    assert elsewhere[-1] == 0
    assert Results(tmp_path).runs == 2
    assert not list(store.leases.iterdir())


def test_leases_that_cannot_be_written_are_one_line(store):
    (store.leases / Unit(0, 0, 2).name).mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot be written \(Is a directory\)"), Leases(store):
        pass
