"""A run that is watched: what its pictures need beyond its history, as data frames. Watching changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.inspection import own_risks
from agents.population import FIRST_PLAN, LEFT, MALE, PLACE_MASK
from experiments.explain.accounting import observe
from model.claims import GRANTED, Claims, Decided, Sampled, terms_of
from model.model import MutualAidModel
from model.scenario import Scenario

DECILES = 10
PYRAMIDS = (0.25, 0.5, 0.75, 1.0)
"""The dates of the age pyramids, as shares of the settlements in which the pool has members."""
MOST_QUARTERS = 16
"""Longer histories have a run-off by years."""
BASES = {"own": "own risk", "relative": "own risk over the average of their age and sex"}
"""What members are divided into deciles by -> in words."""
AGE_CLASS = 5
"""Years."""


class RunOff(Claims):
    """The claims of a run, that also keep by period of diagnosis what will be granted, and when it was.

    Claims of one filing period are decided in the same proportion, so each period of diagnosis has its part of them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        filings = len(self.totals)
        self.open = np.zeros((filings, filings))
        """Money to be granted, by period of diagnosis and of filing."""
        self.granted = np.zeros((filings, filings))
        """Money granted, by period of diagnosis and of decision."""
        self._period = 0

    def _money(self) -> NDArray[np.float64]:
        """Money to be granted by filing period, shape (filing periods,)."""
        return np.asarray((self.totals[..., GRANTED] * self.amounts).sum(axis=(1, 2)))

    def expect(self, *args: Any, **kwargs: Any) -> None:
        """Take in expected claims."""
        before = self._money()
        super().expect(*args, **kwargs)
        self.open[self._period] += self._money() - before

    def enter(self, claims: Sampled, period: int, half_month: int) -> None:
        """Take in sampled claims."""
        before = self._money()
        super().enter(claims, period, half_month)
        self.open[period] += self._money() - before

    def file(self, period: int, postponed: float) -> NDArray[np.float64]:
        """File what is due; what is put off is filed a period later."""
        before = self._money()[period]
        filed = super().file(period, postponed)
        if before > 0:
            later = self.open[:, period] * (1 - self._money()[period] / before)
            self.open[:, period] -= later
            self.open[:, period + 1] += later
        return filed

    def review(self, capacity: float, filed_by: int) -> Decided:
        """Decide claims; the last act of a period."""
        before = self._money()
        decided = super().review(capacity, filed_by)
        taken = 1 - np.divide(self._money(), before, out=np.ones_like(before), where=before > 0)
        gone = self.open * taken
        self.open -= gone
        self.granted[:, self._period] = gone.sum(axis=1)
        self._period += 1
        return decided


