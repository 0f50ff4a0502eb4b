"""What the page shows: read off the worlds at once, while none of them steps.

Mesa steps in one thread and a browser's events arrive in others, so nothing is drawn from a model directly.
"""

from dataclasses import dataclass
from itertools import takewhile

import pandas as pd

from experiments.page.crowd import Life, Seen
from experiments.page.demand import Curves, demand
from experiments.page.history import History
from experiments.page.worlds import PageModel, Watched
from experiments.style import money_unit, people_unit
from model.pool import Pool
from model.pool_file import Event


@dataclass(frozen=True)
class World:
    """One world after a settlement."""

    history: History
    seen: Seen
    demand: Curves | None
    """Of the first plan."""
    numbers: dict[str, float]
    """What the last settlement has come to, each with its unit in its name; empty before the first."""
    ledger: pd.DataFrame
    """The transfers of the last settlement."""


@dataclass(frozen=True)
class Shown:
    """All worlds of a visitor after a settlement."""

    moment: str
    """What tells this state from all others of the visitor."""
    done: int
    """Settlements so far."""
    headline: str
    population: str
    refused: str
    pool: Pool
    people: float
    """People who could be members."""
    first: str
    """The launch (ISO)."""
    last: str
    """The publication of the last settlement to come (ISO)."""
    events: list[Event]
    worlds: list[World]

    @property
    def histories(self) -> list[History]:
        """The history of each world."""
        return [world.history for world in self.worlds]


def shown(model: PageModel) -> Shown:
    """What a model shows now."""
    with model.still:
        scenario, done = model.scenario, model.period
        launch, last = model.days
        policy = model.choice.first.policy
        under = f" under {policy}" if policy else ""
        people = scenario.potential_population
        factor, unit = people_unit(people)
        headline = f"Before the launch on {launch:%-d %B %Y}"
        if done:
            day = f"{model.day(done - 1):%-d %B %Y}"
            headline = f"Settlement {model.settlement}, published {day} ({done} of {scenario.periods})"
        population = (
            f"{scenario.pool.name}: {scenario.rows:,} simulated people stand for {factor * people:,.4g} {unit}; "
            f"scenario {model.choice.first.scenario}{under}, seed {scenario.seed}."
        )
        return Shown(
            model.moment,
            done,
            headline,
            population,
            model.refused,
            scenario.pool,
            people,
            launch.isoformat(),
            last.isoformat(),
            model.events(),
            [_world(world) for world in model.worlds],
        )


def life(model: PageModel, world: int, row: int) -> Life:
    """What happened so far to one person who is watched in one of the worlds."""
    with model.still:
        return model.worlds[world].crowd.life(row)


def _world(world: Watched) -> World:
    history = History.of_report(world.report)
    return World(history, world.crowd.seen(), demand(world), key_numbers(history), _ledger(world))


def _ledger(world: Watched) -> pd.DataFrame:
    last = takewhile(lambda transfer: transfer.period == world.period - 1, reversed(world.ledger.transfers))
    pool = world.scenario.pool
    money = pool.rules.currency.name
    rows = [(each.source, each.target, each.reason, each.amount / pool.minor) for each in reversed(list(last))]
    return pd.DataFrame(rows, columns=["from", "to", "for", money]).astype({money: float})


def key_numbers(history: History) -> dict[str, float]:
    """What the last settlement has come to, each with its unit in its name; empty before the first."""
    if not history.days:
        return {}
    labels, money = history.pool.plan_labels, history.pool.rules.currency.name
    year = history.days[-1][:4]
    of_year = [day.startswith(year) for day in history.days]
    members, left, paid = history.total("members"), history.total("left").sum(), history.total("benefits_paid").sum()
    of_people, people = people_unit(members.max())
    of_money, large = money_unit(paid, money)
    found = {f"members of all plans ({people})": members[-1] * of_people}
    for plan in history.plans:
        shares = history.of(plan, "share")
        found[f"share of this settlement, {labels[plan]} ({money})"] = shares[-1]
        found[f"bill of {year} so far, {labels[plan]} ({money})"] = shares[of_year].sum()
    first = history.plans[0]
    for who, words in (("member", "members"), ("nonmember", "people outside")):
        risk = 1e3 * history.of(first, f"{who}_mean_risk")[-1]
        found[f"mean own risk of {words}, {labels[first]} (per 1,000 and year)"] = risk
    found[f"left so far by their own decision ({people})"] = left * of_people
    found[f"aid paid so far ({large})"] = paid * of_money
    found["trust in the platform (%)"] = 100 * history.of(first, "trust")[-1]
    return {name: float(value) for name, value in found.items()}
