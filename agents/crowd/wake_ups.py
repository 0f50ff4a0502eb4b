"""Wake-ups: finds those whose time has come: nothing happens to most people in most periods.

The pass over everybody reads two columns, five bytes a person, and compares; all else is done for the few on the list.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compute.compiled import compiled
from agents.compute.prefetch import prefetch
from agents.crowd.batches import STRETCH
from agents.population import PLACE_MASK, Columns

CHUNK = 256
"""Rows compared between two requests for memory."""
FEW = 8
"""Places of a pool of three plans."""
AHEAD = 1_024
"""Rows ahead of the comparison for which memory is asked: the machine's own guess stops at each page of 4 KiB."""
STATUS_LINE, CLOCK_LINE = 64, 16
"""Rows in a cache line of each column."""
_BYTE_OF_LOWEST_MARK = np.uint64(sum(byte << (61 - 8 * byte) for byte in range(8)))
"""A word with one mark, in byte i, times this, shows i in its highest three bits."""


class Marks(NamedTuple):
    """Room to mark the rows of a stretch."""

    due: NDArray[np.uint8]
    """1 for each row whose time has come, shape (STRETCH,)."""
    words: NDArray[np.uint64]
    """The same bytes, eight at a time: most are zero."""
    marked: NDArray[np.int64]
    """The words that are not."""


def empty_marks() -> Marks:
    """Room for one thread."""
    words = np.zeros(STRETCH // 8, dtype=np.uint64)
    return Marks(words.view(np.uint8), words, np.empty(words.size + 1, dtype=np.int64))


def room_for(places: int) -> int:
    """How many readings a pass takes for so many places: 8 or 16. More of them cost all who have fewer plans."""
    return FEW if places <= FEW else 2 * FEW


@compiled
def _mark_due(status: np.ndarray, clock: np.ndarray, readings: np.ndarray, due: np.ndarray) -> None:
    """Mark those whose own reading the public clock of their place has passed; shape (rows,) each, 8 readings."""
    # Eight scalars and selects instead of a table: the compiler makes vector instructions of it.
    at_0, at_1, at_2, at_3 = readings[0], readings[1], readings[2], readings[3]
    at_4, at_5, at_6, at_7 = readings[4], readings[5], readings[6], readings[7]
    for row in range(status.size):
        place = status[row] & np.uint8(PLACE_MASK)
        reading = at_0
        reading = at_1 if place == 1 else reading
        reading = at_2 if place == 2 else reading
        reading = at_3 if place == 3 else reading
        reading = at_4 if place == 4 else reading
        reading = at_5 if place == 5 else reading
        reading = at_6 if place == 6 else reading
        reading = at_7 if place == 7 else reading
        due[row] = np.uint8(1) if clock[row] <= reading else np.uint8(0)


@compiled
def _mark_due_of_many(status: np.ndarray, clock: np.ndarray, readings: np.ndarray, due: np.ndarray) -> None:
    """The same for pools of more than three plans, with 16 readings."""
    for row in range(status.size):
        place = status[row] & np.uint8(PLACE_MASK)
        due[row] = np.uint8(1) if clock[row] <= readings[place] else np.uint8(0)


@compiled
def find_due(columns: Columns, first: int, last: int, readings: np.ndarray, marks: Marks, rows: np.ndarray) -> int:
    """List those of a stretch whose time has come in `rows`, in order; returns how many they are."""
    marks.due[last - first :] = 0
    for start in range(first, last, CHUNK):
        end = min(last, start + CHUNK)
        for row in range(start, end, STATUS_LINE):
            prefetch(columns.status, row + AHEAD)
        for row in range(start, end, CLOCK_LINE):
            prefetch(columns.clock, row + AHEAD)
        status, clock, due_here = columns.status[start:end], columns.clock[start:end], marks.due[start - first :]
        if readings.size == FEW:
            _mark_due(status, clock, readings, due_here)
        else:
            _mark_due_of_many(status, clock, readings, due_here)
    # Which words have a mark cannot be foreseen, so no jump depends on it.
    number = 0
    for word in range(marks.words.size):
        marks.marked[number] = word
        number += 1 if marks.words[word] != 0 else 0
    due = 0
    for k in range(number):
        word = marks.words[marks.marked[k]]
        while True:
            lowest = word & (~word + np.uint64(1))
            rows[due] = first + 8 * marks.marked[k] + np.int64((lowest * _BYTE_OF_LOWEST_MARK) >> np.uint64(61))
            due += 1
            word ^= lowest
            if word == 0:
                break
    return due
