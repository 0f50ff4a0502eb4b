"""The held-out test: 2021 as the set fitted to the end of 2020 foresees it, against the record and naive forecasts."""

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.targets import Target

DAYS_IN_MONTH = 365.25 / 12
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def naive_forecasts(targets: list[Target]) -> pd.DataFrame:
    """What one would have said at the end of 2020 without a model, one line a `validate` row.

    `last_value`: 2021 is 2020 once more; members stay as they were; a rate stays what it was last. `trend`: what
    changed from 2019 to 2020 changes by as much again; members go on as between their last two published numbers.
    """
    known = {target.id: target.value for target in targets if target.role == "fit"}
    share, cases, aid = known["general_share_2020"], known["recipients_2020"], known["aid_2020"]
    rise = share - known["general_share_2019"]
    more_cases = cases - known["recipients_2019"]
    cases_so_far = known["recipients_cum_2020-12-28"]
    # The aid of 2019 is not in the record: its recipients at the mean aid of 2020.
    aid_2019 = aid / cases * known["recipients_2019"]
    members, before = known["all_members_2020-12-28"], known["all_members_2020-11-14"]
    exit_rate = (before - members) / ((date(2020, 12, 28) - date(2020, 11, 14)).days / DAYS_IN_MONTH)
    last = {
        "general_share_2021": (share, share + rise),
        "recipients_cum_2021-12-28": (cases_so_far + cases, cases_so_far + cases + more_cases),
        # Two more settlements of the 24 of a year.
        "recipients_cum_final": (cases_so_far + 26 / 24 * cases, cases_so_far + 26 / 24 * (cases + more_cases)),
        "aid_cum_2021-12-28": (aid_2019 + 2 * aid, 3 * aid),
        "all_members_2021-12-28": (members, members - 12 * exit_rate),
        "exit_rate_2021": (exit_rate, exit_rate),
    }
    return pd.DataFrame(
        [
            {"id": target.id, "last_value": last[target.id][0], "trend": last[target.id][1]}
            for target in targets
            if target.role == "validate" and target.id in last
        ]
    )


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
            for name, column in (("crps_last", "last_value"), ("crps_trend", "trend")):
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
    ahead = table[table["role"] == "validate"]
    scores = ", ".join(
        f"{name} {ahead[column].mean():.3f}"
        for name, column in (("model", "crps"), ("last value", "crps_last"), ("trend of 2020", "crps_trend"))
    )
    shares = table[table["measure"] == "annual_share"].sort_values("id")
    widths = (
        f"{row.id} {row.q05 / row.median - 1:+.0%} to {row.q95 / row.median - 1:+.0%}" for row in shares.itertuples()
    )
    lines.append(f"90 % bands of the annual shares around their medians: {', '.join(widths)}")
    lines.append(f"score over validate rows (CRPS as a share of the published value; less is better): {scores}")
    return lines
