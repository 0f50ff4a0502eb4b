"""Who runs what, where several commands share a result folder.

A lease is a hard link, in `leases/`, to the one file of its command: a file system, a shared one too, lets exactly one
link of a name succeed. Touching that file renews all leases of the command at once, and its time is the file system's,
whatever the clocks of the machines say. Leases save work and decide nothing: what two commands ran all the
same has the same result under the same name.
"""

import contextlib
import os
import signal
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

from experiments.output import writing
from experiments.runs.store import Key, Store

LEASE = 60.0
"""Seconds without renewal after which a lease counts for nothing: its command was killed, or its machine is gone."""
RENEWAL = 10.0
"""Seconds between renewals."""
SHARE_OF_TIME = 0.1
"""At most this share of the time goes into listing what others have finished."""


class Leases[K: Key]:
    """The leases of one command, kept alive by a thread until the end of the block.

    Args:
        store: the result folder.

    Raises:
        OutputError: if they cannot be written.
    """

    def __init__(self, store: Store[K]) -> None:
        self._store = store
        self._own = store.leases / f"{os.uname().nodename}.{os.getpid()}.{uuid.uuid4().hex}"
        self._held: set[K] = set()
        self._ended: set[K] = set()
        self._next_look = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, daemon=True)

    def __enter__(self) -> "Leases[K]":
        """Begin to renew; remove what killed commands left."""
        with writing(self._store.folder):
            self._store.leases.mkdir(exist_ok=True)
            self._renew()
            for lease in self._store.leases.iterdir():
                if self._expired(lease):
                    lease.unlink(missing_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all of them."""
        self._over.set()
        self._thread.join()
        for unit in list(self._held):
            self.release(unit)
        with contextlib.suppress(OSError):
            self._own.unlink()

    def claim(self, unit: K) -> bool:
        """Whether this command may run a unit now: nobody else has a lease of it, or has finished it meanwhile.

        Raises:
            OutputError: if the lease cannot be written.
        """
        lease = self._store.leases / unit.name
        with writing(self._store.folder):
            self._renew()
            if not self._link(lease):
                if not self._expired(lease):
                    return False
                lease.unlink(missing_ok=True)
                if not self._link(lease):
                    return False
        self._held.add(unit)
        # Looked up with the lease in hand: whoever had it before wrote the result first and gave it up then.
        if self._has_ended(unit):
            self.release(unit)
            return False
        return True

    def release(self, unit: K) -> None:
        """Give a lease up, after the result or the note of the failure is written."""
        self._held.discard(unit)
        lease = self._store.leases / unit.name
        with contextlib.suppress(OSError):  # it expires by itself
            if lease.samefile(self._own):
                lease.unlink()

    def _link(self, lease: Path) -> bool:
        try:
            lease.hardlink_to(self._own)
        except FileExistsError:
            return False
        return True

    def _renew(self) -> None:
        """Touch the file of this command; make it, if another took this one for dead while its machine slept."""
        try:
            os.utime(self._own)
        except FileNotFoundError:
            self._own.write_bytes(self._own.name.encode())

    def _keep_renewing(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the main thread, which waits for it
        while not self._over.wait(RENEWAL):
            with contextlib.suppress(OSError):  # said when a result cannot be written
                self._renew()

    def _expired(self, lease: Path) -> bool:
        """Whether the command that has this lease is gone: at once if it was on this machine, else after a while."""
        try:
            # Over a network, opening a file makes sure that its times are not remembered ones.
            with lease.open("rb") as opened:
                holder, renewed = opened.read(1_000).decode(errors="replace"), os.fstat(opened.fileno()).st_mtime
        except FileNotFoundError:
            return True
        node, process = [*holder.rsplit(".", 2), "", ""][:2]
        if node == os.uname().nodename and process.isdecimal() and not Path(f"/proc/{process}").exists():
            return True
        return self._own.stat().st_mtime - renewed > LEASE

    def _has_ended(self, unit: K) -> bool:
        begin = time.monotonic()
        if begin >= self._next_look:
            self._ended = {*self._store.finished(), *self._store.failed()}
            end = time.monotonic()
            self._next_look = end + (end - begin) / SHARE_OF_TIME
        return unit in self._ended
