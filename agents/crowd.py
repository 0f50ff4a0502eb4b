"""One pass over everybody: the engine for a hundred million people.

Nothing happens to most people in most periods, so the pass only compares each person's own reading with the
public clock of their place. The few whose time has come are listed, a stretch of rows at a time, and weigh their
decision side by side: draws and logarithms become vector instructions. Then each acts in turn. Tallies are integers
and kept by thread, so results do not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck, rules
from agents.compiled import compiled, compiled_inline
from agents.desk import STRETCH, Desk, be_patient, choose, empty_desk
from agents.due import Marks, empty_marks, find_due
from agents.outlook import Outlook
from agents.population import (
    AWARE,
    BARRED,
    CHRONIC,
    CHRONICALLY_ILL,
    CONCEALED,
    DIE,
    FALL_ILL,
    FRAILTY_UNIT,
    GENERAL,
    LEFT,
    LOW_CREDIT,
    MALE,
    NO_RATE,
    OUT,
    PLACE_MASK,
    SENIORS,
    SIGNS,
    SIGNS_APPEAR,
    SIGNS_PASS,
    Columns,
    Population,
    from_log,
    is_member,
)
from agents.prefetch import prefetch
from agents.rolls import count, roll_of
from agents.threads import number_of_threads, over_blocks

RISK_UNIT = 2.0**40
"""Risks of joiners and leavers are summed as integers, in steps of 2^-40 per person-year."""
AHEAD = 32
"""Events for which memory is asked in advance: as many as one takes to come."""

# What is counted, by plan: the last index of a tally.
JOINED, LEFT_PLAN, ILL, DIED, AGED_OUT, TRANSFERRED_IN, JOINER_RISK, LEAVER_RISK, NOTICED, CONSIDERED, TURNED_AWAY = (
    range(11)
)
TALLIES = 11


class Illness(NamedTuple):
    """Members who fell ill in a period, in row order, shape (cases,) each."""

    row: NDArray[np.int64]
    plan: NDArray[np.int64]
    joined: NDArray[np.int64]
    concealed: NDArray[np.bool_]


@compiled_inline
def plan_for(half_months_old: int, body: int, outlook: Outlook) -> int:
    """The plan made for people of this age and health (0 general, 1 seniors, 2 chronic), or -1 if they are too old."""
    # Choices by value and not by jump: half of the jumps would be foreseen wrongly.
    plan = CHRONIC - GENERAL if body & CHRONICALLY_ILL else 0
    plan = SENIORS - GENERAL if half_months_old >= outlook.youngest[SENIORS - GENERAL] else plan
    fits = (outlook.youngest[plan] <= half_months_old) & (half_months_old < outlook.oldest[plan])
    return plan if fits else -1


@compiled_inline
def reservation(columns: Columns, row: int, plan: int, outlook: Outlook, knowledge: float) -> float:
    """The most this person would pay for a year in this plan, yuan, when this share of what they know counts."""
    sex = columns.body[row] & MALE
    # Unsigned, as rows are: Numba then leaves out what looks after negative places.
    age = np.uint64(outlook.half_month - 2 * columns.birth_month[row]) // np.uint64(24)
    signs = (columns.status[row] & SIGNS) != 0
    value = rules.perceived_value(
        outlook.fair[plan, sex, age],
        outlook.fair_signs[plan, sex, age],
        columns.frailty[row] / FRAILTY_UNIT,
        signs,
        knowledge * outlook.information,
        knowledge * outlook.signs_weight,
    )
    willingness = rules.willingness_to_pay(value, from_log(columns.premium[row]), outlook.trust)
    insurable = not (signs and knowledge > 0.0) and (columns.body[row] & CHRONICALLY_ILL) == 0
    return rules.reservation_price(willingness, outlook.insurer[plan, sex, age], insurable)


@compiled_inline
def risk_units(columns: Columns, row: int, outlook: Outlook) -> int:
    """Own incidence per person-year, in 1 / RISK_UNIT."""
    age = (outlook.half_month - 2 * columns.birth_month[row]) // 24
    risk = rules.own_risk(
        outlook.well_risk[columns.body[row] & MALE, age],
        columns.frailty[row] / FRAILTY_UNIT,
        (columns.status[row] & SIGNS) != 0,
        outlook.signs_risk,
    )
    return int(risk * RISK_UNIT)


@compiled_inline
def set_clock(columns: Columns, row: int, patience: float, outlook: Outlook) -> None:
    """Note when this person next decides, on the public clock of the place where they now stand."""
    place = columns.status[row] & PLACE_MASK
    rate = columns.attention[row] if is_member(place) else columns.adoption[row]
    if place == OUT or rate == NO_RATE:
        columns.clock[row] = np.inf
        return
    columns.clock[row] = rules.next_notice(outlook.readings[place], from_log(rate), patience)


@compiled_inline
def move(columns: Columns, row: int, place: int, outlook: Outlook, rolls: np.ndarray, patience: float) -> None:
    """Bring a person to a place: off one roll, onto another, with a new clock."""
    was = columns.status[row]
    now = (was & ~np.uint8(PLACE_MASK)) | np.uint8(place)
    # Most who move stay on the roll of those outside.
    joined = columns.joined[row]
    if roll_of(was, joined, outlook.period, outlook.wait) != roll_of(now, joined, outlook.period, outlook.wait):
        count(rolls, columns, row, outlook.period, outlook.wait, -1)
        columns.status[row] = now
        count(rolls, columns, row, outlook.period, outlook.wait, 1)
    columns.status[row] = now
    set_clock(columns, row, patience, outlook)


@compiled
def _weigh(
    columns: Columns,
    desk: Desk,
    size: int,
    stream: np.uint64,
    hassle: float,
    temperature: float,
    knowledge: float,
    outlook: Outlook,
) -> None:
    """Whether each of those at the desk takes their plan at its price, and how long until they decide again."""
    for k in range(size):
        plan = desk.plan[k]
        desk.worth[k] = reservation(columns, desk.row[k], plan, outlook, knowledge) if plan >= 0 else 0.0
        desk.price[k] = outlook.price[plan] + hassle
    choose(desk, size, stream, temperature, outlook.seed, outlook.period)
    be_patient(desk, size, outlook.seed, outlook.period + 1)


@compiled
def _consider_staying(
    columns: Columns, desk: Desk, size: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray
) -> None:
    """Members look at the bill, and stay or leave."""
    _weigh(columns, desk, size, luck.STAY, 0.0, outlook.stay_temperature, outlook.exit_knowledge, outlook)
    for k in range(size):
        row, plan = desk.row[k], desk.plan[k]
        tally[plan, NOTICED] += 1
        if desk.accepts[k]:
            set_clock(columns, row, desk.patience[k], outlook)
        else:
            tally[plan, LEFT_PLAN] += 1
            tally[plan, LEAVER_RISK] += risk_units(columns, row, outlook)
            move(columns, row, LEFT, outlook, rolls, desk.patience[k])


@compiled
def _consider_joining(
    columns: Columns, desk: Desk, size: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray
) -> None:
    """People outside hear of the pool, or think of it again, and join or do not."""
    _weigh(columns, desk, size, luck.JOIN, outlook.hassle, outlook.join_temperature, outlook.entry_knowledge, outlook)
    for k in range(size):
        row, plan, accepted = desk.row[k], desk.plan[k], desk.accepts[k]
        place = columns.status[row] & PLACE_MASK
        if plan < 0 or not outlook.open[plan]:
            door = AWARE if plan < 0 else BARRED
            move(columns, row, LEFT if place == LEFT else door, outlook, rolls, desk.patience[k])
            continue
        tally[plan, CONSIDERED] += 1
        answer = 0
        if accepted and columns.status[row] & SIGNS:
            u = luck.draw(outlook.seed, luck.CONCEAL, row, outlook.period)
            answer = rules.conceals(True, outlook.concealment, outlook.screening[plan], u)
        gated = outlook.gate and plan == 0 and (columns.body[row] & LOW_CREDIT) != 0
        where = rules.enrols(GENERAL + plan, gated, accepted, answer)
        if is_member(where):
            count(rolls, columns, row, outlook.period, outlook.wait, -1)
            columns.joined[row] = outlook.period
            concealed = CONCEALED if answer == 1 else 0
            columns.status[row] = np.uint8(where) | (columns.status[row] & np.uint8(SIGNS)) | np.uint8(concealed)
            count(rolls, columns, row, outlook.period, outlook.wait, 1)
            set_clock(columns, row, desk.patience[k], outlook)
            tally[plan, JOINED] += 1
            tally[plan, JOINER_RISK] += risk_units(columns, row, outlook)
            continue
        if accepted and answer == 2:
            tally[plan, TURNED_AWAY] += 1
        move(columns, row, LEFT if place == LEFT and where != BARRED else where, outlook, rolls, desk.patience[k])


@compiled_inline
def turn_sixty(columns: Columns, row: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray) -> None:
    """A member of a plan for the younger ages out, and may go on in the seniors' plan without a health check."""
    place = columns.status[row] & PLACE_MASK
    if place != GENERAL and place != CHRONIC:
        return
    tally[place - GENERAL, AGED_OUT] += 1
    seniors = SENIORS - GENERAL
    where = AWARE
    if outlook.open[seniors]:
        u = luck.draw(outlook.seed, luck.JOIN, row, outlook.period)
        worth = reservation(columns, row, seniors, outlook, outlook.entry_knowledge)
        if rules.accepts(worth, outlook.price[seniors], outlook.join_temperature, u):
            where = SENIORS
            tally[seniors, JOINED] += 1
            tally[seniors, TRANSFERRED_IN] += 1
            tally[seniors, JOINER_RISK] += risk_units(columns, row, outlook)
    u = luck.draw(outlook.seed, luck.CLOCK, row, outlook.period + 1)
    move(columns, row, where, outlook, rolls, rules.patience(u))


