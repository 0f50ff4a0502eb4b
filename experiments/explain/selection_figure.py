"""The picture of selection on a day."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from experiments.explain.selection import DECILES, People, curves, deciles, triangle
from experiments.style import BLUE, GREEN, LIGHT_BLUE, ORANGE, VERMILION, plain

POINTS = 200
HIGHEST = 0.02
"""Share of the people, the most willing ones, whose price is beyond the picture."""


def selection_figure(people: People, money: str, caption: str) -> Figure:
    """Demand, average and marginal cost with the welfare triangle; members and expected losses by decile of own risk.

    Args:
        people: those who could be members.
        money: the currency.
        caption: whom, when, and what was simulated.
    """
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plain([left, right])
    found, area = curves(people, min(POINTS, people.price.size)), triangle(people)
    share = 100 * found.share
    left.plot(share, found.price, color=BLUE, label="demand: the most that people would pay")
    left.plot(share, found.average, color=VERMILION, label="average cost of those who would")
    # A line over neighbours: what single people cost jumps.
    width = max(1, len(share) // 20)
    smooth = np.convolve(np.pad(found.marginal, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), "valid")
    left.plot(share, smooth, "--", color=ORANGE, label="marginal cost (smoothed)")
    between = (found.share >= area.equilibrium) & (found.share <= area.efficient)
    left.fill_between(share, found.price, smooth, where=list(between), color=GREEN, alpha=0.35, label="welfare lost")
    left.axvline(100 * people.member.mean(), color="black", lw=0.8, ls=":", label="members now")
    left.set_ylim(0, 1.05 * float(np.quantile(people.price, 1 - HIGHEST)))
    left.set_xlabel("share of the people who could be members, by what they would pay (%)")
    left.set_ylabel(f"{money} a year")
    left.set_title("Demand and cost (Einav & Finkelstein)", loc="left", fontsize=10)
    left.legend(fontsize=8, frameon=False)
    table = deciles(people)
    order = np.argsort(people.risk, kind="stable")
    losses = [100 * people.cost[rows].sum() / people.cost.sum() for rows in np.array_split(order, DECILES)]
    places = np.arange(1, DECILES + 1)
    right.bar(places - 0.2, table["members, %"], 0.4, color=BLUE, label="members, % of the decile")
    right.bar(places + 0.2, losses, 0.4, color=LIGHT_BLUE, label="expected losses, % of everybody's")
    right.set_xticks(places)
    right.set_xlabel("decile of own risk, from the lowest")
    right.set_ylabel("%")
    right.set_title("Who is a member, and who bears the losses", loc="left", fontsize=10)
    right.legend(fontsize=8, frameon=False)
    figure.supxlabel(textwrap.fill(caption, 150), fontsize=8)
    return figure
