"""A Dask cluster to simulate on: one on this machine, with a key of its own, or any that listens at an address."""

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from model.errors import UserError

KILLS = 3
"""A task that takes its worker down this many times is given up."""
GUARD = '`if __name__ == "__main__":`'
SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": KILLS - 1,
    # A machine that sleeps, or stands still, is no reason to drop its workers.
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    # Its sampling of the stack, every ten milliseconds, takes a third of a run's time.
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": "60s",
    # No page of a scheduler or worker tells anything, unless the dashboard was asked for.
    "distributed.worker.http.routes": [],
}
"""How Dask is set up for runs that take a second and write their own results."""


class ClusterError(UserError):
    """A cluster that cannot be reached or started, or that went away, in one line."""


class WorkersGoneError(ClusterError):
    """No worker is left, and none is being started."""


def _started[T](start: Callable[[], T]) -> T:
    """What this starts, at the second attempt if need be.

    Dask asserts that its thread is up within ten seconds, which a machine that was suspended for as long can miss.
    """
    try:
        return start()
    except AssertionError:
        return start()


@contextlib.contextmanager
def cluster(workers: int, scheduler: str | None, dashboard: int | None = None) -> Iterator[Any]:
    """A client of the cluster at this address, or of one on this machine that ends with this block.

    Args:
        workers: processes of the cluster on this machine, one thread each unless there is but one.
        scheduler: address of another cluster, used instead.
        dashboard: port on this machine at which Dask's dashboard answers; none by default.

    Raises:
        ClusterError: if the other cluster does not answer, or the workers cannot be started.
    """
    import dask
    from distributed import Client, LocalCluster, Security

    settings = dict(SETTINGS)
    if not dashboard:
        settings["distributed.scheduler.http.routes"] = []
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = _started(lambda: Client(scheduler, timeout="10s"))
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"scheduler = '{scheduler}' does not answer ({error}); allowed: tcp://host:port"
            ) from None
        with client:
            yield client
        return
    threads = {} if workers == 1 else {"NUMBA_NUM_THREADS": "1"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        try:
            with _interrupts_put_off():
                # Dask runs what it is sent, so it listens to holders of a key that is made for this cluster alone.
                local = partial(
                    LocalCluster,
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=f"127.0.0.1:{dashboard or 0}",
                    scheduler_kwargs={"dashboard": bool(dashboard)},
                    security=Security.temporary(),
                    memory_limit=0,
                    env=threads,
                    silence_logs=logging.CRITICAL,
                )
                served = stack.enter_context(_started(local))
            client = _started(lambda: Client(served))
        except (RuntimeError, OSError) as error:
            raise ClusterError(f"workers = {workers} could not be started: {error}{_without_guard()}") from None
        yield stack.enter_context(client)


def _without_guard() -> str:
    """That the script which is run lacks its guard, so that every worker begins its own sweep; else nothing."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    with contextlib.suppress(OSError, ValueError):
        if script and "__main__" not in Path(script).read_text(encoding="utf-8"):
            return f"; in '{script}' the call must stand under {GUARD}, for the workers read it, too"
    return ""


@contextlib.contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one, which then ends them in order.

    Threads and processes inherit that the signal is blocked. Pressed meanwhile, it is heard at the end of the block,
    whatever it ends with.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # which else would unblock the signal when the first process starts
    heard = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: heard.set())
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
        if heard.is_set():
            raise KeyboardInterrupt
