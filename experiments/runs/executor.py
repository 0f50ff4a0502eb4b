"""Runs a function for many arguments on a Dask cluster, and hands the results back as they come.

    with Executor(workers=2) as run:
        for index, result in run.map(simulate, scenarios):
            ...

A worker gets about a second's work at a time, so that short runs do not wait for the scheduler, and little is lost with
a worker. The cluster is started once for all maps of a block: a start takes as long as some hundred short simulations.
"""

import contextlib
import itertools
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from types import TracebackType
from typing import Any

from experiments.runs.cluster import ClusterError, WorkersGoneError, cluster
from model.errors import UserError

TASK_SECONDS, MOST_TOGETHER = 1.0, 32
"""Work that is handed to a worker at once: about so long, and at most so many arguments."""
AHEAD = 1
"""Further work that waits at each worker, so that none waits for the scheduler."""
ATTEMPTS = 3
"""How often the embedded cluster is started without a result between, if its workers end and are not started again."""
PAUSE, LOOK = 0.005, 5.0
"""Seconds between two looks for a result, and two for workers."""
GONE, GONE_ELSEWHERE = 60.0, 120.0
"""Seconds without a worker until those of the embedded cluster, or of another, are taken for gone."""


class KilledError(UserError):
    """An argument that took its worker down again and again, in one line."""


