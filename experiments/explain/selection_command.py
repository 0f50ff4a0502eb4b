"""The command `selection`."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.console import (
    PlainTable,
    PolicyOption,
    PoolOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    console,
    scenario_from,
)
from model.errors import UserError
from model.files import suggest

if TYPE_CHECKING:
    from model.calendar import Calendar

SCALE = "1000"
ROWS = 200_000
"""People who are looked at, at most."""


def selection(
    scenario: ScenarioOption = "default",
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: Annotated[str, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")] = SCALE,
    seed: SeedOption = None,
    set_: SetOption = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day. [default: the last settlement but one]")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="NAME", help="[default: the first]")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the results.")] = Path(
        "out/selection"
    ),
) -> None:
    """Measure selection into a plan on a day.

    The positive-correlation test, demand, average and marginal cost and the welfare triangle, loss coverage, and
    members by decile of own risk.
    """
    base = scenario_from(scenario, scale, seed, set_, pool, policy)
    names = base.pool.plan_names
    chosen = plan or names[0]
    if chosen not in names:
        raise UserError(f"--plan {chosen} is not allowed: {', '.join(names)}{suggest(chosen, names)}")
    period = _period(on, base.calendar, base.periods)
    from experiments.explain import selection as measures
    from experiments.explain.selection_figure import selection_figure
    from experiments.output import OutputFolder
    from experiments.simulate import described
    from model.model import MutualAidModel

    world = MutualAidModel(base)
    while world.period <= period:
        world.step()
    people = measures.people_of(world, ROWS, names.index(chosen))
    if people.price.size < measures.FEWEST:
        raise UserError(f"--plan {chosen}: {people.price.size} people could be members; {measures.FEWEST} are needed")
    money, label = base.pool.rules.currency.name, base.pool.plan_labels[chosen]
    tables = {
        "summary": measures.summary(people, money),
        "deciles": measures.deciles(people),
        "groups": measures.groups(people),
    }
    when = base.calendar.published(period)
    caption = f"{label}, {when}; {people.price.size:,} rows. {described(scenario, base)}."
    screen = console()
    screen.print(PlainTable(f"Selection, {label}, settlement {base.calendar.label(period)}", tables["summary"]))
    screen.print(PlainTable("By decile of own risk", tables["deciles"]))
    with OutputFolder(out, ("selection.png", *(f"{name}.csv" for name in tables))) as folder:
        for name, table in tables.items():
            folder.table(f"{name}.csv", table)
        folder.picture("selection.png", selection_figure(people, money, caption))
    screen.print(f"{caption} Results in {out}", soft_wrap=True)


def _period(on: str | None, calendar: "Calendar", periods: int) -> int:
    """The last settlement that is published by a day."""
    first, last = calendar.published(0), calendar.published(periods - 1)
    if on is None:
        return max(0, periods - 2)
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise UserError(f"--on {on} is not a date such as {first}") from None
    if not first <= day <= last:
        raise UserError(f"--on {day} is not allowed: {first} to {last}")
    return max(period for period in range(periods) if calendar.published(period) <= day)
