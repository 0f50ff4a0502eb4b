"""Textbook spirals with a closed form, run through the same rules and settlement as any pool.

The pool `textbook` switches off everything that the textbook leaves out: everybody hears at once, looks at every
bill, knows their own risk exactly and takes cover whenever it is worth its price; no wait, no lag, no fee, no caps.
Settling expected claims, the price of a period is the mean cost of those who bought at the last one. People are laid
out on an even grid of risks, so what is left of error is the grid's.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agents import luck
from agents.population import (
    FIRST_PLAN,
    FRAILTY_UNIT,
    LOG_UNIT,
    NEVER,
    PLACE_MASK,
    UNAWARE,
    Fate,
    Population,
    empty_columns,
)
from experiments.explain.selection import People, triangle
from model.health import health_of
from model.model import MutualAidModel
from model.policy import of_rule
from model.pool import load
from model.scenario import Scenario

CASES = Path(__file__).parent / "data" / "verification_cases.json"
POOL = load("textbook")
PEOPLE = 100_000
FRAILTY_OF_COST = 4.0
"""The textbook's cost 1 is a frailty of 4."""
ALWAYS = 500.0
"""Intensity of noticing or hearing at which everybody does, every period."""
AGE = 30
PERIODS = POOL.calendar.periods
"""Everybody stays 30 for as long."""


def people_with(
    costs: NDArray[np.float64], values: NDArray[np.float64], scenario: Scenario, *, members: bool
) -> Population:
    """People of one age and sex with these costs and willingness to pay, in the textbook's units, shape (people,) each.

    `members`: they all start inside the plan. Nobody falls ill or dies: expected claims are settled.
    """
    columns = empty_columns(costs.size)
    columns.birth_month[:] = scenario.calendar.launch_month - 12 * AGE
    columns.body[:] = 0
    columns.frailty[:] = np.maximum(1, np.round(costs * FRAILTY_OF_COST * FRAILTY_UNIT))
    with np.errstate(divide="ignore"):
        columns.premium[:] = np.clip(np.round(np.log(values / costs) * LOG_UNIT), -32767, 32767)
    columns.adoption[:] = 0
    columns.attention[:] = 0
    for fated in (columns.signs, columns.illness, columns.death):
        fated[:] = NEVER
    columns.status[:] = FIRST_PLAN if members else UNAWARE
    columns.joined[:] = 0 if members else NEVER
    columns.clock[:] = -np.log(luck.draw_each(scenario.seed, luck.CLOCK, np.arange(costs.size), 0))
    nothing = Fate(np.zeros(scenario.periods + 1, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint8))
    return Population(columns, nothing, 1)


