"""The plots of the page, as options of Apache ECharts: plain dictionaries made of arrays.

Every value can be read by hovering. The second world is drawn dashed in the colours of the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.page import crowd, record
from experiments.page.crowd import Seen
from experiments.page.demand import Curves
from experiments.page.history import History
from experiments.style import (
    BLUE,
    EVENT_COLOURS,
    GREY,
    GROUP_COLOURS,
    ORANGE,
    STATE_COLOURS,
    STATE_SYMBOLS,
    VERMILION,
    people_unit,
    plan_colours,
)
from model.pool import Pool
from model.pool_file import Event

Option = dict[str, Any]
DIGITS = 4
"""Significant digits of a value that is shown."""
RECENT = 6
"""Settlements over which the risk of those who join and leave is averaged: few people do in one."""
SECOND = "second world"
KEPT = 200
"""Drawings of records that are kept."""
RISK = "critical illnesses per 1,000 people and year"


@dataclass(frozen=True)
class Look:
    """What all plots of a page share."""

    dark: bool
    first: str
    """First day of the axis of time (ISO)."""
    last: str
    pool: Pool
    people: float
    """People who could be members."""

    def label(self, plan: str) -> str:
        """What a plan is called."""
        return self.pool.plan_labels[plan]

    @property
    def money(self) -> str:
        """The currency."""
        return self.pool.rules.currency.name

    @property
    def unit(self) -> tuple[float, str]:
        """What people are counted in: a factor, and its name."""
        return people_unit(self.people)

    def colour(self, plan: str) -> str:
        """The colour of a plan, or of all together."""
        return self.ink if plan == "all" else plan_colours(self.pool.plan_names)[plan]

    @property
    def ink(self) -> str:
        """Colour of text and axes."""
        return "#d8d8d8" if self.dark else "#333333"

    @property
    def faint(self) -> str:
        """Colour of the grid."""
        return "#3c3c3c" if self.dark else "#e4e4e4"


PUBLISHED = "published, with accepted band"
FITTED = "fitted set, middle 90 %"
ICONS = {PUBLISHED: "circle", FITTED: "rect"}
"""Names in legends whose symbols are not those of their series."""


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values as they are shown, to some significant digits."""
    values = np.asarray(values, dtype=np.float64)
    size = np.abs(np.where(np.isfinite(values) & (values != 0), values, 1.0))
    unit = 10.0 ** (DIGITS - 1 - np.floor(np.log10(size)))
    return np.asarray(np.rint(values * unit) / unit)


def _pairs(x: Iterable[Any], values: NDArray[np.float64], unit: float = 1.0) -> list[list[Any]]:
    """Points of a curve; a gap where there is no value."""
    shown = rounded(values * unit).tolist()
    return [[where, None if value != value else value] for where, value in zip(x, shown, strict=True)]


def _base(look: Look, title: str, unit: str, series: list[Option], legend: Sequence[str]) -> Option:
    """What every plot has: title, legend, frame, tooltip; without movement, so that nothing flickers."""
    text = {"color": look.ink}
    line = {"lineStyle": {"color": look.ink}}
    split = {"splitLine": {"lineStyle": {"color": look.faint}}}
    return {
        "animation": False,
        "textStyle": {"fontFamily": "Roboto, sans-serif"},
        "title": {
            "text": title,
            "left": 4,
            "top": 2,
            "textStyle": text | {"fontSize": 15},
        },
        "legend": {
            "data": [{"name": name, "icon": ICONS[name]} if name in ICONS else name for name in legend],
            "top": 28,
            "left": 4,
            "type": "scroll",
            "itemWidth": 18,
            "textStyle": text,
            "pageTextStyle": text,
            "pageIconColor": look.ink,
            "inactiveColor": GREY,
        },
        "grid": {"left": 58, "right": 24, "top": 88, "bottom": 28},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "backgroundColor": "#2b2b2b" if look.dark else "#ffffff",
            "textStyle": text | {"fontSize": 12},
            "axisPointer": {"type": "line"},
        },
        "xAxis": {"axisLine": line, "axisLabel": text | {"hideOverlap": True}} | split,
        "yAxis": {
            "type": "value",
            "name": unit,
            "nameTextStyle": text | {"align": "left", "fontSize": 12},
            "axisLine": line,
            "axisLabel": text,
        }
        | split,
        "series": series,
    }


