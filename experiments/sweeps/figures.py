"""Pictures of a sweep: its summaries over the design, and the sensitivity of each to every parameter."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from experiments.style import BLUE, LIGHT_BLUE, plain
from experiments.sweeps.design import SAMPLES
from experiments.sweeps.results import Results, told
from experiments.sweeps.summaries import Summary

MOST_COLUMNS = 5
LETTERS_PER_INCH = 13
"""Of small print: where a caption is wrapped."""
LABEL_WIDTH = 18
"""Letters of a line beside an axis."""


def _factor(summary: Summary, values: Any) -> tuple[float, str]:
    """By what the values of a summary are multiplied to be drawn, and their unit then."""
    if summary.unit == "share":
        return 100.0, "%"
    if summary.unit == "people":
        known = np.abs(np.asarray(values, dtype=np.float64))
        most = float(known[np.isfinite(known)].max(initial=0.0))
        return (1e-6, "million") if most >= 1e6 else (1e-3, "thousand") if most >= 1e4 else (1.0, "people")
    return 1.0, "" if summary.unit == "ratio" else summary.unit


def _label(summary: Summary, unit: str) -> str:
    words = f"{summary.short or summary.label} ({unit})" if unit else summary.short or summary.label
    return textwrap.fill(words, LABEL_WIDTH)


def study_figure(results: Results, baseline: int | None = None) -> Figure:
    """Every summary over the design: a line with 95 % intervals for a list or grid, dots for a sample.

    The first parameter runs along the axis, the second takes the colours, the third the columns. With common random
    numbers the band is that of the paired difference from the baseline point, around the mean; there it has no width.
    """
    names = results.design.names
    if results.design.kind in SAMPLES or len(names) > 3:
        return _dots(results, names[:MOST_COLUMNS])
    verdicts = results.verdicts
    reference = results.baseline() if baseline is None else baseline
    apart = results.differences(reference)
    if len(apart):
        half = apart.assign(half=(apart["high"] - apart["low"]) / 2).set_index(["point", "summary"])["half"]
        widths = [half.get((row.point, row.summary), 0.0) for row in verdicts[["point", "summary"]].itertuples()]
        verdicts = verdicts.assign(low=verdicts["mean"] - widths, high=verdicts["mean"] + widths)
    columns = _levels(verdicts[names[2]]) if len(names) == 3 else [None]
    figure, axes = _grid(len(columns), results)
    for row, (name, summary) in enumerate(results.outcomes.items()):
        known = verdicts[verdicts["summary"] == name]
        factor, unit = _factor(summary, known["mean"])
        axes[row, 0].set_ylabel(_label(summary, unit), fontsize=8)
        for column, third in enumerate(columns):
            axis = axes[row, column]
            there = known if third is None else known[known[names[2]] == third]
            _lines(axis, there, names[:2], factor)
            if row == 0 and third is not None:
                axis.set_title(f"{names[2]} = {told(third)}", fontsize=9)
    if len(names) > 1:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, title=names[1], loc="outside lower center", ncols=8, fontsize=8, frameon=False)
    if names:
        for axis in axes[-1]:
            axis.set_xlabel(_named(results, names[0]), fontsize=8)
    band = f"paired difference from {results.named(reference)}, around the mean" if len(apart) else "mean"
    caption = f"Lines: means over the replicates. Bands: 95 % intervals of the {band}."
    figure.supxlabel(textwrap.fill(caption, round(LETTERS_PER_INCH * figure.get_figwidth())), fontsize=8)
    return figure


def _named(results: Results, name: str) -> str:
    known = results.design.declared.parameters
    return f"{name} ({known[name].unit})" if name in known else name


def _grid(columns: int, results: Results) -> tuple[Figure, Any]:
    """A row of axes for each summary, sharing their scale."""
    figure = Figure(figsize=(max(6.5, 1.2 + 2.9 * columns), 11), layout="constrained")
    figure.suptitle(textwrap.fill(results.content["question"], 90), fontsize=12, parse_math=False)
    axes = figure.subplots(len(results.outcomes), columns, sharex="col", sharey="row", squeeze=False)
    plain(axes.flat)
    for axis in axes.flat:
        axis.tick_params(labelsize=8)
    return figure, axes


def _lines(axis: Axes, known: pd.DataFrame, names: list[str], unit: float) -> None:
    if not names:
        axis.errorbar([0], known["mean"] * unit, yerr=(known["high"] - known["mean"]) * unit, fmt="o", capsize=3)
        axis.set_xticks([])
        return
    groups = _levels(known[names[1]]) if len(names) > 1 else [None]
    shades = colormaps["viridis"](np.linspace(0.05, 0.85, len(groups)))
    for group, shade in zip(groups, shades, strict=True):
        those = known if group is None else known[known[names[1]] == group]
        if is_numeric_dtype(known[names[0]]):
            those = those.sort_values(names[0], kind="stable")
        label = None if group is None else told(group)
        x = _places(those[names[0]], known[names[0]])
        axis.plot(x, those["mean"] * unit, "o-", ms=3, lw=1.2, color=shade, label=label)
        axis.fill_between(x, those["low"] * unit, those["high"] * unit, color=shade, alpha=0.18, lw=0)
    if not is_numeric_dtype(known[names[0]]):
        axis.set_xticks(*zip(*enumerate(map(str, _levels(known[names[0]]))), strict=True), rotation=30, ha="right")
        return
    x = known[names[0]].astype(float)
    if x.min() > 0 and x.max() / x.min() >= 20:
        axis.set_xscale("log")


def _levels(values: "pd.Series[Any]") -> list[Any]:
    """The different values: numbers in order, names of policies and rules as they come."""
    return sorted(values.unique()) if is_numeric_dtype(values) else list(values.unique())


def _places(values: "pd.Series[Any]", of: "pd.Series[Any]") -> "pd.Series[Any]":
    """Where values stand along an axis: numbers where they are, names side by side in the order of `of`."""
    if is_numeric_dtype(of):
        return values.astype(float)
    return values.map({level: float(place) for place, level in enumerate(_levels(of))})


def _dots(results: Results, names: list[str]) -> Figure:
    table = results.summaries
    figure, axes = _grid(len(names), results)
    for row, (summary, described) in enumerate(results.outcomes.items()):
        factor, unit = _factor(described, table[summary])
        axes[row, 0].set_ylabel(_label(described, unit), fontsize=8)
        for column, name in enumerate(names):
            axis = axes[row, column]
            axis.plot(_places(table[name], table[name]), table[summary] * factor, ".", ms=3, alpha=0.5)
            axes[-1, column].set_xlabel(_named(results, name), fontsize=8)
    return figure


def sensitivity_figure(
    curves: pd.DataFrame,
    screening: pd.DataFrame,
    indices: pd.DataFrame,
    outcomes: Mapping[str, Summary],
    title: str,
) -> Figure:
    """A row for each summary: curves over each parameter's range, Morris' mean effect, Sobol' first and total index."""
    names = list(dict.fromkeys(curves["parameter"]))
    shades = dict(zip(names, colormaps["tab20"](np.arange(len(names)) % 20), strict=True))
    figure = Figure(figsize=(13, 2.6 * len(outcomes)), layout="constrained")
    figure.suptitle(textwrap.fill(title, 120), fontsize=13, parse_math=False)
    axes = figure.subplots(len(outcomes), 3, squeeze=False, width_ratios=[1.2, 1, 1])
    for row, (summary, described) in enumerate(outcomes.items()):
        factor, unit = _factor(described, curves[summary])
        curve, morris, sobol = axes[row]
        for name in names:
            values = curves[curves["parameter"] == name]
            curve.plot(np.linspace(0, 1, len(values)), values[summary] * factor, color=shades[name], label=name, lw=1.6)
        curve.set_ylabel(_label(described, unit), fontsize=8)
        _bars(morris, screening, summary, {"mu_star": "half_width"}, factor)
        _bars(sobol, indices, summary, {"first": "first_half_width", "total": "total_half_width"}, 1.0)
        sobol.set_xlim(left=0)
    axes[0, 0].set_title("one at a time, the others as in the scenario", fontsize=9)
    axes[0, 1].set_title("Morris: mean effect over the whole range", fontsize=9)
    axes[0, 2].set_title("Sobol': index, first (light), total (dark)", fontsize=9)
    axes[-1, 0].set_xlabel("share of the parameter's range, low to high", fontsize=8)
    plain(axes.flat)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8, frameon=False
    )
    return figure


def _bars(axis: Axes, table: pd.DataFrame, summary: str, columns: dict[str, str], unit: float) -> None:
    """Horizontal bars with error bars, one group a parameter, the longest on top."""
    those = table[table["summary"] == summary] if len(table) else table
    if those.empty:
        axis.text(0.5, 0.5, "does not change", ha="center", fontsize=8, transform=axis.transAxes)
        return
    last = list(columns)[-1]
    those = those.sort_values(last, kind="stable")
    places = np.arange(len(those))
    height = 0.8 / len(columns)
    for number, (column, half_width) in enumerate(columns.items()):
        axis.barh(
            places + (number - (len(columns) - 1) / 2) * height,
            those[column] * unit,
            height,
            xerr=those[half_width] * unit,
            color=(LIGHT_BLUE, BLUE)[number] if len(columns) > 1 else BLUE,
            error_kw={"lw": 0.8},
        )
    axis.set_yticks(places, those["parameter"])
