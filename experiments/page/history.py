"""The history of a world as arrays: what is drawn many times a second has no time for data frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.pool import Pool
from model.report import Report


@dataclass(frozen=True)
class History:
    """Every measure so far."""

    days: list[str]
    """Publication days (ISO)."""
    pool: Pool
    """Whose history it is."""
    columns: dict[str, NDArray[Any]]
    """Measure -> its values, shape (days, plans)."""

    @property
    def plans(self) -> tuple[str, ...]:
        """The plans, in the order of the pool."""
        return self.pool.plan_names

    @classmethod
    def of_report(cls, report: Report) -> "History":
        """From the report of a model."""
        plans = len(report.pool.plan_names)
        columns = {name: values.reshape(-1, plans) for name, values in report.columns().items()}
        return cls(report.index()["date"][::plans], report.pool, columns)

    def of(self, plan: str, name: str) -> NDArray[np.float64]:
        """A measure of a plan, shape (days,)."""
        return np.asarray(self.columns[name][:, self.plans.index(plan)], dtype=np.float64)

    def total(self, name: str) -> NDArray[np.float64]:
        """A measure, summed over plans, shape (days,)."""
        return np.asarray(self.columns[name].sum(axis=1), dtype=np.float64)

    def recent_mean(self, plan: str, name: str, number: str, settlements: int) -> NDArray[np.float64]:
        """A mean over all the people counted in `number` in the last settlements; nan where there were none."""
        people = self.of(plan, number)
        weighted = np.nan_to_num(self.of(plan, name)) * people
        totals = np.cumsum(np.pad([weighted, people], ((0, 0), (settlements, 0))), axis=1)
        sums = totals[:, settlements:] - totals[:, :-settlements]
        return np.asarray(np.divide(sums[0], sums[1], out=np.full(people.size, np.nan), where=sums[1] > 0))
