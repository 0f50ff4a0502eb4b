"""The model on the page: one world, or two with the same people and the same random numbers, and what is read off them.

This is the one file of the page that knows the model's calendar and its events.
"""

import gc
import threading
from datetime import date

import numpy as np
from numpy.typing import NDArray

from agents import inspection
from agents.context import Context
from agents.crowd.driver import Illness
from agents.population import FIRST_PLAN
from experiments.page.choice import Choice
from experiments.page.crowd import Crowd
from model.errors import UserError
from model.events import events_of
from model.model import MutualAidModel
from model.pool_file import Event
from model.scenario import Scenario


class Watched(MutualAidModel):
    """A world with a crowd that is watched."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.crowd = Crowd(self)

    def apply_health_events(self, context: Context, counts: NDArray[np.int64]) -> Illness:
        """The health events come; before them the crowd has decided."""
        self.crowd.after_decisions()
        return super().apply_health_events(context, counts)

    def step(self) -> None:
        """One period."""
        super().step()
        self.crowd.after_period(self.period - 1)

    def day(self, period: int) -> date:
        """The day on which the settlement of a period is published."""
        return self.calendar.published(period)

    @property
    def days(self) -> tuple[date, date]:
        """The launch, and the publication of the last settlement."""
        return self.calendar.launch, self.calendar.published(self.scenario.periods - 1)

    @property
    def settlement(self) -> str:
        """What the last settlement is called; nothing before the first."""
        return self.calendar.label(self.period - 1) if self.period else ""

    def events(self) -> list[Event]:
        """What has happened around the pool so far."""
        return [event for event in events_of(self.scenario) if event.day <= self.day(max(0, self.period - 1))]


class Pace:
    """Keeps a model that plays from running ahead of the browser that shows it."""

    PATIENCE = 1.0
    """Seconds: a browser that does not answer, such as one out of sight, slows a model down and never stops it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._drawn = ""
        """The last moment that the browser has drawn; nothing as long as no browser looks on."""
        self._listener = 0
        """The thread in which the browser's events arrive: if it waited for one, none would come."""

    def drawn(self, moment: str) -> None:
        """Note that the browser has drawn everything up to a moment."""
        with self._changed:
            self._drawn, self._listener = moment, threading.get_ident()
            self._changed.notify_all()

    def wait_for(self, moments: set[str]) -> None:
        """Wait until the browser has drawn one of these moments last, if one looks on."""
        with self._changed:
            if self._listener == threading.get_ident():
                return
            self._changed.wait_for(lambda: not self._drawn or self._drawn in moments, self.PATIENCE)


class Visit:
    """What one visitor has chosen, and the last choice that could be built. Reset makes worlds of it."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.built = Choice()
        self.pace = Pace()
        self.models = 0
        """Models that were made for the visitor."""


class PageModel(Watched):
    """The first world of a visitor; the second, if they want one, steps with it.

    Args:
        scenario: what Mesa's Reset passes, and not looked at: the visit knows the choice.
        visit: whose worlds they are.
    """

    def __init__(self, scenario: Scenario | None = None, *, visit: Visit | None = None) -> None:
        # Models refer to themselves, and the collector counts objects, not bytes: a few Resets would fill the memory.
        gc.collect()
        visit = visit or Visit(Choice())
        visit.models += 1
        self._number, self.pace = visit.models, visit.pace
        self.still = threading.RLock()
        """Held while a world steps, and while what it shows is read off."""
        self.refused = ""
        """Why the choice could not be built, if it could not; the last one that could is used instead."""
        try:
            first, second = visit.choice.build()
            visit.built = visit.choice
        except UserError as error:
            self.refused = str(error)
            first, second = visit.built.build()
        self.choice = visit.built
        super().__init__(first)
        self.second = None if second is None else Watched(second)

    @property
    def worlds(self) -> list[Watched]:
        """The first world, and the second if there is one."""
        return [self] if self.second is None else [self, self.second]

    @property
    def moment(self) -> str:
        """What tells one state of one model of a visitor from all others."""
        return f"{self._number}:{self.period}"

    def step(self) -> None:
        """One period of every world; at most one that came before is still being drawn by the browser."""
        self.pace.wait_for({self.moment, f"{self._number}:{self.period - 1}"})
        with self.still:
            super().step()
            if self.second is not None:
                self.second.step()


def warm_up() -> None:
    """Let Numba compile what the page needs, in the thread that calls: one that serves could not be interrupted."""
    from experiments.page.demand import demand

    model = PageModel()
    model.step()
    demand(model)
    columns = model.population.columns
    person = inspection.as_they_were(columns, 0, FIRST_PLAN)
    for joining in (True, False):
        inspection.offer_to(person, joining, 0, model.context, model.behaviour)
    inspection.plans_for(person, np.zeros(1, dtype=np.int64), model.context)
