"""Pictures of an explanation."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.explain.causes import EVERYTHING_ON, NOTHING_ON
from experiments.figures import plain

WHOLE, MORE, LESS = "#555555", "#c0392b", "#1f5fa8"
COLUMNS = 2


def waterfall_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Each outcome from the world with everything off to the one with everything on, a step a mechanism.

    Args:
        table: as `causes.parts` makes it.
        caption: what was simulated; wrapped where it is long.
    """
    outcomes = list(table.groupby("outcome", sort=False))
    height = -(-len(outcomes) // COLUMNS)
    figure = Figure(figsize=(12, 0.8 + 3.4 * height), layout="constrained")
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
            text = f"{means[place]:+.3g}" if place in steps else f"{means[place]:.3g}"
            right = max(end[place] + errors[place], end[place] - means[place] if place in steps else -np.inf)
            axis.annotate(text, (right, place), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.set_xlabel(rows["unit"].iloc[0], fontsize=8)
        axis.set_title(str(outcome), loc="left", fontsize=10, fontweight="bold")
        axis.tick_params(axis="x", labelsize=8)
    for axis in axes[len(outcomes) :]:
        axis.set_visible(False)
    names = f"Diamonds: {NOTHING_ON}, {EVERYTHING_ON}. Steps: Shapley values. Lines: 95 % intervals of the mean."
    figure.supxlabel(textwrap.fill(f"{names} {caption}", 150), fontsize=8)
    return figure
