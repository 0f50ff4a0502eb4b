"""The executor: every argument once, whatever happens to the workers, and never for ever."""

import math
import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed import Client

from experiments.runs import executor
from experiments.runs.cluster import SETTINGS, ClusterError, WorkersGoneError, cluster
from experiments.runs.executor import Executor, KilledError


@pytest.fixture
def run(address):
    with Executor(scheduler=address) as run:
        yield run


@pytest.fixture
def submitted(monkeypatch):
    """How many arguments were handed out at once, and again."""
    sizes, submit = [], Client.submit

    def counted(self, function, given, arguments, *others, **options):
        sizes.append(len(arguments))
        return submit(self, function, given, arguments, *others, **options)

    monkeypatch.setattr(Client, "submit", counted)
    return sizes


def square(number):
    return number**2


def slow(number):
    time.sleep(0.02)
    return number


def bad(number):
    if number == 3:
        raise ValueError("three")
    return number


def die_at(place, number):
    if number == place:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_once(folder, number):
    """Take the worker down at the first attempt of number 1."""
    mark = Path(folder) / "died"
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_every_argument_has_its_result_at_its_place(run):
    assert dict(run.map(square, range(100))) == {number: number**2 for number in range(100)}
    assert dict(run.map(square, iter([3, 4]))) == {0: 9, 1: 16}
    assert list(run.map(square, [])) == []


def test_short_runs_are_handed_out_together_and_the_last_ones_divided(run, submitted):
    list(run.map(slow, range(8)))
    submitted.clear()
    list(run.map(slow, range(60)))
    assert max(submitted) > 5
    assert submitted[-1] == 1
    assert sum(submitted) == 60
    submitted.clear()
    list(run.map(slow, range(60), together=4))
    assert max(submitted) == 4


def test_arguments_are_taken_when_a_worker_has_room_and_no_sooner(run):
    taken = []

    def arguments():
        for number in range(60):
            taken.append(number)
            yield number

    list(run.map(slow, range(8)))
    results = run.map(slow, arguments(), of=60, together=2)
    next(results)
    assert len(taken) <= 2 * 2 * (1 + executor.AHEAD) + 2
    results.close()
    assert len(dict(run.map(slow, range(5)))) == 5


def test_what_the_function_raises_is_raised_and_the_executor_goes_on(run):
    with pytest.raises(ValueError, match="three"):
        dict(run.map(bad, range(10)))
    assert dict(run.map(square, range(3))) == {0: 0, 1: 1, 2: 4}


def test_results_after_an_interrupt_are_those_of_the_next_map(run):
    def interrupted():
        for _, number in run.map(slow, range(50)):
            if number == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert dict(run.map(square, range(3))) == {0: 0, 1: 1, 2: 4}


def test_one_that_takes_its_worker_down_is_named_and_those_handed_out_with_it_have_results(tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "TASK_SECONDS", math.inf)
    monkeypatch.setitem(SETTINGS, "distributed.scheduler.allowed-failures", 0)
    with Executor(2) as run:
        list(run.map(square, range(4)))
        # One that does so by accident has its result, too: it runs again, alone.
        accident = partial(die_once, str(tmp_path))
        assert dict(run.map(accident, range(24))) == {number: number for number in range(24)}
        found = dict(run.map(partial(die_at, 7), range(24), killed=lambda number, times: (number, times)))
        assert found == {number: number for number in range(24)} | {7: (7, 1)}
        with pytest.raises(KilledError, match=r"a run took its worker down 1 times"):
            list(run.map(partial(die_at, 0), [0]))


def test_one_alone_is_never_handed_out_behind_another_which_might_take_its_worker_down(run, monkeypatch):
    under_way, most = set(), []
    submit = Client.submit

    def counted(self, function, given, arguments, *others, **options):
        future = submit(self, function, given, arguments, *others, **options)
        under_way.add(future)
        if len(arguments) == 1:
            most.append(sum(not one.done() for one in under_way))
        return future

    list(run.map(slow, range(8)))
    monkeypatch.setattr(Client, "submit", counted)
    list(run.map(slow, range(40)))
    assert max(most) <= 2


def gone(times):
    """Say so many times that the workers are gone."""
    asked, real = [], Executor._next

    def next_(self, futures):
        asked.append(self)
        if len(asked) <= times:
            raise WorkersGoneError("gone")
        return real(self, futures)

    return next_


@pytest.mark.parametrize("times", [1, 3])
def test_a_cluster_whose_workers_are_gone_is_started_again(address, monkeypatch, times):
    monkeypatch.setattr(Executor, "_next", gone(times))
    monkeypatch.setattr(executor, "cluster", lambda *_: cluster(0, address))
    with Executor(2) as run:
        if times < executor.ATTEMPTS:
            assert dict(run.map(square, range(5))) == {number: number**2 for number in range(5)}
        else:
            with pytest.raises(WorkersGoneError, match="workers = 0 are left on this machine"):
                list(run.map(square, range(5)))


class Waiting:
    """Futures of which none is ready, until so many looks were taken."""

    def __init__(self, looks=10**9):
        self.looks = looks

    def has_ready(self):
        self.looks -= 1
        return self.looks < 0

    def __next__(self):
        return "result"


@pytest.fixture
def used(run):
    """The executor has had workers."""
    list(run.map(square, range(2)))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(executor, "LOOK", 0.0)
    monkeypatch.setattr(executor, "GONE", 0.05)
    monkeypatch.setattr(executor, "GONE_ELSEWHERE", 0.05)
    monkeypatch.setattr(Client, "nthreads", lambda self: {})


def test_workers_that_are_gone_are_noticed(run, used, impatient, monkeypatch):
    monkeypatch.setattr(executor, "LOOK", 0.01)
    run.workers = 2
    with pytest.raises(WorkersGoneError):
        run._next(Waiting())


def test_another_cluster_that_has_lost_its_workers_is_one_line(run, used, impatient, monkeypatch):
    monkeypatch.setattr(executor, "LOOK", 0.01)
    with pytest.raises(ClusterError, match=r"scheduler = 'tcp://.*' has lost its workers, and had none for 0 s$"):
        run._next(Waiting())


def test_another_cluster_without_a_worker_yet_is_waited_for_and_says_so(address, impatient):
    told = []
    with Executor(scheduler=address, waiting=told.append) as run:
        assert run._next(Waiting(30)) == "result"
    assert told[0] == f"scheduler = '{address}' has no worker yet; waits for one"


def test_a_machine_that_stood_still_has_not_been_without_workers(run, used, monkeypatch):
    """Five minutes pass between two looks; the workers need a moment to connect again."""
    clock = iter([0.0, 300.0, *(300.0 + 6 * look for look in range(1, 9))])
    looks = iter([{}, {}, {"a": 1}, *({"a": 1} for _ in range(9))])
    # Its own clock: Dask's threads go by the other.
    monkeypatch.setattr(executor, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    monkeypatch.setattr(Client, "nthreads", lambda self: next(looks))
    run.workers = 2
    assert run._next(Waiting(6)) == "result"


def test_a_machine_that_sleeps_does_not_lose_its_workers(cluster):
    assert cluster.run_on_scheduler(lambda dask_scheduler: dask_scheduler.worker_ttl) is None


def test_a_scheduler_that_is_not_there_is_one_line():
    with pytest.raises(ClusterError, match="scheduler = 'nowhere' does not answer"), Executor(scheduler="nowhere"):
        pass
