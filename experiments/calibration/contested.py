"""The contested history: which of its numbers hold together, in any simulation of a fit to all of them?

The contested rows are fitted together with those on membership in the first years, which nobody contests
(`uncontested_until` in the pool's `[record]`). What a rival's
closure costs is fitted on its own here: these rows tell of it.
"""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import targets
from experiments.calibration.misfit import Rows
from experiments.output import write, write_table, writing
from experiments.targets import Target
from model.pool import Pool, default

WHY = "The contested history, as near as the mechanisms come to it."


def rows(pool: Pool | None = None) -> list[Target]:
    """The contested rows of a pool first, then the uncontested ones.

    Raises:
        TargetError: for a pool without a contested record.
    """
    pool = pool or default()
    contested = targets.contested(pool)
    record = pool.rules.record
    until = str(record.uncontested_until or pool.rules.launch) if record else ""
    uncontested = [target for target in targets.load(pool=pool) if target.measure == "members" and target.when <= until]
    return [*contested, *uncontested]


def together(fitted: Rows, simulated: NDArray[np.float64], contested: list[str]) -> pd.DataFrame:
    """One line for each contested row and each pair of them: how near any simulation came to both at once.

    Args:
        fitted: the rows.
        simulated: what every simulation of the calibration says of them, shape (simulations, rows).
        contested: ids of the rows in question.

    Columns: `first`, `second` (empty for a row alone), `nearest` the least distance of the worse of the two in half
    bands (up to 1: some simulation had both in their bands), `simulations` how many had.
    """
    distances = np.abs(fitted.standardise(simulated))
    place = {name: number for number, name in enumerate(fitted.names)}
    lines = []
    for names in (*((name,) for name in contested), *combinations(contested, 2)):
        worse = distances[:, [place[name] for name in names]].max(axis=1)
        inside = fitted.inside(simulated)[:, [place[name] for name in names]].all(axis=1)
        lines.append(
            {
                "first": names[0],
                "second": names[1] if len(names) == 2 else "",
                "nearest": float(worse.min()),
                "simulations": int(inside.sum()),
            }
        )
    return pd.DataFrame(lines)


def keep(pairs: pd.DataFrame, best: Mapping[str, float], folder: Path) -> None:
    """Write the table, and the parameters that come nearest as a scenario."""
    write_table(folder / "together.csv", pairs)
    values = "\n".join(f"{name} = {value:.6g}" for name, value in best.items())
    with writing(folder, kept="simulations"):
        write(folder / "contested.toml", f'why = "{WHY}"\n\n[parameters]\n{values}\n'.encode())


def most_at_once(fitted: Rows, simulated: NDArray[np.float64], contested: list[str]) -> list[str]:
    """The largest group of contested rows that one simulation had in their bands."""
    inside = fitted.inside(simulated)[:, [fitted.names.index(name) for name in contested]]
    return [name for name, held in zip(contested, inside[inside.sum(axis=1).argmax()], strict=True) if held]


def contradictions(found: pd.DataFrame) -> list[str]:
    """The rows that no simulation reached, and the pairs of reachable rows that none reached together.

    None of those made for this fit, that is: they aim at all rows at once, and no pair was searched for by itself.
    """
    alone = found[(found["second"] == "") & (found["simulations"] == 0)]["first"].to_list()
    pairs = found[(found["second"] != "") & (found["simulations"] == 0)]
    pairs = pairs[~pairs["first"].isin(alone) & ~pairs["second"].isin(alone)]
    lines = [f"reached by no simulation: {', '.join(alone) or 'none; each can be had alone'}"]
    lines += [
        f"in no simulation together: {row.first} and {row.second} (nearest: {row.nearest:.1f} half bands)"
        for row in pairs.itertuples()
    ]
    return lines
