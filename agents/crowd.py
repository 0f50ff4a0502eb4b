"""One pass over everybody: the engine for a hundred million people.

Nothing happens to most people in most periods, so the pass only compares each person's own reading with the
public clock of their place, and goes into a decision for those few whose time has come. Tallies are integers and
kept by thread, so results do not depend on the number of threads.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck, rules
from agents.compiled import compiled, compiled_inline, compiled_with_arrays
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
    LOG_UNIT,
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
    is_member,
)
from agents.rolls import count
from agents.threads import number_of_threads, over_blocks

RISK_UNIT = 2.0**40
"""Risks of joiners and leavers are summed as integers, in steps of 2^-40 per person-year."""
STRETCH = 4_096
"""People whose time is checked before any of them decides: their records then come from memory side by side."""

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
    plan = CHRONIC - GENERAL if body & CHRONICALLY_ILL else 0
    if half_months_old >= outlook.youngest[SENIORS - GENERAL]:
        plan = SENIORS - GENERAL
    return plan if outlook.youngest[plan] <= half_months_old < outlook.oldest[plan] else -1


@compiled_inline
def reservation(columns: Columns, row: int, plan: int, outlook: Outlook) -> float:
    """The most this person would pay for a year in this plan, yuan."""
    sex = columns.body[row] & MALE
    age = (outlook.half_month - 2 * columns.birth_month[row]) // 24
    signs = (columns.status[row] & SIGNS) != 0
    value = rules.perceived_value(
        outlook.fair[plan, sex, age],
        outlook.fair_signs[plan, sex, age],
        columns.frailty[row] / FRAILTY_UNIT,
        signs,
        outlook.information,
        outlook.signs_weight,
    )
    willingness = rules.willingness_to_pay(value, columns.premium[row] / LOG_UNIT, outlook.trust)
    insurable = not signs and (columns.body[row] & CHRONICALLY_ILL) == 0
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
def set_clock(columns: Columns, row: int, outlook: Outlook) -> None:
    """Draw when this person next decides, on the public clock of the place where they now stand."""
    place = columns.status[row] & PLACE_MASK
    rate = columns.attention[row] if is_member(place) else columns.adoption[row]
    if place == OUT or rate == NO_RATE:
        columns.clock[row] = np.inf
        return
    u = luck.draw(outlook.seed, luck.CLOCK, row, outlook.period + 1)
    columns.clock[row] = rules.next_notice(outlook.readings[place], rate / LOG_UNIT, u)


@compiled_inline
def move(columns: Columns, row: int, place: int, outlook: Outlook, rolls: np.ndarray) -> None:
    """Bring a person to a place: off one roll, onto another, with a new clock."""
    count(rolls, columns, row, outlook.period, outlook.wait, -1)
    columns.status[row] = (columns.status[row] & ~np.uint8(PLACE_MASK)) | np.uint8(place)
    count(rolls, columns, row, outlook.period, outlook.wait, 1)
    set_clock(columns, row, outlook)


@compiled_inline
def consider_staying(columns: Columns, row: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray) -> None:
    """A member looks at the bill, and stays or leaves."""
    plan = (columns.status[row] & PLACE_MASK) - GENERAL
    tally[plan, NOTICED] += 1
    u = luck.draw(outlook.seed, luck.STAY, row, outlook.period)
    worth = reservation(columns, row, plan, outlook)
    if rules.accepts(worth, outlook.price[plan], outlook.stay_temperature, u):
        set_clock(columns, row, outlook)
        return
    tally[plan, LEFT_PLAN] += 1
    tally[plan, LEAVER_RISK] += risk_units(columns, row, outlook)
    move(columns, row, LEFT, outlook, rolls)


@compiled_inline
def consider_joining(columns: Columns, row: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray) -> None:
    """Someone outside hears of the pool, or thinks of it again, and joins or does not."""
    place = columns.status[row] & PLACE_MASK
    body = columns.body[row]
    plan = plan_for(outlook.half_month - 2 * columns.birth_month[row], body, outlook)
    if plan < 0 or not outlook.open[plan]:
        door = AWARE if plan < 0 else BARRED
        move(columns, row, LEFT if place == LEFT else door, outlook, rolls)
        return
    tally[plan, CONSIDERED] += 1
    worth = reservation(columns, row, plan, outlook)
    u = luck.draw(outlook.seed, luck.JOIN, row, outlook.period)
    accepted = rules.accepts(worth, outlook.price[plan] + outlook.hassle, outlook.join_temperature, u)
    signs = (columns.status[row] & SIGNS) != 0
    u = luck.draw(outlook.seed, luck.CONCEAL, row, outlook.period)
    answer = rules.conceals(signs, outlook.concealment, outlook.screening[plan], u)
    gated = outlook.gate and plan == 0 and (body & LOW_CREDIT) != 0
    where = rules.enrols(GENERAL + plan, gated, accepted, answer)
    if is_member(where):
        count(rolls, columns, row, outlook.period, outlook.wait, -1)
        columns.joined[row] = outlook.period
        concealed = CONCEALED if answer == 1 else 0
        columns.status[row] = np.uint8(where) | (columns.status[row] & np.uint8(SIGNS)) | np.uint8(concealed)
        count(rolls, columns, row, outlook.period, outlook.wait, 1)
        set_clock(columns, row, outlook)
        tally[plan, JOINED] += 1
        tally[plan, JOINER_RISK] += risk_units(columns, row, outlook)
        return
    if accepted and answer == 2:
        tally[plan, TURNED_AWAY] += 1
    move(columns, row, LEFT if place == LEFT and where != BARRED else where, outlook, rolls)


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
        worth = reservation(columns, row, seniors, outlook)
        if rules.accepts(worth, outlook.price[seniors], outlook.join_temperature, u):
            where = SENIORS
            tally[seniors, JOINED] += 1
            tally[seniors, TRANSFERRED_IN] += 1
            tally[seniors, JOINER_RISK] += risk_units(columns, row, outlook)
    move(columns, row, where, outlook, rolls)


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
            move(columns, row, OUT, outlook, rolls)
        else:
            turn_sixty(columns, row, outlook, rolls, tally)
    return cases


@compiled
def _find_due(status: np.ndarray, clock: np.ndarray, readings: np.ndarray, due: np.ndarray) -> None:
    """Mark those whose own reading the public clock of their place has passed; shape (rows,) each."""
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
def _decide_rows(
    columns: Columns,
    first: int,
    last: int,
    outlook: Outlook,
    rolls: np.ndarray,
    tally: np.ndarray,
    due: np.ndarray,
    words: np.ndarray,
    rows: np.ndarray,
) -> int:
    """Let those rows decide whose time has come; returns a number of no meaning, so that no load is left out.

    `due` is room for a mark a row, shape (STRETCH,), `words` the same bytes eight at a time: most are zero. `rows` is
    room for the list of those whose time has come.
    """
    _find_due(columns.status[first:last], columns.clock[first:last], outlook.readings, due)
    due[last - first :] = 0
    deciding = 0
    for word in range((last - first + 7) // 8):
        if words[word] == 0:
            continue
        for mark in range(8 * word, 8 * word + 8):
            rows[deciding] = first + mark
            deciding += due[mark]
    # Touch all records first: then their lines come from memory side by side, and not one by one as they are needed.
    touched = 0
    for k in range(deciding):
        touched += columns.body[rows[k]]
    for k in range(deciding):
        row = rows[k]
        if is_member(columns.status[row] & PLACE_MASK):
            consider_staying(columns, row, outlook, rolls, tally)
        else:
            consider_joining(columns, row, outlook, rolls, tally)
    return touched


@compiled_with_arrays
def _decide(columns: Columns, first: int, last: int, outlook: Outlook, rolls: np.ndarray, tally: np.ndarray) -> None:
    """The pass over some rows: everyone whose time has come decides, and is counted in `rolls` and `tally`."""
    words = np.zeros(STRETCH // 8, dtype=np.uint64)
    rows = np.empty(STRETCH + 8, dtype=np.int64)
    for start in range(first, last, STRETCH):
        end = min(last, start + STRETCH)
        _decide_rows(columns, start, end, outlook, rolls, tally, words.view(np.uint8), words, rows)


@compiled
def enter_everybody(columns: Columns, period: int, wait: int, rolls: np.ndarray) -> None:
    """Write the rolls from the columns, at the launch."""
    for row in range(columns.status.size):
        count(rolls, columns, row, period, wait, 1)


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
        columns, people = self.population.columns, len(self.population)
        if not len(self._layers):
            over_blocks(people, lambda first, last, _: _decide(columns, first, last, outlook, self.rolls, tally), 1)
            return
        tallies = np.zeros((len(self._layers), *tally.shape), dtype=np.int64)
        over_blocks(
            people,
            lambda first, last, thread: _decide(columns, first, last, outlook, self._layers[thread], tallies[thread]),
            len(self._layers),
        )
        for layer, counted in zip(self._layers, tallies, strict=True):
            self.rolls += layer
            tally += counted
            layer[:] = 0

    def befall(self, outlook: Outlook, tally: np.ndarray) -> Illness:
        """Age and fall ill: the events of this period, in row order."""
        fate = self.population.fate
        events = slice(fate.start[outlook.period], fate.start[outlook.period + 1])
        size = events.stop - events.start
        ill = Illness._make(np.empty(size, dtype=t) for t in ("int64", "int64", "int64", "bool"))
        cases = _befall(self.population.columns, fate.row[events], fate.event[events], outlook, self.rolls, tally, ill)
        return Illness._make(column[:cases] for column in ill)
