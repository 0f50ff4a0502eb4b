"""The people: one column per attribute, one row per person, for ever.

The rows are the *potential* members. Joining and leaving change a row's status; no row is added or removed, so
the row number is the person.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compute.compiled import compiled, compiled_inline
from agents.compute.threads import number_of_threads, over_blocks

# Where a person stands towards the pool: the low four bits of `status`. Plans come last, so that their number is free.
UNAWARE = 0
"""Has not heard of any plan."""
AWARE = 1
"""Heard, and stayed outside: not convinced, not eligible yet, or stopped by the questionnaire."""
BARRED = 2
"""Came to a closed door: a gate, or a plan that has not opened."""
LEFT = 3
"""Was a member, and may come back."""
OUT = 4
"""Ill or dead: can neither join nor stay."""
FIRST_PLAN = 5
"""Member of the first plan; then one place a plan."""
OUTSIDE = ("unaware", "aware", "barred", "left", "out")
PLACE_MASK = 15
MOST_PLANS = PLACE_MASK + 1 - FIRST_PLAN
# The other bits of `status`.
SIGNS = 16
"""Has warning signs, known to the person alone."""
CONCEALED = 32
"""Joined by concealing warning signs."""
RETURNED = 64
"""Had been a member before they last joined."""


def places_of(plan_names: Iterable[str]) -> tuple[str, ...]:
    """Names of all places, in their order."""
    return (*OUTSIDE, *plan_names)


BIRTH_MONTHS = 1440
"""Months of birth, from January of the calendar's first year of birth on."""
BIRTH_YEARS = BIRTH_MONTHS // 12

# Bits of `body`.
MALE = 1
CHRONICALLY_ILL = 2
LOW_CREDIT = 4

NEVER = 255
"""A period beyond every horizon."""
FRAILTY_UNIT = 4096
"""`frailty` is stored in steps of 1/4096, so that sums over people are integers and exact."""
LOG_UNIT = 2048
"""Logarithmic traits are stored in steps of 1/2048."""
_COARSE = np.exp(256 / LOG_UNIT * np.arange(-128, 128))
_FINE = np.exp(1 / LOG_UNIT * np.arange(256))
"""exp of the upper and of the lower half of a stored logarithm."""
NO_RATE = -32768
"""A logarithmic rate of this value means: never."""


class Column(NamedTuple):
    """One attribute of every person."""

    dtype: str
    meaning: str


COLUMNS = {
    "birth_month": Column("int16", "month of birth, counted from January of the first year of birth = 0"),
    "frailty": Column("uint16", "own risk relative to age and sex, in 1/4096, mean about 1"),
    "premium": Column("int16", "ln(1 + premium over fair value that they would pay), in 1/2048"),
    "adoption": Column("int16", "ln of how readily they hear and reconsider, relative to others, in 1/2048"),
    "attention": Column("int16", "ln of how readily they notice a bill, relative to others, in 1/2048; -32768: never"),
    "body": Column("uint8", "bits: male, chronically ill, credit score below a gate"),
    "joined": Column("uint8", "period of the last joining, 255 never"),
    "signs": Column("uint8", "fate: period of first warning signs (0 where they stand at the launch), 255 never"),
    "illness": Column("uint8", "fate: period of critical illness, 255 never within the horizon"),
    "death": Column("uint8", "fate: period of death from another cause, 255 never within the horizon"),
    "status": Column("uint8", "place (four bits), has warning signs, joined by concealing, joined again"),
    "clock": Column("float32", "reading of the public clock of their place at which they next decide"),
}
SCANNED = ("status", "clock")
"""The columns that every pass reads for everybody, stored one after the other. The rest of a person lies together in
one record of 16 bytes, so that a decision waits for memory once."""
RECORD = np.dtype(
    {
        "names": [name for name in COLUMNS if name not in SCANNED],
        "formats": [column.dtype for name, column in COLUMNS.items() if name not in SCANNED],
        "itemsize": 16,
    }
)
BYTES_PER_PERSON = RECORD.itemsize + sum(np.dtype(COLUMNS[name].dtype).itemsize for name in SCANNED)