def _over_time(look: Look, title: str, unit: str, series: list[Option], legend: Sequence[str]) -> Option:
    option = _base(look, title, unit, series, legend)
    option["xAxis"] |= {"type": "time", "min": look.first, "max": look.last, "splitLine": {"show": False}}
    return option


def _line(name: str, data: list[list[Any]], colour: str, dashed: bool = False) -> Option:
    return {
        "type": "line",
        "name": f"{name}, {SECOND}" if dashed else name,
        "data": data,
        "showSymbol": False,
        "symbol": "circle",
        "itemStyle": {"color": colour},
        "lineStyle": {"width": 2, "color": colour, "type": "dashed" if dashed else "solid"},
    }


@lru_cache(maxsize=KEPT)
def _record(pool: Pool, plan: str, measure: str, colour: str, unit: float) -> list[Option]:
    """Published figures of a plan: a hollow circle each, in its accepted band."""
    rows = record.published(pool)
    rows = rows[(rows["measure"] == measure) & (rows["plan"] == plan)]
    if rows.empty:
        return []
    # One line with gaps draws much faster than a mark for each figure.
    bars: list[list[Any]] = []
    for day, low, high in zip(rows["day"], rows["low"] * unit, rows["high"] * unit, strict=True):
        bars += [[day, low], [day, high], [day, None]]
    shared = {"symbolSize": 7, "z": 5, "itemStyle": {"color": "transparent", "borderColor": colour, "borderWidth": 1.6}}
    return [
        {"type": "scatter", "name": PUBLISHED, "data": _pairs(rows["day"], rows["value"].to_numpy(), unit)} | shared,
        _hidden(bars) | {"lineStyle": {"color": colour, "width": 1.6, "opacity": 0.7}, "z": 4},
    ]


def _hidden(data: list[list[Any]]) -> Option:
    """A line that is seen, and neither named nor read off."""
    return {"type": "line", "data": data, "showSymbol": False, "silent": True, "tooltip": {"show": False}}


@lru_cache(maxsize=KEPT)
def _band(pool: Pool, plan: str, measure: str, colour: str, unit: float) -> list[Option]:
    """The middle 90 % of the fitted set, as two stacked areas of which only the upper one is filled."""
    rows = record.fitted(pool)
    rows = rows[(rows["measure"] == measure) & (rows["plan"] == plan)]
    if rows.empty:
        return []
    name = {"stack": f"fitted {plan}", "stackStrategy": "all"}
    stacked = name | {"lineStyle": {"opacity": 0}, "itemStyle": {"color": colour}}
    low, width = rows["q05"].to_numpy(), (rows["q95"] - rows["q05"]).to_numpy()
    filled = {"areaStyle": {"color": colour, "opacity": 0.14}, "name": FITTED}
    below = _hidden(_pairs(rows["date"], low, unit)) | stacked
    return [below, _hidden(_pairs(rows["date"], width, unit)) | stacked | filled]


def _behind(look: Look, plan: str, measure: str, unit: float = 1.0) -> list[Option]:
    """What stands behind the curves of a plan."""
    of = look.pool, plan, measure, look.colour(plan), unit
    return _record(*of) + _band(*of)


def _known(names: Iterable[str], series: list[Option]) -> list[str]:
    """Those names that a series has."""
    there = {one.get("name") for one in series}
    return [name for name in names if name in there]