def grid(low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
    """Costs spread evenly over an interval, shape (people,)."""
    return low + (high - low) * (np.arange(PEOPLE) + 0.5) / PEOPLE


@dataclass(frozen=True)
class Spiral:
    """A simulated path in the textbook's units: price and share of people insured, shape (periods,) each."""

    price: NDArray[np.float64]
    """The price at which the decisions of each period were taken."""
    share: NDArray[np.float64]
    costs: NDArray[np.float64]
    insured: NDArray[np.bool_]
    """Who is insured at the end, shape (people,)."""


def spiral(
    costs: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    first_price: float,
    members: bool = False,
    **changes: Any,
) -> Spiral:
    """Run people with these costs and values from a first price on."""
    scenario = Scenario(pool=POOL)
    benefit = scenario.number(POOL.benefit_rows(POOL.rules.plans[0])[0].amount)
    unit = health_of(scenario).incidence[0, AGE] * FRAILTY_OF_COST * benefit
    scenario = scenario.replace(advertised_price=first_price * unit, **changes)
    population = people_with(costs, values, scenario, members=members)
    model = MutualAidModel(scenario, population=population)
    history = model.run()
    prices = scenario.calendar.per_year * history["share"].to_numpy() / unit
    insured = (model.population.columns.status & PLACE_MASK) == FIRST_PLAN
    return Spiral(np.concatenate([[first_price], prices]), history["members"].to_numpy() / costs.size, costs, insured)


@dataclass(frozen=True)
class Check:
    """One number of the textbook beside the simulated one."""

    case: str
    quantity: str
    closed_form: float
    simulated: float
    tolerance: float
    """Largest difference that the grid, rounding of shares, or (V7) five standard errors of sampling explain."""

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return abs(self.simulated - self.closed_form) <= self.tolerance


GRID_ERROR = 5e-4
FEW = 1_000
"""People who are all alike."""
MARKUP_ERROR = 1e-3
"""Twice the step in which a willingness to pay is kept."""
SAMPLING_ERROR = 5 * 0.5 / PEOPLE**0.5
"""Five standard errors of a share of people, at its widest."""


def _paths(case: str, got: Spiral, wanted: dict[str, Any], offset: int, tolerance: float) -> Iterator[Check]:
    """Every value of the closed-form paths that the run reaches; `offset`: periods before the first decision."""
    for step, price in enumerate(wanted["price_path"][:PERIODS]):
        yield Check(case, f"price {step}", price, float(got.price[step]), tolerance)
    for step, share in enumerate(wanted.get("share_path", [])[offset:PERIODS]):
        yield Check(case, f"share {step + offset}", share, float(got.share[step]), tolerance)


def multiplicative(case: dict[str, Any]) -> Iterator[Check]:
    """V1: costs uniform on [0, 1], willingness to pay (1 + alpha) x cost."""
    alpha = case["alpha"]
    got = spiral(grid(), (1 + alpha) * grid(), first_price=0.5)
    yield from _paths(f"V1 alpha {alpha:g}", got, case, 0, GRID_ERROR)
    if case["share_star"] > 0:  # with no premium the pool dies out, and has no price any more
        yield Check(f"V1 alpha {alpha:g}", "fixed point", case["p_star"], float(got.price[-1]), GRID_ERROR)


def interval(case: dict[str, Any]) -> Iterator[Check]:
    """V2: costs uniform on [lo, hi]; full pooling at the mean where the premium is large enough."""
    costs = grid(case["lo"], case["hi"])
    name = f"V2 [{case['lo']:g}, {case['hi']:g}] alpha {case['alpha']:g}"
    got = spiral(costs, (1 + case["alpha"]) * costs, first_price=float(costs.mean()))
    yield Check(name, "fixed point", case["p_star"], float(got.price[-1]), GRID_ERROR)
    yield Check(name, "share insured", case["share"], float(got.share[-1]), 3 * GRID_ERROR)


def additive(case: dict[str, Any]) -> Iterator[Check]:
    """V3: costs uniform on [0, 1], willingness to pay cost + r."""
    got = spiral(grid(), grid() + case["r"], first_price=0.5)
    yield from _paths(f"V3 r {case['r']:g}", got, case, 0, GRID_ERROR)


def inertia(case: dict[str, Any]) -> Iterator[Check]:
    """V7: everybody starts insured, a share lambda looks again each period, nobody comes back."""
    attentive = case["lam"]
    habit = ALWAYS if attentive == 1 else -math.log1p(-attentive)
    values = (1 + case["alpha"]) * grid()
    got = spiral(grid(), values, first_price=0.5, members=True, habit=habit, return_rate=0.0)
    name = f"V7 alpha {case['alpha']:g} lambda {attentive:g}"
    yield from _paths(name, got, case, 1, GRID_ERROR + (attentive < 1) * SAMPLING_ERROR)


def positive_correlation(case: dict[str, Any]) -> Iterator[Check]:
    """V13: at the fixed point the insured cost more than the others."""
    alpha = case["alpha"]
    got = spiral(grid(), (1 + alpha) * grid(), first_price=case["member_mean"])
    name = f"V13 alpha {alpha:g}"
    yield Check(name, "mean cost inside", case["member_mean"], float(got.costs[got.insured].mean()), GRID_ERROR)
    yield Check(name, "mean cost outside", case["nonmember_mean"], float(got.costs[~got.insured].mean()), GRID_ERROR)
    covariance = float(np.cov(got.insured, got.costs, bias=True)[0, 1])
    yield Check(name, "covariance", case["cov"], covariance, GRID_ERROR)


def risk_aversion(case: dict[str, Any]) -> Iterator[Check]:
    """V9: constant absolute risk aversion: people take cover up to ln(1 + pi (exp(a L) - 1)) / a, and not beyond."""
    costs = np.ones(FEW)
    aversion, _, probability, *_ = case.values()
    name = f"V9 a {aversion:g} pi {probability:g}"
    for below, wanted in ((1 - MARKUP_ERROR, 1.0), (1 + MARKUP_ERROR, 0.0)):
        got = spiral(costs, case["ratio"] * costs, first_price=case["ratio"] * below)
        yield Check(name, f"share insured at {below:g} of it", wanted, float(got.share[0]), 1e-9)


def linear(case: dict[str, Any]) -> Iterator[Check]:
    """V10: linear demand a - b p and average cost c0 + c1 p: the equilibrium, the efficient share, the welfare lost."""
    a, b, c0, c1 = (case[key] for key in ("a", "b", "c0", "c1"))
    share = grid()
    price = np.maximum((a - share) / b, 0.0)
    cost = np.maximum(c0 + c1 * price - share * c1 / b, 0.0)
    unit = float(cost.max())
    name = f"V10 a {a:g} b {b:g}"
    got = spiral(cost / unit, price / unit, first_price=c0 / unit)
    yield Check(name, "price", case["p_star"] / unit, float(got.price[-1]), GRID_ERROR)
    yield Check(name, "share insured", case["q_star"], float(got.share[-1]), 3 * GRID_ERROR)
    # What the sharing of all claims loses, as `mutualaid selection` measures it.
    everybody = np.ones(PEOPLE, dtype=bool)
    area = triangle(People(price, cost, cost, np.full(PEOPLE, AGE), ~everybody, everybody))
    yield Check(name, "best share", case["q_eff"], area.efficient, GRID_ERROR)
    yield Check(name, "welfare lost", case["dwl"] / unit, area.loss / unit, GRID_ERROR)


def growth(case: dict[str, Any]) -> Iterator[Check]:
    """V15: in a pool that grows, claims per member stay below their level by the growth during wait and lag."""
    rate, wait = case["g_per_year"], case["wait_plus_lag_years"]
    months = round(12 * wait)
    scenario = Scenario(pool=POOL).with_policies([of_rule("plans.all.wait", f"{months} months")])
    # Who hears in which settlement, so that membership grows exponentially; all who hear join.
    grown = np.exp(rate * np.arange(PERIODS) / scenario.calendar.per_year)
    hears = np.searchsorted(grown / grown[-1], grid())
    costs = np.ones(PEOPLE)
    people = people_with(costs, 1e3 * costs, scenario, members=False)
    reading = MutualAidModel(scenario, population=people)
    readings = []
    while reading.running:
        reading.step()
        readings.append(reading.readings[UNAWARE])
    # Half-way from the reading before, out of the way of rounding.
    between = np.array(readings) - 0.5 * np.diff(readings, prepend=0.0)
    people.columns.clock[:] = between[hears]
    report = MutualAidModel(scenario, population=people).simulate()
    at_once = MutualAidModel(Scenario(pool=POOL), population=people).simulate()
    observed = float(report.series("claims_filed")[-1] / at_once.series("claims_filed")[-1])
    name = f"V15 growth {rate:g} wait {wait:g}"
    yield Check(name, "claims over their ultimate level", case["observed_over_ultimate"], observed, GRID_ERROR)


RUNS: dict[str, Callable[[dict[str, Any]], Iterator[Check]]] = {
    "V1_uniform_multiplicative": multiplicative,
    "V2_uniform_ab": interval,
    "V3_uniform_additive": additive,
    "V7_inertia_no_rejoin": inertia,
    "V9_cara": risk_aversion,
    "V10_linear_EF": linear,
    "V13_pos_corr": positive_correlation,
    "V15_growth_lag": growth,
}
"""The closed forms of `verification_cases.json` that the simulator itself is held to."""


def checks(which: str) -> list[Check]:
    """All numbers of one closed form beside the simulated ones; `which` is a key of `RUNS`."""
    cases = json.loads(CASES.read_text(encoding="utf-8"))[which]
    return [check for case in cases for check in RUNS[which](case)]


def explanations() -> list[str]:
    """What the closed forms have in common, and what each of them is."""
    common = (
        "Costs are in units of the highest one. At each step the pool charges the mean cost of those who bought at the "
        "last price; price and share of people insured are compared step by step, and where they end."
    )
    return [common, *(str(run.__doc__) for run in RUNS.values())]


def theory_table() -> pd.DataFrame:
    """Every closed form, how many of its numbers were compared, the largest difference and what is allowed."""
    lines = []
    for which in RUNS:
        by_case: dict[str, list[Check]] = {}
        for check in checks(which):
            by_case.setdefault(check.case, []).append(check)
        for case, those in by_case.items():
            worst = max(those, key=lambda check: abs(check.simulated - check.closed_form) / check.tolerance)
            lines.append(
                {
                    "case": case,
                    "numbers": len(those),
                    "worst": worst.quantity,
                    "closed form": f"{worst.closed_form:.5f}",
                    "simulated": f"{worst.simulated:.5f}",
                    "allowed difference": f"{worst.tolerance:.5f}",
                    "agree?": all(check.holds for check in those),
                }
            )
    return pd.DataFrame(lines)
