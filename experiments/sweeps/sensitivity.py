"""Which parameters matter: one-at-a-time curves, Morris screening, Sobol' indices, and whether these have settled.

A sensitivity study samples the same ranges three times; each sample is a sweep of its own, in its own folder. The
indices are SALib's; the luck is common to all points, and figures are means over the replicates of a point.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.sweeps.design import LEVELS, SAMPLES, Design, StudyError, unit_problem
from experiments.sweeps.results import Results
from experiments.sweeps.study import Study

METHODS = ("one_at_a_time", "morris", "saltelli")
CURVE_POINTS = 7
"""Values of each parameter along its curve."""
TRAJECTORY_SHARE = 4
"""Morris trajectories: one for so many base samples of Sobol's method, but at least ten."""
SETTLED = 0.1
"""An index is settled when its 95 % interval is no wider than plus or minus this."""
CONFIDENCE = 0.95
RESAMPLES = 400
SEED = 1
"""Of the resampling; SALib takes 0 for no seed."""


def designs(study: Study) -> dict[str, Study]:
    """The three sweeps of a sensitivity study, by method.

    Raises:
        StudyError: for a study that does not sample ranges.
    """
    if study.design.kind not in SAMPLES:
        raise StudyError(f"kind = '{study.design.kind}' in [design] has no ranges; allowed here: {', '.join(SAMPLES)}")
    size = study.design.size
    sizes = {
        "one_at_a_time": CURVE_POINTS,
        "morris": max(10, size // TRAJECTORY_SHARE),
        "saltelli": 2 ** (size - 1).bit_length(),
    }
    ranges = study.design.parameters
    return {kind: replace(study, design=Design(kind, ranges, sizes[kind], study.design.pool)) for kind in METHODS}


def means(results: Results) -> pd.DataFrame:
    """Every summary at every point, averaged over the replicates, in the order of the points.

    Raises:
        StudyError: if a point has no result, without which no index can be computed.
    """
    if results.missing or results.failed:
        short = len(results.missing) + len(results.failed)
        raise StudyError(
            f"'{results.stores[0].folder}' lacks {short} of {results.design.number} points; run the same command again"
        )
    return results.summaries.groupby("point", sort=True)[list(results.outcomes)].mean()


def curves(results: Results) -> pd.DataFrame:
    """One line a parameter and value: every summary while the other parameters stay."""
    points = results.design.points(results.content["seed"])
    table = means(results)
    names = [next(iter(point)) for point in points]
    values = [next(iter(point.values())) for point in points]
    return table.reset_index(drop=True).assign(parameter=names, value=values)[["parameter", "value", *results.outcomes]]


def screening(results: Results) -> pd.DataFrame:
    """Morris: one line a summary and parameter. `mu_star` is how much the figure moves over the whole range.

    `sigma` is how much that depends on the other parameters; `half_width` that of the 95 % interval of `mu_star`.
    """
    from SALib.analyze import morris

    names = results.design.names
    shares = results.design.shares(results.content["seed"])
    lines = []
    for summary, values in means(results).items():
        if _varies(values):
            found = morris.analyze(
                unit_problem(names), shares, values.to_numpy(), num_levels=LEVELS, num_resamples=RESAMPLES, seed=SEED
            )
            lines += _lines(
                str(summary), names, found, {"mu_star": "mu_star", "sigma": "sigma", "half_width": "mu_star_conf"}
            )
    return pd.DataFrame(lines)


def indices(results: Results) -> pd.DataFrame:
    """Sobol': one line a summary and parameter.

    `first` is the share of the variance that the parameter explains alone, `total` with all that it takes part in, with
    half widths of their 95 % intervals; `settled` where both are narrow enough.
    """
    from SALib.analyze import sobol

    names = results.design.names
    lines = []
    for summary, values in means(results).items():
        if _varies(values):
            found = sobol.analyze(
                unit_problem(names),
                values.to_numpy(),
                calc_second_order=False,
                num_resamples=RESAMPLES,
                conf_level=CONFIDENCE,
                seed=SEED,
            )
            columns = {"first": "S1", "first_half_width": "S1_conf", "total": "ST", "total_half_width": "ST_conf"}
            lines += _lines(str(summary), names, found, columns)
    table = pd.DataFrame(lines)
    if len(table):
        table["settled"] = (table["first_half_width"] <= SETTLED) & (table["total_half_width"] <= SETTLED)
    return table


def _varies(values: pd.Series) -> bool:
    """Whether indices can be computed: every point has a figure, and they are not all the same."""
    return bool(values.notna().all() and values.nunique() > 1)


def _lines(summary: str, names: Sequence[str], found: Any, columns: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"summary": summary, "parameter": name}
        | {column: float(np.asarray(found[key])[number]) for column, key in columns.items()}
        for number, name in enumerate(names)
    ]


def verdict(table: pd.DataFrame) -> str:
    """Whether the indices can be relied on, in a sentence."""
    if table.empty:
        return "no summary is known at every point and changes over these ranges, so there are no indices"
    wide = table[~table["settled"]]
    if wide.empty:
        return f"all {len(table)} pairs of indices have settled (95 % intervals within +-{SETTLED:g})"
    worst = wide.iloc[int(wide[["first_half_width", "total_half_width"]].max(axis=1).argmax())]
    first, total = (f"{worst[name]:.2f} +- {worst[f'{name}_half_width']:.2f}" for name in ("first", "total"))
    return (
        f"{len(wide)} of {len(table)} pairs of indices have NOT settled (95 % interval wider than +-{SETTLED:g}); "
        f"widest: {worst['parameter']} on {worst['summary']}, first {first}, total {total}; a larger size helps"
    )
