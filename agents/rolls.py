"""The rolls: how many people of each sex and birth month stand where, and with what risk, in whole numbers.

They make averages over a hundred million people, and the expected claims of those covered, a sum over a few
thousand cells, exact whatever the order or the number of threads.
"""

import numpy as np

from agents.compiled import compiled, compiled_inline
from agents.population import CHRONIC, CONCEALED, GENERAL, MALE, PLACE_MASK, SIGNS, Columns, is_member

BIRTH_MONTHS = 1440
"""January 1900 to December 2019."""
NONMEMBERS = 0
"""First index of the rolls; then one roll a plan and honesty for those covered, then those who wait."""
COVERED = 1
STANDINGS = 6
"""Plans x (honest, concealed)."""
WAITING = COVERED + STANDINGS
# Last index of the rolls.
WELL = 0
"""People without signs."""
WELL_FRAILTY = 1
"""Their summed frailty, in 1/4096."""
WITH_SIGNS = 2


def empty_rolls(wait: int) -> np.ndarray:
    """Rolls for this waiting period in periods, shape (1 + 6 + 6 x max(wait, 1), 2, 1440, 3), int64."""
    return np.zeros((WAITING + STANDINGS * max(wait, 1), 2, BIRTH_MONTHS, 3), dtype=np.int64)


@compiled
def roll_of(status: int, joined: int, period: int, wait: int) -> int:
    """Which roll someone stands on; -1 for those who are ill or dead."""
    place = status & PLACE_MASK
    if is_member(place):
        standing = 2 * (place - GENERAL) + (1 if status & CONCEALED else 0)
        if period - joined < wait:
            return WAITING + STANDINGS * (joined % wait) + standing
        return COVERED + standing
    return NONMEMBERS if place < GENERAL or place == CHRONIC + 1 else -1


@compiled_inline
def count(rolls: np.ndarray, columns: Columns, row: int, period: int, wait: int, sign: int) -> None:
    """Enter a person on the roll where they stand (`sign` 1) or strike them off it (-1)."""
    status = columns.status[row]
    roll = roll_of(status, columns.joined[row], period, wait)
    if roll < 0:
        return
    sex, month = columns.body[row] & MALE, columns.birth_month[row]
    if status & SIGNS:
        rolls[roll, sex, month, WITH_SIGNS] += sign
    else:
        rolls[roll, sex, month, WELL] += sign
        rolls[roll, sex, month, WELL_FRAILTY] += sign * np.int64(columns.frailty[row])


def end_waits(rolls: np.ndarray, period: int, wait: int) -> None:
    """Move those whose waiting period ends now to the rolls of those covered."""
    if wait == 0 or period < wait:
        return
    first = WAITING + STANDINGS * ((period - wait) % wait)
    rolls[COVERED:WAITING] += rolls[first : first + STANDINGS]
    rolls[first : first + STANDINGS] = 0


def members_of_plan(rolls: np.ndarray, plan: int) -> np.ndarray:
    """All members of a plan, waiting or covered, shape (2, 1440, 3)."""
    standings = rolls[COVERED:].reshape(-1, STANDINGS, *rolls.shape[1:])
    return np.asarray(standings[:, 2 * plan : 2 * plan + 2].sum(axis=(0, 1)))
