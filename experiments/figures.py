"""Pictures, from data frames only, so that they can be drawn again without simulating."""

import textwrap
from collections.abc import Sequence
from datetime import date
from typing import Any

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.style import EVENT_COLOURS, INK, MILLIONS, plain, plan_colours
from model.pool import Pool, default
from model.pool_file import Event

DEARER = 2.5
"""A plan whose highest share is so many times that of the first plan has its bills in a picture of their own."""


def when_published(period_or_day: str, pool: Pool) -> date | None:
    """The day at which a published figure is drawn; None for one of more than a single settlement or day."""
    try:
        return date.fromisoformat(period_or_day)
    except ValueError:
        try:
            return pool.calendar.published(pool.calendar.parse_label(period_or_day))
        except ValueError:
            return None


def single(targets: pd.DataFrame, measure: str, pool: Pool) -> pd.DataFrame:
    """The rows of a measure that are of a single settlement or day, with that `day`."""
    rows = targets[targets["measure"] == measure]
    days = pd.Series([when_published(when, pool) for when in rows["when"]], index=rows.index, dtype=object)
    return rows.assign(day=days).dropna(subset="day")


def history_figure(
    history: pd.DataFrame,
    targets: pd.DataFrame | None,
    title: str,
    pool: Pool | None = None,
    events: Sequence[Event] | None = None,
    fitted: pd.DataFrame | None = None,
    caption: str = "",
) -> Figure:
    """Members, share per settlement and recipients per plan, with the published points and the events.

    Args:
        history: one row per period and plan (`MutualAidModel.history`), or its quantiles over many runs: the same rows
            for each `probability` of 0.05, 0.25, 0.5, 0.75 and 0.95, drawn as a line in two bands.
        targets: rows of the record with plan, measure, when, value, low, high; None draws the simulation alone.
        title: what is drawn; wrapped where it is long.
        pool: whose history it is; the default pool if none is given.
        events: what is marked, all of the pool's if none are given; events after the end of the history are not.
        fitted: a band behind members and shares: plan, measure, date, q05, q95 (`ensemble.condensed`); none by default.
        caption: what was simulated, below the key to the events.
    """
    pool = pool or default()
    calendar, money = pool.calendar, pool.rules.currency.name
    events = pool.rules.events if events is None else events
    middle = history[history["probability"] == 0.5] if "probability" in history else history
    days = pd.to_datetime(middle["date"])
    wide = {
        name: middle.assign(day=days).pivot(index="day", columns="plan", values=name)
        for name in ("members", "share", "recipients")
    }
    shares = [plans for plans in _panels(wide["share"], pool) if plans]
    # Margins by hand: to work them out takes Matplotlib as long as all the drawing.
    figure = Figure(figsize=(11, 6.8 + 2.6 * len(shares)))
    axes: Sequence[Axes] = figure.subplots(
        2 + len(shares), 1, sharex=True, height_ratios=[3] + [2.6] * (1 + len(shares))
    )
    figure.subplots_adjust(left=0.085, right=0.985, top=0.925, hspace=0.14)
    figure.suptitle(textwrap.fill(title, 100), fontsize=13 if len(title) <= 100 else 10, y=0.985, parse_math=False)
    million = 1e-6 if wide["members"].to_numpy().max(initial=0) >= MILLIONS else 1.0
    _draw_members(axes[0], wide["members"] * million, targets, pool, million)
    for axis, plans in zip(axes[1:], shares, strict=False):
        _draw(axis, wide["share"][plans], targets, "share", f"{money} per member\nand settlement", pool)
        axis.set_title(f"Share: {', '.join(pool.plan_labels[plan] for plan in plans)}", loc="left", fontsize=10)
    _draw(axes[-1], wide["recipients"][list(pool.plan_names)], targets, "recipients", "people per settlement", pool)
    axes[-1].set_title("Recipients of aid", loc="left", fontsize=10)
    if "probability" in history:
        colours = plan_colours(pool.plan_names)
        _shade(axes[0], history, "members", ("all", *pool.plan_names), million, colours)
        for axis, plans in zip(axes[1:], shares, strict=False):
            _shade(axis, history, "share", plans, 1.0, colours)
        _shade(axes[-1], history, "recipients", pool.plan_names, 1.0, colours)
    if fitted is not None:
        _shade_fitted(axes[0], fitted, "members", ("all", *pool.plan_names), million, pool)
        for axis, plans in zip(axes[1:], shares, strict=False):
            _shade_fitted(axis, fitted, "share", plans, 1.0, pool)
    plain(axes)
    for axis in axes:
        axis.set_ylim(bottom=0)
    end = calendar.debited(calendar.periods - 1)
    last = days.max().date() if len(days) else end
    marked = [event for event in events if event.day <= last]
    _mark_events(axes, marked)
    key = "   ".join(f"{n} {event.what}" for n, event in enumerate(marked, start=1))
    short = (end - calendar.launch).days < 5 * 366
    axes[-1].xaxis.set_major_locator(mdates.MonthLocator(bymonth=(1, 7) if short else (1,)))  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))  # type: ignore[no-untyped-call]
    axes[-1].set_xlim(_number(calendar.launch), _number(max(last, end)))
    below = "\n".join(filter(None, [_wrap(key, 150), textwrap.fill(caption, 185)]))
    figure.subplots_adjust(bottom=(0.6 + 0.13 * (1 + below.count("\n"))) / figure.get_figheight())
    figure.supxlabel(below, fontsize=7.5, x=0.01, y=0.01, ha="left")
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


