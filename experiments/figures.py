"""Pictures, from data frames only, so that they can be drawn again without simulating."""

import contextlib
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import matplotlib.dates as mdates
import pandas as pd
from matplotlib import font_manager, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model import calendar
from model.events import EVENTS, Event

COLOURS = {"general": "#1f5fa8", "seniors": "#c0392b", "chronic": "#2e8b57", "all": "#333333"}
LABELS = {"general": "general plan", "seniors": "seniors' plan", "chronic": "chronic plan", "all": "all plans"}
NUMBERED = {"rule": "#777777", "covid": "#b8860b", "regulator": "#7d3c98", "scandal": "#7d3c98", "rival": "#7d3c98"}


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


def _when(period_or_day: str) -> date:
    """The day at which a published figure is drawn."""
    if "P" in period_or_day:
        return calendar.published(calendar.parse_label(period_or_day))
    return date.fromisoformat(period_or_day)


def history_figure(
    history: pd.DataFrame, targets: pd.DataFrame | None, title: str, events: Sequence[Event] = EVENTS
) -> Figure:
    """Members, share per settlement and recipients per plan, with the published points and the events.

    Args:
        history: one row per period and plan (`MutualAidModel.history`), or its quantiles over many runs: the same rows
            for each `probability` of 0.05, 0.25, 0.5, 0.75 and 0.95, drawn as a line in two bands.
        targets: rows of the record with plan, measure, when, value, low, high; None draws the simulation alone.
        title: what is drawn; wrapped where it is long.
        events: what is marked; events after the end of the history are not.
    """
    # Margins by hand: to work them out takes Matplotlib as long as all the drawing.
    figure = Figure(figsize=(11, 12))
    axes: Sequence[Axes] = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2.6, 2.6, 2.6])
    figure.subplots_adjust(left=0.085, right=0.985, bottom=0.105, top=0.925, hspace=0.14)
    figure.suptitle(textwrap.fill(title, 100), fontsize=13 if len(title) <= 100 else 10, y=0.985, parse_math=False)
    middle = history[history["probability"] == 0.5] if "probability" in history else history
    days = pd.to_datetime(middle["date"])
    wide = {
        name: middle.assign(day=days).pivot(index="day", columns="plan", values=name)
        for name in ("members", "share_yuan", "recipients")
    }
    _draw_members(axes[0], wide["members"] / 1e6, targets)
    _draw(axes[1], wide["share_yuan"][["general", "chronic"]], targets, "share", "yuan per member\nand settlement")
    axes[1].set_title("Share: general and chronic plan", loc="left", fontsize=10)
    _draw(axes[2], wide["share_yuan"][["seniors"]], targets, "share", "yuan per member\nand settlement")
    axes[2].set_title("Share: seniors' plan", loc="left", fontsize=10)
    each = wide["recipients"].drop(columns="all", errors="ignore")
    _draw(axes[3], each, targets, "recipients", "people per settlement")
    axes[3].set_title("Recipients of aid", loc="left", fontsize=10)
    if "probability" in history:
        _shade(axes[0], history, "members", ("all", "general", "seniors", "chronic"), 1e-6)
        _shade(axes[1], history, "share_yuan", ("general", "chronic"), 1.0)
        _shade(axes[2], history, "share_yuan", ("seniors",), 1.0)
        _shade(axes[3], history, "recipients", ("general", "seniors", "chronic"), 1.0)
    plain(axes)
    for axis in axes:
        axis.set_ylim(bottom=0)
    last = days.max().date() if len(days) else calendar.LAST
    marked = [event for event in events if event.day <= last]
    _mark_events(axes, marked)
    axes[-1].xaxis.set_major_locator(mdates.MonthLocator(bymonth=(1, 7)))
    axes[-1].xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))
    axes[-1].set_xlim(pd.Timestamp(calendar.LAUNCH), pd.Timestamp(max(last, calendar.LAST)))
    key = "   ".join(f"{n} {event.what}" for n, event in enumerate(marked, start=1))
    figure.supxlabel(_wrap(key, 150), fontsize=7.5, x=0.01, y=0.01, ha="left")
    return figure