class Executor:
    """Processes that run a function for many arguments, until the end of the block.

    Args:
        workers: processes of the embedded cluster, one thread each unless there is but one; as many as there are cores
            by default.
        scheduler: address of a Dask cluster to use instead, `tcp://host:port`.
        dashboard: port of this machine at which Dask's dashboard of the embedded cluster answers; none by default.
        kept: folder in which finished work is kept, named when the cluster goes away.
        waiting: is told, in a line, that another cluster has no worker yet.

    Raises:
        ClusterError: if the workers cannot be started, or the other cluster does not answer.

    Example:
        from experiments import Executor

        if __name__ == "__main__":  # the workers read this file, too
            with Executor(workers=2) as run:
                print(sorted(run.map(abs, [-1, -2, -3])))
    """

    def __init__(
        self,
        workers: int | None = None,
        scheduler: str | None = None,
        *,
        dashboard: int | None = None,
        kept: Path | None = None,
        waiting: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.workers = 0 if scheduler else workers or os.cpu_count() or 1
        """Processes of the embedded cluster; 0 with another."""
        self._scheduler, self._dashboard, self._kept, self._waiting = scheduler, dashboard, kept, waiting
        self._starts, self._number, self._next_count, self._had_workers = 0, 0, 0.0, False
        self._seconds: dict[Any, float] = {}

    def __enter__(self) -> "Executor":
        """Start the workers, or connect to those of another cluster."""
        # A worker that reads a script without a guard comes by here, too: it ends, and the command says why.
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            raise SystemExit(1)
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them, whatever they are doing."""
        self._cluster.close()

    def _start(self) -> None:
        self._starts += 1
        self._cluster = contextlib.ExitStack()
        self._client = self._cluster.enter_context(cluster(self.workers, self._scheduler, self._dashboard))

    def map[A, R](
        self,
        function: Callable[[A], R],
        arguments: Iterable[A],
        *,
        of: int | None = None,
        together: int = MOST_TOGETHER,
        killed: Callable[[A, int], R] | None = None,
    ) -> Iterator[tuple[int, R]]:
        """The place of each argument and what the function returns for it, as they come, in any order.

        What is under way when the iterator is closed, or meets an error, is given up. After a worker has died, its
        arguments run again, each alone; so does what was under way when the embedded cluster had to be started again. A
        function may hence run twice for an argument.

        Args:
            function: of one argument; both, and the result, are pickled.
            arguments: taken one by one, not before a worker has room for them.
            of: how many there are, or a little more, if they do not say so themselves.
            together: at most so many are handed to a worker at once.
            killed: what stands in for the result of an argument that took its worker down, given how often it did.

        Returns:
            Pairs: the place of the argument, counted from 0, and the result.

        Raises:
            KilledError: if there was such an argument, and `killed` is None.
            ClusterError: if the cluster goes away, or has lost its workers and gets no others.
            Exception: whatever the function raises.
        """
        from distributed import KilledWorker, as_completed

        if of is None:
            of = len(arguments) if isinstance(arguments, Sized) else 0
        left = of
        ahead = enumerate(arguments)
        again: list[list[tuple[int, A]]] = []
        running: dict[str, tuple[Any, list[tuple[int, A]]]] = {}
        futures = as_completed([], loop=self._client.loop)
        kind = getattr(function, "func", function)

        def submit() -> None:
            """Give every worker something to do; a cluster may have more of them, or fewer, than a moment ago."""
            nonlocal left
            workers = self._count()
            while True:
                # At the end the rest is divided, so that no worker waits for another.
                most = int(min(together, TASK_SECONDS / self._seconds.get(kind, math.inf), left / (2 * workers)))
                # One alone is never behind another: it would be blamed for what that one does to the worker.
                alone = len(again[-1]) == 1 if again else most <= 1
                if len(running) >= (workers if alone else (1 + AHEAD) * workers):
                    return
                batch = again.pop() if again else list(itertools.islice(ahead, max(1, most)))
                if not batch:
                    return
                left -= len(batch)
                threads = None if self.workers == 1 else 1
                given = [argument for _, argument in batch]
                future = self._client.submit(_run, function, given, threads, pure=False, retries=0)
                running[future.key] = future, batch
                futures.add(future)

        try:
            while True:
                with self._losing():
                    submit()
                if not running:
                    return
                try:
                    with self._losing():
                        future = self._next(futures)
                        _, batch = running.pop(future.key)
                        results, took = future.result()
                except WorkersGoneError:
                    self._start_again()
                    for _, batch in running.values():
                        again.append(batch)
                        left += len(batch)
                    running.clear()
                    futures = as_completed([], loop=self._client.loop)
                    continue
                except KilledWorker as error:
                    times = error.allowed_failures + 1
                    if len(batch) > 1:
                        again += [[one] for one in batch]
                        left += len(batch)
                        continue
                    if killed is None:
                        raise KilledError(
                            f"a run took its worker down {times} times (out of memory?); "
                            "allowed: fewer workers, or a larger scale"
                        ) from None
                    results = [killed(batch[0][1], times)]
                else:
                    self._seconds[kind] = took / len(batch)
                    self._starts = 1
                del future
                with self._losing():
                    submit()
                for (place, _), result in zip(batch, results, strict=True):
                    yield place, result
        finally:
            if running:
                with contextlib.suppress(Exception):
                    self._client.cancel([future for future, _ in running.values()])

    def _start_again(self) -> None:
        """Start the embedded cluster anew.

        Raises:
            WorkersGoneError: after several attempts.
        """
        if self._starts >= ATTEMPTS:
            raise WorkersGoneError("workers = 0 are left on this machine; allowed: the same command again, it goes on")
        self._cluster.close()
        self._start()

    def _count(self) -> int:
        """How many workers there are, looked up once a second, at least 1."""
        now = time.monotonic()
        if now >= self._next_count:
            self._number, self._next_count = len(self._client.nthreads()), now + 1
            self._had_workers = self._had_workers or self._number > 0
        return max(1, self._number)

    def _next(self, futures: Any) -> Any:
        """The next of Dask's futures that has ended.

        Raises:
            WorkersGoneError: if the embedded cluster has had no worker for a while. Dask starts a worker again that
                dies, but not always one that dies while it starts.
            ClusterError: if another cluster has had workers, and none for a while.
        """
        looked, without = time.monotonic(), 0.0
        while not futures.has_ready():
            time.sleep(PAUSE)
            now = time.monotonic()
            if now <= looked + LOOK:
                continue
            if self._client.nthreads():
                self._had_workers, without = True, 0.0
            elif self._scheduler and not self._had_workers:
                self._waiting(f"scheduler = '{self._scheduler}' has no worker yet; waits for one")
            else:
                # A machine that stood still between two looks has not been without workers for so long.
                without += min(now - looked, 2 * LOOK)
            looked = now
            if self.workers and without > GONE:
                raise WorkersGoneError("the workers of this machine are gone")
            if without > GONE_ELSEWHERE:
                raise ClusterError(
                    f"scheduler = '{self._scheduler}' has lost its workers, and had none for {GONE_ELSEWHERE:.0f} s"
                    f"{self._goes_on()}"
                )
        return next(futures)

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        """Say in one line that the cluster has gone.

        Raises:
            ClusterError: if it goes in this block.
        """
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        address = self._client.scheduler.address
        try:
            yield
        except (CancelledError, CommClosedError):
            raise ClusterError(f"scheduler = '{address}' went away{self._goes_on()}") from None

    def _goes_on(self) -> str:
        return (
            f"; what it had finished is in '{self._kept}', and the same command goes on from there"
            if self._kept
            else ""
        )


def _run[A, R](function: Callable[[A], R], arguments: list[A], threads: int | None) -> tuple[list[R], float]:
    """What the function returns for these arguments, one after the other, in a worker; and the seconds it took."""
    import numba

    if threads is not None:
        numba.set_num_threads(threads)
    begun = time.perf_counter()
    return [function(argument) for argument in arguments], time.perf_counter() - begun