def _shade_fitted(
    axis: Axes, fitted: pd.DataFrame, measure: str, plans: Sequence[str], unit: float, pool: Pool
) -> None:
    """The middle 90 % of a fitted set."""
    colours = plan_colours(pool.plan_names)
    for plan in plans:
        rows = fitted[(fitted["plan"] == plan) & (fitted["measure"] == measure)]
        low, high = rows["q05"] * unit, rows["q95"] * unit
        axis.fill_between(pd.to_datetime(rows["date"]), low, high, color=colours[plan], alpha=0.15, lw=0)


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
    colours, labels = plan_colours(pool.plan_names), pool.plan_labels
    for plan in ("all", *pool.plan_names) if len(pool.plan_names) > 1 else pool.plan_names:
        axis.plot(members.index, members[plan], color=colours[plan], label=labels[plan], lw=1.8)
    if targets is not None:
        _points(axis, single(targets, "members", pool), million, colours)
        axis.plot([], [], "o", ms=4, mfc="white", color=INK, label="published, with accepted band")
    axis.set_ylabel("members" if million == 1 else "million members")
    axis.legend(loc="center", bbox_to_anchor=(0.6, 0.42), fontsize=8, frameon=False)


def _draw(axis: Axes, curves: pd.DataFrame, targets: pd.DataFrame | None, measure: str, label: str, pool: Pool) -> None:
    colours, labels = plan_colours(pool.plan_names), pool.plan_labels
    for number, plan in enumerate(curves):
        # Later plans are small and their bills are jumpy: drawn lightly, so that they do not hide the first.
        width, opacity = (0.9, 0.7) if number else (1.6, 1.0)
        colour, label_ = colours[str(plan)], labels[str(plan)]
        axis.plot(curves.index, curves[plan], color=colour, label=label_, lw=width, alpha=opacity)
    if targets is not None:
        rows = single(targets, measure, pool)
        _points(axis, rows[rows["plan"].isin(list(curves))], 1.0, colours)
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
            axis.axvline(_number(event.day), color=EVENT_COLOURS.get(event.kind, "#000000"), lw=0.7, alpha=0.35)
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
            color=EVENT_COLOURS.get(event.kind, "#000000"),
        )
