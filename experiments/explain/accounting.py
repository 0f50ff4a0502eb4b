"""Exact accounting: by how much a member's yearly share changed because of what.

The share of a plan in a year is a product of factors, an identity of the books:

    share = own risk x covered x filed x reviewed x granted x benefit x fee x borne by members x timing

Each factor's part of the change from one year to the next is its Shapley value, so the parts add up to the change and
do not depend on an order. Own risk (members' mean incidence at their own risk) is divided further, settlement by
settlement: those who stayed grew older or became riskier than their age (warning signs, the wearing off of selection at
entry), and those who joined and left differed from them by their age, or by their risk against their age's average
(dynamic Olley-Pakes, Melitz & Polanec 2015).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents.inspection import own_risks
from agents.population import FIRST_PLAN, MALE, PLACE_MASK, RETURNED
from experiments.explain.decomposition import of_product
from model.model import MutualAidModel
from model.scenario import Scenario

Floats = NDArray[np.float64]

RISK_TERMS = {
    "ageing": "members grew older",
    "wear_off": "members became riskier than their age",
    "joiners_age": "joiners: their age",
    "joiners_risk": "joiners: their risk against their age",
    "leavers_age": "leavers: their age",
    "leavers_risk": "leavers: their risk against their age",
}
"""Parts of a change of the members' mean own risk -> what they are."""
FACTORS = {
    "covered": "waiting periods that ended",
    "filed": "covered kinds, filing and its lag",
    "reviewed": "review: claims decided over claims filed",
    "granted": "refusals",
    "benefit": "mean benefit",
    "fee": "fee",
    "borne": "borne by members, not by the platform",
    "timing": "when in the year the claims fell",
}
"""Factors of a year's share beside own risk -> what they are."""


class Change(NamedTuple):
    """What changed in the mean of `age risk x relative risk` over members, in parts that add up to the change."""

    ageing: float
    wear_off: float
    joiners_age: float
    joiners_risk: float
    leavers_age: float
    leavers_risk: float


