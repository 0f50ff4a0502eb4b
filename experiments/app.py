"""The interactive page: sliders, play, step and reset, and what they do to membership.

Everything drawn is read from the model's `DataCollector`. `solara run experiments/app.py` shows the page, too.
"""

import os
import re
import socket
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import matplotlib.dates as mdates
import pandas as pd
import solara
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mesa.visualization import Slider, SolaraViz
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from experiments.figures import NUMBERED, colours_of
from model.errors import UserError
from model.model import MutualAidModel
from model.pool import default
from model.scenario import DEFAULT_SEED, PARAMETERS, Scenario

POOL = default()
calendar = POOL.calendar
COLOURS, LABELS = colours_of(POOL), POOL.plan_labels
LAST = calendar.debited(calendar.periods - 1)
TITLE = "Mutual aid: who stays?"
HOST = "127.0.0.1"
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
FIXED = {"scale": 1_000, "expected_claims": True}
"""200,000 rows step within the blink of an eye. But one sampled case would stand for 1,000 people: bills would jump,
and members would flee the jumps. Hence expected claims are settled."""

SLIDERS = {
    "information": (0.0, 1.0, 0.05),
    "premium_risk_correlation": (-1.0, 1.0, 0.05),
    "premium_median": (-0.9, 3.0, 0.1),
    "joining_hassle": (0.0, 500.0, 10.0),
    "word_of_mouth": (0.0, 0.2, 0.005),
    "habit": (0.0, 0.2, 0.005),
    "salience": (0.0, 0.2, 0.005),
    "news_attention": (0.0, 20.0, 0.5),
    "fee_rate": (0.0, 0.3, 0.01),
    "wait_periods": (0, 24, 1),
}
"""The parameters on the page: lowest, highest, coarsest step; narrower than the bounds, for a hand on a slider."""

SWITCHES = ("credit_gate", "closing")
RECENT = 6
"""Settlements over which the risk of those who join and leave is averaged: few people leave in one."""

FLOW_COLOURS = {"joiner": "#2a9d8f", "leaver": "#e07b00", "nonmember": "#8a8a8a"}
SIZE = (6.0, 3.7)
"""Inches; the shape of a tile of Mesa's grid."""
TICKS = [
    date(year, month, 1)
    for year in range(calendar.launch.year + 1, LAST.year + 1)
    for month in (1, 7)
    if date(year, month, 1) < LAST
]
STYLE = """
.v-tabs { display: none !important }
.v-input__slider .v-input__slot { display: block }
.v-input__slider .v-label { line-height: 1.25; height: auto; font-size: 0.9rem; display: block; margin-bottom: 18px }
.v-slider__thumb-label-container { display: block !important }
.v-slider__thumb-label-container .v-slider__thumb-label.v-slider__thumb-label {
  background: none !important; border: none !important; color: inherit; font-size: 0.85rem; height: 20px !important }
"""
"""Mesa shows tabs even where there is one page, labels beside the sliders, and no value until one is dragged."""


class PageModel(MutualAidModel):
    """The model on the page: a value that cannot be is answered on the page, and the default seed is used instead."""

    def __init__(
        self, scenario: Scenario | None = None, *, rng: int | str | None = DEFAULT_SEED, **overrides: Any
    ) -> None:
        self.refused = ""
        # A slider gives 0.30000000000000004 where it shows 0.3.
        overrides |= {name: round(value, _decimals(name)) for name, value in overrides.items() if name in SLIDERS}
        try:
            super().__init__(scenario, rng=rng, **overrides)
        except UserError as error:
            super().__init__(scenario, rng=DEFAULT_SEED, **overrides)
            self.refused = f"{error}; seed {DEFAULT_SEED} is used"


def _label(name: str) -> str:
    par = PARAMETERS[name]
    unit = "" if par.unit in ("1", "yes or no") else f" ({par.unit})"
    return par.label[0].upper() + par.label[1:] + unit


def _decimals(name: str) -> int:
    """Digits after the point of a slider's values: as many as its step or the default scenario's value has."""
    exponents = [Decimal(str(number)).as_tuple().exponent for number in (SLIDERS[name][2], getattr(Scenario(), name))]
    return max(0, *(-int(exponent) for exponent in exponents))


