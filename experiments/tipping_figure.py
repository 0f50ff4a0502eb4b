"""The picture of a tipping point."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures import plain
from experiments.style import BLUE, GREEN, ORANGE, VERMILION

LINES = ((BLUE, "-"), (BLUE, "--"), (VERMILION, "-"), (VERMILION, "--"))


def boundary_figure(boundary: pd.DataFrame, fitted: pd.DataFrame, caption: str) -> Figure:
    """Boundaries of survival in private information and markup, and fitted parameter sets.

    Args:
        boundary: as `tipping.Boundary.search` makes it.
        fitted: as `tipping.Boundary.fitted` makes it; may be empty.
        caption: what was simulated, and what survival means.
    """
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axis = figure.subplots()
    plain([axis])
    for (line, rows), (colour, dash) in zip(boundary.groupby("line", sort=False), LINES, strict=True):
        axis.plot(rows["information"], rows["markup"], dash, color=colour, marker="o", markersize=4, label=str(line))
        bounds = rows[["low", "high"]].to_numpy().T
        axis.fill_between(rows["information"], *bounds, color=colour, alpha=0.15, linewidth=0)
    for survives, colour, symbol in ((True, GREEN, "^"), (False, ORANGE, "v")):
        there = fitted[fitted["survives"] == survives] if len(fitted) else fitted
        if len(there):
            said = "fitted sets that survive" if survives else "fitted sets that do not"
            axis.scatter(there["information"], there["markup"], c=colour, marker=symbol, s=28, label=said, zorder=3)
    axis.set_xlabel("private information: how much people know of their own risk (0 none, 1 all)")
    axis.set_ylabel("median willingness to pay above expected claims cost (share of it)")
    axis.set_title("Above its line a pool survives, below it unravels", loc="left", fontsize=11)
    axis.set_xlim(-0.03, 1.03)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    figure.supxlabel(textwrap.fill(caption, 130), fontsize=8)
    return figure
