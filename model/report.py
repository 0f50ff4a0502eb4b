"""The report of a run: every measure of every period, for the history, for Mesa's collector and for the page.

The model writes it and never reads it back.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import mesa
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.platform import PlanSettlement
from agents.population import BIRTH_YEARS
from model.claims import GRANTED
from model.measures import MEASURES, Periods, Settled
from model.pool import Pool
from model.scenario import Scenario

SEXES = ("female", "male")


class BornIn(NamedTuple):
    """Who was in the pool and who was paid, by year of birth."""

    first_year: int
    """The year of birth that comes first."""

    members: NDArray[np.int64]
    """Rows, shape (periods, plans, 120)."""
    recipients: NDArray[np.float64]
    """People, by sex, too; shape (periods, plans, 2, 120)."""


class Report:
    """What was measured so far, by plan and period."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._settled: list[Settled] = []
        self._columns: dict[str, NDArray[Any]] = {}
        """Measures of all periods so far, once they were asked for."""

    @property
    def periods(self) -> int:
        """How many periods there are."""
        return len(self._settled)

    def add(self, settled: Settled) -> None:
        """Note what a period has come to."""
        self._settled.append(settled)
        self._columns = {}

    @property
    def settlements(self) -> list[PlanSettlement]:
        """The settlement of each plan in the last period."""
        return self._settled[-1].settlements

    def last(self, name: str, plan: int) -> float:
        """The last value of a measure; before the first period nothing has happened."""
        return float(MEASURES[name].of(Periods(self._settled[-1:]))[0, plan]) if self.periods else 0.0

    def row(self, plan: int) -> dict[str, float]:
        """All measures of a plan in the last period."""
        return {name: self.last(name, plan) for name in MEASURES}

    def series(self, name: str, plan: int | None = None) -> NDArray[Any]:
        """A measure by period, shape (periods,), of one plan or summed over plans."""
        values = self.columns()[name].reshape(self.periods, len(self.pool.plan_names))
        return np.asarray(values.sum(axis=1) if plan is None else values[:, plan])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Every measure, a value per period and plan, shape (periods x plans,)."""
        if not self._columns:
            periods = Periods(self._settled)
            empty = np.empty(0)
            self._columns = {
                name: measure.of(periods).reshape(-1) if self.periods else empty for name, measure in MEASURES.items()
            }
        return self._columns

    def index(self) -> dict[str, list[str]]:
        """Period, date and plan of each value in `columns`."""
        periods, plans, calendar = range(self.periods), self.pool.plan_names, self.pool.calendar
        return {
            "period": [calendar.label(period) for period in periods for _ in plans],
            "date": [calendar.published(period).isoformat() for period in periods for _ in plans],
            "plan": list(plans) * self.periods,
        }

    def history(self) -> pd.DataFrame:
        """One row per period and plan; columns: period, date, plan, and every measure."""
        return pd.DataFrame(self.index() | self.columns())

    def born_in(self) -> BornIn:
        """Members and recipients by year of birth, as arrays; of a run that has settled at least once."""
        members = np.array([period.in_force.members.sum(axis=1) for period in self._settled])
        shape = self.periods, len(self.pool.plan_names), len(SEXES), BIRTH_YEARS
        granted = [period.decided.people[:, :, GRANTED].sum(axis=1) for period in self._settled]
        return BornIn(self.pool.calendar.first_birth_year, members, np.array(granted).reshape(shape))

    def by_birth_year(self) -> pd.DataFrame:
        """Members and recipients by sex and year of birth: a row for each that has any.

        Columns: period, date, plan, sex, birth_year, members, recipients.
        """
        calendar = self.pool.calendar
        shape = self.periods, len(self.pool.plan_names), len(SEXES), BIRTH_YEARS
        rows = np.array([period.in_force.members for period in self._settled]).reshape(shape)
        recipients = self.born_in().recipients if self.periods else np.empty(shape)
        cells = period, plan, sex, year = np.nonzero((rows > 0) | (recipients > 0))
        return pd.DataFrame(
            {
                "period": [calendar.label(p) for p in period.tolist()],
                "date": [calendar.published(p).isoformat() for p in period.tolist()],
                "plan": np.array(self.pool.plan_names)[plan],
                "sex": np.array(SEXES)[sex],
                "birth_year": calendar.first_birth_year + year,
                "members": np.rint(rows[cells] * Periods(self._settled).scale).astype(np.int64),
                "recipients": recipients[cells],
            }
        )


class _Reported(Protocol):
    """A model that keeps a report."""

    report: Report
    scenario: Scenario


def _read(model: _Reported, name: str, plan: int | None) -> float:
    if plan is None:
        return sum(model.report.last(name, each) for each in range(len(model.report.pool.plan_names)))
    return model.report.last(name, plan)


def _read_seed(model: _Reported) -> int:
    return int(model.scenario.seed)


def reporters(plan_names: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """Name of a reporter -> its measure and plan: totals over plans, and every measure of every plan."""
    totals: dict[str, tuple[str, int | None]] = {f"total_{name}": (name, None) for name in ("members", "recipients")}
    return totals | {f"{owner}_{name}": (name, plan) for plan, owner in enumerate(plan_names) for name in MEASURES}


class Collector(mesa.DataCollector):  # type: ignore[misc]
    """A `DataCollector` that takes its values from the report when they are asked for, not at every step.

    A hundred reporters that copy one number each would take longer than the period.
    """

    def __init__(self, model: _Reported) -> None:
        self._reporters = reporters(model.report.pool.plan_names)
        readers = {name: partial(_read, name=measure, plan=plan) for name, (measure, plan) in self._reporters.items()}
        self._model = model
        self._collected: list[int] = []
        """Periods that the report held at each collection."""
        self._values: dict[str, list[Any]] = {}
        super().__init__(model_reporters={"seed": _read_seed} | readers)

    def collect(self, model: Any) -> None:
        """Note that the report is collected now."""
        self._collection_steps.append(model.time)
        self._collected.append(self._model.report.periods)

    @property
    def model_vars(self) -> dict[str, list[Any]]:
        """The values of every reporter, a list each: one value for each collection, 0 before the first period."""
        if len(self._values.get("seed", ())) != len(self._collected):
            report = self._model.report
            self._values = {"seed": [_read_seed(self._model)] * len(self._collected)}
            for name, (measure, plan) in self._reporters.items():
                values = np.concatenate([[0], report.series(measure, plan)])
                self._values[name] = values[self._collected].tolist()
        return self._values

    @model_vars.setter
    def model_vars(self, values: dict[str, list[Any]]) -> None:
        """Ignore the empty lists that Mesa's constructor starts with."""