def members(look: Look, histories: list[History]) -> Option:
    """Members of each plan and of all, with the record and the fitted band."""
    plans = histories[0].plans
    drawn = [*plans, "all"] if len(plans) > 1 else list(plans)
    unit, people = look.unit
    series: list[Option] = []
    for number, history in enumerate(histories):
        for plan in reversed(drawn):
            values = history.total("members") if plan == "all" else history.of(plan, "members")
            data = _pairs(history.days, values, unit)
            series.append(_line(look.label(plan), data, look.colour(plan), bool(number)))
    for plan in drawn:
        series += _behind(look, plan, "members", unit)
    legend = [*(look.label(plan) for plan in drawn), *_known((PUBLISHED, FITTED), series)]
    return _over_time(look, "Members", people, series, legend)


def share(look: Look, histories: list[History], plan: str) -> Option:
    """What each member of a plan pays at a settlement, with the record and the fitted band."""
    series = []
    for number, history in enumerate(histories):
        data = _pairs(history.days, history.of(plan, "share"))
        series.append(_line("share", data, look.colour(plan), bool(number)))
    series += _behind(look, plan, "share")
    legend = ["share", *_known((PUBLISHED, FITTED), series)]
    return _over_time(look, f"Share: {look.label(plan)}", f"{look.money} per member and settlement", series, legend)


def risks(look: Look, histories: list[History], plan: str) -> Option:
    """Mean own risk of a plan's members, joiners, leavers, and people of its ages outside."""
    series = []
    names = {who: f"{who}, last {RECENT} settlements" for who in ("joiners", "leavers")}
    for number, history in enumerate(histories):
        means = {
            "members": history.of(plan, "member_mean_risk"),
            "joiners": history.recent_mean(plan, "joiner_mean_risk", "joined", RECENT),
            "leavers": history.recent_mean(plan, "leaver_mean_risk", "left", RECENT),
            "outsiders": history.of(plan, "nonmember_mean_risk"),
        }
        for who, values in means.items():
            data = _pairs(history.days, values, 1e3)
            series.append(_line(names.get(who, who), data, GROUP_COLOURS[who], bool(number)))
    legend = [names.get(who, who) for who in GROUP_COLOURS]
    return _over_time(look, f"Who stays, comes, goes: {look.label(plan)}", RISK, series, legend)


def flows(look: Look, histories: list[History]) -> Option:
    """How many join and leave at each settlement, all plans."""
    series = []
    unit, people = look.unit
    names = {"joined": ("join", "joiners"), "left": ("leave by their own decision", "leavers")}
    for number, history in enumerate(histories):
        for measure, (words, who) in names.items():
            data = _pairs(history.days, history.total(measure), unit)
            series.append(_line(words, data, GROUP_COLOURS[who], bool(number)))
    legend = [words for words, _ in names.values()]
    return _over_time(look, "Joining and leaving, all plans", f"{people} per settlement", series, legend)


def trust(look: Look, histories: list[History], events: Sequence[Event]) -> Option:
    """Trust in the platform, with what happened around the pool."""
    series = []
    for number, history in enumerate(histories):
        data = _pairs(history.days, history.of(history.plans[0], "trust"), 100)
        series.append(_line("trust", data, BLUE, bool(number)))
    days = [event.day.isoformat() for event in events]
    series.append(
        {
            "type": "scatter",
            "name": "event",
            "dimensions": ["day", "height", {"name": "what", "type": "ordinal"}],
            "encode": {"x": 0, "y": 1, "tooltip": 2},
            "data": [
                {"value": [day, 3, event.what], "itemStyle": {"color": EVENT_COLOURS.get(event.kind, look.ink)}}
                for day, event in zip(days, events, strict=True)
            ],
            "symbol": "triangle",
            "symbolSize": 12,
        }
    )
    bars: list[list[Any]] = [point for day in days for point in ([day, 0], [day, 100], [day, None])]
    series.append(_hidden(bars) | {"lineStyle": {"color": GREY, "width": 1, "type": "dotted"}})
    option = _over_time(
        look, "Trust in the platform, and events", "share of full trust (%)", series, ["trust", "event"]
    )
    option["yAxis"] |= {"min": 0, "max": 100}
    return option


