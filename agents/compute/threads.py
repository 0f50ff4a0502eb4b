"""Several threads over blocks of people; compiled code runs without the interpreter's lock, so they run side by side.

How many there are never changes a result: a block's work is the same whichever thread does it, and what is counted
by thread is counted in whole numbers.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numba

BLOCK = 1_048_576
"""People per block: a thread has enough to do, and all threads end at about the same time."""


def number_of_threads(people: int) -> int:
    """Threads for this many people: as many as Numba was given (NUMBA_NUM_THREADS), and one for a single block."""
    return min(int(numba.get_num_threads()), -(-people // BLOCK))


def over_blocks(people: int, work: Callable[[int, int, int], object], threads: int | None = None) -> None:
    """Call work(first row, last row + 1, thread) for every block; a free thread takes the next one.

    `threads` fixes their number for work that keeps something for each.
    """
    blocks = iter(range(0, people, BLOCK))
    lock = Lock()

    def take_blocks(thread: int) -> None:
        while True:
            with lock:
                first = next(blocks, None)
            if first is None:
                return
            work(first, min(people, first + BLOCK), thread)

    if threads is None:
        threads = number_of_threads(people)
    if threads <= 1:
        take_blocks(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(take_blocks, thread) for thread in range(threads)]:
            done.result()
