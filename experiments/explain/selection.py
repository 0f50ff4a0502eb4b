"""Selection as the field measures it, from the people who could be members of a plan at one moment.

Correlation of cover and risk given what the pool observes (Chiappori & Salanie 2000), welfare lost by average-cost
pricing (Einav & Finkelstein 2011), loss coverage (Thomas 2008), and members by decile of own risk.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents import inspection
from agents.population import FIRST_PLAN, MALE, OUT, PLACE_MASK
from model.model import MutualAidModel

DECILES = 10
FEWEST = 40
"""People without whom nothing is measured."""
BAND = 10
"""Years of age in a group of the table."""


class People(NamedTuple):
    """People who could be members of a plan, shape (people,) each."""

    price: NDArray[np.float64]
    """The most that each would pay, money per year."""
    cost: NDArray[np.float64]
    """What each costs the plan in a year when the wait is over, money, fee included."""
    risk: NDArray[np.float64]
    """Own incidence per person-year."""
    age: NDArray[np.int64]
    male: NDArray[np.bool_]
    member: NDArray[np.bool_]


class Correlation(NamedTuple):
    """By how much the risk of the covered exceeds that of others of the same age and sex, as a share of their mean."""

    coefficient: float
    error: float
    """Standard error, robust to unequal variance; not a number where no cell holds both kinds."""


class Triangle(NamedTuple):
    """Average-cost pricing beside the best allocation by price. Shares of the people; money per person and year."""

    equilibrium: float
    efficient: float
    loss: float


def people_of(world: MutualAidModel, most: int, plan: int = 0) -> People:
    """Those who could be members of a plan now; at most about `most` rows, evenly spaced, are looked at."""
    population, context = world.population, world.context
    columns = population.columns
    rows = np.arange(0, len(population), max(1, len(population) // most), dtype=np.int64)
    alive = (columns.status[rows] & PLACE_MASK) != OUT
    rows = rows[alive & (inspection.plans_for(columns, rows, context) == plan)]
    behaviour = world.behaviour
    price = inspection.worths(columns, rows, plan, context, behaviour, world.influence, behaviour.entry_knowledge)
    risk = inspection.own_risks(columns, rows, context)
    male = (columns.body[rows] & MALE) != 0
    age = (context.half_month - 2 * columns.birth_month[rows].astype(np.int64)) // 24
    # Money per illness: what known signs are worth in a year over how often they end in illness.
    benefit = context.fair_signs[plan, columns.body[rows] & MALE, age] / context.signs_risk
    terms = world.plans[plan]
    granted = terms.filing_share * (1 - world.scenario.terms_refusal)
    fee = terms.terms_at(world.calendar.published(max(0, world.period - 1))).fee_rate
    cost = np.asarray(risk * benefit * granted * (1 + fee))
    member = (columns.status[rows] & PLACE_MASK) == FIRST_PLAN + plan
    return People(price, cost, risk, age, male, member)


class Curves(NamedTuple):
    """Demand and cost as Einav & Finkelstein (2011) draw them, shape (points,) each; money per year, fee included."""

    share: NDArray[np.float64]
    """Share of the people who could be members, from the most willing to pay."""
    price: NDArray[np.float64]
    """The most that the last of them would pay."""
    average: NDArray[np.float64]
    """What they cost on average."""
    marginal: NDArray[np.float64]
    """What those between this point and the one before cost."""


def curves(people: People, points: int) -> Curves:
    """The curves at evenly spaced shares of the people, of whom there must be at least so many."""
    size = people.price.size
    order = np.argsort(-people.price, kind="stable")
    price, cost = people.price[order], people.cost[order]
    ends = np.linspace(0, size, points + 1).astype(np.int64)[1:]
    total = np.concatenate([[0.0], np.cumsum(cost)])
    starts = np.concatenate([[0], ends[:-1]])
    return Curves(ends / size, price[ends - 1], total[ends] / ends, (total[ends] - total[starts]) / (ends - starts))


def correlation(people: People) -> Correlation:
    """The positive-correlation test: own risk on cover, with an effect for each age and sex."""
    _, cell = np.unique(2 * people.age + people.male, return_inverse=True)
    size = np.bincount(cell)
    mean_risk = (np.bincount(cell, people.risk) / size)[cell]
    cover = people.member - (np.bincount(cell, people.member) / size)[cell]
    relative = people.risk / mean_risk - 1
    spread = float(cover @ cover)
    if spread == 0:
        return Correlation(np.nan, np.nan)
    coefficient = float(cover @ relative) / spread
    freedom = max(1, cell.size - size.size - 1)
    residual = relative - coefficient * cover
    error = float(np.sqrt(np.sum((cover * residual) ** 2) * cell.size / freedom)) / spread
    return Correlation(coefficient, error)


def triangle(people: People) -> Triangle:
    """Welfare lost when everybody pays the average cost: the area between demand and marginal cost.

    The equilibrium is the largest share whose last member would pay the average cost; the best share adds people in
    the order of what they would pay as long as that gains more than it costs.
    """
    order = np.argsort(-people.price, kind="stable")
    price, cost = people.price[order], people.cost[order]
    # One price cannot part people who would pay the same.
    ends = np.flatnonzero(np.append(np.diff(price) != 0, True))
    average = np.cumsum(cost)[ends] / (ends + 1)
    welfare = np.concatenate([[0.0], np.cumsum(price - cost)[ends]]) / price.size
    share = np.concatenate([[0.0], (ends + 1) / price.size])
    stable = np.flatnonzero(price[ends] >= average)
    here = int(stable[-1]) + 1 if stable.size else 0
    best = int(np.argmax(welfare))
    return Triangle(float(share[here]), float(share[best]), float(welfare[best] - welfare[here]))


def loss_coverage(people: People) -> float:
    """Share of everybody's expected losses that is covered."""
    return float(people.cost[people.member].sum() / people.cost.sum())


