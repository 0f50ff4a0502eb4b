"""The crowd's pass as plain NumPy over whole arrays: the same rules, the same draws, the same counts.

What the crowd does row by row in compiled code stands here as array expressions. The other phases are the model's
own, so a run differs from the crowd's by its pass alone, and writes the same history.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import luck
from agents.cohorts import (
    COVERED,
    NONMEMBERS,
    WELL,
    WELL_FRAILTY,
    WITH_SIGNS,
    first_ending,
    first_waiting,
)
from agents.context import Behaviour, Context
from agents.counts import (
    CONSIDERED,
    JOINED,
    JOINER_RISK,
    LEAVER_RISK,
    LEFT_PLAN,
    NOTICED,
    RISK_UNIT,
    TURNED_AWAY,
    empty_counts,
)
from agents.crowd.driver import Crowd
from agents.population import (
    AWARE,
    BARRED,
    CHRONICALLY_ILL,
    CONCEALED,
    FIRST_PLAN,
    FRAILTY_UNIT,
    LEFT,
    LOG_UNIT,
    LOW_CREDIT,
    MALE,
    NEVER,
    NO_RATE,
    PLACE_MASK,
    RETURNED,
    SIGNS,
    Columns,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_GOLDEN, _PERIOD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`luck.mix` of each."""
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


def draws(seed: int, stream: np.uint64, rows: Ints, period: int) -> Floats:
    """`luck.draw` of each row."""
    key = mix(mix(np.array([seed], dtype=np.uint64) + _GOLDEN) + np.array([stream]) * _GOLDEN)
    bits = mix(mix(key + rows.astype(np.uint64) * _GOLDEN) + np.array([period], dtype=np.uint64) * _PERIOD)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def accept(worth: Floats, price: Floats, temperature: float, u: Floats) -> Bools:
    """`rules.accepts` of each."""
    if temperature <= 0:
        return (price <= 0) | (worth >= price)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        yes = u * (1.0 + np.exp(-np.log(worth / price) / temperature)) < 1.0
    return (price <= 0) | (yes & (worth > 0))