def _slider(name: str) -> Slider:
    low, high, step = SLIDERS[name]
    par = PARAMETERS[name]
    kind = type(low)
    # On a coarser grid the default would snap to a neighbour as soon as the page is reset.
    step = kind(min(step, 10.0 ** -_decimals(name)))
    value = kind(getattr(Scenario(), name))
    low, high = kind(max(low, par.low)), kind(min(high, par.high))
    return Slider(_label(name), value=value, min=min(low, value), max=max(high, value), step=step, dtype=kind)


def parameters() -> dict[str, Any]:
    """What Mesa's Reset builds a new model from: sliders, switches, the seed, and what the page keeps fixed."""
    switches = {name: {"type": "Checkbox", "label": _label(name), "value": True} for name in SWITCHES}
    seed = {"type": "InputText", "label": "Seed of every draw (a whole number)", "value": str(DEFAULT_SEED)}
    return {name: _slider(name) for name in SLIDERS} | switches | {"rng": seed} | FIXED


def collected(model: MutualAidModel) -> pd.DataFrame:
    """What the DataCollector holds, one row a settlement, indexed by the day of its publication."""
    frame = model.datacollector.get_model_vars_dataframe()
    return frame.set_index(pd.DatetimeIndex([calendar.published(period) for period in range(len(frame))], name="day"))


# The plots.


def _plot(title: str, unit: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE)
    axis = figure.add_axes((0.105, 0.11, 0.855, 0.78))
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.set_ylabel(unit, fontsize=9)
    axis.set_xlim(mdates.date2num(calendar.launch), mdates.date2num(LAST))
    axis.set_xticks(mdates.date2num(TICKS), [f"{day:%b %Y}" for day in TICKS])
    axis.tick_params(labelsize=8.5)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def _finish(figure: Figure, axis: Axes) -> Figure:
    """A legend, and an axis from zero that is never flat: before the first step there is nothing to scale it."""
    highest = axis.dataLim.ymax
    # Room above the curves for the legend.
    axis.set_ylim(0, 1.2 * highest if 0 < highest < float("inf") else 1)
    axis.legend(loc="upper left", fontsize=8.5, frameon=False, ncols=4, columnspacing=1.4, handlelength=1.5)
    return figure


def members_figure(data: pd.DataFrame) -> Figure:
    """Members of each plan, in millions."""
    figure, axis = _plot("Members", "million people")
    axis.plot(data.index, data["total_members"] / 1e6, color=COLOURS["all"], label=LABELS["all"], lw=1.2)
    for plan in ("general", "seniors", "chronic"):
        axis.plot(data.index, data[f"{plan}_members"] / 1e6, color=COLOURS[plan], label=LABELS[plan], lw=1.8)
    return _finish(figure, axis)


def share_figure(data: pd.DataFrame, plans: tuple[str, ...], title: str) -> Figure:
    """What each member of these plans pays at a settlement."""
    figure, axis = _plot(title, "yuan per member and settlement")
    for plan in plans:
        axis.plot(data.index, data[f"{plan}_share_yuan"], color=COLOURS[plan], label=LABELS[plan], lw=1.8)
    return _finish(figure, axis)


def pool_figure(data: pd.DataFrame) -> Figure:
    """Mean own risk of the general plan's members, beside that of people of the same ages outside."""
    figure, axis = _plot("Risk inside and outside the general plan", "critical illnesses per 1,000 and year")
    for who, colour, label in (
        ("member", COLOURS["general"], "members"),
        ("nonmember", FLOW_COLOURS["nonmember"], "people of eligible ages outside"),
    ):
        axis.plot(data.index, 1e3 * data[f"general_{who}_mean_risk"], color=colour, label=label, lw=1.8)
    return _finish(figure, axis)


def recent_mean(data: pd.DataFrame, who: str, number: str) -> pd.Series:
    """Mean risk over all who came, or went, in the last settlements; nan where nobody did."""
    people = data[f"general_{number}"]
    weighted = (data[f"general_{who}_mean_risk"].fillna(0) * people).rolling(RECENT, min_periods=1).sum()
    total = people.rolling(RECENT, min_periods=1).sum()
    return (weighted / total.where(total > 0)).astype(float)


