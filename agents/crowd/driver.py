"""One pass over everybody: the engine for a hundred million people.

Nothing happens to most people in most periods, so the pass only compares each person's wake-up with the public clock
of their place. The few whose time has come are listed, a stretch of rows at a time, and weigh their decision in a
batch: draws and logarithms become vector instructions. Then each acts in turn. Counts are integers and kept by thread,
so results do not depend on the number of threads.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import decisions, luck
from agents.cohorts import count_rows, wait_of
from agents.compute.compiled import compiled, compiled_inline
from agents.compute.prefetch import prefetch
from agents.compute.threads import number_of_threads, over_blocks
from agents.context import Behaviour, Context
from agents.counts import empty_counts
from agents.crowd.batches import STRETCH, Batch, choose, draw_patience, empty_batch
from agents.crowd.wake_ups import Marks, empty_marks, find_due
from agents.population import (
    CONCEALED,
    DIE,
    FALL_ILL,
    FIRST_PLAN,
    PLACE_MASK,
    SIGNS_APPEAR,
    SIGNS_PASS,
    Columns,
    Population,
    is_member,
)

AHEAD = 32
"""Events for which memory is asked in advance: as many as one takes to come."""


class Illness(NamedTuple):
    """Members who fell ill in a period, in row order, shape (cases,) each."""

    row: NDArray[np.int64]
    plan: NDArray[np.int64]
    covered_from: NDArray[np.int64]
    """The period in which their waiting period ends."""
    concealed: NDArray[np.bool_]


class Public(NamedTuple):
    """What everybody in a pass shares."""

    columns: Columns
    context: Context
    behaviour: Behaviour
    influence: NDArray[np.float32]
    """What rules of the user multiply each person's willingness to pay by, shape (people,), or (0,) without any."""


@compiled_inline
def _ask_for(columns: Columns, soon: np.ndarray, k: int) -> None:
    """Ask for one of the records that are needed soon, if there are so many.

    One with each offer: the machine waits for some twenty at a time, and whoever asks for more is made to wait.
    """
    if k < soon.size:
        prefetch(columns.body, soon[k])


@compiled
def _consider_staying(
    public: Public, batch: Batch, size: int, soon: np.ndarray, cohorts: np.ndarray, counts: np.ndarray
) -> None:
    """Members look at the bill, and stay or leave; meanwhile the records of `soon` are asked for."""
    columns, context, behaviour, influence = public
    for k in range(size):
        _ask_for(columns, soon, k)
        batch.worth[k], batch.price[k] = decisions.offer_to_stay(
            columns, batch.row[k], batch.plan[k], context, behaviour, influence
        )
    choose(batch, size, luck.STAY, behaviour.stay_temperature, context.seed, context.period)
    draw_patience(batch, size, context.seed, context.period + 1)
    for k in range(size):
        decisions.stay_or_leave(
            columns,
            batch.row[k],
            batch.plan[k],
            batch.accepts[k],
            batch.patience[k],
            context,
            behaviour,
            cohorts,
            counts,
        )


@compiled
def _consider_joining(
    public: Public, batch: Batch, size: int, soon: np.ndarray, cohorts: np.ndarray, counts: np.ndarray
) -> None:
    """People outside hear of the pool, or think of it again, and join or do not; `soon` as above."""
    columns, context, behaviour, influence = public
    for k in range(size):
        _ask_for(columns, soon, k)
        batch.worth[k], batch.price[k] = decisions.offer_to_join(
            columns, batch.row[k], batch.plan[k], context, behaviour, influence
        )
    choose(batch, size, luck.JOIN, behaviour.join_temperature, context.seed, context.period)
    draw_patience(batch, size, context.seed, context.period + 1)
    for k in range(size):
        decisions.join_or_not(
            columns,
            batch.row[k],
            batch.plan[k],
            batch.accepts[k],
            batch.patience[k],
            context,
            behaviour,
            cohorts,
            counts,
        )


@compiled
def _apply_health_events(
    public: Public,
    rows: np.ndarray,
    events: np.ndarray,
    cohorts: np.ndarray,
    counts: np.ndarray,
    ill: Illness,
) -> int:
    """Apply the health events of a period in turn; returns the number of members who fell ill, entered in `ill`."""
    columns, context, behaviour, influence = public
    cases = 0
    for k in range(rows.size):
        if k + AHEAD < rows.size:
            soon = np.int64(rows[k + AHEAD])
            prefetch(columns.body, soon)
            prefetch(columns.status, soon)
            prefetch(columns.clock, soon)
        # Unsigned, as in a batch: each decision is compiled once.
        row: Any = np.uint64(rows[k])
        event = events[k]
        if event in (SIGNS_APPEAR, SIGNS_PASS):
            decisions.change_signs(columns, row, context, cohorts)
        elif event in (FALL_ILL, DIE):
            status, falls_ill = columns.status[row], event == FALL_ILL
            if decisions.end_membership(columns, row, falls_ill, context, cohorts, counts) and falls_ill:
                ill.row[cases] = row
                ill.plan[cases] = (status & PLACE_MASK) - FIRST_PLAN
                ill.covered_from[cases] = columns.joined[row] + wait_of(status, columns.joined[row], context.waits)
                ill.concealed[cases] = (status & CONCEALED) != 0
                cases += 1
        elif decisions.ages_out(columns, row, context):
            to, accepted = decisions.transfer_plan(columns, row, context), False
            if to >= 0:
                worth, price = decisions.offer_to_transfer(columns, row, to, context, behaviour, influence)
                accepted = decisions.accepts_transfer(row, worth, price, context, behaviour)
            patience = decisions.next_patience(row, context)
            decisions.transfer_or_age_out(columns, row, to, accepted, patience, context, behaviour, cohorts, counts)
    return cases