class Columns(NamedTuple):
    """The arrays themselves, shape (people,) each, in the form that compiled code takes; see `COLUMNS`."""

    birth_month: NDArray[np.int16]
    frailty: NDArray[np.uint16]
    premium: NDArray[np.int16]
    adoption: NDArray[np.int16]
    attention: NDArray[np.int16]
    body: NDArray[np.uint8]
    joined: NDArray[np.uint8]
    signs: NDArray[np.uint8]
    illness: NDArray[np.uint8]
    death: NDArray[np.uint8]
    status: NDArray[np.uint8]
    clock: NDArray[np.float32]


class Fate(NamedTuple):
    """What happens to people whatever the pool does, sorted by period and then by row.

    `start[t]:start[t + 1]` are the events of period t, shape of `start` (periods + 1,).
    """

    start: NDArray[np.int64]
    row: NDArray[np.uint32]
    event: NDArray[np.uint8]


# Events of fate.
SIGNS_APPEAR = 1
SIGNS_PASS = 2
FALL_ILL = 3
DIE = 4
REACH_AGE = 5
"""An age at which membership of some plan ends."""


@compiled
def _count_joined(columns: Columns, first: int, last: int, period: int, place: int, number: np.ndarray) -> None:
    for row in range(first, last):
        if columns.status[row] & PLACE_MASK == place and columns.joined[row] <= period:
            number[columns.body[row] & MALE, columns.birth_month[row] // 12] += 1


@dataclass(frozen=True)
class Population:
    """The potential members and their fate. `scale` is the number of real people per row."""

    columns: Columns
    fate: Fate
    scale: float

    def __len__(self) -> int:
        """The number of rows."""
        return int(self.columns.status.size)

    @property
    def periods(self) -> int:
        """The number of periods for which health events were drawn."""
        return int(self.fate.start.size - 1)

    def copy(self) -> "Population":
        """The same people with columns of their own; what is fated for them is never written to, and shared."""
        return _with_columns(self.columns, self.fate, self.scale)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Population":
        """A copy whose columns lie in memory as these do: for another layout everything would be compiled again."""
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle column by column, and lay them out as here when they are read."""
        columns = Columns._make(np.ascontiguousarray(getattr(self.columns, name)) for name in COLUMNS)
        return _with_columns, (columns, self.fate, self.scale)

    def joined_by(self, period: int, place: int) -> NDArray[np.int64]:
        """Rows in this plan's place who last joined in this period or before, by sex and year of birth, (2, 120)."""
        counts = np.zeros((number_of_threads(len(self)), 2, BIRTH_YEARS), dtype=np.int64)
        over_blocks(
            len(self),
            lambda first, last, thread: _count_joined(self.columns, first, last, period, place, counts[thread]),
            len(counts),
        )
        return np.asarray(counts.sum(axis=0))


def empty_columns(rows: int) -> Columns:
    """Columns for this many people, not yet filled."""
    records = np.empty(rows, dtype=RECORD)
    return Columns._make(
        np.empty(rows, dtype=column.dtype) if name in SCANNED else records[name] for name, column in COLUMNS.items()
    )


def _with_columns(columns: Columns, fate: Fate, scale: float) -> Population:
    """A population with copies of these columns."""
    made = empty_columns(columns.status.size)
    for name in COLUMNS:
        getattr(made, name)[:] = getattr(columns, name)
    return Population(made, fate, scale)


@compiled
def is_member(place: int) -> bool:
    """Whether this place is a plan."""
    return place >= FIRST_PLAN


@compiled_inline
def from_log(level: int) -> float:
    """The number whose logarithm is stored as this many steps of 1/2048."""
    return float(_COARSE[(level >> 8) + 128] * _FINE[level & 255])
