"""Pictures, from data frames only, so that they can be drawn again without simulating."""

import contextlib
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import matplotlib.dates as mdates
import pandas as pd
from matplotlib import font_manager, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.pool import Event, Pool, default

OF_PLANS = (
    "#1f5fa8",
    "#c0392b",
    "#2e8b57",
    "#b8860b",
    "#7d3c98",
    "#00838f",
    "#8d6e63",
    "#5d6d7e",
    "#d35400",
    "#6b8e23",
    "#ad1457",
)
"""Colours of plans, in the order of the pool."""
OF_ALL = "#333333"
DEARER = 2.5
"""A plan whose highest share is so many times that of the first plan has its bills in a picture of their own."""
MILLIONS = 2e6
"""Members from which on they are drawn in millions."""
NUMBERED = {"rule": "#777777", "slowdown": "#b8860b", "regulator": "#7d3c98", "scandal": "#7d3c98", "rival": "#7d3c98"}


HAN = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei")
"""Fonts that have Chinese characters; the first that is installed stands in where the usual font has none."""


@contextlib.contextmanager
def quiet_fonts() -> Iterator[None]:
    """Draw text of users in whatever fonts are installed; characters that none has are boxes, without warnings."""
    installed = set(font_manager.get_font_names())
    families = [*rcParams["font.family"], *[name for name in HAN if name in installed][:1]]
    with rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def plain(axes: Iterable[Axes]) -> None:
    """The look that all pictures share: a faint grid and no frame."""
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)


def colours_of(pool: Pool) -> dict[str, str]:
    """The colour of each plan, and of all together."""
    return dict(zip(pool.plan_names, OF_PLANS, strict=False)) | {"all": OF_ALL}


def when_published(period_or_day: str, pool: Pool) -> date:
    """The day at which a published figure is drawn."""
    calendar = pool.calendar
    if "P" in period_or_day:
        return calendar.published(calendar.parse_label(period_or_day))
    return date.fromisoformat(period_or_day)


def history_figure(
    history: pd.DataFrame,
    targets: pd.DataFrame | None,
    title: str,
    pool: Pool | None = None,
    events: Sequence[Event] | None = None,
) -> Figure:
    """Members, share per settlement and recipients per plan, with the published points and the events.

    Args:
        history: one row per period and plan (`MutualAidModel.history`), or its quantiles over many runs: the same rows
            for each `probability` of 0.05, 0.25, 0.5, 0.75 and 0.95, drawn as a line in two bands.
        targets: rows of the record with plan, measure, when, value, low, high; None draws the simulation alone.
        title: what is drawn; wrapped where it is long.
        pool: whose history it is; the default pool if none is given.
        events: what is marked, all of the pool's if none are given; events after the end of the history are not.
    """
    pool = pool or default()
    calendar, money = pool.calendar, pool.rules.currency.name
    events = pool.rules.events if events is None else events
    # Margins by hand: to work them out takes Matplotlib as long as all the drawing.
    figure = Figure(figsize=(11, 12))
    axes: Sequence[Axes] = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2.6, 2.6, 2.6])
    figure.subplots_adjust(left=0.085, right=0.985, bottom=0.105, top=0.925, hspace=0.14)
    figure.suptitle(textwrap.fill(title, 100), fontsize=13 if len(title) <= 100 else 10, y=0.985, parse_math=False)
    middle = history[history["probability"] == 0.5] if "probability" in history else history
    days = pd.to_datetime(middle["date"])
    wide = {
        name: middle.assign(day=days).pivot(index="day", columns="plan", values=name)
        for name in ("members", "share", "recipients")
    }
    cheap, dear = _panels(wide["share"], pool)
    million = 1e-6 if wide["members"].to_numpy().max(initial=0) >= MILLIONS else 1.0
    _draw_members(axes[0], wide["members"] * million, targets, pool, million)
    for axis, plans in ((axes[1], cheap), (axes[2], dear)):
        _draw(axis, wide["share"][plans], targets, "share", f"{money} per member\nand settlement", pool)
        axis.set_title(f"Share: {', '.join(pool.plan_labels[plan] for plan in plans)}", loc="left", fontsize=10)
    each = wide["recipients"].drop(columns="all", errors="ignore")
    _draw(axes[3], each, targets, "recipients", "people per settlement", pool)
    axes[3].set_title("Recipients of aid", loc="left", fontsize=10)
    if "probability" in history:
        colours = colours_of(pool)
        _shade(axes[0], history, "members", ("all", *pool.plan_names), million, colours)
        _shade(axes[1], history, "share", cheap, 1.0, colours)
        _shade(axes[2], history, "share", dear, 1.0, colours)
        _shade(axes[3], history, "recipients", pool.plan_names, 1.0, colours)
    plain(axes)
    for axis in axes:
        axis.set_ylim(bottom=0)
    end = calendar.debited(calendar.periods - 1)
    last = days.max().date() if len(days) else end
    marked = [event for event in events if event.day <= last]
    _mark_events(axes, marked)
    short = (end - calendar.launch).days < 5 * 366
    axes[-1].xaxis.set_major_locator(mdates.MonthLocator(bymonth=(1, 7) if short else (1,)))  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))  # type: ignore[no-untyped-call]
    axes[-1].set_xlim(_number(calendar.launch), _number(max(last, end)))
    key = "   ".join(f"{n} {event.what}" for n, event in enumerate(marked, start=1))
    figure.supxlabel(_wrap(key, 150), fontsize=7.5, x=0.01, y=0.01, ha="left")
    return figure


