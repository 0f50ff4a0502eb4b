"""Member: one row of the population as an ordinary Mesa agent.

For teaching, subclassing, inspection and drawing. It holds nothing but its row number; what it is and knows stands
in the columns, looked up through the model, so that views of one population never disagree. It decides by the same
functions as the crowd (`agents/decisions.py`): a model run member by member, in any order, equals it bit for bit.
"""

from typing import Protocol

import mesa
import numpy as np
from numpy.typing import NDArray

from agents import decisions, luck, rules
from agents.cohorts import wait_of
from agents.context import Behaviour, Context
from agents.crowd.driver import Illness
from agents.population import (
    CONCEALED,
    DIE,
    FALL_ILL,
    FIRST_PLAN,
    FRAILTY_UNIT,
    PLACE_MASK,
    SIGNS,
    SIGNS_APPEAR,
    SIGNS_PASS,
    Columns,
    Population,
    is_member,
    places_of,
)


class World(Protocol):
    """What a model offers its members."""

    population: Population
    plan_names: tuple[str, ...]
    cohorts: NDArray[np.int64]
    context: Context
    behaviour: Behaviour
    influence: NDArray[np.float32]
    counts: NDArray[np.int64]
    diagnosed: list[tuple[int, int, int, bool]]
    """Row, plan, period of joining and concealment of the members who fall ill in this period."""


class Member(mesa.Agent):  # type: ignore[misc]
    """A potential member, in a model that is a `World`."""

    model: World

    def __init__(self, model: World, row: int) -> None:
        super().__init__(model)
        self.row = row

    # What they are.

    @property
    def _columns(self) -> Columns:
        return self.model.population.columns

    @property
    def status(self) -> int:
        """Place and flags, as in `agents.population`."""
        return int(self._columns.status[self.row])

    @property
    def place(self) -> str:
        """Where they stand towards the pool: outside in some way, or a plan."""
        return places_of(self.model.plan_names)[self.status & PLACE_MASK]

    @property
    def plan(self) -> int:
        """The plan they are in, by its number, or -1."""
        place = self.status & PLACE_MASK
        return place - FIRST_PLAN if is_member(place) else decisions.NO_PLAN

    @property
    def has_signs(self) -> bool:
        """Whether they have warning signs now."""
        return bool(self.status & SIGNS)

    @property
    def frailty(self) -> float:
        """Own risk relative to age and sex."""
        return float(self._columns.frailty[self.row] / FRAILTY_UNIT)

    @property
    def body(self) -> int:
        """Bits: male, chronically ill, low credit."""
        return int(self._columns.body[self.row])

    @property
    def age_in_half_months(self) -> int:
        """Age this period."""
        return self.model.context.half_month - 2 * int(self._columns.birth_month[self.row])

    @property
    def age(self) -> float:
        """Age in years this period."""
        return self.age_in_half_months / 24

    @property
    def own_risk(self) -> float:
        """Incidence per person-year given all that is true of them."""
        return float(decisions.own_risk(self._columns, self.row, self.model.context))

    def willingness_to_pay(self, plan: int, knowledge: float = 1.0) -> float:
        """What a year in this plan is worth to them when this share of what they know counts."""
        world = self.model
        return float(decisions.willingness(self._columns, self.row, plan, world.context, world.behaviour, knowledge))

    # What they do.

    def decide(self) -> None:
        """Hear and join, or notice and leave, if the public clock has reached one's own wake-up."""
        if self._columns.clock[self.row] <= self.model.context.readings[self.status & PLACE_MASK]:
            if self.plan >= 0:
                self.consider_staying()
            else:
                self.consider_joining()

    def consider_staying(self) -> None:
        """Look at the bill, and stay or leave."""
        world, columns, row, plan = self.model, self._columns, self.row, self.plan
        offer = decisions.offer_to_stay(columns, row, plan, world.context, world.behaviour, world.influence)
        accepted = self._accepts(*offer, world.behaviour.stay_temperature, luck.STAY)
        patience = decisions.next_patience(row, world.context)
        decisions.stay_or_leave(
            columns, row, plan, accepted, patience, world.context, world.behaviour, world.cohorts, world.counts
        )

    def consider_joining(self) -> None:
        """Hear of the pool, or think of it again, and join or not."""
        world, columns, row = self.model, self._columns, self.row
        plan = decisions.eligible_plan(self.age_in_half_months, self.body, world.context)
        offer = decisions.offer_to_join(columns, row, plan, world.context, world.behaviour, world.influence)
        accepted = self._accepts(*offer, world.behaviour.join_temperature, luck.JOIN)
        patience = decisions.next_patience(row, world.context)
        decisions.join_or_not(
            columns, row, plan, accepted, patience, world.context, world.behaviour, world.cohorts, world.counts
        )

    def age_out(self) -> None:
        """Become too old for one's plan, and go on in another or not."""
        world, columns, row = self.model, self._columns, self.row
        to, accepted = decisions.transfer_plan(columns, row, world.context), False
        if to >= 0:
            offer = decisions.offer_to_transfer(columns, row, to, world.context, world.behaviour, world.influence)
            accepted = decisions.accepts_transfer(row, *offer, world.context, world.behaviour)
        patience = decisions.next_patience(row, world.context)
        decisions.transfer_or_age_out(
            columns, row, to, accepted, patience, world.context, world.behaviour, world.cohorts, world.counts
        )

    def think_again_later(self) -> None:
        """Leave everything as it is until one next decides, after a time drawn anew."""
        context = self.model.context
        decisions.set_wake_up(self._columns, self.row, decisions.next_patience(self.row, context), context)

    def meet_fate(self) -> None:
        """Age and fall ill: the health events drawn for this period."""
        world, columns, row = self.model, self._columns, self.row
        fate, period = world.population.fate, world.context.period
        first, last = fate.start[period], fate.start[period + 1]
        left, right = np.searchsorted(fate.row[first:last], [row, row + 1])
        for event in fate.event[first + left : first + right]:
            if event in (SIGNS_APPEAR, SIGNS_PASS):
                decisions.change_signs(columns, row, world.context, world.cohorts)
            elif event in (FALL_ILL, DIE):
                joined = int(columns.joined[row])
                # Those who are no members have no wait, and make no case.
                covered_from = joined + (wait_of(self.status, joined, world.context.waits) if self.plan >= 0 else 0)
                case = row, self.plan, covered_from, bool(self.status & CONCEALED)
                ill = bool(event == FALL_ILL)
                if decisions.end_membership(columns, row, ill, world.context, world.cohorts, world.counts) and ill:
                    world.diagnosed.append(case)
            elif decisions.ages_out(columns, row, world.context):
                self.age_out()

    def _accepts(self, worth: float, price: float, noise: float, stream: np.uint64) -> bool:
        context = self.model.context
        return bool(rules.accepts(worth, price, noise, luck.draw(context.seed, stream, self.row, context.period)))


def as_illness(diagnosed: list[tuple[int, int, int, bool]]) -> Illness:
    """What members reported one by one, in row order, as the crowd reports it."""
    rows, plans, covered_from, concealed = zip(*sorted(diagnosed), strict=True) if diagnosed else ((), (), (), ())
    return Illness(
        np.array(rows, dtype=np.int64),
        np.array(plans, dtype=np.int64),
        np.array(covered_from, dtype=np.int64),
        np.array(concealed, dtype=np.bool_),
    )
