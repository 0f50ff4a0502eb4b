"""Member: one row of the population as an ordinary Mesa agent.

For teaching, subclassing, inspection and drawing. It holds nothing but its row number; what it is and knows stands
in the columns, looked up through the model, so that views of one population never disagree. A model run member by
member, in any order, equals the crowd bit for bit.
"""

from typing import TYPE_CHECKING, Any

import mesa
import numpy as np

from agents import luck, rules
from agents.crowd import (
    AGED_OUT,
    CONSIDERED,
    DIED,
    ILL,
    JOINED,
    JOINER_RISK,
    LEAVER_RISK,
    LEFT_PLAN,
    NOTICED,
    RISK_UNIT,
    TRANSFERRED_IN,
    TURNED_AWAY,
    Illness,
    plan_for,
)
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
    PLACES,
    SENIORS,
    SIGNS,
    SIGNS_APPEAR,
    SIGNS_PASS,
    Population,
    from_log,
)
from agents.rolls import count

_SENIORS_PLAN = SENIORS - GENERAL


class Member(mesa.Agent):  # type: ignore[misc]
    """A potential member. `model` must offer `population`, `rolls`, `outlook`, `tally` and `diagnosed`."""

    if TYPE_CHECKING:
        model: Any

    def __init__(self, model: Any, row: int) -> None:
        super().__init__(model)
        self.row = row

    # What they are.

    @property
    def _population(self) -> Population:
        population: Population = self.model.population
        return population

    @property
    def status(self) -> int:
        """Place and flags, as in `agents.population`."""
        return int(self._population.columns.status[self.row])

    @property
    def place(self) -> str:
        """Where they stand towards the pool: one of `PLACES`."""
        return PLACES[self.status & PLACE_MASK]

    @property
    def plan(self) -> int:
        """The plan they are in (0 general, 1 seniors, 2 chronic), or -1."""
        place = self.status & PLACE_MASK
        return place - GENERAL if GENERAL <= place <= CHRONIC else -1

    @property
    def has_signs(self) -> bool:
        """Whether they have warning signs now."""
        return bool(self.status & SIGNS)

    @property
    def frailty(self) -> float:
        """Own risk relative to age and sex."""
        return float(self._population.columns.frailty[self.row] / FRAILTY_UNIT)

    @property
    def body(self) -> int:
        """Bits: male, chronically ill, low credit."""
        return int(self._population.columns.body[self.row])

    def age_in_half_months(self, outlook: Outlook) -> int:
        """Age this period."""
        return outlook.half_month - 2 * int(self._population.columns.birth_month[self.row])

    @property
    def age(self) -> float:
        """Age in years this period."""
        return self.age_in_half_months(self.model.outlook) / 24

    def own_risk(self, outlook: Outlook) -> float:
        """Incidence per person-year given all that is true of them."""
        well_risk = outlook.well_risk[self.body & MALE, self.age_in_half_months(outlook) // 24]
        return rules.own_risk(float(well_risk), self.frailty, self.has_signs, outlook.signs_risk)

    def reservation_price(self, plan: int, outlook: Outlook, knowledge: float) -> float:
        """The most they would pay for a year in this plan, yuan, when this share of what they know counts."""
        where = plan, self.body & MALE, self.age_in_half_months(outlook) // 24
        value = rules.perceived_value(
            float(outlook.fair[where]),
            float(outlook.fair_signs[where]),
            self.frailty,
            self.has_signs,
            knowledge * outlook.information,
            knowledge * outlook.signs_weight,
        )
        markup = from_log(int(self._population.columns.premium[self.row]))
        willingness = rules.willingness_to_pay(value, markup, outlook.trust)
        insurable = not (self.has_signs and knowledge > 0) and not self.body & CHRONICALLY_ILL
        return rules.reservation_price(willingness, float(outlook.insurer[where]), insurable)

    # What they do.

    def decide(self) -> None:
        """Hear and join, or notice and leave, if the public clock has reached one's own reading."""
        outlook = self.model.outlook
        place = self.status & PLACE_MASK
        if self._population.columns.clock[self.row] <= outlook.readings[place]:
            if self.plan >= 0:
                self.consider_staying(outlook)
            else:
                self.consider_joining(outlook)

    def consider_staying(self, outlook: Outlook) -> None:
        """Look at the bill, and stay or leave."""
        plan = self.plan
        tally = self.model.tally[plan]
        tally[NOTICED] += 1
        u = luck.draw(outlook.seed, luck.STAY, self.row, outlook.period)
        price = float(outlook.price[plan])
        worth = self.reservation_price(plan, outlook, outlook.exit_knowledge)
        if rules.accepts(worth, price, outlook.stay_temperature, u):
            self._set_clock(outlook)
            return
        tally[LEFT_PLAN] += 1
        tally[LEAVER_RISK] += int(self.own_risk(outlook) * RISK_UNIT)
        self._move(LEFT, outlook)

    def consider_joining(self, outlook: Outlook) -> None:
        """Hear of the pool, or think of it again, and join or not."""
        was = self.status & PLACE_MASK
        plan = plan_for(self.age_in_half_months(outlook), self.body, outlook)
        if plan < 0 or not outlook.open[plan]:
            door = AWARE if plan < 0 else BARRED
            self._move(LEFT if was == LEFT else door, outlook)
            return
        tally = self.model.tally[plan]
        tally[CONSIDERED] += 1
        price = float(outlook.price[plan]) + outlook.hassle
        u = luck.draw(outlook.seed, luck.JOIN, self.row, outlook.period)
        worth = self.reservation_price(plan, outlook, outlook.entry_knowledge)
        accepted = rules.accepts(worth, price, outlook.join_temperature, u)
        u = luck.draw(outlook.seed, luck.CONCEAL, self.row, outlook.period)
        answer = rules.conceals(self.has_signs, outlook.concealment, float(outlook.screening[plan]), u)
        gated = bool(outlook.gate and plan == 0 and self.body & LOW_CREDIT)
        where = rules.enrols(GENERAL + plan, gated, accepted, answer)
        if where == GENERAL + plan:
            self._move(where, outlook, joined=outlook.period, concealed=answer == 1)
            tally[JOINED] += 1
            tally[JOINER_RISK] += int(self.own_risk(outlook) * RISK_UNIT)
            return
        if accepted and answer == 2:
            tally[TURNED_AWAY] += 1
        self._move(LEFT if was == LEFT and where != BARRED else where, outlook)

    def meet_fate(self) -> None:
        """Age and fall ill: what was fated for this period."""
        outlook = self.model.outlook
        fate = self._population.fate
        first, last = fate.start[outlook.period], fate.start[outlook.period + 1]
        rows = fate.row[first:last]
        left, right = np.searchsorted(rows, [self.row, self.row + 1])
        for event in fate.event[first + left : first + right]:
            if event in (SIGNS_APPEAR, SIGNS_PASS):
                self._move(self.status & PLACE_MASK, outlook, signs=event == SIGNS_APPEAR)
            elif event in (FALL_ILL, DIE):
                self._fall(outlook, ill=event == FALL_ILL)
            elif self.plan in (0, CHRONIC - GENERAL):
                self._turn_sixty(outlook)

    # How it is written down.

    def _fall(self, outlook: Outlook, *, ill: bool) -> None:
        plan = self.plan
        if plan >= 0:
            self.model.tally[plan][ILL if ill else DIED] += 1
            if ill:
                joined = int(self._population.columns.joined[self.row])
                self.model.diagnosed.append((self.row, plan, joined, bool(self.status & CONCEALED)))
        self._move(OUT, outlook)

    def _turn_sixty(self, outlook: Outlook) -> None:
        self.model.tally[self.plan][AGED_OUT] += 1
        where = AWARE
        if outlook.open[_SENIORS_PLAN]:
            u = luck.draw(outlook.seed, luck.JOIN, self.row, outlook.period)
            worth = self.reservation_price(_SENIORS_PLAN, outlook, outlook.entry_knowledge)
            if rules.accepts(worth, float(outlook.price[_SENIORS_PLAN]), outlook.join_temperature, u):
                where = SENIORS
                tally = self.model.tally[_SENIORS_PLAN]
                tally[JOINED] += 1
                tally[TRANSFERRED_IN] += 1
                tally[JOINER_RISK] += int(self.own_risk(outlook) * RISK_UNIT)
        self._move(where, outlook)

    def _move(
        self,
        place: int,
        outlook: Outlook,
        *,
        joined: int | None = None,
        concealed: bool | None = None,
        signs: bool | None = None,
    ) -> None:
        """Write a change of place, and draw the next decision unless only the signs changed."""
        columns, rolls = self._population.columns, self.model.rolls
        count(rolls, columns, self.row, outlook.period, outlook.wait, -1)
        flags = self.status & ~PLACE_MASK
        if signs is not None:
            flags = flags | SIGNS if signs else flags & ~SIGNS
        if concealed is not None:
            flags = flags | CONCEALED if concealed else flags & ~CONCEALED
        if joined is not None:
            columns.joined[self.row] = joined
        columns.status[self.row] = place | flags
        count(rolls, columns, self.row, outlook.period, outlook.wait, 1)
        if signs is None:
            self._set_clock(outlook)

    def _set_clock(self, outlook: Outlook) -> None:
        columns = self._population.columns
        place = self.status & PLACE_MASK
        rate = int((columns.attention if self.plan >= 0 else columns.adoption)[self.row])
        if place == OUT or rate == NO_RATE:
            columns.clock[self.row] = np.inf
            return
        u = luck.draw(outlook.seed, luck.CLOCK, self.row, outlook.period + 1)
        columns.clock[self.row] = rules.next_notice(float(outlook.readings[place]), from_log(rate), rules.patience(u))


def as_illness(diagnosed: list[tuple[int, int, int, bool]]) -> Illness:
    """What members reported one by one, in row order, as the crowd reports it."""
    rows, plans, joined, concealed = zip(*sorted(diagnosed), strict=True) if diagnosed else ((), (), (), ())
    return Illness(
        np.array(rows, dtype=np.int64),
        np.array(plans, dtype=np.int64),
        np.array(joined, dtype=np.int64),
        np.array(concealed, dtype=np.bool_),
    )