class WatchedModel(MutualAidModel):
    """A model of which is kept when each member first joined and left, how ill they might be then, and the run-off."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        terms = terms_of(scenario, self.plans)
        self.claims: RunOff = RunOff(
            self.benefits.amounts, len(self.plans), scenario.periods, terms, expected=scenario.expected_claims
        )
        people = len(self.population)
        self.joined_in = np.full(people, -1, dtype=np.int16)
        """Period of the first joining, -1 before; shape (people,)."""
        self.ended_in = np.full(people, -1, dtype=np.int16)
        """Period in which that membership ended, -1 before."""
        self.left = np.zeros(people, dtype=np.bool_)
        """Whether it ended by their own decision."""
        self.risk_at_joining = np.zeros((2, people), dtype=np.float32)
        """At joining: own risk (illnesses a year), and the same over the average of their age and sex."""

    def step(self) -> None:
        """One period."""
        period = self.period
        super().step()
        columns, context = self.population.columns, self.context
        place = columns.status & PLACE_MASK
        member = place >= FIRST_PLAN
        new = np.flatnonzero(member & (self.joined_in < 0))
        self.joined_in[new] = period
        own = own_risks(columns, new, context)
        ages = (context.half_month - 2 * columns.birth_month[new].astype(np.int64)) // 24
        ages = np.clip(ages, 0, self.health.incidence.shape[1] - 1)
        self.risk_at_joining[:, new] = (
            own,
            own / np.maximum(self.health.incidence[columns.body[new] & MALE, ages], 1e-12),
        )
        over = np.flatnonzero(~member & (self.joined_in >= 0) & (self.ended_in < 0))
        self.ended_in[over] = period
        self.left[over] = place[over] == LEFT


@dataclass(frozen=True)
class Frames:
    """What the pictures of a run are drawn from. Written as a file each, they can be drawn again without simulating."""

    settlements: pd.DataFrame
    """As `accounting.observe` makes it: what the cost of a member is made of."""
    pyramid: pd.DataFrame
    """Members at four dates: date, plan, sex, age (first year of the class), members (people)."""
    survival: pd.DataFrame
    """`survival` for each of `BASES`: basis, decile, people (who ever joined, rows), years, staying (share)."""
    runoff: pd.DataFrame
    """As `run_off` makes it."""

    def files(self) -> dict[str, pd.DataFrame]:
        """Name of a file -> what stands in it."""
        return {f"{name}.csv": frame for name, frame in vars(self).items()}


def watch(scenario: Scenario, progress: Callable[[int, int], None]) -> tuple[WatchedModel, Frames]:
    """Run a scenario to its end and keep what its pictures need."""
    model = WatchedModel(scenario)
    settlements = observe(scenario, progress, model)
    by_birth_year = model.report.by_birth_year()
    return model, Frames(settlements, pyramid(by_birth_year), survival_of(model), run_off_of(model))


def pyramid(by_birth_year: pd.DataFrame) -> pd.DataFrame:
    """Members by age class and sex at four dates.

    Args:
        by_birth_year: as `Report.by_birth_year` makes it.
    """
    columns = ["date", "plan", "sex", "age", "members"]
    with_members = by_birth_year[by_birth_year["members"] > 0]
    days = sorted(with_members["date"].unique())
    if not days:
        return pd.DataFrame(columns=columns)
    chosen = [days[max(0, round(share * len(days)) - 1)] for share in PYRAMIDS]
    rows = with_members[with_members["date"].isin(chosen)]
    age = (rows["date"].str[:4].astype(int) - rows["birth_year"]).clip(lower=0)
    rows = rows.assign(age=age // AGE_CLASS * AGE_CLASS)
    return rows.groupby(["date", "plan", "sex", "age"], sort=True)["members"].sum().reset_index()[columns]


def survival_of(model: WatchedModel) -> pd.DataFrame:
    """Survival of the first membership by decile of risk at joining, on both bases."""
    joined = np.flatnonzero(model.joined_in >= 0)
    begun, ended = model.joined_in[joined].astype(np.int64), model.ended_in[joined].astype(np.int64)
    lasted = np.where(ended >= 0, ended, model.period - 1) - begun
    parts = []
    for risk, basis in zip(model.risk_at_joining, BASES, strict=True):
        found = survival(lasted, model.left[joined], risk[joined], model.calendar.per_year)
        found.insert(0, "basis", basis)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def survival(
    lasted: NDArray[np.int64], left: NDArray[np.bool_], risk: NDArray[np.floating], per_year: int
) -> pd.DataFrame:
    """How long people stay by decile of their risk (Kaplan & Meier 1958).

    Only who leaves by their own decision has left: illness, death, an age limit and the end of the run end the watch.

    Args:
        lasted: settlements from joining to the end of the membership or of the watch, shape (people,).
        left: whether the membership ended by their own decision, shape (people,).
        risk: by which they are divided, shape (people,).
        per_year: settlements of a year.
    """
    columns = ["decile", "people", "years", "staying"]
    if lasted.size < DECILES:
        return pd.DataFrame(columns=columns)
    decile = np.argsort(np.argsort(risk, kind="stable"), kind="stable") * DECILES // risk.size
    longest = int(lasted.max()) + 1
    parts = []
    for number in range(DECILES):
        those = decile == number
        ends = np.bincount(lasted[those], minlength=longest)
        leavers = np.bincount(lasted[those & left], minlength=longest)
        watched = ends[::-1].cumsum()[::-1]
        some = watched > 0
        staying = np.cumprod(1 - leavers[some] / watched[some])
        years = np.arange(longest)[some] / per_year
        parts.append(
            pd.DataFrame({"decile": number + 1, "people": int(those.sum()), "years": years, "staying": staying})
        )
    return pd.concat(parts, ignore_index=True)


def run_off_of(model: WatchedModel) -> pd.DataFrame:
    """The run-off triangle of a model that has run."""
    periods = model.period
    days = [model.calendar.published(period) for period in range(periods)]
    claims = model.claims
    owed = claims.open[:periods].sum(axis=1)
    return run_off(claims.granted[:periods, :periods], owed, days)


def run_off(granted: NDArray[np.float64], owed: NDArray[np.float64], days: list[date]) -> pd.DataFrame:
    """The run-off triangle: what of the aid for illnesses of one time was granted how much later.

    Args:
        granted: money by period of diagnosis and of decision, shape (periods, periods).
        owed: money not yet decided, by period of diagnosis, shape (periods,).
        days: the publication of each period.

    Returns:
        A row a time of diagnosis and delay that lies in the run: `diagnosed` (a quarter or year), `unit`, `delay` (in
        that unit), `granted` (money so far), `ultimate` (money in all, with what is owed).
    """
    columns = ["diagnosed", "unit", "delay", "granted", "ultimate"]
    quarters = np.array([4 * day.year + (day.month - 1) // 3 for day in days])
    if not days:
        return pd.DataFrame(columns=columns)
    by_year = quarters[-1] - quarters[0] >= MOST_QUARTERS
    of = quarters // 4 if by_year else quarters
    lines = []
    for time in range(of[0], of[-1] + 1):
        here = of == time
        ultimate = granted[here].sum() + owed[here].sum()
        if not here.any() or ultimate <= 0:
            continue
        label = str(time) if by_year else f"{time // 4} Q{time % 4 + 1}"
        for delay in range(of[-1] - time + 1):
            so_far = granted[here][:, of <= time + delay].sum()
            lines.append((label, "year" if by_year else "quarter", delay, so_far, ultimate))
    return pd.DataFrame(lines, columns=columns)