def deciles(people: People) -> pd.DataFrame:
    """Members, own risk and cost by decile of own risk, from the lowest."""
    order = np.argsort(people.risk, kind="stable")
    lines = [
        {
            "decile": number,
            "members, %": 100 * people.member[rows].mean(),
            "risk, per 1,000 a year": 1000 * people.risk[rows].mean(),
            "cost, a year": people.cost[rows].mean(),
            "would pay, a year": people.price[rows].mean(),
        }
        for number, rows in enumerate(np.array_split(order, DECILES), 1)
    ]
    return pd.DataFrame(lines)


def groups(people: People) -> pd.DataFrame:
    """Cover by risk above or below the mean of the same age and sex, in bands of age and by sex."""
    _, cell = np.unique(2 * people.age + people.male, return_inverse=True)
    high = people.risk > (np.bincount(cell, people.risk) / np.bincount(cell))[cell]
    table = pd.DataFrame(
        {
            "age from": people.age // BAND * BAND,
            "sex": np.where(people.male, "male", "female"),
            "risk": np.where(high, "high", "low"),
            "covered": np.where(people.member, "in", "out"),
        }
    )
    counts = table.groupby(["age from", "sex", "risk", "covered"]).size().unstack(["risk", "covered"], fill_value=0)
    wanted = [(risk, covered) for risk in ("low", "high") for covered in ("in", "out")]
    counts = counts.reindex(columns=pd.MultiIndex.from_tuples(wanted), fill_value=0)
    counts.columns = pd.Index([f"{risk} risk, {covered}" for risk, covered in wanted])
    return counts.reset_index()


def summary(people: People, money: str = "money") -> pd.DataFrame:
    """The measures, a line each."""
    test, area = correlation(people), triangle(people)
    share, covered = float(people.member.mean()), loss_coverage(people)
    lines = [
        ("members' risk above others' of their age and sex, %", 100 * test.coefficient),
        ("its standard error, %", 100 * test.error),
        ("members, % of those who could be", 100 * share),
        ("expected losses covered, %", 100 * covered),
        ("share at which average-cost pricing would rest, %", 100 * area.equilibrium),
        ("best share by willingness to pay, %", 100 * area.efficient),
        (f"welfare lost in between, {money} per person and year", area.loss),
    ]
    return pd.DataFrame(lines, columns=["measure", "value"])
