"""The record beside the simulation."""

import numpy as np
import pandas as pd
from rich.table import Table

from experiments.targets import HEADLINES


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
        return describe_number(float(value), "") if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def record_table(compared: pd.DataFrame) -> Table:
    """Target, published, accepted band, simulated, inside: headline rows first."""
    table = Table(title="The record beside the simulation", title_justify="left")
    for name in ("target", "role", "unit"):
        table.add_column(name)
    for name in ("published", "accepted band", "simulated"):
        table.add_column(name, justify="right")
    table.add_column("inside?")
    for row in compared.to_dict("records"):
        unit = str(row["unit"]).replace("CNY", "yuan")
        band = f"{describe_number(row['low'], unit)} .. {describe_number(row['high'], unit)}"
        table.add_row(
            str(row["id"]),
            str(row["role"]),
            unit,
            describe_number(row["value"], unit),
            band,
            describe_number(row["simulated"], unit),
            "yes" if row["inside"] else "NO",
            end_section=row["id"] == HEADLINES[-1],
        )
    return table


def year_table(history: pd.DataFrame) -> Table:
    """What a run says of each plan and year: members at its end, a member's shares, recipients."""
    table = Table(title="Year by year", title_justify="left")
    for name in ("year", "plan"):
        table.add_column(name)
    for name in ("members at the end", "share, yuan/member", "recipients"):
        table.add_column(name, justify="right")
    by_year = history.groupby([history["date"].str[:4], "plan"], sort=False)
    sums = by_year.agg(members=("members", "last"), share=("share_yuan", "sum"), recipients=("recipients", "sum"))
    for (year, plan), row in sums.iterrows():
        table.add_row(
            year,
            plan,
            describe_number(row["members"], "people"),
            describe_number(row["share"], ""),
            describe_number(row["recipients"], "people"),
        )
    return table


def inside_counts(compared: pd.DataFrame) -> list[str]:
    """How many rows are inside, for `fit` and `validate` rows apart."""
    lines = []
    for role, what in (("fit", "up to the end of 2020"), ("validate", "after it")):
        rows = compared[compared["role"] == role]
        lines.append(f"{role} rows ({what}): {int(rows['inside'].sum())} of {len(rows)} inside")
    return lines
