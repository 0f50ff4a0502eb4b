"""The acceptable set: parameters that the fitted part of a record allows, and the histories that follow from them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.runs.executor import Executor
from experiments.runs.simulate import simulate
from experiments.simulated import MEASURED, Simulated
from experiments.targets import Target
from model.errors import UserError
from model.files import shown, suggest
from model.pool import Pool, default
from model.report import BornIn
from model.scenario import Scenario, declared_in

SHIPPED = Path(__file__).parents[1] / "data" / "acceptable_set.csv"
FIRST_SEED = 900_000
"""First seed of the histories: a calibration uses none of the hundred thousand from here on."""


class SetError(UserError):
    """A set of parameters that cannot be used: one line naming the file and the column."""


def load(file: Path = SHIPPED, pool: Pool | None = None) -> list[dict[str, float]]:
    """The parameter sets of a file, the centre of the posterior first.

    Args:
        file: the file.
        pool: whose parameters they are; the default pool if none is given.

    Raises:
        SetError: for an unreadable file, an unknown parameter, or the sets that ship for another pool than theirs.
    """
    pool = pool or default()
    if file == SHIPPED and not is_of(pool):
        raise SetError(
            f"pool = {shown(pool.key)}: the parameter sets that ship were fitted to {provenance()['pool']['name']}; "
            "allowed: that pool, or sets of its own, from mutualaid calibrate"
        )
    known = declared_in(pool).parameters
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise SetError(f"parameter-sets = '{file}' cannot be read: {error}") from None
    unknown = [str(name) for name in table if name not in known]
    if unknown:
        raise SetError(f"column '{unknown[0]}' of {file} is not a parameter{suggest(unknown[0], known)}")
    if table.empty:
        raise SetError(f"parameter-sets = '{file}' has no rows; allowed: at least one")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def some[T](sets: Sequence[T], number: int) -> list[T]:
    """At most so many of the sets, evenly from the first to the last."""
    return [sets[k] for k in np.unique(np.linspace(0, len(sets) - 1, min(number, len(sets))).round().astype(int))]


def provenance(file: Path = SHIPPED) -> dict[str, Any]:
    """How the set was made."""
    found: dict[str, Any] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return found


def is_of(pool: Pool) -> bool:
    """Whether the sets that ship were fitted to the record of this pool."""
    return bool(provenance()["pool"]["name"] == pool.key)


class History(NamedTuple):
    """One simulated history."""

    table: pd.DataFrame
    """A row a period and plan."""
    born: BornIn
    """Members and recipients by year of birth."""


def _history(scenario: Scenario) -> History:
    report = simulate(scenario)
    return History(report.history(), report.born_in())


def histories(
    base: Scenario,
    sets: list[dict[str, float]],
    run: Executor,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[History]:
    """The history of each parameter set, each with its own seed, in the order of the sets."""
    scenarios = [base.replace(rng=FIRST_SEED + number, **values) for number, values in enumerate(sets)]
    found: dict[int, History] = {}
    for number, history in run.map(_history, scenarios):
        found[number] = history
        progress(len(found), len(scenarios))
    return [found[number] for number in range(len(scenarios))]


def read_off(runs: list[History], targets: list[Target], pool: Pool | None = None) -> np.ndarray:
    """What each history of a pool says of each row of its record, shape (runs, targets)."""
    records = [Simulated.of(*history, pool) for history in runs]
    return np.array([[MEASURED[target.measure](record, target) for target in targets] for record in records])


def bands(runs: list[History], probabilities: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> pd.DataFrame:
    """Quantiles of members, shares and recipients over the histories: one row per period, plan and probability.

    Plan `all` has the members of all plans.
    """
    names = ["members", "share", "recipients"]
    parts = []
    for history, _ in runs:
        every = history.groupby(["period", "date"], sort=False)[["members"]].sum().reset_index().assign(plan="all")
        parts.append(pd.concat([history[["period", "date", "plan", *names]], every]))
    stacked = pd.concat(parts).groupby(["period", "date", "plan"], sort=True)[names]
    return pd.concat(
        [stacked.quantile(p).assign(probability=p).reset_index() for p in probabilities], ignore_index=True
    )


def condensed(quantiles: pd.DataFrame) -> pd.DataFrame:
    """Members and shares of `bands` as the page draws them: one row a plan, measure and day, with q05, q50 and q95."""
    measures = [name for name in quantiles if name in ("members", "share")]
    tall = quantiles.melt(["plan", "date", "probability"], measures, var_name="measure").dropna()
    names = {0.05: "q05", 0.5: "q50", 0.95: "q95"}
    tall = tall[tall["probability"].isin(names)].assign(probability=lambda rows: rows["probability"].map(names))
    wide = tall.pivot(index=["plan", "measure", "date"], columns="probability", values="value")
    return wide.rename_axis(columns=None).reset_index()
