"""Pictures of a comparison of policies."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures import plain
from experiments.style import BLUE, GREY, VERMILION

MILLION = 1e6
COLUMNS = 4


def pareto_figure(table: pd.DataFrame, money: str, caption: str) -> Figure:
    """Members kept against what the riskiest third is paid by others, a point a policy, with 95 % intervals.

    A policy is on the frontier if no other keeps more members with less cross-subsidy.

    Args:
        table: as `policies.differences` makes it.
        money: the currency.
        caption: what was simulated.
    """
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    axis = figure.subplots()
    plain([axis])
    kept = table[table["key"] == "members_end"].set_index("policy")
    paid = table[table["key"] == "transfer_to_high_risk"].set_index("policy")
    unit = MILLION if paid["baseline"].abs().max() < 1e9 else 1e3 * MILLION
    said = "million" if unit == MILLION else "billion"
    x, y = kept["baseline"] + kept["difference"], paid["baseline"] + paid["difference"]
    frontier = [not (((x > x[name]) & (y < y[name])).any()) for name in x.index]
    colours = [BLUE if on else GREY for on in frontier]
    axis.errorbar(
        x / MILLION,
        y / unit,
        xerr=(kept["high"] - kept["low"]) / 2 / MILLION,
        yerr=(paid["high"] - paid["low"]) / 2 / unit,
        fmt="none",
        ecolor=GREY,
        elinewidth=0.8,
    )
    axis.scatter(x / MILLION, y / unit, c=colours, zorder=3)
    axis.scatter(kept["baseline"].iloc[0] / MILLION, paid["baseline"].iloc[0] / unit, marker="D", c=VERMILION, zorder=4)
    axis.plot([], [], "D", color=VERMILION, label="baseline")
    for number, name in enumerate(x.index, start=1):
        place = (x[name] / MILLION, y[name] / unit)
        axis.annotate(str(number), place, xytext=(5, 3), textcoords="offset points", fontsize=8)
        axis.plot([], [], " ", label=f"{number}  {name.replace('_', ' ')}")
    figure.legend(loc="outside right center", fontsize=8, frameon=False, handlelength=0)
    axis.set_xlabel("members at the end (million people)")
    axis.set_ylabel(f"cross-subsidy to the riskiest third: benefits less payments ({said} {money})")
    axis.margins(x=0.2, y=0.12)
    axis.set_title("Members kept against cross-subsidy; blue: no policy keeps more with less", loc="left", fontsize=10)
    figure.supxlabel(textwrap.fill(f"{caption} Bars: 95 % intervals of paired differences.", 120), fontsize=8)
    return figure


def groups_figure(groups: pd.DataFrame, money: str, caption: str) -> Figure:
    """Who gains and who loses: the change of consumer surplus by age and own risk, a panel a policy.

    Args:
        groups: as `policies.by_group` makes it.
        money: the currency.
        caption: what was simulated.
    """
    policies = list(dict.fromkeys(groups["policy"]))
    width = min(COLUMNS, len(policies))
    height = -(-len(policies) // width)
    figure = Figure(figsize=(3.2 * width + 1, 1.9 * height + 1), layout="constrained")
    axes = list(figure.subplots(height, width, squeeze=False).flat)
    ages, risks = list(dict.fromkeys(groups["age"])), list(dict.fromkeys(groups["risk"]))
    change = groups["surplus_change"].to_numpy().reshape(len(policies), len(ages), len(risks)) / MILLION
    most = float(np.abs(change).max()) or 1.0
    shown = None
    for axis, name, table in zip(axes, policies, change, strict=False):
        shown = axis.imshow(table, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            dark = abs(value) > 0.6 * most
            axis.text(column, row, f"{value:+,.0f}", ha="center", va="center", fontsize=7, color="w" if dark else "k")
        axis.set_title(name.replace("_", " "), fontsize=9, loc="left")
        axis.set_xticks(range(len(risks)), [risk.removesuffix(" risk") for risk in risks], fontsize=7)
        axis.set_yticks(range(len(ages)), ages, fontsize=7)
    for axis in axes[len(policies) :]:
        axis.set_visible(False)
    if shown is not None:
        bar = figure.colorbar(shown, ax=axes, shrink=0.6)
        bar.set_label(f"change of consumer surplus (million {money})", fontsize=8)
    figure.supxlabel(textwrap.fill(f"Thirds of own risk relative to age and sex, by age. {caption}", 130), fontsize=8)
    return figure