class People:
    """What these rows are, gathered once."""

    def __init__(self, columns: Columns, rows: Ints, context: Context, behaviour: Behaviour) -> None:
        self.rows, self.context, self.behaviour = rows, context, behaviour
        self.status, self.joined = columns.status[rows], columns.joined[rows]
        self.body = columns.body[rows]
        self.place = (self.status & PLACE_MASK).astype(np.int64)
        self.member = self.place >= FIRST_PLAN
        self.signs = (self.status & SIGNS) != 0
        self.sex = (self.body & MALE).astype(np.int64)
        self.month = columns.birth_month[rows].astype(np.int64)
        self.half_months = context.half_month - 2 * self.month
        self.age = self.half_months // 24
        self.frailty = columns.frailty[rows]
        self.premium = columns.premium[rows]

    def plans_for(self) -> Ints:
        """The plan made for each, or -1."""
        chronic = (self.body & CHRONICALLY_ILL) // CHRONICALLY_ILL
        return self.context.plan_for[chronic, np.maximum(self.half_months, -1) + 1].astype(np.int64)

    def worth(self, plan: Ints, knowledge: float) -> Floats:
        """The most each would pay for a year in this plan, when this share of what they know counts."""
        context, behaviour, where = self.context, self.behaviour, (plan, self.sex, self.age)
        frailty = self.frailty / FRAILTY_UNIT
        information = knowledge * behaviour.information
        value = context.fair[where] * (1.0 - information + information * frailty)
        value += np.where(self.signs, knowledge * behaviour.signs_weight * context.fair_signs[where], 0.0)
        willingness = np.exp(self.premium / LOG_UNIT) * value * context.trust
        insurable = ~(self.signs & (knowledge > 0)) & ((self.body & CHRONICALLY_ILL) == 0)
        return np.where(insurable, np.minimum(willingness, context.insurer[where]), willingness)

    def risk_units(self) -> Ints:
        """Own incidence of each, in 1 / RISK_UNIT."""
        well = self.context.well_risk[self.sex, self.age] * (self.frailty / FRAILTY_UNIT)
        return (np.where(self.signs, self.context.signs_risk, well) * RISK_UNIT).astype(np.int64)

    def price(self, plan: Ints) -> Floats:
        """What each expects a year in this plan to cost."""
        return self.context.price[plan, self.sex, self.month // 12]

    def enter(self, cohorts: NDArray[np.int64], changed: Bools, status: Any, joined: Any, sign: int) -> None:
        """Count those who changed in (or out of) the groups in which this status puts them."""
        context, status, joined = self.context, status[changed], joined[changed].astype(np.int64)
        place = (status & PLACE_MASK).astype(np.int64)
        standing = 2 * (place - FIRST_PLAN) + ((status & CONCEALED) != 0)
        member = place >= FIRST_PLAN
        plans = len(context.waits)
        again = ((status & RETURNED) != 0).astype(np.int64)
        wait = context.waits[np.maximum(place - FIRST_PLAN, 0), again, joined]
        waits = member & (context.period - joined < wait)
        first = first_ending(plans, 0, 1)
        longest = (len(cohorts) - first) // (2 * plans)
        ring = first + 2 * plans * ((joined + wait) % longest) + standing
        signs = (status & SIGNS) != 0
        sex, month, frailty = self.sex[changed], self.month[changed], self.frailty[changed].astype(np.int64)
        flat = cohorts.reshape(-1)
        everybody = np.ones_like(waits)
        group = np.where(member, np.where(waits, first_waiting(plans), COVERED) + standing, NONMEMBERS)
        for of, who in ((group, everybody), (ring, waits)):
            cell = np.ravel_multi_index((of[who], sex[who], month[who], 0), cohorts.shape)
            np.add.at(flat, cell + np.where(signs[who], WITH_SIGNS, WELL), sign)
            np.add.at(flat, cell[~signs[who]] + WELL_FRAILTY, sign * frailty[who][~signs[who]])


class NumpyCrowd(Crowd):
    """A driver whose pass is NumPy; for scenarios without entry fees, minimum stays and groups that enrol people."""

    def decide(self, context: Context, behaviour: Behaviour, influence: np.ndarray) -> NDArray[np.int64]:
        """People hear and join, notice and leave; returns what is counted, shape (plans, 11)."""
        columns, counts = self.population.columns, empty_counts(len(context.ends))
        reading = np.take(context.readings, columns.status & PLACE_MASK, mode="clip")
        people = People(columns, np.flatnonzero(columns.clock <= reading), context, behaviour)
        status, joined = people.status.copy(), people.joined.copy()
        self._look_at_bill(people, status, counts)
        self._think_of_joining(people, status, joined, counts)
        changed = (status != people.status) | (joined != people.joined)
        people.enter(self.cohorts, changed, people.status, people.joined, -1)
        people.enter(self.cohorts, changed, status, joined, 1)
        columns.status[people.rows], columns.joined[people.rows] = status, joined
        self._set_clocks(people, status)
        return counts

    def _look_at_bill(self, people: People, status: NDArray[np.uint8], counts: np.ndarray) -> None:
        """Members stay or leave."""
        context, behaviour = people.context, people.behaviour
        plan = np.where(people.member, people.place - FIRST_PLAN, 0)
        u = draws(context.seed, luck.STAY, people.rows, context.period)
        stays = accept(people.worth(plan, behaviour.exit_knowledge), people.price(plan), behaviour.stay_temperature, u)
        leaves = people.member & ~stays
        np.add.at(counts[:, NOTICED], plan[people.member], 1)
        np.add.at(counts[:, LEFT_PLAN], plan[leaves], 1)
        np.add.at(counts[:, LEAVER_RISK], plan[leaves], people.risk_units()[leaves])
        status[leaves] = (status[leaves] & ~np.uint8(PLACE_MASK)) | np.uint8(LEFT)

    def _think_of_joining(self, people: People, status: Any, joined: Any, counts: np.ndarray) -> None:
        """Those outside join or do not."""
        context, behaviour, chosen = people.context, people.behaviour, people.plans_for()
        plan = np.maximum(chosen, 0)
        considers = ~people.member & (chosen >= 0) & context.open[plan]
        price = people.price(plan) + behaviour.joining_hassle
        u = draws(context.seed, luck.JOIN, people.rows, context.period)
        accepted = considers & accept(
            people.worth(plan, behaviour.entry_knowledge), price, behaviour.join_temperature, u
        )
        u = draws(context.seed, luck.CONCEAL, people.rows, context.period)
        screening = context.screening[plan]
        asked = people.signs & (u < screening)
        conceals = asked & (u < behaviour.concealment * screening)
        turned_away = asked & ~conceals
        gated = context.gate[plan] & ((people.body & LOW_CREDIT) != 0)
        joins = accepted & ~turned_away & ~gated
        barred = np.where(considers, accepted & ~turned_away & gated, chosen >= 0)
        back = (people.place == LEFT) & ~(considers & barred)
        door = np.where(back, LEFT, np.where(barred, BARRED, AWARE)).astype(np.uint8)
        stays_out = ~people.member & ~joins
        status[stays_out] = (status[stays_out] & ~np.uint8(PLACE_MASK)) | door[stays_out]
        flags = (status & np.uint8(SIGNS)) | np.where(conceals, CONCEALED, 0).astype(np.uint8)
        flags |= np.where(joined != NEVER, RETURNED, 0).astype(np.uint8)
        status[joins] = (FIRST_PLAN + plan[joins]).astype(np.uint8) | flags[joins]
        joined[joins] = context.period
        np.add.at(counts[:, CONSIDERED], plan[considers], 1)
        np.add.at(counts[:, JOINED], plan[joins], 1)
        np.add.at(counts[:, JOINER_RISK], plan[joins], people.risk_units()[joins])
        np.add.at(counts[:, TURNED_AWAY], plan[accepted & turned_away], 1)

    def _set_clocks(self, people: People, status: NDArray[np.uint8]) -> None:
        """Draw when these decide next."""
        columns, context, rows = self.population.columns, people.context, people.rows
        place = status & PLACE_MASK
        member = place >= FIRST_PLAN
        rate = np.where(member, columns.attention[rows], columns.adoption[rows])
        u = draws(context.seed, luck.CLOCK, rows, context.period + 1)
        clock = context.readings[place] - np.log(u) * np.exp(-(rate / LOG_UNIT))
        columns.clock[rows] = np.where(rate == NO_RATE, np.inf, clock)
