"""The crowd: some thousand people who are watched through a run, and the life of each of them.

The watched are rows at equal distances; watching them changes nothing. Their status and the clock on which they next
decide are noted twice a period, after the decisions and after the health events, so that a life can be told afterwards.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import inspection, luck, rules
from agents.context import Context
from agents.crowd.driver import Illness
from agents.population import (
    BARRED,
    CONCEALED,
    FIRST_PLAN,
    FRAILTY_UNIT,
    MALE,
    OUT,
    PLACE_MASK,
    SIGNS,
    UNAWARE,
    is_member,
)
from model.claims import REFUSED, sampled_claims

if TYPE_CHECKING:
    from experiments.page.worlds import Watched

WATCHED = 4_000
"""People in the panel, at most."""
STATES = (*inspection.STATES, "paid")
PAID = len(inspection.STATES)


class Noted(NamedTuple):
    """What was seen of the watched at one moment, shape (watched,) each."""

    status: NDArray[np.uint8]
    clock: NDArray[np.float32]


@dataclass(frozen=True)
class Claim:
    """The claim of someone who was watched, as the draws of their own case give it."""

    filed: int
    """Period."""
    money: float
    refused: bool


class Seen(NamedTuple):
    """The crowd now, one place for each who is not dead, shape (people,) each."""

    row: NDArray[np.int64]
    age: NDArray[np.float64]
    """Years."""
    risk: NDArray[np.float64]
    """Critical illnesses per 1,000 and year; of the ill, the last before the illness."""
    state: NDArray[np.int64]
    """Position in `STATES`."""
    signs: NDArray[np.bool_]


class Event(NamedTuple):
    """One thing that happened to someone."""

    day: date
    what: str
    worth: float
    """The most that they would pay for a year, in the pool's currency; nan where nothing was weighed."""
    price: float
    """What they expected a year to cost; nan where nothing was weighed."""
    bill: float
    """The share of the settlement before; nan where nothing was weighed."""


class Life(NamedTuple):
    """One person: who they are, and what happened."""

    row: int
    who: str
    events: list[Event]