@compiled
def _befall(
    columns: Columns,
    rows: np.ndarray,
    events: np.ndarray,
    outlook: Outlook,
    rolls: np.ndarray,
    tally: np.ndarray,
    ill: Illness,
) -> int:
    """Let fate befall these people in turn; returns the number of members who fell ill, entered in `ill`."""
    cases = 0
    for k in range(rows.size):
        if k + AHEAD < rows.size:
            soon = np.int64(rows[k + AHEAD])
            prefetch(columns.body, soon)
            prefetch(columns.status, soon)
            prefetch(columns.clock, soon)
        row = int(rows[k])
        event = events[k]
        status = columns.status[row]
        place = status & PLACE_MASK
        if event in (SIGNS_APPEAR, SIGNS_PASS):
            count(rolls, columns, row, outlook.period, outlook.wait, -1)
            columns.status[row] = status ^ np.uint8(SIGNS)
            count(rolls, columns, row, outlook.period, outlook.wait, 1)
        elif event in (FALL_ILL, DIE):
            if is_member(place):
                tally[place - GENERAL, ILL if event == FALL_ILL else DIED] += 1
                if event == FALL_ILL:
                    ill.row[cases] = row
                    ill.plan[cases] = place - GENERAL
                    ill.joined[cases] = columns.joined[row]
                    ill.concealed[cases] = (status & CONCEALED) != 0
                    cases += 1
            move(columns, row, OUT, outlook, rolls, np.inf)
        else:
            turn_sixty(columns, row, outlook, rolls, tally)
    return cases