def _number(day: date) -> float:
    """A day as Matplotlib counts days."""
    return float(mdates.date2num(day))  # type: ignore[no-untyped-call]


def _panels(shares: pd.DataFrame, pool: Pool) -> tuple[list[str], list[str]]:
    """The plans whose bills are drawn together with those of the first, and the dearer ones."""
    first, *others = pool.plan_names
    highest = shares.max().fillna(0.0)
    dear = [plan for plan in others if highest[plan] > DEARER * highest[first]]
    return [plan for plan in pool.plan_names if plan not in dear], dear


def _shade(
    axis: Axes, bands: pd.DataFrame, name: str, plans: Sequence[str], unit: float, colours: dict[str, str]
) -> None:
    """The middle half and the middle 90 % of many runs."""
    for plan in plans:
        those = bands[bands["plan"] == plan]
        wide = those.assign(day=pd.to_datetime(those["date"])).pivot(index="day", columns="probability", values=name)
        for low, high, strength in ((0.05, 0.95, 0.15), (0.25, 0.75, 0.25)):
            axis.fill_between(
                wide.index, wide[low] * unit, wide[high] * unit, color=colours[plan], alpha=strength, lw=0
            )


def _wrap(text: str, width: int) -> str:
    lines, line = [], ""
    for item in text.split("   "):
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item + "   "
    return "\n".join([*lines, line])


def _draw_members(axis: Axes, members: pd.DataFrame, targets: pd.DataFrame | None, pool: Pool, million: float) -> None:
    if "all" not in members:
        members = members.assign(all=members.sum(axis=1))
    colours, labels = colours_of(pool), pool.plan_labels
    for plan in ("all", *pool.plan_names) if len(pool.plan_names) > 1 else pool.plan_names:
        axis.plot(members.index, members[plan], color=colours[plan], label=labels[plan], lw=1.8)
    if targets is not None:
        rows = targets[targets["measure"] == "members"]
        _points(axis, rows.assign(day=[when_published(when, pool) for when in rows["when"]]), million, colours)
        axis.plot([], [], "o", ms=4, mfc="white", color="#333333", label="published, with accepted band")
    axis.set_ylabel("members" if million == 1 else "million members")
    axis.legend(loc="center", bbox_to_anchor=(0.6, 0.42), fontsize=8, frameon=False)


def _draw(axis: Axes, curves: pd.DataFrame, targets: pd.DataFrame | None, measure: str, label: str, pool: Pool) -> None:
    colours, labels = colours_of(pool), pool.plan_labels
    for number, plan in enumerate(curves):
        # Later plans are small and their bills are jumpy: drawn lightly, so that they do not hide the first.
        width, opacity = (0.9, 0.7) if number else (1.6, 1.0)
        colour, label_ = colours[str(plan)], labels[str(plan)]
        axis.plot(curves.index, curves[plan], color=colour, label=label_, lw=width, alpha=opacity)
    if targets is not None:
        settlements = targets["when"].str.contains("-P[12]$") & targets["plan"].isin(list(curves))
        rows = targets[(targets["measure"] == measure) & settlements]
        _points(axis, rows.assign(day=[when_published(when, pool) for when in rows["when"]]), 1.0, colours)
    axis.set_ylabel(label)
    if len(curves.columns) > 1:
        axis.legend(loc="upper left", bbox_to_anchor=(0.0, 0.9), fontsize=8, frameon=False)


def _points(axis: Axes, rows: pd.DataFrame, unit: float, colours: dict[str, str]) -> None:
    for plan, those in rows.groupby("plan"):
        error = [(those["value"] - those["low"]) * unit, (those["high"] - those["value"]) * unit]
        style: dict[str, Any] = {
            "fmt": "o",
            "ms": 4,
            "mfc": "white",
            "color": colours[str(plan)],
            "lw": 1,
            "capsize": 2,
            "zorder": 5,
        }
        axis.errorbar(those["day"], those["value"] * unit, yerr=error, **style)


def _mark_events(axes: Sequence[Axes], events: Sequence[Event]) -> None:
    """A thin line at each event, numbered on top; the key stands below the picture."""
    last = None
    lift = 0
    for number, event in enumerate(events, start=1):
        for axis in axes:
            axis.axvline(_number(event.day), color=NUMBERED.get(event.kind, "#000000"), lw=0.7, alpha=0.35)
        close = last is not None and (event.day - last).days < 24
        lift = (lift + 1) % 3 if close else 0
        last = event.day
        axes[0].annotate(
            str(number),
            (_number(event.day), 1.0 + 0.055 * lift),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=NUMBERED.get(event.kind, "#000000"),
        )
