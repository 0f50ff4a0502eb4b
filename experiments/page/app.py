"""The page: Mesa's own controls, the choices of the visitor, and the tiles."""

from collections.abc import Callable
from typing import Any

import solara
from mesa.visualization import SolaraViz
from mesa.visualization.utils import update_counter

from experiments.page import choice as choices
from experiments.page.choice import Choice
from experiments.page.controls import Controls
from experiments.page.shown import shown
from experiments.page.tiles import Dashboard
from experiments.page.worlds import PageModel, Visit
from model.errors import UserError

TITLE = "Mutual aid: who stays?"
INTERVAL = 1
"""Milliseconds between the end of one settlement and the begin of the next while the page plays: the browser sets the
pace (`worlds.Pace`)."""
STYLE = """
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 12px;
  align-items: start }
.v-sheet.tile { border: 1px solid rgba(128, 128, 128, 0.35); border-radius: 6px; padding: 8px;
  min-width: 0; overflow: hidden }
.wide { grid-column: 1 / -1; min-width: 0 }
.tile-title { font-size: 15px; font-weight: bold; padding: 2px 4px 8px }
.headline { font-size: 1.25rem; font-weight: 600 }
.table-tile .scroll { max-height: 460px; overflow: auto }
.table-tile table { border-collapse: collapse; width: 100%; font-size: 0.875rem }
.table-tile th, .table-tile td { text-align: left; padding: 3px 8px }
.table-tile tr { border-bottom: 1px solid rgba(128, 128, 128, 0.25) }
.table-tile .right { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.life td:first-child { white-space: nowrap }
.life td:nth-child(2) { min-width: 13em }
.parameter { border-left: 3px solid transparent; padding-left: 6px; margin-bottom: 6px }
.parameter.changed { border-left-color: #0072B2 }
.parameter-label { font-size: 0.85rem; line-height: 1.25; opacity: 0.85 }
.parameter-value { min-width: 3.5em; text-align: right; font-variant-numeric: tabular-nums }
/* Mesa's controls first; its card of parameters is empty, for Reset takes the visitor's choice. */
div:has(> .choose) { display: flex; flex-direction: column }
.choose, .share { order: 1; flex: none }
div:has(> .choose) > .v-sheet:not(.v-card) > .v-card:nth-child(2) { display: none }
.choose .group { justify-content: flex-start !important; text-transform: none; letter-spacing: 0; padding: 0 4px }
"""


def _visit(query: str | None) -> tuple[Visit, str]:
    """A visit as a link begins it, and why the link is not followed, if it is not."""
    try:
        return Visit(choices.from_query(query or "")), ""
    except UserError as error:
        return Visit(Choice()), f"The link is not followed: {error}"


@solara.component
def Share(choice: Choice, refused: str) -> None:  # noqa: N802 - solara names components like classes
    """The choice as a link and as a file."""
    with solara.Card("Share", classes=["share"]):
        if refused:
            solara.Text("What is not allowed cannot be shared.")
            return
        link = f"/?{choice.query()}"
        solara.v.Html(tag="a", attributes={"href": link, "class": "link"}, children=["Link to this choice"])
        solara.FileDownload(choice.file, filename="scenario.toml", label="Scenario file", mime_type="application/toml")


def _refused(choice: Choice) -> str:
    try:
        choice.build()
    except UserError as error:
        return str(error)
    return ""


@solara.component_vue("theme.vue")
def Theme(event_seen: Callable[[bool], None]) -> None:  # noqa: N802
    """Tells whether the browser shows the dark theme: until somebody switches, only the browser knows."""


@solara.component_vue("pace.vue")
def Drawn(moment: str, event_drawn: Callable[[str], None]) -> None:  # noqa: N802
    """Tells when the browser has drawn a moment."""


@solara.component
def View(model: solara.Reactive[PageModel]) -> None:  # noqa: N802
    """The tiles, drawn anew after every step and Reset."""
    # Mesa counts here how often the model has changed.
    changes = update_counter.get()
    now = solara.use_memo(lambda: shown(model.value), [model.value, changes])
    dark, set_dark = solara.use_state(False)
    Theme(event_seen=set_dark)
    Dashboard(model.value, now, dark)
    # The last of all: by then the browser has been told of every plot.
    Drawn(moment=now.moment, event_drawn=model.value.pace.drawn)


@solara.component
def Page() -> None:  # noqa: N802 - the name under which solara looks for it
    """The whole page, with worlds of its own for every visitor."""
    router = solara.use_router()
    visit, ignored = solara.use_memo(lambda: _visit(router.search), [])
    choice, set_choice = solara.use_state(visit.choice)
    model: Any = solara.use_reactive(solara.use_memo(lambda: PageModel(visit=visit), []))

    def change(to: Choice) -> None:
        visit.choice = to
        set_choice(to)

    refused = solara.use_memo(lambda: _refused(choice), [choice])
    solara.Title(TITLE)
    solara.Style(STYLE)
    SolaraViz(model, components=[], model_params={"visit": visit}, name=TITLE, play_interval=INTERVAL)
    with solara.Sidebar():
        Controls(choice, change, refused)
        Share(choice, refused)
    with solara.Column(style="padding: 12px"):
        if ignored:
            solara.Error(ignored, dense=True)
        View(model)


page = Page()
