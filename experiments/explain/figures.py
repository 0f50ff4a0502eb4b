"""Pictures of an explanation."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.style import LESS, MORE, WHOLE, plain

COLUMNS = 2
SMALLEST = 0.005
"""Steps below it are written as 0."""


def waterfall_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Each outcome from a first value to a last one, step by step.

    Args:
        table: as `causes.parts` or `accounting.waterfalls` makes it.
        caption: what the steps are and what was simulated; wrapped where it is long.
    """
    outcomes = list(table.groupby("outcome", sort=False))
    height = -(-len(outcomes) // COLUMNS)
    longest = max(len(rows) for _, rows in outcomes)
    figure = Figure(figsize=(13, 0.8 + (1.2 + 0.28 * longest) * height), layout="constrained")
    axes = list(figure.subplots(height, COLUMNS, squeeze=False).flat)
    plain(axes)
    for axis, (outcome, rows) in zip(axes, outcomes, strict=False):
        means = rows["mean"].to_numpy()
        end = np.concatenate([np.cumsum(means[:-1]), means[-1:]])
        errors = np.nan_to_num((rows["high"] - rows["low"]).to_numpy() / 2)
        places = np.arange(len(rows))
        steps = places[1:-1]
        colours = [MORE if mean > 0 else LESS for mean in means[steps]]
        axis.barh(steps, means[steps], left=end[steps - 1], color=colours, height=0.7)
        axis.errorbar(end, places, xerr=errors, fmt="none", ecolor="black", elinewidth=1, capsize=2)
        axis.plot(means[[0, -1]], places[[0, -1]], "D", color=WHOLE, markersize=7)
        axis.set_yticks(places, rows["mechanism"], fontsize=8)
        for place in places:
            text = _step(means[place]) if place in steps else f"{means[place]:.3g}"
            right = max(end[place] + errors[place], end[place] - means[place] if place in steps else -np.inf)
            axis.annotate(text, (right, place), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8)
        axis.invert_yaxis()
        axis.use_sticky_edges = False
        axis.margins(x=0.15)
        axis.set_xlabel(rows["unit"].iloc[0], fontsize=8)
        axis.set_title(str(outcome), loc="left", fontsize=10, fontweight="bold")
        axis.tick_params(axis="x", labelsize=8)
    for axis in axes[len(outcomes) :]:
        axis.set_visible(False)
    figure.supxlabel(textwrap.fill(caption, 150), fontsize=8)
    return figure


def _step(value: float) -> str:
    """A step with its sign; what rounding leaves of nothing is nothing."""
    return f"{value:+.3g}" if abs(value) >= SMALLEST else "0"