def stayers_figure(data: pd.DataFrame) -> Figure:
    """Risk of those who join and leave the general plan, beside that of its members: what share of risk stays."""
    figure, axis = _plot("Who joins, who leaves, who stays (general plan)", "critical illnesses per 1,000 and year")
    axis.plot(data.index, 1e3 * data["general_member_mean_risk"], color=COLOURS["general"], label="members", lw=1.8)
    for who, number, label in (("joiner", "joined", "joiners"), ("leaver", "left", "leavers")):
        risk = 1e3 * recent_mean(data, who, number)
        label = f"{label}, last {RECENT} settlements"
        axis.plot(data.index, risk, color=FLOW_COLOURS[who], label=label, lw=1.6)
    return _finish(figure, axis)


def flows_figure(data: pd.DataFrame) -> Figure:
    """How many join and leave the general plan at each settlement."""
    figure, axis = _plot("Joining and leaving the general plan", "million people per settlement")
    for who, number, label in (("joiner", "joined", "join"), ("leaver", "left", "leave by their own decision")):
        axis.plot(data.index, data[f"general_{number}"] / 1e6, color=FLOW_COLOURS[who], label=label, lw=1.6)
    return _finish(figure, axis)


def trust_figure(data: pd.DataFrame) -> Figure:
    """Trust in the platform, with the public events that cost some of it."""
    figure, axis = _plot("Trust in the platform", "share of full trust (%)")
    axis.plot(data.index, 100 * data["general_trust"], color=COLOURS["all"], label="trust", lw=1.8)
    if len(data):
        past = [event for event in POOL.rules.events if event.kind in ("regulator", "scandal", "rival")]
        past = [event for event in past if pd.Timestamp(event.day) <= data.index[-1]]
        for number, event in enumerate(past):
            label = None if number else "regulator's statement, scandal, rival closes"
            axis.axvline(
                mdates.date2num(event.day), 0, 0.85, color=NUMBERED[event.kind], lw=0.8, alpha=0.5, label=label
            )
    _finish(figure, axis)
    axis.set_ylim(0, 118)
    axis.set_yticks(range(0, 101, 20))
    return figure


# The numbers.


def key_numbers(model: MutualAidModel) -> dict[str, str]:
    """The latest settlement in numbers, each with what it is; empty before the first."""
    data = collected(model)
    if data.empty:
        return {}
    last, day = data.iloc[-1], data.index[-1]
    bill = data["general_share_yuan"][data.index.year == day.year].sum()
    inside, outside = last["general_member_mean_risk"], last["general_nonmember_mean_risk"]
    ratio = f"{inside / outside:.2f}" if inside > 0 and outside > 0 else "-"
    return {
        "million members, all plans": f"{last['total_members'] / 1e6:.1f}",
        "yuan: latest share, general plan": f"{last['general_share_yuan']:.2f}",
        "yuan: latest share, seniors' plan": f"{last['seniors_share_yuan']:.2f}",
        f"yuan: general plan's bill of {day.year} so far": f"{bill:.2f}",
        "risk of members relative to people outside (general plan)": ratio,
        "trust in the platform": f"{100 * last['general_trust']:.0f} %",
    }


def _words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


@solara.component
def Numbers(model: MutualAidModel, done: int) -> None:  # noqa: N802 - solara names components like classes
    """The date, the settlement and the key numbers after so many settlements."""
    with solara.Column(gap="6px", style="padding: 8px 16px"):
        if done:
            solara.Text(
                f"Settlement {calendar.label(done - 1)}, published {_words(calendar.published(done - 1))} "
                f"({done} of {model.scenario.periods})",
                style="font-size: 1.25rem; font-weight: 600",
            )
        else:
            solara.Text(f"Before the launch on {_words(calendar.launch)}", style="font-size: 1.25rem; font-weight: 600")
            solara.Text("Press ▶ to run through the years, or Step to go from one settlement to the next.")
        with solara.GridFixed(columns=3, column_gap="16px", row_gap="8px"):
            for meaning, number in key_numbers(model).items():
                with solara.Column(gap="0px"):
                    solara.Text(number, style=f"font-size: 1.7rem; color: {COLOURS['general']}; line-height: 1.2")
                    solara.Text(meaning, style="font-size: 0.85rem; opacity: 0.75; line-height: 1.2")
        changed = {name: value for name, value in model.scenario.differences().items() if name not in FIXED}
        if changed:
            words = ", ".join(f"{name} = {value:g}" for name, value in changed.items())
            solara.Text(f"Changed from the default: {words}", style="font-size: 0.9rem")
        if model.refused:
            solara.Warning(model.refused, dense=True)
        solara.Text(
            f"{model.scenario.rows:,} simulated people stand for {model.scenario.potential_population / 1e6:.0f} "
            f"million; seed {model.scenario.seed}. Changed parameters take effect at Reset.",
            style="font-size: 0.85rem; opacity: 0.75",
        )


