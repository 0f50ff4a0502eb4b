"""Rival stories of the collapse, fitted the same way and set side by side: which does the record favour?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.calibration.calibrate import Fit
from experiments.calibration.misfit import Rows, misfit
from experiments.calibration.priors import Priors
from experiments.calibration.validation import report
from experiments.targets import Target

STORIES = {
    "maturation": "maturation only",
    "adverse_exit": "adverse exit",
    "adverse_entry": "adverse entry",
    "advantageous_entry": "advantageous entry, then adverse exit",
    "trust_and_news": "trust and news only",
    "default": "all together",
}
"""Scenario -> what it tells."""
EXCLUDED = 0.01
"""A story with less than this share of the weight is excluded by the rows, if the fits are finished."""
SHARED = 40
"""Nearest parameter sets of its search that each story shows the others."""
EDGE = 0.001
"""How near to the ends of the prior's cube a point may be."""


@dataclass(frozen=True)
class Told:
    """A story that was fitted to the rows up to the end of 2020, and run over 2021."""

    fit: Fit
    simulated: NDArray[np.float64]
    """What its acceptable set says of the whole record, shape (set, targets)."""


def of_the_others(
    found: Mapping[str, Sequence[Mapping[str, float]]], story: str, priors: Priors
) -> NDArray[np.float64]:
    """What others than this story found, as far as it leaves their parameters free.

    `found` are parameter sets by who found them; shape (points, parameters), in the cube of the story's own `priors`.
    """
    others = [values for other, sets in found.items() if other != story for values in sets]
    return np.clip([priors.point(values) for values in others], EDGE, 1 - EDGE)


def compare(told: Mapping[str, Told], record: list[Target]) -> pd.DataFrame:
    """One line a story, best first.

    Columns: `misfit_best` and `misfit` (mean over the acceptable set) on the `fit` rows; `effective` parameters, what
    the mean deviance exceeds the least by; `weight_fit` by the deviance information criterion (Spiegelhalter et al.
    2002); `fit_inside` rows with the median in their band; for the rows after 2020 the same, the `crps` (a share of the
    published value), and `weight_validate` by the likelihood of those rows, averaged over the set.
    """
    ahead = [number for number, target in enumerate(record) if target.role == "validate"]
    rows = Rows(tuple(record[number] for number in ahead))
    lines, criteria, evidence = [], [], []
    for name, story in told.items():
        # Without each story's own noise: a noisy one would be forgiven more.
        deviance = 2 * misfit(story.fit.rows.standardise(story.fit.simulated))
        effective = float(deviance.mean() - deviance.min())
        criteria.append(deviance.mean() + effective)
        later = misfit(rows.standardise(story.simulated[:, ahead]))
        evidence.append(-np.log(np.mean(np.exp(later.min() - later))) + later.min())
        table = report(record, story.simulated).set_index("role").loc["validate"]
        fitted = story.fit.table()["inside"]
        lines.append(
            {
                "story": STORIES.get(name, name),
                "fitted": len(story.fit.priors.names),
                "misfit_best": deviance.min() / 2,
                "misfit": deviance.mean() / 2,
                "effective": effective,
                "fit_inside": f"{int(fitted.sum())} of {len(fitted)}",
                "validate_inside": f"{int(table['inside'].sum())} of {len(table)}",
                "validate_held": f"{int(table['held'].sum())} of {len(table)}",
                "crps": table["crps"].mean(),
            }
        )
    found = pd.DataFrame(lines)
    found["weight_fit"] = weights(np.array(criteria) / 2)
    found["weight_validate"] = weights(np.array(evidence))
    return found.sort_values("weight_fit", ascending=False, kind="stable", ignore_index=True)


def weights(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares in proportion to exp(-loss)."""
    raw = np.exp(losses.min() - losses)
    return np.asarray(raw / raw.sum())


def conclusion(table: pd.DataFrame) -> list[str]:
    """Which story the rows favour and which they exclude, in sentences.

    The whole model can come close to every other story; by as much as its best set is worse than theirs, the fits are
    unfinished, and on the fitted rows a story must be worse by that much more to be excluded.
    """
    lines = []
    whole = table.loc[table["story"] == STORIES["default"], "misfit_best"]
    slack = float(whole.iloc[0] - table["misfit_best"].min()) if len(whole) else 0.0
    if slack > 0:
        lines.append(
            f"the fits are unfinished: '{STORIES['default']}' can be like any other story, and its best misfit is "
            f"{slack:.1f} worse than the least"
        )
    for column, what, error in (("weight_fit", "up to the end of 2020", slack), ("weight_validate", "of 2021", 0.0)):
        best = table.loc[table[column].idxmax()]
        least = EXCLUDED * np.exp(-error)
        out = table[column] < least
        left, gone = table[~out]["story"].to_list(), table[out]["story"].to_list()
        lines.append(
            f"the rows {what} favour '{best['story']}' (weight {best[column]:.2f}); not excluded: {', '.join(left)}; "
            f"excluded (weight below {least:.2g}): {', '.join(gone) or 'none'}"
        )
    return lines
