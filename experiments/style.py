"""One style for every picture, on the page and on paper: colours, names and symbols.

The colours are those of Okabe and Ito, which people with any colour vision can tell apart; wherever they carry meaning,
a symbol, a dash or a word carries it as well.
"""

from collections.abc import Iterable

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
GREY = "#808080"

COLOURS = {"general": BLUE, "seniors": VERMILION, "chronic": GREEN, "all": GREY}
LABELS = {"general": "general plan", "seniors": "seniors' plan", "chronic": "chronic plan", "all": "all plans"}
OTHER_PLANS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
"""Colours of plans that `COLOURS` does not name, in their order."""

STATE_COLOURS = {
    "outside": "#9a9a9a",
    "waiting": ORANGE,
    "covered": BLUE,
    "left": VERMILION,
    "ill": PURPLE,
    "paid": GREEN,
}
STATE_SYMBOLS = {
    "outside": "circle",
    "waiting": "triangle",
    "covered": "circle",
    "left": "rect",
    "ill": "diamond",
    "paid": "diamond",
}
"""Symbols by the names that ECharts gives them."""

GROUP_COLOURS = {"members": BLUE, "joiners": GREEN, "leavers": VERMILION, "outsiders": GREY}
"""Stayers, those who come and go, and those outside."""

EVENT_COLOURS = {"rule": GREY, "slowdown": ORANGE, "regulator": PURPLE, "scandal": PURPLE, "rival": PURPLE}
"""By kind of event; others are black."""


def plan_colours(plans: Iterable[str]) -> dict[str, str]:
    """A colour for each plan: its own where it has one, else the next one free."""
    free = iter(OTHER_PLANS)
    return {plan: COLOURS.get(plan) or next(free, GREY) for plan in plans}


def plan_label(plan: str) -> str:
    """What a plan is called in pictures."""
    return LABELS.get(plan, f"{plan.replace('_', ' ')} plan")
