"""The held-out test: 2021 as the set fitted to the end of 2020 foresees it, against the record and naive forecasts."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.targets import Target

DAYS_IN_MONTH = 365.25 / 12
MONTHS_OF_BILLS = 2.5
"""From the first settlement of October to the second of December."""
DAMPED = 0.9
NAIVE = ("last_value", "trend", "damped")
SCORES = {"crps_last": "last_value", "crps_trend": "trend", "crps_damped": "damped"}
"""Column of a naive forecast's score -> the forecast."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def naive_forecasts(targets: list[Target]) -> pd.DataFrame:
    """What one would have said at the end of 2020 without a model, one line a `validate` row that it can be said of.

    `last_value`: 2021 is 2020 once more; members stay as they were; a rate stays what it was last. `trend`: what
    changed from 2019 to 2020 changes by as much again; members and single settlements go on as between their last two
    published numbers (for settlements: from the first of October). `damped`: a trend that loses a tenth every month
    (Gardner & McKenzie 1985).
    """
    known = {target.id: target.value for target in targets if target.role == "fit"}
    share, cases, aid = known["general_share_2020"], known["recipients_2020"], known["aid_2020"]
    rise = share - known["general_share_2019"]
    more_cases = cases - known["recipients_2019"]
    cases_so_far = known["recipients_cum_2020-12-28"]
    # The aid of 2019 is not in the record: its recipients at the mean aid of 2020.
    aid_2019 = aid / cases * known["recipients_2019"]
    members, before = known["all_members_2020-12-28"], known["all_members_2020-11-14"]
    lost = (before - members) / ((date(2020, 12, 28) - date(2020, 11, 14)).days / DAYS_IN_MONTH)
    bill = known["general_settlement_2020-12-P2"]
    dearer = (bill - known["general_settlement_2020-10-P1"]) / MONTHS_OF_BILLS
    # Level, change a year or a month, and years or months of it.
    forecasts = {
        "general_share_2021": (share, rise, 12),
        "recipients_cum_2021-12-28": (cases_so_far + cases, more_cases, 12),
        # Two more settlements of the 24 of a year.
        "recipients_cum_final": (cases_so_far + 26 / 24 * cases, 26 / 24 * more_cases, 12),
        "recipients_2021-01-P1": (cases / 24, more_cases / 24, 12),
        "aid_cum_2021-12-28": (aid_2019 + 2 * aid, aid - aid_2019, 12),
        "exit_rate_2021": (lost, 0.0, 12),
    }
    rows = {
        name: (level, level + change, level + change * damping(months))
        for name, (level, change, months) in forecasts.items()
    }
    monthly = {
        "all_members_2021-01-21": (members, -lost, date(2021, 1, 21)),
        "all_members_2021-08-07": (members, -lost, date(2021, 8, 7)),
        "all_members_2021-12-28": (members, -lost, date(2021, 12, 28)),
        "general_settlement_2021-03-P1": (bill, dearer, date(2021, 3, 7)),
        # The middle of May to October.
        "general_plateau_2021": (bill, dearer, date(2021, 7, 31)),
    }
    for name, (level, change, day) in monthly.items():
        months = (day - date(2020, 12, 28)).days / DAYS_IN_MONTH
        rows[name] = (level, level + change * months, level + change * months * damping(months))
    return pd.DataFrame(
        [
            {"id": target.id} | dict(zip(NAIVE, rows[target.id], strict=True))
            for target in targets
            if target.role == "validate" and target.id in rows
        ]
    )


def damping(months: float) -> float:
    """What is left of a change over so many months if each month has nine tenths of the one before."""
    return (1 - DAMPED**months) * DAMPED / (1 - DAMPED) / months


def crps(forecast: NDArray[np.float64], value: float) -> float:
    """Continuous ranked probability score of an ensemble, in the unit of the value: 0 is perfect.

    For a single number it is the distance from the value (Gneiting & Raftery 2007).
    """
    forecast = np.sort(np.asarray(forecast, dtype=np.float64))
    size = forecast.size
    spread = 2 * np.sum(forecast * (2 * np.arange(1, size + 1) - size - 1)) / size**2
    return float(np.abs(forecast - value).mean() - spread / 2)


def report(targets: list[Target], simulated: NDArray[np.float64]) -> pd.DataFrame:
    """One line a row of the record: bands, whether inside, and scores; failing rows first.

    Args:
        targets: the rows.
        simulated: what each member of the set says, shape (set, rows).

    Columns: `inside` the median lies in the accepted band; `covered` the published value lies in the 90 % band;
    `held` either; `crps` and that of the naive forecasts are shares of the published value (`validate` rows only).
    """
    naive = naive_forecasts(targets).set_index("id")
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
                known = target.id in naive.index
                line[name] = abs(naive.at[target.id, column] / target.value - 1) if known else np.nan
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
            ("trend of 2020", "crps_trend"),
            ("damped trend", "crps_damped"),
        )
    )
    shares = table[table["measure"] == "annual_share"].sort_values("id")
    widths = (
        f"{row.id} {row.q05 / row.median - 1:+.0%} to {row.q95 / row.median - 1:+.0%}" for row in shares.itertuples()
    )
    lines.append(f"90 % bands of the annual shares around their medians: {', '.join(widths)}")
    lines.append(
        f"score over the {len(ahead)} validate rows with naive forecasts "
        f"(CRPS as a share of the published value; less is better): {scores}"
    )
    return lines
