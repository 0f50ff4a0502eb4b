"""The baseline: what the simulator said of some scenarios when results last changed on purpose.

`make baseline` writes it anew and prints what moved. Its digest must stand in a `[results]` line of the changelog.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from model.measures import MEASURES
from model.model import MutualAidModel
from model.scenario import Scenario

FILE = Path(__file__).parent / "baseline.csv"
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
SCALE = 20_000
SCENARIOS: dict[str, dict[str, float]] = {
    "default": {},
    # Cases are whole people here, so it takes more rows until some are refused.
    "sampled claims": {"expected_claims": False, "scale": 5_000},
    # What seldom or never binds in the default scenario does here, and what is 0 or 1 there is neither.
    "everything binds": {
        "case_cap": 0.002,
        "cancer_case_cap": 0.02,
        "yearly_cap": 10.0,
        "wait_periods": 3,
        "review_periods": 3,
        "accident_share": 0.2,
        "entry_knowledge": 0.6,
        "exit_knowledge": 0.7,
        "information": 0.6,
        "insurer_loading": 0.4,
        "concealment": 0.5,
        "refusal_impact": 0.1,
        "premium_risk_correlation": -0.3,
        "mortality_multiplier": 10.0,
        "true_alarm_share": 0.6,
        "signs_months": 5.0,
        "incidence_multiplier": 1.5,
        "insurance_fee_rate": 0.3,
    },
}
KEYS = ["scenario", "year", "plan"]


def by_year(history: pd.DataFrame) -> pd.DataFrame:
    """Every measure by year and plan: flows summed, stocks at the end, ratios averaged where there are any."""
    how = {"flow": "sum", "stock": "last", "ratio": "mean"}
    groups = history.assign(year=history["date"].str[:4].astype(int)).groupby(["year", "plan"], sort=False)
    return groups.agg({name: how[measure.kind] for name, measure in MEASURES.items()}).reset_index()


def simulate() -> pd.DataFrame:
    """The scenarios of the baseline, one row a year and plan, to nine digits."""
    parts = [
        by_year(MutualAidModel(Scenario(**({"scale": SCALE} | changes))).run()).assign(scenario=name)
        for name, changes in SCENARIOS.items()
    ]
    table = pd.concat(parts, ignore_index=True)[[*KEYS, *MEASURES]]
    return table.map(lambda value: float(f"{value:.9g}") if isinstance(value, float) else value)


def read() -> pd.DataFrame:
    """The baseline as it was last written."""
    return pd.read_csv(FILE)


def digest() -> str:
    """Eight hexadecimal digits that change with any number of the baseline."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:8]


def moved(before: pd.DataFrame, now: pd.DataFrame, tolerance: float = 5e-7) -> pd.DataFrame:
    """The numbers that differ by more than this share; columns: keys, measure, before, now, change."""
    names = [name for name in MEASURES if name in before]
    one, other = (table.melt(KEYS, names, "measure", "value") for table in (before, now))
    both = one.merge(other, how="outer", on=[*KEYS, "measure"], suffixes=("_before", "_now"))
    then, after = both["value_before"].to_numpy(float), both["value_now"].to_numpy(float)
    apart = ~(np.isclose(then, after, rtol=tolerance, atol=0) | (np.isnan(then) & np.isnan(after)))
    with np.errstate(divide="ignore", invalid="ignore"):
        both["change"] = after / then - 1
    return both[apart].rename(columns={"value_before": "before", "value_now": "now"})


def named_in_changelog() -> bool:
    """Whether a `[results]` line of the changelog names this baseline."""
    lines = CHANGELOG.read_text(encoding="utf-8").splitlines()
    return any("[results]" in line and f"baseline {digest()}" in line for line in lines)


def main() -> None:
    """Write the baseline anew and print what moved."""
    now = simulate()
    if FILE.is_file():
        apart = moved(read(), now)
        summary = apart.assign(size=apart["change"].abs()).sort_values("size", ascending=False, na_position="first")
        print(f"{len(apart)} of {len(now) * len(MEASURES)} numbers moved", end="")
        print(", by measure the largest change:" if len(apart) else "")
        for row in summary.drop_duplicates(["scenario", "measure"]).itertuples():
            where = f"{row.scenario}, {row.year}, {row.plan}"
            print(f"  {row.measure}: {row.before:.9g} -> {row.now:.9g} ({row.change:+.3%}; {where})")
    now.to_csv(FILE, index=False)
    print(f"written: baseline {digest()}")
    if not named_in_changelog():
        print(f"CHANGELOG.md needs a line: - [results] baseline {digest()}: what moved and why")


if __name__ == "__main__":
    main()
