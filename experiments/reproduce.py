"""The record beside the simulation."""

from datetime import date

import numpy as np
import pandas as pd


def describe_number(value: float, unit: str) -> str:
    """A figure as a reader would write it."""
    if pd.isna(value):
        return "-"
    if abs(value) >= 1e9:
        return f"{value / 1e9:.2f} bn"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.1f} m"
    if unit.startswith("people"):
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def cell(value: object) -> str:
    """A value of any kind in a printed table."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "NO"
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "-"
        return describe_number(float(value), "") if abs(float(value)) >= 1000 else f"{float(value):.3g}"
    if isinstance(value, int | np.integer) and abs(int(value)) >= 100_000:
        return describe_number(float(value), "")
    return str(value)


def record_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Target, published, accepted band, simulated, inside, as a reader would write them: headline rows first."""
    lines = []
    for row in compared.to_dict("records"):
        unit = str(row["unit"])
        lines.append(
            {
                "target": str(row["id"]),
                "published": describe_number(row["value"], unit),
                "accepted band": f"{describe_number(row['low'], unit)} .. {describe_number(row['high'], unit)}",
                "simulated": describe_number(row["simulated"], unit),
                "inside?": bool(row["inside"]),
                "unit": unit,
                "role": str(row["role"]),
            }
        )
    return pd.DataFrame(lines)


def year_table(history: pd.DataFrame, money: str) -> pd.DataFrame:
    """What a run says of each plan and year: members at its end, a member's shares, recipients."""
    by_year = history.assign(year=history["date"].str[:4]).groupby(["year", "plan"], sort=False)
    sums = by_year.agg(members=("members", "last"), share=("share", "sum"), recipients=("recipients", "sum"))
    return sums.reset_index().rename(columns={"members": "members at the end", "share": f"share ({money} a member)"})


def inside_counts(compared: pd.DataFrame, fitted_until: date | None) -> list[str]:
    """How many rows are inside, for `fit` and `validate` rows apart.

    Args:
        compared: the record beside a simulation (`targets.compare`).
        fitted_until: last day that may be fitted, if the pool has a record of its own.
    """
    lines = []
    until = "up to the last day" if fitted_until is None else f"up to {fitted_until}"
    for role, what in (("fit", until), ("validate", "after it")):
        rows = compared[compared["role"] == role]
        lines.append(f"{role} rows ({what}): {int(rows['inside'].sum())} of {len(rows)} inside")
    return lines
