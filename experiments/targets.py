"""The published record, as targets: what was measured, when, and what the simulation says of the same thing.

Rows come from the pool's folder, `model/pools/xiang_hu_bao/targets.csv`. Nothing here is ever an input of the model.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agents.population import PLAN_NAMES
from experiments.simulated import MEASURED, NOTHING, Simulated
from model.errors import UserError
from model.files import suggest

RECORD = Path(__file__).parents[1] / "model" / "pools" / "xiang_hu_bao" / "targets.csv"
CONTESTED = RECORD.with_name("targets_contested.csv")
"""The rival history that one article tells."""
COLUMNS = ("id", "plan", "measure", "when", "value", "unit", "low", "high", "grade", "role", "source", "note")
ROLES = ("fit", "validate", "alternative")
FITTED_UNTIL = "2020"
"""Year after which no row may be fitted."""
HEADLINES = (
    "general_share_2019",
    "general_share_2020",
    "seniors_share_2019",
    "seniors_share_2020",
    "all_members_2019-11-27",
    "all_members_2021-12-28",
)
"""29 -> 90 yuan, 32 -> 413.6 yuan, 100 -> 75 million: the rows printed first."""


class TargetError(UserError):
    """A target that cannot be read: one line naming the row, the column and what is allowed."""


@dataclass(frozen=True)
class Target:
    """One published figure and the band in which a simulated one is accepted."""

    id: str
    plan: str
    """`general`, `seniors`, `chronic`, or `all` three together."""
    measure: str
    when: str
    value: float
    unit: str
    low: float
    high: float
    grade: str
    role: str
    source: str
    note: str

    def inside(self, simulated: float) -> bool:
        """Whether a simulated figure lies in the accepted band."""
        return self.low <= simulated <= self.high


def load(file: Path = RECORD) -> list[Target]:
    """The targets of a file, headline rows first.

    Raises:
        TargetError: for a file that cannot be read, a missing column, an unknown measure or plan, a time that cannot
            be read, a band that does not hold its value, or a row that is there twice.
    """
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"targets = '{file}' cannot be read: {error}") from None
    for column in COLUMNS:
        if column not in rows:
            raise TargetError(f"column '{column}' is missing in {file.name}; needed: {', '.join(COLUMNS)}")
    targets = [_target(row, file) for row in rows[list(COLUMNS)].to_dict("records")]
    if len({target.id for target in targets}) < len(targets):
        twice = next(name for name, number in rows["id"].value_counts().items() if number > 1)
        raise TargetError(f"row '{twice}' of {file.name} is there twice")
    if not targets:
        raise TargetError(f"targets = '{file}' has no rows")
    rank = {name: position for position, name in enumerate(HEADLINES)}
    return sorted(targets, key=lambda target: rank.get(target.id, len(rank)))


def only(targets: list[Target], ids: Sequence[str] | None) -> list[Target]:
    """Some of the targets; all if none is named.

    Raises:
        TargetError: for an id that is not among them.
    """
    known = {target.id: target for target in targets}
    for name in ids or ():
        if name not in known:
            raise TargetError(f"target = '{name}' is unknown{suggest(name, known)}")
    return [known[name] for name in ids] if ids else targets


def _target(row: dict[str, str], file: Path) -> Target:
    where = f"row '{row['id']}' of {file.name}"
    numbers = {}
    for column in ("value", "low", "high"):
        try:
            numbers[column] = float(row[column])
        except ValueError:
            raise TargetError(f"{where}: {column} = {row[column]!r} is not a number") from None
    value, low, high = numbers.values()
    if not (all(map(math.isfinite, numbers.values())) and low <= value <= high and low < high):
        raise TargetError(
            f"{where}: low = {low:g}, value = {value:g}, high = {high:g}; allowed: low < high around value"
        )
    if row["role"] not in ROLES:
        raise TargetError(f"{where}: role = {row['role']!r}; allowed: {', '.join(ROLES)}")
    if row["role"] == "fit" and max(re.findall(r"\d{4}", row["when"]), default="") > FITTED_UNTIL:
        raise TargetError(f"{where}: role = 'fit' for {row['when']}; allowed up to the end of {FITTED_UNTIL}")
    if row["plan"] not in (*PLAN_NAMES, "all"):
        raise TargetError(f"{where}: plan = {row['plan']!r}; allowed: {', '.join(PLAN_NAMES)}, all")
    if row["measure"] not in MEASURED:
        raise TargetError(f"{where}: measure = {row['measure']!r}; allowed: {', '.join(MEASURED)}")
    target = Target(**(row | numbers))  # type: ignore[arg-type]
    try:
        MEASURED[target.measure](NOTHING, target)
    except (ValueError, IndexError, OverflowError, AttributeError):
        raise TargetError(f"{where}: when = {row['when']!r} cannot be read for {row['measure']}") from None
    return target


def compare(simulation: Simulated, targets: list[Target]) -> pd.DataFrame:
    """The record beside a simulation: one row a target, with `simulated` and `inside` (shape: targets)."""
    rows = []
    for target in targets:
        simulated = MEASURED[target.measure](simulation, target)
        rows.append(vars(target) | {"simulated": simulated, "inside": target.inside(simulated)})
    columns = ["id", "plan", "measure", "when", "unit", "value", "low", "high", "simulated", "inside", "role", "grade"]
    return pd.DataFrame(rows)[[*columns, "source", "note"]]
