"""Rival stories of the collapse, fitted the same way and set side by side: which does the record favour?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from experiments.calibration.calibrate import INTERVAL, Fit
from experiments.calibration.ensemble import some
from experiments.calibration.misfit import Rows
from experiments.calibration.priors import Priors
from experiments.calibration.validation import report
from experiments.targets import Target
from model.pool import Pool, default

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
"""A story whose weight is surely less than this is excluded by the rows, if the fits are finished."""
DRAWN_ANEW = 1_000
"""Times that the sets are drawn anew, for the intervals of the weights."""
HIGHEST = {"advantageous_entry": {"premium_risk_correlation": 0.0}}
"""Ends of priors that belong to what a story tells: the cautious, who pay more, are not the ill."""
SHARED = 40
"""Nearest parameter sets of its search that each story shows the others."""
EDGE = 0.001
"""How near to the ends of the prior's cube a point may be."""


@dataclass(frozen=True)
class Told:
    """A story that was fitted to the rows that may be, and run to the end of the record."""

    fit: Fit
    simulated: NDArray[np.float64]
    """What its acceptable set says of the whole record, shape (set, targets)."""


def of_the_others(
    found: Mapping[str, Sequence[Mapping[str, float]]], story: str, priors: Priors, most: int | None = None
) -> NDArray[np.float64]:
    """What others than this story found, as far as it leaves their parameters free.

    `found` are parameter sets by who found them, of which at most `most` are taken, evenly; shape (points, parameters),
    in the cube of the story's own `priors`.
    """
    others = [values for other, sets in found.items() if other != story for values in sets]
    if most is not None:
        others = some(others, most)
    return np.clip([priors.point(values) for values in others], EDGE, 1 - EDGE)


def priors_of(story: str, priors: Priors) -> Priors:
    """The priors of what a story leaves free, narrowed to what it tells."""
    highest = HIGHEST.get(story, {})
    fitted = tuple(replace(prior, high=highest.get(prior.name, prior.high)) for prior in priors.fitted)
    return replace(priors, fitted=fitted)


def compare(told: Mapping[str, Told], record: list[Target], pool: Pool | None = None) -> pd.DataFrame:
    """One line a story of a pool, best first.

    Columns: `misfit_best` and `misfit` (mean over the acceptable set) on the `fit` rows; `fit_inside` rows with the
    median in their band; for the `validate` rows the same, and the `crps` (a share of the published value).
    `weight_fit` and `weight_validate`: in proportion to the likelihood of those rows, averaged over the set (posterior
    Bayes factors, Aitkin 1991); `.._low` and `.._high` their 90 % interval when the members of each set are drawn anew
    (bootstrap). Rows count as independent.
    """
    ahead = [number for number, target in enumerate(record) if target.role == "validate"]
    pool = pool or default()
    later = Rows(tuple(record[number] for number in ahead), pool=pool)
    # Without each story's own noise: a noisy one would be forgiven more.
    on_fit = [story.fit.rows.misfit(story.fit.rows.standardise(story.fit.simulated)) for story in told.values()]
    on_later = [later.misfit(later.standardise(story.simulated[:, ahead])) for story in told.values()]
    lines = []
    for (name, story), misfits in zip(told.items(), on_fit, strict=True):
        table = report(record, story.simulated, pool).set_index("role").loc["validate"]
        fitted = story.fit.table()["inside"]
        lines.append(
            {
                "story": STORIES.get(name, name),
                "fitted": len(story.fit.priors.names),
                "misfit_best": misfits.min(),
                "misfit": misfits.mean(),
                "fit_inside": f"{int(fitted.sum())} of {len(fitted)}",
                "validate_inside": f"{int(table['inside'].sum())} of {len(table)}",
                "validate_held": f"{int(table['held'].sum())} of {len(table)}",
                "crps": table["crps"].mean(),
            }
        )
    found = pd.DataFrame(lines)
    for column, each in (("weight_fit", on_fit), ("weight_validate", on_later)):
        found[column] = weights(np.array([unlikely(misfits) for misfits in each]))
        found[f"{column}_low"], found[f"{column}_high"] = np.quantile(_drawn_anew(each), INTERVAL, axis=0)
    return found.sort_values("weight_fit", ascending=False, kind="stable", ignore_index=True)


def _drawn_anew(each: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Weights of the stories with the members of each set drawn anew, shape (draws, stories)."""
    generator = np.random.default_rng(DRAWN_ANEW)
    return [
        weights(np.array([unlikely(misfits[generator.integers(len(misfits), size=len(misfits))]) for misfits in each]))
        for _ in range(DRAWN_ANEW)
    ]


def unlikely(misfits: NDArray[np.float64]) -> float:
    """Minus the logarithm of the likelihood of all rows together, averaged over a set; misfits of shape (set,)."""
    return float(np.log(len(misfits)) - logsumexp(-misfits))


def weights(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares in proportion to exp(-loss)."""
    raw = np.exp(losses.min() - losses)
    return np.asarray(raw / raw.sum())


def unfinished(table: pd.DataFrame) -> float:
    """By how much the best misfit of a story exceeds that of one which it can be like: how unfinished the fits are.

    Every story can be nearly like `maturation`, if its own mechanisms are weak, and `default` like any.
    """
    best = table.set_index("story")["misfit_best"]
    inner = best.get(STORIES["maturation"], np.inf)
    whole = best.get(STORIES["default"], -np.inf)
    return max(0.0, float(best.max() - inner), float(whole - best.min()))


def conclusion(table: pd.DataFrame) -> list[str]:
    """Which story the rows favour and which they exclude, in sentences.

    On the fitted rows a story must be worse by more than the fits are unfinished to be excluded.
    """
    lines = []
    slack = unfinished(table)
    if slack > 0:
        lines.append(
            f"the fits are unfinished: every story can be nearly like '{STORIES['maturation']}', and "
            f"'{STORIES['default']}' like any, but best misfits are up to {slack:.1f} worse than those"
        )
    for column, what, error in (("weight_fit", "that were fitted", slack), ("weight_validate", "that were not", 0.0)):
        best = table.iloc[int(table[column].argmax())]
        least = EXCLUDED * np.exp(-error)
        out = table[f"{column}_high"] < least
        left, gone = table[~out]["story"].to_list(), table[out]["story"].to_list()
        lines.append(
            f"the rows {what} favour '{best['story']}' (weight {best[column]:.2f}, 90 % interval "
            f"{best[f'{column}_low']:.2f} to {best[f'{column}_high']:.2f}); not excluded: {', '.join(left)}; "
            f"excluded (weight below {least:.2g}): {', '.join(gone) or 'none'}"
        )
    return lines