@compiled
def _fill_batches(
    columns: Columns, rows: np.ndarray, size: int, context: Context, members: Batch, outside: Batch
) -> tuple[int, int]:
    """Put those whose time has come into one of the batches, with the plan they weigh; returns the sizes."""
    inside, others = 0, 0
    for k in range(size):
        row = rows[k]
        place = columns.status[row] & PLACE_MASK
        age = context.half_month - 2 * columns.birth_month[row]
        # Branch-free partition: write to both batches and advance only one counter, because the branch cannot be
        # predicted. All records are read here, so they come from memory side by side.
        members.row[inside] = row
        members.plan[inside] = place - FIRST_PLAN
        outside.row[others] = row
        outside.plan[others] = decisions.eligible_plan(age, columns.body[row], context)
        member = 1 if is_member(place) else 0
        inside += member
        others += 1 - member
    return inside, others


class Room(NamedTuple):
    """What a thread needs for one stretch."""

    marks: Marks
    rows: NDArray[np.uint64]
    ahead: NDArray[np.uint64]
    """Those whose time has come in this stretch and in the next, shape (STRETCH,) each."""
    members: Batch
    outside: Batch


def _empty_room() -> Room:
    rows, ahead = np.empty((2, STRETCH), dtype=np.uint64)
    return Room(empty_marks(), rows, ahead, empty_batch(), empty_batch())


@compiled
def _decide(public: Public, first: int, last: int, cohorts: np.ndarray, counts: np.ndarray, room: Room) -> None:
    """The pass over some rows: everyone whose time has come decides, and is counted in `cohorts` and `counts`."""
    columns, readings = public.columns, public.context.readings
    rows, ahead = room.rows, room.ahead
    due = find_due(columns, first, min(last, first + STRETCH), readings, room.marks, rows)
    for start in range(first, last, STRETCH):
        # The records of the next stretch are on their way while this one decides.
        following = min(last, start + STRETCH), min(last, start + 2 * STRETCH)
        next_due = find_due(columns, following[0], following[1], readings, room.marks, ahead)
        soon = ahead[:next_due]
        inside, others = _fill_batches(columns, rows, due, public.context, room.members, room.outside)
        _consider_staying(public, room.members, inside, soon[:inside], cohorts, counts)
        _consider_joining(public, room.outside, others, soon[inside:due], cohorts, counts)
        for k in range(due, next_due):
            prefetch(columns.body, soon[k])
        rows, ahead, due = ahead, rows, next_due


def count_everybody(population: Population, period: int, waits: np.ndarray, cohorts: np.ndarray) -> None:
    """Count people where they stand, at the launch."""
    others = np.zeros((number_of_threads(len(population)) - 1, *cohorts.shape), dtype=np.int64)

    def enter(first: int, last: int, thread: int) -> None:
        count_rows(population.columns, first, last, period, waits, others[thread - 1] if thread else cohorts)

    over_blocks(len(population), enter, len(others) + 1)
    for layer in others:
        cohorts += layer


class Crowd:
    """The driver that runs every row through the decisions in one compiled pass."""

    def __init__(self, population: Population, cohorts: np.ndarray) -> None:
        self.population = population
        self.cohorts = cohorts
        # One thread counts straight into the cohorts; several keep a layer each.
        threads = number_of_threads(len(population))
        self._layers = np.zeros((threads if threads > 1 else 0, *cohorts.shape), dtype=np.int64)
        self._rooms = [_empty_room() for _ in range(threads)]

    def __reduce__(self) -> tuple[type["Crowd"], tuple[Population, np.ndarray]]:
        """Copy and pickle without the room of its threads, whose arrays share memory."""
        return Crowd, (self.population, self.cohorts)

    def decide(self, context: Context, behaviour: Behaviour, influence: np.ndarray) -> NDArray[np.int64]:
        """People hear and join, notice and leave; returns what is counted, shape (plans, 11)."""
        public = Public(self.population.columns, context, behaviour, influence)
        layers = self._layers if len(self._layers) else self.cohorts[np.newaxis]
        counts = [empty_counts(context.ends.size) for _ in layers]

        def decide(first: int, last: int, thread: int) -> None:
            _decide(public, first, last, layers[thread], counts[thread], self._rooms[thread])

        over_blocks(len(self.population), decide, len(layers))
        for layer in self._layers:
            self.cohorts += layer
            layer[:] = 0
        return np.asarray(sum(counts[1:], start=counts[0]))

    def apply_health_events(
        self, context: Context, behaviour: Behaviour, influence: np.ndarray, counts: np.ndarray
    ) -> Illness:
        """Age and fall ill: the events of this period, in row order; adds to `counts`."""
        fate = self.population.fate
        events = slice(fate.start[context.period], fate.start[context.period + 1])
        size = events.stop - events.start
        ill = Illness._make(np.empty(size, dtype=t) for t in ("int64", "int64", "int64", "bool"))
        public = Public(self.population.columns, context, behaviour, influence)
        cases = _apply_health_events(public, fate.row[events], fate.event[events], self.cohorts, counts, ill)
        return Illness._make(column[:cases] for column in ill)
