"""The held-out test: what the fitted set foresees of the rows not fitted, against the record and naive forecasts."""

import io

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.targets import Target, TargetError
from model.pool import Pool, default

DAMPED = 0.9
NAIVE = ("last_value", "trend", "damped")
NAIVE_COLUMNS = ("id", "level", "change_per_month", "months", "note")
SCORES = {"crps_last": "last_value", "crps_trend": "trend", "crps_damped": "damped"}
"""Column of a naive forecast's score -> the forecast."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def naive_forecasts(targets: list[Target], pool: Pool | None = None) -> pd.DataFrame:
    """What one would have said on the last day that may be fitted, without a model: one line a `validate` row.

    The pool's record holds a level and a change a month for each row of which something can be said (`[record] naive`).
    `last_value` is the level; `trend` goes on by the change; `damped` is a trend that loses a tenth a month (Gardner
    & McKenzie 1985). A pool without such a table has no lines.

    Raises:
        TargetError: for a table that lacks a column, a row that the record does not have, or a number that is none.
    """
    pool = pool or default()
    record = pool.rules.record
    held_out = {target.id for target in targets if target.role == "validate"}
    lines = []
    for row in _naive_table(pool, record.naive) if record and record.naive else []:
        where = f"row '{row['id']}' of {record.naive}" if record else ""
        try:
            level, change, months = (float(row[column]) for column in ("level", "change_per_month", "months"))
        except ValueError:
            raise TargetError(f"{where}: level, change_per_month and months must be numbers") from None
        if months <= 0:
            raise TargetError(f"{where}: months = {months:g} is not allowed: more than 0")
        if row["id"] in held_out:
            risen = change * months
            values = (level, level + risen, level + risen * damping(months))
            lines.append({"id": row["id"]} | dict(zip(NAIVE, values, strict=True)))
    return pd.DataFrame(lines, columns=["id", *NAIVE])


def _naive_table(pool: Pool, file: str) -> list[dict[str, str]]:
    """The rows of the table, as text."""
    try:
        table = pd.read_csv(io.StringIO(pool.content[file]), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise TargetError(f"{file} cannot be read: {error}") from None
    for column in NAIVE_COLUMNS:
        if column not in table:
            raise TargetError(f"column '{column}' is missing in {file}; needed: {', '.join(NAIVE_COLUMNS)}")
    return table[list(NAIVE_COLUMNS)].to_dict("records")  # type: ignore[return-value]


def damping(months: float) -> float:
    """What is left of a change over so many months if each month has nine tenths of the one before."""
    return float((1 - DAMPED**months) * DAMPED / (1 - DAMPED) / months)


def crps(forecast: NDArray[np.float64], value: float) -> float:
    """Continuous ranked probability score of an ensemble, in the unit of the value: 0 is perfect.

    For a single number it is the distance from the value (Gneiting & Raftery 2007).
    """
    forecast = np.sort(np.asarray(forecast, dtype=np.float64))
    size = forecast.size
    spread = 2 * np.sum(forecast * (2 * np.arange(1, size + 1) - size - 1)) / size**2
    return float(np.abs(forecast - value).mean() - spread / 2)


def report(targets: list[Target], simulated: NDArray[np.float64], pool: Pool | None = None) -> pd.DataFrame:
    """One line a row of the record: bands, whether inside, and scores; failing rows first.

    Args:
        targets: the rows.
        simulated: what each member of the set says, shape (set, rows).
        pool: whose record it is; the default pool if none is given.

    Columns: `inside` the median lies in the accepted band; `covered` the published value lies in the 90 % band;
    `held` either; `crps` and that of the naive forecasts are shares of the published value (`validate` rows only).
    """
    naive = naive_forecasts(targets, pool).set_index("id")[list(SCORES.values())].astype(np.float64)
    lines = []
    for position, target in enumerate(targets):
        values = simulated[:, position]
        found = {name: float(np.quantile(values, p)) for name, p in QUANTILES.items()}
        inside, covered = target.inside(found["median"]), found["q05"] <= target.value <= found["q95"]
        line = {
            "id": target.id,
            "role": target.role,
            "measure": target.measure,
            "unit": target.unit,
            "published": target.value,
            "low": target.low,
            "high": target.high,
            **found,
            "inside": inside,
            "covered": covered,
            "held": inside or covered,
        }
        if target.role == "validate":
            line["crps"] = crps(values, target.value) / target.value
            for name, column in SCORES.items():
                forecast = naive[column].get(target.id, np.nan)
                line[name] = abs(float(forecast) / target.value - 1)
        lines.append(line)
    table = pd.DataFrame(lines)
    rank = 2 * table["held"] + (table["role"] != "validate")
    return table.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)


def summary(table: pd.DataFrame) -> list[str]:
    """How often the bands hold, and how the score compares, in sentences."""
    lines = []
    for role in ("fit", "validate"):
        rows = table[table["role"] == role]
        middle = rows["published"].between(rows["q25"], rows["q75"])
        lines.append(
            f"{role} rows: {int(rows['inside'].sum())} of {len(rows)} with the median in the accepted band, "
            f"{int(rows['held'].sum())} there or covered by the 90 % band (which covers {int(rows['covered'].sum())}; "
            f"the 50 % band {int(middle.sum())})"
        )
    # Only rows of which something can be said without a model: else the means would be of different rows.
    ahead = table[(table["role"] == "validate") & table["crps_last"].notna()]
    scores = ", ".join(
        f"{name} {ahead[column].mean():.3f}"
        for name, column in (
            ("model", "crps"),
            ("last value", "crps_last"),
            ("trend", "crps_trend"),
            ("damped trend", "crps_damped"),
        )
    )
    shares = table[table["measure"] == "annual_share"].sort_values("id")
    low, high = (shares[end] / shares["median"] - 1 for end in ("q05", "q95"))
    widths = (f"{row} {least:+.0%} to {most:+.0%}" for row, least, most in zip(shares["id"], low, high, strict=True))
    lines.append(f"90 % bands of the annual shares around their medians: {', '.join(widths)}")
    lines.append(
        f"score over the {len(ahead)} validate rows with naive forecasts "
        f"(CRPS as a share of the published value; less is better): {scores}"
    )
    return lines
