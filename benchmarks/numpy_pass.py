"""The crowd's pass as plain NumPy over whole arrays: the same rules, the same luck, the same tallies.

What the crowd does row by row in compiled code stands here as array expressions. The other phases are the model's
own, so a run differs from the crowd's by its pass alone, and writes the same history.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import luck
from agents.cohorts import COVERED, NONMEMBERS, STANDINGS, WAITING, WELL, WELL_FRAILTY, WITH_SIGNS
from agents.context import Outlook
from agents.crowd.driver import (
    CONSIDERED,
    JOINED,
    JOINER_RISK,
    LEAVER_RISK,
    LEFT_PLAN,
    NOTICED,
    RISK_UNIT,
    TURNED_AWAY,
    Crowd,
)
from agents.population import (
    AWARE,
    BARRED,
    CHRONIC,
    CHRONICALLY_ILL,
    CONCEALED,
    FRAILTY_UNIT,
    GENERAL,
    LEFT,
    LOG_UNIT,
    LOW_CREDIT,
    MALE,
    NO_RATE,
    PLACE_MASK,
    SENIORS,
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

    def __init__(self, columns: Columns, rows: Ints, outlook: Outlook) -> None:
        self.rows, self.outlook = rows, outlook
        self.status, self.joined = columns.status[rows], columns.joined[rows]
        self.body = columns.body[rows]
        self.place = (self.status & PLACE_MASK).astype(np.int64)
        self.member = (self.place >= GENERAL) & (self.place <= CHRONIC)
        self.signs = (self.status & SIGNS) != 0
        self.sex = (self.body & MALE).astype(np.int64)
        self.month = columns.birth_month[rows].astype(np.int64)
        self.half_months = outlook.half_month - 2 * self.month
        self.age = self.half_months // 24
        self.frailty = columns.frailty[rows]
        self.premium = columns.premium[rows]

    def plans_for(self) -> Ints:
        """The plan made for each, or -1."""
        outlook = self.outlook
        plan = np.where(self.body & CHRONICALLY_ILL, CHRONIC - GENERAL, 0)
        plan[self.half_months >= outlook.youngest[SENIORS - GENERAL]] = SENIORS - GENERAL
        fits = (outlook.youngest[plan] <= self.half_months) & (self.half_months < outlook.oldest[plan])
        return np.where(fits, plan, -1)

    def worth(self, plan: Ints, knowledge: float) -> Floats:
        """The most each would pay for a year in this plan, when this share of what they know counts."""
        outlook, where = self.outlook, (plan, self.sex, self.age)
        frailty = self.frailty / FRAILTY_UNIT
        information = knowledge * outlook.information
        value = outlook.fair[where] * (1.0 - information + information * frailty)
        value += np.where(self.signs, knowledge * outlook.signs_weight * outlook.fair_signs[where], 0.0)
        willingness = np.exp(self.premium / LOG_UNIT) * value * outlook.trust
        insurable = ~(self.signs & (knowledge > 0)) & ((self.body & CHRONICALLY_ILL) == 0)
        return np.where(insurable, np.minimum(willingness, outlook.insurer[where]), willingness)

    def risk_units(self) -> Ints:
        """Own incidence of each, in 1 / RISK_UNIT."""
        well = self.outlook.well_risk[self.sex, self.age] * (self.frailty / FRAILTY_UNIT)
        return (np.where(self.signs, self.outlook.signs_risk, well) * RISK_UNIT).astype(np.int64)

    def enter(self, rolls: NDArray[np.int64], changed: Bools, status: Any, joined: Any, sign: int) -> None:
        """Count those who changed on (or off) the rolls on which this status puts them."""
        outlook, status, joined = self.outlook, status[changed], joined[changed].astype(np.int64)
        place = (status & PLACE_MASK).astype(np.int64)
        standing = 2 * (place - GENERAL) + ((status & CONCEALED) != 0)
        waiting = WAITING + STANDINGS * (joined % max(outlook.wait, 1)) + standing
        roll = np.where(outlook.period - joined < outlook.wait, waiting, COVERED + standing)
        roll = np.where((place >= GENERAL) & (place <= CHRONIC), roll, NONMEMBERS)
        signs = (status & SIGNS) != 0
        cell = np.ravel_multi_index((roll, self.sex[changed], self.month[changed], 0), rolls.shape)
        flat = rolls.reshape(-1)
        np.add.at(flat, cell + np.where(signs, WITH_SIGNS, WELL), sign)
        np.add.at(flat, cell[~signs] + WELL_FRAILTY, sign * self.frailty[changed][~signs].astype(np.int64))


class NumpyCrowd(Crowd):
    """A driver whose pass is NumPy."""

    def decide(self, outlook: Outlook, tally: np.ndarray) -> None:
        """Hear and join, notice and leave: adds to `tally`, shape (plans, TALLIES)."""
        columns = self.population.columns
        reading = np.take(outlook.readings, columns.status & PLACE_MASK, mode="clip")
        people = People(columns, np.flatnonzero(columns.clock <= reading), outlook)
        status, joined = people.status.copy(), people.joined.copy()
        self._look_at_bill(people, status, tally)
        self._think_of_joining(people, status, joined, tally)
        changed = (status != people.status) | (joined != people.joined)
        people.enter(self.rolls, changed, people.status, people.joined, -1)
        people.enter(self.rolls, changed, status, joined, 1)
        columns.status[people.rows], columns.joined[people.rows] = status, joined
        self._set_clocks(people, status)

    def _look_at_bill(self, people: People, status: NDArray[np.uint8], tally: np.ndarray) -> None:
        """Members stay or leave."""
        outlook, plan = people.outlook, np.where(people.member, people.place - GENERAL, 0)
        u = draws(outlook.seed, luck.STAY, people.rows, outlook.period)
        stays = accept(people.worth(plan, outlook.exit_knowledge), outlook.price[plan], outlook.stay_temperature, u)
        leaves = people.member & ~stays
        np.add.at(tally[:, NOTICED], plan[people.member], 1)
        np.add.at(tally[:, LEFT_PLAN], plan[leaves], 1)
        np.add.at(tally[:, LEAVER_RISK], plan[leaves], people.risk_units()[leaves])
        status[leaves] = (status[leaves] & ~np.uint8(PLACE_MASK)) | np.uint8(LEFT)

    def _think_of_joining(self, people: People, status: Any, joined: Any, tally: np.ndarray) -> None:
        """Those outside join or do not."""
        outlook, chosen = people.outlook, people.plans_for()
        plan = np.maximum(chosen, 0)
        considers = ~people.member & (chosen >= 0) & outlook.open[plan]
        price = outlook.price[plan] + outlook.hassle
        u = draws(outlook.seed, luck.JOIN, people.rows, outlook.period)
        accepted = considers & accept(people.worth(plan, outlook.entry_knowledge), price, outlook.join_temperature, u)
        u = draws(outlook.seed, luck.CONCEAL, people.rows, outlook.period)
        screening = outlook.screening[plan]
        asked = people.signs & (u < screening)
        conceals = asked & (u < outlook.concealment * screening)
        turned_away = asked & ~conceals
        gated = outlook.gate & (plan == 0) & ((people.body & LOW_CREDIT) != 0)
        joins = accepted & ~turned_away & ~gated
        barred = np.where(considers, accepted & ~turned_away & gated, chosen >= 0)
        back = (people.place == LEFT) & ~(considers & barred)
        door = np.where(back, LEFT, np.where(barred, BARRED, AWARE)).astype(np.uint8)
        stays_out = ~people.member & ~joins
        status[stays_out] = (status[stays_out] & ~np.uint8(PLACE_MASK)) | door[stays_out]
        flags = (status & np.uint8(SIGNS)) | np.where(conceals, CONCEALED, 0).astype(np.uint8)
        status[joins] = (GENERAL + plan[joins]).astype(np.uint8) | flags[joins]
        joined[joins] = outlook.period
        np.add.at(tally[:, CONSIDERED], plan[considers], 1)
        np.add.at(tally[:, JOINED], plan[joins], 1)
        np.add.at(tally[:, JOINER_RISK], plan[joins], people.risk_units()[joins])
        np.add.at(tally[:, TURNED_AWAY], plan[accepted & turned_away], 1)

    def _set_clocks(self, people: People, status: NDArray[np.uint8]) -> None:
        """Draw when these decide next."""
        columns, outlook, rows = self.population.columns, people.outlook, people.rows
        place = status & PLACE_MASK
        member = (place >= GENERAL) & (place <= CHRONIC)
        rate = np.where(member, columns.attention[rows], columns.adoption[rows])
        u = draws(outlook.seed, luck.CLOCK, rows, outlook.period + 1)
        clock = outlook.readings[place] - np.log(u) * np.exp(-(rate / LOG_UNIT))
        columns.clock[rows] = np.where(rate == NO_RATE, np.inf, clock)