NO_CHANGE = Change(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class People:
    """Everybody at one settlement."""

    member: NDArray[np.bool_]
    """Of the plan, shape (people,)."""
    own: Floats
    """Own risk: incidence a year, given age, sex, frailty and warning signs, shape (people,)."""
    of_age: Floats
    """Average incidence a year of people of that age and sex, shape (people,)."""


def change_between(was: People, now: People) -> Change:
    """Divide the change of the members' mean own risk between two settlements.

    If nobody stayed, all of it is due to joiners.
    """
    stayed = was.member & now.member
    if not stayed.any():
        by_age = now.of_age[now.member].mean() - was.of_age[was.member].mean()
        change = now.own[now.member].mean() - was.own[was.member].mean()
        return NO_CHANGE._replace(joiners_age=float(by_age), joiners_risk=float(change - by_age))
    ages = was.of_age[stayed], now.of_age[stayed]
    relative = was.own[stayed] / ages[0], now.own[stayed] / ages[1]
    ageing = ((ages[1] - ages[0]) * (relative[0] + relative[1]) / 2).mean()
    wear_off = ((relative[1] - relative[0]) * (ages[0] + ages[1]) / 2).mean()

    def apart(people: People, of: NDArray[np.bool_]) -> tuple[float, float]:
        """How these differ from those who stayed: by their age's average, and by their risk over it."""
        by_age = people.of_age[of].mean() - people.of_age[stayed].mean()
        return float(by_age), float(people.own[of].mean() - people.own[stayed].mean() - by_age)

    joined, left = apart(now, now.member), apart(was, was.member)
    return Change(float(ageing), float(wear_off), *joined, -left[0], -left[1])


def observe(
    scenario: Scenario,
    progress: Callable[[int, int], None] = lambda done, of: None,
    model: MutualAidModel | None = None,
) -> pd.DataFrame:
    """Simulate, and look at everybody at every settlement: one line a plan and settlement in which it has members.

    Columns: `period`, `date`, `plan`, `year`, `members` and `covered` (people whose wait is over), `risk` and
    `covered_risk` (their summed own risk, illnesses a year), the parts of the change of the mean risk since the
    settlement before (`RISK_TERMS`), and what the books say of the settlement: `filed`, `decided`, `recipients`
    (people), `aid`, `fee`, `billed` (money), `share` (money a member).

    Args:
        scenario: what is simulated.
        progress: is told settlements done, and in all.
        model: one of that scenario that has not run; made here if none is given.
    """
    model = model or MutualAidModel(scenario)
    names = model.plan_names
    before: dict[int, People] = {}
    lines = []
    while model.running:
        period = model.period
        model.step()
        progress(period + 1, scenario.periods)
        columns = model.population.columns
        rows = np.arange(len(model.population))
        own, of_age = own_risks(columns, rows, model.context), _of_age(model, period)
        place = columns.status & PLACE_MASK
        for number, name in enumerate(names):
            people = People(place == FIRST_PLAN + number, own, of_age)
            members = int(people.member.sum())
            if not members:
                before.pop(number, None)
                continue
            joined = columns.joined[people.member]
            again = (columns.status[people.member] & RETURNED) // RETURNED
            covered = period - joined.astype(np.int64) >= model.waits[number, again, joined]
            row = model.report.row(number)
            scale = model.population.scale
            known = before.get(number)
            change = change_between(known, people) if known else NO_CHANGE
            lines.append(
                {
                    "period": model.calendar.label(period),
                    "date": model.calendar.published(period).isoformat(),
                    "plan": name,
                    "year": model.calendar.published(period).year,
                    "members": scale * members,
                    "covered": scale * int(covered.sum()),
                    "risk": scale * float(own[people.member].sum()),
                    "covered_risk": scale * float(own[people.member][covered].sum()),
                    **change._asdict(),
                    "filed": row["claims_filed"],
                    "decided": row["recipients"] + row["claims_refused"],
                    "recipients": row["recipients"],
                    "aid": row["benefits_paid"],
                    "fee": row["fee"],
                    "billed": row["share"] * scale * members,
                    "share": row["share"],
                }
            )
            before[number] = people
    return pd.DataFrame(lines)


def _of_age(model: MutualAidModel, period: int) -> Floats:
    """Average incidence a year of people of each row's age and sex, shape (people,)."""
    columns = model.population.columns
    half_months = model.calendar.half_month(period) - 2 * columns.birth_month.astype(np.int64)
    years = np.clip(half_months // 24, 0, model.health.incidence.shape[1] - 1)
    return np.asarray(model.health.incidence[columns.body & MALE, years])


def _plan_and_year(key: Any) -> tuple[str, int]:
    """The group of a table that is grouped by plan and year."""
    plan, year = key
    return str(plan), int(year)


def by_year(observed: pd.DataFrame, per_year: int) -> pd.DataFrame:
    """Factors of each plan's share in each whole year in which it paid claims; they multiply to `share`.

    Args:
        observed: as `observe` makes it.
        per_year: settlements of a year.
    """
    lines = []
    settlements = observed.groupby("year")["period"].nunique()
    for key, rows in observed.groupby(["plan", "year"], sort=False):
        plan, year = _plan_and_year(key)
        if settlements[year] < per_year:
            continue
        total = rows.sum(numeric_only=True)
        if min(total["filed"], total["decided"], total["recipients"], total["billed"]) <= 0:
            continue
        years = total["members"] / per_year
        lines.append(
            {
                "plan": plan,
                "year": year,
                "share": total["share"],
                "own_risk": total["risk"] / total["members"],
                "covered": total["covered_risk"] / total["risk"],
                "filed": total["filed"] / (total["covered_risk"] / per_year),
                "reviewed": total["decided"] / total["filed"],
                "granted": total["recipients"] / total["decided"],
                "benefit": total["aid"] / total["recipients"],
                "fee": 1 + total["fee"] / total["aid"],
                "borne": total["billed"] / (total["aid"] + total["fee"]),
                "timing": total["share"] / (total["billed"] / years),
            }
        )
    return pd.DataFrame(lines)


def account(observed: pd.DataFrame, per_year: int) -> pd.DataFrame:
    """What changed each plan's share from one year to the next, one line a term.

    Columns: `plan`, `year` (the later one), `term`, `what`, `part` (money a member). The parts of a year add up to the
    change.
    """
    years = by_year(observed, per_year)
    if years.empty:
        return pd.DataFrame(columns=["plan", "year", "term", "what", "part"])
    lines = []
    for plan, rows in years.groupby("plan", sort=False):
        risks = _risk_levels(observed[observed["plan"] == plan])
        records = rows.to_dict("records")
        for before, after in pairwise(records):
            if after["year"] != before["year"] + 1:
                continue
            first, second = ({name: year[name] for name in ("own_risk", *FACTORS)} for year in (before, after))
            parts = of_product(first, second)
            # What a unit of own risk is worth: its part is linear in its change.
            worth = of_product(first | {"own_risk": 0.0}, second | {"own_risk": 1.0})["own_risk"]
            of_risk = risks.loc[after["year"]] - risks.loc[before["year"]]
            found = {term: float(worth * of_risk[term]) for term in RISK_TERMS}
            found |= {name: parts[name] for name in FACTORS}
            for term, part in found.items():
                what = (RISK_TERMS | FACTORS)[term]
                lines.append({"plan": plan, "year": after["year"], "term": term, "what": what, "part": part})
    return pd.DataFrame(lines)


def _risk_levels(observed: pd.DataFrame) -> pd.DataFrame:
    """What each part has added to the members' mean own risk since the plan's first settlement, by year."""
    levels = observed[list(RISK_TERMS)].cumsum().mul(observed["members"], axis=0)
    return levels.groupby(observed["year"]).sum().div(observed.groupby("year")["members"].sum(), axis=0)


def waterfalls(
    accounts: pd.DataFrame, observed: pd.DataFrame, per_year: int, labels: Mapping[str, str], money: str
) -> pd.DataFrame:
    """The accounts as `figures.waterfall_figure` draws them: from the share of one year to that of the next.

    Args:
        accounts: as `account` makes it.
        observed: as `observe` makes it.
        per_year: settlements of a year.
        labels: what each plan is called.
        money: name of the currency.
    """
    shares = by_year(observed, per_year).set_index(["plan", "year"])["share"]
    lines = []
    for key, rows in accounts.groupby(["plan", "year"], sort=False):
        plan, year = _plan_and_year(key)
        title = {"outcome": f"{labels[plan]}: share of {year}", "unit": f"{money} a member"}
        steps = [(str(year - 1), shares[plan, year - 1]), *zip(rows["what"], rows["part"], strict=True)]
        for mechanism, mean in [*steps, (str(year), shares[plan, year])]:
            lines.append(title | {"mechanism": mechanism, "mean": mean, "low": mean, "high": mean})
    return pd.DataFrame(lines)


def sentences(falls: pd.DataFrame) -> list[str]:
    """What changed each share, in plain words: the whole, and the three largest parts.

    Args:
        falls: as `waterfalls` makes it.
    """
    lines = []
    for outcome, rows in falls.groupby("outcome", sort=False):
        (_, first), *steps, (_, last) = zip(rows["mechanism"], rows["mean"].astype(float), strict=True)
        largest = sorted(steps, key=lambda step: -abs(step[1]))[:3]
        told = ", ".join(f"{mean:+.1f} {mechanism}" for mechanism, mean in largest)
        unit = rows["unit"].iloc[0]
        name = str(outcome)
        lines.append(f"{name[0].upper()}{name[1:]}: {last:.1f} {unit}, {first:.1f} the year before; {told}.")
    return lines