@compiled
def _seat(
    columns: Columns, rows: np.ndarray, size: int, outlook: Outlook, members: Desk, outside: Desk
) -> tuple[int, int]:
    """Seat those whose time has come at one of the desks, with the plan they weigh; returns how many are at each."""
    inside, others = 0, 0
    for k in range(size):
        row = rows[k]
        place = columns.status[row] & PLACE_MASK
        age = outlook.half_month - 2 * columns.birth_month[row]
        # At both desks, and one of them moves on: which it is cannot be foreseen. All records are read here, so
        # they come from memory side by side.
        members.row[inside] = row
        members.plan[inside] = place - GENERAL
        outside.row[others] = row
        outside.plan[others] = plan_for(age, columns.body[row], outlook)
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
    members: Desk
    outside: Desk


def _empty_room() -> Room:
    rows, ahead = np.empty((2, STRETCH), dtype=np.uint64)
    return Room(empty_marks(), rows, ahead, empty_desk(), empty_desk())


@compiled
def _decide(
    columns: Columns, first: int, last: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray, room: Room
) -> None:
    """The pass over some rows: everyone whose time has come decides, and is counted in `rolls` and `tally`."""
    rows, ahead, readings = room.rows, room.ahead, outlook.readings
    due = find_due(columns, first, min(last, first + STRETCH), readings, room.marks, rows)
    for start in range(first, last, STRETCH):
        # The records of the next stretch are on their way while this one decides.
        following = min(last, start + STRETCH), min(last, start + 2 * STRETCH)
        next_due = find_due(columns, following[0], following[1], readings, room.marks, ahead)
        for k in range(next_due):
            prefetch(columns.body, ahead[k])
        inside, others = _seat(columns, rows, due, outlook, room.members, room.outside)
        _consider_staying(columns, room.members, inside, outlook, rolls, tally)
        _consider_joining(columns, room.outside, others, outlook, rolls, tally)
        rows, ahead, due = ahead, rows, next_due