class Crowd:
    """The watched people of a model."""

    def __init__(self, model: "Watched") -> None:
        self._model = model
        pool = model.scenario.pool
        self._labels = [pool.plan_labels[plan] for plan in pool.plan_names]
        self._money = pool.rules.currency.name
        everybody = len(model.population)
        self.rows: NDArray[np.int64] = np.arange(0, everybody, max(1, everybody // WATCHED), dtype=np.int64)[:WATCHED]
        self.contexts: list[Context] = []
        self.bills: list[list[float]] = []
        """The shares that people knew when they decided in each period, by plan."""
        self.moments: list[Noted] = [self._now()]
        """Before the first period, and then two a period."""
        self.claims: dict[int, Claim] = {}
        """Watched position -> the claim."""
        self.paid: dict[int, int] = {}
        """Watched position -> the period in which their claim was paid or refused."""
        self._risk = inspection.own_risks(model.population.columns, self.rows, model.context)
        self._bill = [0.0] * len(model.plans)

    def _now(self) -> Noted:
        columns = self._model.population.columns
        return Noted(columns.status[self.rows], columns.clock[self.rows])

    def after_decisions(self) -> None:
        """Note how people decided."""
        self.contexts.append(self._model.context)
        self.bills.append(self._bill)
        self.moments.append(self._now())

    def after_period(self, period: int) -> None:
        """Note who fell ill, and whose claim was settled, in the period that has just ended."""
        model = self._model
        decided = self.moments[-1]
        self.moments.append(self._now())
        columns = model.population.columns
        self._bill = [model.report.last("share", plan) for plan in range(len(model.plans))]
        place = decided.status & PLACE_MASK
        fell_ill = (columns.illness[self.rows] == period) & (place >= FIRST_PLAN)
        self._enter(np.flatnonzero(fell_ill), decided.status, period)
        for position, claim in self.claims.items():
            open_claims = model.claims.totals[claim.filed].sum()
            if position not in self.paid and claim.filed + model.scenario.review_periods <= period and open_claims == 0:
                self.paid[position] = period
        risk = inspection.own_risks(columns, self.rows, self.contexts[-1])
        self._risk = np.where(columns.status[self.rows] & PLACE_MASK == OUT, self._risk, risk)

    def _enter(self, positions: NDArray[np.int64], status: NDArray[np.uint8], period: int) -> None:
        """Draw the claims of those who fell ill as members, by the draws of their own cases."""
        model = self._model
        rows = self.rows[positions]
        if not rows.size:
            return
        columns = model.population.columns
        ill = Illness(
            rows,
            (status[positions] & PLACE_MASK).astype(np.int64) - FIRST_PLAN,
            columns.joined[rows].astype(np.int64),
            (status[positions] & CONCEALED) != 0,
        )
        half_month = self.contexts[-1].half_month
        found = sampled_claims(columns, ill, model.health, model.cover, period, half_month, model.claims.terms)
        of_row = dict(zip(rows.tolist(), positions.tolist(), strict=True))
        for row, lag, what, refused in zip(found.row, found.lag, found.benefit_class, found.refused, strict=True):
            money = float(model.claims.amounts[what])
            self.claims[of_row[int(row)]] = Claim(period + int(lag), money, bool(refused == REFUSED))

    def seen(self) -> Seen:
        """The crowd as it stands after the last period."""
        model = self._model
        columns = model.population.columns
        period = len(self.contexts) - 1
        context = self.contexts[-1] if self.contexts else model.context
        state = inspection.states(columns, self.rows, period, model.waits)
        state[[position for position in self.paid if not self.claims[position].refused]] = PAID
        alive = np.flatnonzero(state != inspection.DEAD)
        return Seen(
            self.rows[alive],
            inspection.ages(columns, self.rows[alive], context.half_month),
            1000 * self._risk[alive],
            state[alive],
            inspection.has_signs(columns, self.rows[alive]),
        )

    def life(self, row: int) -> Life:
        """What happened to one of the watched so far."""
        model = self._model
        position = int(np.searchsorted(self.rows, row))
        columns = model.population.columns
        events: list[Event] = []
        half_month = (self.contexts[-1] if self.contexts else model.context).half_month
        age = (half_month - 2 * int(columns.birth_month[row])) / 24
        sex = "man" if columns.body[row] & MALE else "woman"
        frailty = float(columns.frailty[row]) / FRAILTY_UNIT
        who = f"Row {row:,}: a {sex}, {age:.1f} years old, {frailty:.2f} times the risk of their age and sex"
        for period, context in enumerate(self.contexts):
            before, decided, after = self.moments[2 * period : 2 * period + 3]
            day = model.day(period)
            if decided.clock[position] != before.clock[position]:
                events.append(self._decision(row, period, context, before, decided, position, day))
            events += [
                Event(day, what, np.nan, np.nan, np.nan)
                for what in self._fate(row, position, period, decided.status[position], after.status[position])
            ]
        return Life(row, who, events)

    def _decision(
        self, row: int, period: int, context: Context, before: Noted, decided: Noted, position: int, day: date
    ) -> Event:
        """What someone decided whose time had come, and what they weighed."""
        model = self._model
        was, now = int(before.status[position]) & PLACE_MASK, int(decided.status[position]) & PLACE_MASK
        person = inspection.as_they_were(model.population.columns, row, int(before.status[position]))
        names = self._labels
        if is_member(was):
            plan = was - FIRST_PLAN
            what = f"looks at the bill of the {names[plan]} and {'stays' if is_member(now) else 'leaves'}"
            offer = inspection.offer_to(person, False, plan, context, model.behaviour)
        else:
            plan = int(inspection.plans_for(person, np.zeros(1, dtype=np.int64), context)[0])
            heard = "hears of the pool" if was == UNAWARE else "thinks of the pool again"
            if plan < 0:
                return Event(day, f"{heard}; no plan takes people of this age", np.nan, np.nan, np.nan)
            offer = inspection.offer_to(person, True, plan, context, model.behaviour)
            if is_member(now):
                how = ", concealing warning signs" if decided.status[position] & CONCEALED else ""
                what = f"{heard} and joins the {names[now - FIRST_PLAN]}{how}"
            elif now == BARRED:
                what = f"{heard}; the {names[plan]} is not open to them yet"
            elif before.status[position] & SIGNS and self._accepted(row, offer, context):
                what = f"{heard}; the questionnaire turns them away for their warning signs"
            else:
                what = f"{heard} and stays outside"
        return Event(day, what, offer.worth, offer.price, self.bills[period][plan])

    def _accepted(self, row: int, offer: inspection.Offer, context: Context) -> bool:
        """Whether someone who considered joining wanted to."""
        u = luck.draw(context.seed, luck.JOIN, row, context.period)
        return bool(rules.accepts(*offer, self._model.behaviour.join_temperature, u))

    def _fate(self, row: int, position: int, period: int, decided: int, after: int) -> list[str]:
        """What happened to someone without their deciding."""
        columns = self._model.population.columns
        found = []
        was, now = decided & PLACE_MASK, after & PLACE_MASK
        if (decided ^ after) & SIGNS and now != OUT:
            found.append("warning signs appear: worried" if after & SIGNS else "the warning signs pass")
        if was != OUT and now == OUT:
            found.append("falls critically ill" if columns.illness[row] == period else "dies of something else")
        elif is_member(was) and was != now:
            names = self._labels
            goes_on = f"goes on in the {names[now - FIRST_PLAN]}" if is_member(now) else "does not go on"
            found.append(f"is too old for the {names[was - FIRST_PLAN]} and {goes_on}")
        claim = self.claims.get(position)
        if claim is not None and claim.filed == period:
            found.append("files a claim")
        if self.paid.get(position) == period and claim is not None:
            found.append("the claim is refused" if claim.refused else f"is paid {claim.money:,.0f} {self._money}")
        return found