def demand(look: Look, curves: list[Curves | None], plan: str) -> Option:
    """Demand, average cost and marginal cost of a plan, by the share of people who would be members."""
    series: list[Option] = []
    for number, found in enumerate(curves):
        if found is None:
            continue
        second = bool(number)
        lines = (("demand", found.price, BLUE), ("average cost", found.average, ORANGE))
        for name, values, colour in (*lines, ("marginal cost", found.marginal, VERMILION)):
            positive = np.where(values > 0, values, np.nan)
            data = _pairs(rounded(found.share).tolist(), positive)
            series.append(_line(name, data, colour, second))
        now = "members and expected price now"
        series.append(
            {
                "type": "scatter",
                "name": f"{now}, {SECOND}" if second else now,
                "data": [rounded(np.array([found.members, max(found.asked, 0.01)])).tolist()],
                "symbol": "rect" if second else "diamond",
                "symbolSize": 13,
                "z": 6,
                "itemStyle": {"color": look.ink},
            }
        )
    legend = ["demand", "average cost", "marginal cost", "members and expected price now"]
    option = _base(
        look, f"Demand and cost: {look.label(plan)}", f"{look.money} per member and year (log)", series, legend
    )
    option["xAxis"] |= {
        "type": "value",
        "min": 0,
        "max": 100,
        "axisLabel": {"color": look.ink, "formatter": "{value} %"},
    }
    option["xAxis"] |= {
        "name": "share of the people who could be members",
        "nameLocation": "middle",
        "nameGap": 26,
        "nameTextStyle": {"color": look.ink},
    }
    option["yAxis"] |= {"type": "log"}
    option["grid"]["bottom"] = 46
    return option


SIZES = {"outside": 4, "ill": 9, "paid": 12}
DEPTH = {"outside": 2, "left": 3, "covered": 4, "waiting": 5, "ill": 6, "paid": 7}
"""What lies above what where people are close to each other."""


def people(look: Look, seen: Seen, chosen: int | None) -> Option:
    """The crowd by age and own risk, coloured by state; a click chooses a person."""
    series: list[Option] = []
    for number, state in enumerate(crowd.STATES):
        if state not in STATE_COLOURS:
            continue
        those = seen.state == number
        columns = seen.age[those].round(1).tolist(), rounded(seen.risk[those]).tolist(), seen.row[those].tolist()
        series.append(
            {
                "type": "scatter",
                "name": state,
                "data": [list(person) for person in zip(*columns, strict=True)],
                "symbol": STATE_SYMBOLS[state],
                "symbolSize": SIZES.get(state, 5),
                "itemStyle": {"color": STATE_COLOURS[state], "opacity": 0.35 if state == "outside" else 0.75},
                "z": DEPTH[state],
                "encode": {"tooltip": [0, 1, 2]},
                # All of a state in one path: many times as fast as a shape for each person.
                "large": True,
                "largeThreshold": 1,
                "dimensions": ["age (years)", "own risk (per 1,000 and year)", "row"],
            }
        )
    if chosen is not None:
        here = np.flatnonzero(seen.row == chosen)
        series.append(
            {
                "type": "scatter",
                "name": "chosen",
                "data": [[round(float(seen.age[i]), 1), round(float(seen.risk[i]), 3), int(chosen)] for i in here],
                "symbol": "circle",
                "symbolSize": 22,
                "silent": True,
                "z": 20,
                "itemStyle": {"color": "transparent", "borderColor": look.ink, "borderWidth": 2.5},
            }
        )
    states = [state for state in crowd.STATES if state in STATE_COLOURS]
    option = _base(look, f"The crowd: {seen.row.size:,} people", f"own risk: {RISK} (log)", series, states)
    option["tooltip"] |= {"trigger": "item"}
    option["xAxis"] |= {"type": "value", "min": 0, "max": 90, "name": "age (years)", "nameLocation": "middle"}
    option["xAxis"] |= {"nameGap": 26, "nameTextStyle": {"color": look.ink}}
    option["yAxis"] |= {"type": "log", "min": 0.01, "max": 1000}
    option["grid"]["bottom"] = 46
    return option
