"""Cohort counts: how many people of each sex and birth month are in each standing, and their risk, in whole numbers.

They are the exposure of the pool. Averages over a hundred million people, and the expected claims of those covered,
are sums over a few thousand cells, exact whatever the order or the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.compute.compiled import compiled, compiled_inline
from agents.population import (
    BIRTH_MONTHS,
    BIRTH_YEARS,
    CONCEALED,
    FIRST_PLAN,
    FRAILTY_UNIT,
    MALE,
    OUT,
    PLACE_MASK,
    RETURNED,
    SIGNS,
    Columns,
    is_member,
)

# First index of the counts. A standing is a plan and honesty: 2 x plan, plus 1 for those who concealed signs. After
# the people outside comes one group a standing for members whose waiting period is over, one a standing for all who
# wait, and those who wait once more, by the period in which their wait ends.
NONMEMBERS = 0
COVERED = 1


@compiled_inline
def first_waiting(plans: int) -> int:
    """The group of those in the first standing who wait."""
    return COVERED + 2 * plans


@compiled_inline
def first_ending(plans: int, ends: int, longest: int) -> int:
    """The group of those in the first standing whose wait ends in a period, given the longest wait in periods."""
    return COVERED + 4 * plans + 2 * plans * (ends % longest)


BLOCK = 32
"""Months of birth that are looked at together."""

COUNT_IN: Any = np.int64(1)
COUNT_OUT: Any = np.int64(-1)
"""Signs of a count. Typed, so that a function is not compiled once for each of them."""

# Last index of the counts.
WELL = 0
"""People without signs."""
WELL_FRAILTY = 1
"""Their summed frailty, in 1/4096."""
WITH_SIGNS = 2


def empty_cohorts(plans: int, longest_wait: int) -> NDArray[np.int64]:
    """Counts for waiting periods up to this one, shape (1 + plans x (4 + 2 x longest wait), 2, 1440, 3), int64."""
    groups = first_ending(plans, 0, 1) + 2 * plans * max(1, longest_wait)
    return np.zeros((groups, 2, BIRTH_MONTHS, 3), dtype=np.int64)


@compiled_inline
def wait_of(status: int, joined: int, waits: np.ndarray) -> int:
    """The waiting period, in periods, of a member who joined then, for the first time or again."""
    return int(waits[(status & PLACE_MASK) - FIRST_PLAN, (status & RETURNED) // RETURNED, joined])


@compiled_inline
def group_of(status: int, joined: int, period: int, waits: np.ndarray) -> int:
    """In which group someone is counted (who waits, once more by when it ends); -1 for the ill and the dead."""
    place = status & PLACE_MASK
    if is_member(place):
        standing = 2 * (place - FIRST_PLAN) + (1 if status & CONCEALED else 0)
        if period - joined < wait_of(status, joined, waits):
            return first_waiting(waits.shape[0]) + standing
        return COVERED + standing
    return NONMEMBERS if place < OUT else -1


@compiled_inline
def count(cohorts: np.ndarray, columns: Columns, row: int, period: int, waits: np.ndarray, sign: int) -> None:
    """Count a person where they stand (`sign` COUNT_IN), or no longer (COUNT_OUT)."""
    status, joined = columns.status[row], columns.joined[row]
    group = group_of(status, joined, period, waits)
    if group < 0:
        return
    sex, month = columns.body[row] & MALE, columns.birth_month[row]
    frailty = sign * np.int64(columns.frailty[row])
    plans = waits.shape[0]
    waiting = first_waiting(plans)
    # Those who wait are counted twice: among all who do, and by when it ends.
    for times in range(2 if group >= waiting else 1):
        of = group
        if times:
            longest = (cohorts.shape[0] - COVERED - 4 * plans) // (2 * plans)
            ends = joined + wait_of(status, joined, waits)
            of = first_ending(plans, ends, longest) + group - waiting
        if status & SIGNS:
            cohorts[of, sex, month, WITH_SIGNS] += sign
        else:
            cohorts[of, sex, month, WELL] += sign
            cohorts[of, sex, month, WELL_FRAILTY] += frailty


@compiled
def count_rows(columns: Columns, first: int, last: int, period: int, waits: np.ndarray, cohorts: np.ndarray) -> None:
    """Count some rows where they stand."""
    for number in range(first, last):
        row: Any = np.uint64(number)
        count(cohorts, columns, row, period, waits, COUNT_IN)


class Ages(NamedTuple):
    """Which ages each plan has, in half-months, shape (plans,) each."""

    youngest: NDArray[np.int64]
    """First age at which people may join."""
    oldest: NDArray[np.int64]
    """First age at which they no longer may."""
    ends: NDArray[np.int64]
    """Age at which membership ends; LIFELONG if it does not."""


LIFELONG = 1_000_000
"""An age beyond every life, in half-months."""


@compiled_inline
def months_in(half_month: int, youngest: int, ends: int) -> tuple[int, int]:
    """Months of birth, from and below, of those who can be members, those whose membership ends now included."""
    return max(0, (half_month - ends + 1) // 2), min(BIRTH_MONTHS, (half_month - youngest) // 2 + 1)


@compiled
def _end_waits(joined: np.ndarray, waiting: np.ndarray, covered: np.ndarray, half_month: int, ages: Ages) -> None:
    """Count those in `joined` among the covered and no longer among those who wait; (standings, 2, 1440, 3) each."""
    for standing in range(joined.shape[0]):
        first, last = months_in(half_month, ages.youngest[standing // 2], ages.ends[standing // 2])
        for sex in range(2):
            for start in range(first, last, BLOCK):
                end = min(last, start + BLOCK)
                any_ = np.int64(0)
                for month in range(start, end):
                    any_ |= joined[standing, sex, month, WELL] | joined[standing, sex, month, WITH_SIGNS]
                # Most blocks are empty: few conceal anything.
                if any_ != 0:
                    for month in range(start, end):
                        for what in range(3):
                            covered[standing, sex, month, what] += joined[standing, sex, month, what]
                            waiting[standing, sex, month, what] -= joined[standing, sex, month, what]
                            joined[standing, sex, month, what] = 0


def end_waits(cohorts: NDArray[np.int64], period: int, plans: int, half_month: int, ages: Ages) -> None:
    """Let the waiting periods end that end in this period, from the shortest wait on: groups are used again."""
    waiting = first_waiting(plans)
    longest = (len(cohorts) - first_ending(plans, 0, 1)) // (2 * plans)
    first = first_ending(plans, period, longest)
    _end_waits(
        cohorts[first : first + 2 * plans],
        cohorts[waiting : waiting + 2 * plans],
        cohorts[COVERED:waiting],
        half_month,
        ages,
    )


class InForce(NamedTuple):
    """Who is in each plan and who could be, in rows, when a settlement counts its members."""

    number: NDArray[np.int64]
    """Members, shape (plans,)."""
    members: NDArray[np.int64]
    """The same by sex and year of birth, shape (plans, 2, 120)."""
    half_months: NDArray[np.int64]
    """Their summed age in half-months, shape (plans,)."""
    risk: NDArray[np.float64]
    """Their summed own incidence per person-year, shape (plans,)."""
    outside: NDArray[np.int64]
    """People in no plan whose age would let them join, shape (plans,)."""
    outside_risk: NDArray[np.float64]
    """Their summed own incidence per person-year, shape (plans,)."""


@compiled
def _sum_up(
    cohorts: np.ndarray,
    half_month: int,
    ages: Ages,
    occupied: np.ndarray,
    well_risk: np.ndarray,
    signs_risk: float,
    of: InForce,
) -> None:
    """Fill `of`."""
    plans = ages.youngest.size
    for plan in range(plans):
        honest, waiting = COVERED + 2 * plan, first_waiting(plans) + 2 * plan
        for sex in range(cohorts.shape[1]):
            for month in range(*months_in(half_month, ages.youngest[plan], ages.ends[plan])):
                half_months = half_month - 2 * month
                age = min(max(0, half_months // 24), well_risk.shape[1] - 1)
                if occupied[plan]:
                    well, frailty, signs = 0, 0, 0
                    for group in (honest, honest + 1, waiting, waiting + 1):
                        well += cohorts[group, sex, month, WELL]
                        frailty += cohorts[group, sex, month, WELL_FRAILTY]
                        signs += cohorts[group, sex, month, WITH_SIGNS]
                    if well or signs:
                        of.number[plan] += well + signs
                        of.members[plan, sex, month // 12] += well + signs
                        of.half_months[plan] += (well + signs) * half_months
                        of.risk[plan] += well_risk[sex, age] * frailty / FRAILTY_UNIT
                        of.risk[plan] += signs_risk * signs
                if half_months < ages.oldest[plan]:
                    well = cohorts[NONMEMBERS, sex, month, WELL]
                    signs = cohorts[NONMEMBERS, sex, month, WITH_SIGNS]
                    if well or signs:
                        of.outside[plan] += well + signs
                        frailty = cohorts[NONMEMBERS, sex, month, WELL_FRAILTY]
                        of.outside_risk[plan] += well_risk[sex, age] * frailty / FRAILTY_UNIT
                        of.outside_risk[plan] += signs_risk * signs


def in_force(
    cohorts: NDArray[np.int64],
    half_month: int,
    ages: Ages,
    occupied: NDArray[np.bool_],
    well_risk: NDArray[np.float64],
    signs_risk: float,
) -> InForce:
    """Sum the counts up, by plan.

    Args:
        cohorts: the counts.
        half_month: this period, in half-months since the first year of birth.
        ages: which ages each plan has.
        occupied: plans that may have members, shape (plans,).
        well_risk: incidence of people without signs and of frailty 1, per person-year, shape (2, ages).
        signs_risk: incidence of people with signs, per person-year.
    """
    plans = ages.youngest.size
    of = InForce(
        np.zeros(plans, dtype=np.int64),
        np.zeros((plans, 2, BIRTH_YEARS), dtype=np.int64),
        np.zeros(plans, dtype=np.int64),
        np.zeros(plans),
        np.zeros(plans, dtype=np.int64),
        np.zeros(plans),
    )
    _sum_up(cohorts, half_month, ages, occupied, well_risk, signs_risk, of)
    return of