def _shade(axis: Axes, bands: pd.DataFrame, name: str, plans: Sequence[str], unit: float) -> None:
    """The middle half and the middle 90 % of many runs."""
    for plan in plans:
        those = bands[bands["plan"] == plan]
        wide = those.assign(day=pd.to_datetime(those["date"])).pivot(index="day", columns="probability", values=name)
        for low, high, strength in ((0.05, 0.95, 0.15), (0.25, 0.75, 0.25)):
            axis.fill_between(
                wide.index, wide[low] * unit, wide[high] * unit, color=COLOURS[plan], alpha=strength, lw=0
            )


def _wrap(text: str, width: int) -> str:
    lines, line = [], ""
    for item in text.split("   "):
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item + "   "
    return "\n".join([*lines, line])


def _draw_members(axis: Axes, members: pd.DataFrame, targets: pd.DataFrame | None) -> None:
    if "all" not in members:
        members = members.assign(all=members.sum(axis=1))
    for plan in ("all", "general", "seniors", "chronic"):
        axis.plot(members.index, members[plan], color=COLOURS[plan], label=LABELS[plan], lw=1.8)
    if targets is not None:
        rows = targets[targets["measure"] == "members"]
        _points(axis, rows.assign(day=[_when(when) for when in rows["when"]]), 1e-6)
        axis.plot([], [], "o", ms=4, mfc="white", color="#333333", label="published, with accepted band")
    axis.set_ylabel("million members")
    axis.legend(loc="center", bbox_to_anchor=(0.6, 0.42), fontsize=8, frameon=False)


def _draw(axis: Axes, curves: pd.DataFrame, targets: pd.DataFrame | None, measure: str, label: str) -> None:
    for plan in curves:
        # The chronic plan is small and its bills are jumpy: drawn lightly, so that it does not hide the others.
        style = {"lw": 0.9, "alpha": 0.7} if plan == "chronic" else {"lw": 1.6}
        axis.plot(curves.index, curves[plan], color=COLOURS[str(plan)], label=LABELS[str(plan)], **style)
    if targets is not None:
        settlements = targets["when"].str.contains("-P[12]$") & targets["plan"].isin(list(curves))
        rows = targets[(targets["measure"] == measure) & settlements]
        _points(axis, rows.assign(day=[_when(when) for when in rows["when"]]), 1.0)
    axis.set_ylabel(label)
    if len(curves.columns) > 1:
        axis.legend(loc="upper left", bbox_to_anchor=(0.0, 0.9), fontsize=8, frameon=False)


def _points(axis: Axes, rows: pd.DataFrame, unit: float) -> None:
    for plan, those in rows.groupby("plan"):
        error = [(those["value"] - those["low"]) * unit, (those["high"] - those["value"]) * unit]
        style = {"fmt": "o", "ms": 4, "mfc": "white", "color": COLOURS[str(plan)], "lw": 1, "capsize": 2, "zorder": 5}
        axis.errorbar(those["day"], those["value"] * unit, yerr=error, **style)


def _mark_events(axes: Sequence[Axes], events: Sequence[Event]) -> None:
    """A thin line at each event, numbered on top; the key stands below the picture."""
    last = None
    lift = 0
    for number, event in enumerate(events, start=1):
        for axis in axes:
            axis.axvline(pd.Timestamp(event.day), color=NUMBERED.get(event.kind, "#000000"), lw=0.7, alpha=0.35)
        close = last is not None and (event.day - last).days < 24
        lift = (lift + 1) % 3 if close else 0
        last = event.day
        axes[0].annotate(
            str(number),
            (pd.Timestamp(event.day), 1.0 + 0.055 * lift),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=NUMBERED.get(event.kind, "#000000"),
        )
