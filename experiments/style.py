"""One style for every picture, on the page and on paper: colours, names, symbols, fonts and frames.

The colours are those of Okabe and Ito, which people with any colour vision can tell apart; wherever they carry meaning,
a symbol, a dash or a word carries it as well.
"""

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
GREY, INK = "#808080", "#333333"

OF_PLANS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, "#332288", "#999933", "#882255", "#44AA99", "#661100")
"""Colours of plans, in the order of the pool: as many as a pool may have."""
LIGHT_BLUE = "#9ecae1"
"""The lesser of two bars of one kind."""
MORE, LESS, WHOLE = VERMILION, BLUE, GREY
"""Steps up and down from one whole to the next."""
RAMP = "cividis"
"""Matplotlib's colours of an order or a share, from low to high."""

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
GROUP_DASHES = {"members": "-", "joiners": "--", "leavers": "-.", "outsiders": ":"}
"""Matplotlib's dashes of the same."""

EVENT_COLOURS = {"rule": GREY, "slowdown": ORANGE, "regulator": PURPLE, "scandal": PURPLE, "rival": PURPLE}
"""By kind of event; others are black."""

HAN = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei")
"""Fonts that have Chinese characters; the first that is installed stands in where the usual font has none."""


def plan_colours(plans: Sequence[str]) -> dict[str, str]:
    """A colour for each plan of a pool, in the pool's order, and for all plans together."""
    return dict(zip(plans, OF_PLANS, strict=False)) | {"all": INK}


MILLIONS = 2e6
"""Numbers from which on they are told in millions."""
THOUSANDS = 2e4


def people_unit(most: float) -> tuple[float, str]:
    """What people are counted in when there are so many: a factor, and its name."""
    if most >= MILLIONS:
        return 1e-6, "million people"
    return (1e-3, "thousand people") if most >= THOUSANDS else (1.0, "people")


def money_unit(most: float, money: str) -> tuple[float, str]:
    """The same for an amount of a currency."""
    if most >= 1e3 * MILLIONS:
        return 1e-9, f"billion {money}"
    return (1e-6, f"million {money}") if most >= MILLIONS else (1.0, money)


def plain(axes: "Iterable[Axes]") -> None:
    """The look that all pictures share: a faint grid and no frame."""
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)


@contextlib.contextmanager
def quiet_fonts() -> Iterator[None]:
    """Draw text of users in whatever fonts are installed; characters that none has are boxes, without warnings.

    Files are the same whenever they are drawn: names inside an SVG come from its content.
    """
    from matplotlib import font_manager, rc_context, rcParams

    installed = set(font_manager.get_font_names())
    families = [*rcParams["font.family"], *[name for name in HAN if name in installed][:1]]
    with rc_context({"font.family": families, "svg.hashsalt": "mutualaid"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