@compiled
def _enter(columns: Columns, first: int, last: int, period: int, wait: int, rolls: np.ndarray) -> None:
    """Count some rows on the rolls where they stand."""
    for row in range(first, last):
        count(rolls, columns, row, period, wait, 1)


def enter_everybody(population: Population, period: int, wait: int, rolls: np.ndarray) -> None:
    """Write the rolls from the columns, at the launch."""
    layers = np.zeros((number_of_threads(len(population)), *rolls.shape), dtype=np.int64)

    def enter(first: int, last: int, thread: int) -> None:
        _enter(population.columns, first, last, period, wait, layers[thread])

    over_blocks(len(population), enter, len(layers))
    rolls += layers.sum(axis=0)


class Crowd:
    """The driver that runs every row through the rules in one compiled pass."""

    def __init__(self, population: Population, rolls: np.ndarray) -> None:
        self.population = population
        self.rolls = rolls
        # One thread counts straight into the rolls; several keep a layer each.
        threads = number_of_threads(len(population))
        self._layers = np.zeros((threads if threads > 1 else 0, *rolls.shape), dtype=np.int64)

    def decide(self, outlook: Outlook, tally: np.ndarray) -> None:
        """Hear and join, notice and leave: adds to `tally`, shape (plans, TALLIES)."""
        columns = self.population.columns
        layers = self._layers if len(self._layers) else self.rolls[np.newaxis]
        tallies = np.zeros((len(layers), *tally.shape), dtype=np.int64)
        rooms = [_empty_room() for _ in layers]

        def decide(first: int, last: int, thread: int) -> None:
            _decide(columns, first, last, outlook, layers[thread], tallies[thread], rooms[thread])

        over_blocks(len(self.population), decide, len(layers))
        tally += tallies.sum(axis=0)
        for layer in self._layers:
            self.rolls += layer
            layer[:] = 0

    def befall(self, outlook: Outlook, tally: np.ndarray) -> Illness:
        """Age and fall ill: the events of this period, in row order."""
        fate = self.population.fate
        events = slice(fate.start[outlook.period], fate.start[outlook.period + 1])
        size = events.stop - events.start
        ill = Illness._make(np.empty(size, dtype=t) for t in ("int64", "int64", "int64", "bool"))
        cases = _befall(self.population.columns, fate.row[events], fate.event[events], outlook, self.rolls, tally, ill)
        return Illness._make(column[:cases] for column in ill)