def _tile(draw: Any) -> Any:
    """A component that Mesa draws again after every step."""

    def tile(model: MutualAidModel) -> Any:
        return solara.FigureMatplotlib(draw(collected(model)), format="svg")

    return tile


def _numbers(model: MutualAidModel) -> Any:
    """The numbers, told the period: a component is drawn anew only where an argument of its has changed."""
    return Numbers(model, model.period)


COMPONENTS = [
    _numbers,
    _tile(members_figure),
    _tile(lambda data: share_figure(data, ("general", "chronic"), "Share: general and chronic plan")),
    _tile(lambda data: share_figure(data, ("seniors",), "Share: seniors' plan")),
    _tile(pool_figure),
    _tile(stayers_figure),
    _tile(flows_figure),
    _tile(trust_figure),
]


@solara.component
def Page() -> None:  # noqa: N802 - the name under which solara looks for it
    """The whole page, with a model of its own for every visitor."""
    model = solara.use_memo(lambda: PageModel(**FIXED), [])
    solara.Title(TITLE)
    solara.Style(STYLE)
    SolaraViz(model, components=COMPONENTS, model_params=parameters(), name=TITLE, play_interval=50)


page = Page()


def _name(address: str) -> str:
    """The name in `name`, `name:port` or `[::1]:port`; nothing where it is none of them."""
    found = re.fullmatch(r"(?:\[([0-9a-f:]+)\]|([^\[\]:/@]+))(?::\d+)?", address.lower())
    return (found[1] or found[2]) if found else ""


def guarded(site: Any, names: Iterable[str] = ()) -> Any:
    """An ASGI application that answers to this machine's own names and these, and refuses all others.

    A foreign web page can reach a server on loopback by a name of its own that leads there (DNS rebinding), or by a
    WebSocket, which browsers open to any host. So the Host header and a WebSocket's Origin must both be known names; a
    client that is no browser sends no Origin.
    """
    known = {*OWN_NAMES, *(name.lower() for name in names)}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            origin = headers.get("origin") if scope["type"] == "websocket" else None
            foreign = origin is not None and _name(origin.partition("://")[2]) not in known
            if _name(headers.get("host", "")) not in known or foreign:
                refusal = "refused: start the page with --host NAME to publish it under another name"
                await PlainTextResponse(refusal, status_code=400)(scope, receive, send)
                return
        await site(scope, receive, send)

    return answer


def serve(port: int, names: Iterable[str] = ()) -> None:
    """Serve the page on this machine until Ctrl-C, to browsers that call it by its own names or one of `names`.

    Raises:
        UserError: if the port cannot be had.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # From here on a browser waits for the page instead of being turned away.
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(f"--port {port} cannot be used: {error.strerror}; name another one") from None
    # Solara reads the name of its app when it is imported.
    os.environ["SOLARA_APP"] = __name__
    import uvicorn
    from solara.server import settings

    settings.telemetry.mixpanel_enable = False
    settings.theme.show_banner = False
    # A browser that has gone may come back for so long; until then its model stays in memory.
    settings.kernel.cull_timeout = "10m"
    from solara.server.starlette import app as site

    config = uvicorn.Config(guarded(site, names), log_level="error", timeout_graceful_shutdown=1)
    print(f"{TITLE} http://localhost:{port} (Ctrl-C ends)", flush=True)
    try:
        # Numba compiles at the first step, in this thread: one that compiles for a visitor could not be interrupted.
        PageModel(**FIXED).step()
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
