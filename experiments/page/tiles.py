"""The tiles of the page: numbers, crowd and life, plots, ledger, and the difference between two worlds."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd
import solara

from experiments.page import plots
from experiments.page.crowd import Life
from experiments.page.plots import Look
from experiments.page.shown import Shown, World, life
from experiments.page.worlds import PageModel

WORLDS = ("first world", "second world")


def in_words(value: float) -> str:
    """A number as tables show it; a dash where there is none."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@solara.component_vue("plot.vue")
def Drawing(option: str, height: int, event_click: Callable[[Any], None]) -> None:  # noqa: N802
    """One plot by ECharts, as `solara.FigureEcharts` draws it, but only while it is in sight, and only the last state.

    A browser that draws every state of every plot falls behind a model that plays, and a click waits for all of them.
    The option is JSON in a text: Vue would watch each of the ten thousand numbers of an object.
    """


@solara.component
def Plot(option: str, height: int = 340, on_click: Callable[[Any], None] | None = None) -> None:  # noqa: N802
    """One plot, by its option as JSON: in a dictionary Solara would look for components among ten thousand numbers."""
    with solara.Column(classes=["tile"], gap="0px"):
        Drawing(option=option, height=height, event_click=on_click or (lambda _: None))


def as_html(frame: pd.DataFrame) -> str:
    """A data frame as a table; numbers stand to the right."""
    right = ["right" if frame[name].dtype.kind in "if" else "left" for name in frame]

    def line(tag: str, values: Iterable[Any]) -> str:
        cells = (
            f'<{tag} class="{side}">{escape(value if isinstance(value, str) else in_words(value))}</{tag}>'
            for side, value in zip(right, values, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    rows = "".join(line("td", row) for row in frame.itertuples(index=False))
    return f"<table><thead>{line('th', map(str, frame))}</thead><tbody>{rows}</tbody></table>"


@solara.component
def Table(title: str, frame: pd.DataFrame, classes: Sequence[str] = ()) -> None:  # noqa: N802
    """A table with its title, as one piece of HTML: a widget for each cell would take longer than all the plots."""
    with solara.Column(classes=["tile", "table-tile", *classes], gap="0px"):
        solara.Text(title, classes=["tile-title"])
        solara.HTML(unsafe_innerHTML=as_html(frame), classes=["scroll"])


@solara.component
def Numbers(now: Shown) -> None:  # noqa: N802
    """The settlement, its date, and where the run stands."""
    with solara.Column(gap="4px", classes=["tile"]):
        solara.Text(now.headline, classes=["headline"])
        if not now.done:
            solara.Text("Press ▶ to run through the years, or Step to go from one settlement to the next.")
        solara.Text(now.population, classes=["parameter-label"])
        if now.refused:
            solara.Error(f"{now.refused}; the last choice that was allowed is shown", dense=True)


def numbers_table(worlds: list[World]) -> pd.DataFrame:
    """The key numbers of each world and, of two, the difference."""
    numbers = [world.numbers for world in worlds]
    table = pd.DataFrame({"what": list(numbers[0]), "now": list(numbers[0].values())})
    if len(numbers) == 1:
        return table
    table = table.rename(columns={"now": "first world"}).assign(**{"second world": list(numbers[1].values())})
    return table.assign(difference=table["second world"] - table["first world"])


@solara.component
def OneLife(found: Life | None, money: str) -> None:  # noqa: N802
    """The life of the person who was chosen in the crowd."""
    if found is None:
        with solara.Column(classes=["tile"], gap="4px"):
            solara.Text("One life", classes=["tile-title"])
            solara.Text("Choose a person in the crowd: what they heard, believed, decided and met stands here.")
        return
    names = ["day", "what", f"worth to them ({money}/year)", f"expected price ({money}/year)", f"last bill ({money})"]
    rows = [(f"{event.day:%Y-%m-%d}", event.what, event.worth, event.price, event.bill) for event in found.events]
    frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[2:], float))
    Table(f"One life. {found.who}", frame, ["life"])


@solara.component
def Crowd(model: PageModel, now: Shown, look: Look) -> None:  # noqa: N802
    """The crowd of one world, and the life of whoever was chosen in it."""
    row, set_row = solara.use_state(None)
    which, set_which = solara.use_state(0)
    number = min(which, len(now.worlds) - 1)
    seen = now.worlds[number].seen
    known = row is not None and row in seen.row
    found = solara.use_memo(lambda: life(model, number, row) if known and row is not None else None, [now, number, row])

    def choose(value: Any) -> None:
        if isinstance(value, list) and len(value) == 3:
            set_row(int(value[2]))

    with solara.Column(gap="8px", classes=["wide"]):
        if len(now.worlds) > 1:
            solara.ToggleButtonsSingle(
                WORLDS[number], list(WORLDS), on_value=lambda name: set_which(WORLDS.index(name)), dense=True
            )
        Plot(json.dumps(plots.people(look, seen, row)), height=460, on_click=choose)
        OneLife(found, look.money)


@solara.component
def Dashboard(model: PageModel, now: Shown, dark: bool) -> None:  # noqa: N802
    """All tiles."""
    look = Look(dark, now.first, now.last, now.pool, now.people)
    plans = now.pool.plan_names
    main = plans[0]
    Numbers(now)
    with solara.Div(classes=["tiles"]):
        Crowd(model, now, look)
        Plot(json.dumps(plots.members(look, now.histories)))
        for plan in plans:
            Plot(json.dumps(plots.share(look, now.histories, plan))).key(f"share {plan}")
        Plot(json.dumps(plots.risks(look, now.histories, main)))
        Plot(json.dumps(plots.flows(look, now.histories)))
        Plot(json.dumps(plots.trust(look, now.histories, now.events)))
        Plot(json.dumps(plots.demand(look, [world.demand for world in now.worlds], main)))
        if now.done:
            Table(
                "Two worlds in numbers" if len(now.worlds) > 1 else "In numbers",
                numbers_table(now.worlds),
                ["wide"] if len(now.worlds) > 1 else [],
            )
            for world, name in zip(now.worlds, WORLDS, strict=False):
                title = "Ledger of the last settlement" + (f", {name}" if len(now.worlds) > 1 else "")
                Table(title, world.ledger).key(title)
