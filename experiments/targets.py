"""The published record, as targets: what was measured, when, and what the simulation says of the same thing.

Rows come from the folder of a pool, or from another file of the same format. Nothing here is ever an input of the
model.
"""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.simulated import MEASURED, Simulated
from model.errors import UserError
from model.files import shown, suggest
from model.pool import Pool, default

COLUMNS = ("id", "plan", "measure", "when", "value", "unit", "low", "high", "grade", "role", "source", "note")
ROLES = ("fit", "validate", "alternative")


class TargetError(UserError):
    """A target that cannot be read: one line naming the row, the column and what is allowed."""


@dataclass(frozen=True)
class Target:
    """One published figure and the band in which a simulated one is accepted."""

    id: str
    plan: str
    """A plan, or `all` together."""
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


def needed_record(pool: Pool, what: str) -> None:
    """Refuse what cannot be done for a pool of which nothing was published.

    Raises:
        TargetError: says what it is.
    """
    if pool.rules.record is None:
        raise TargetError(
            f"pool = {shown(pool.key)} has no published record ([record] in its pool.toml), and {what} needs one"
        )


def load(file: Path | None = None, pool: Pool | None = None, needed_for: str = "a comparison") -> list[Target]:
    """The targets of a pool, or of another file; headline rows first.

    Args:
        file: another record than that of the pool.
        pool: the pool, the default one if none is given.
        needed_for: what cannot be done without a record, for the message.

    Raises:
        TargetError: for a pool without a record, a file that cannot be read, a missing column, an unknown measure or
            plan, a time that cannot be read, a band that does not hold its value, or a row that is there twice.
    """
    pool = pool or default()
    if file is not None:
        return _load(file, file.name, str(file), pool)
    needed_record(pool, needed_for)
    assert pool.rules.record is not None
    name = pool.rules.record.targets
    return _load(io.StringIO(pool.content[name]), name, name, pool)


def contested(pool: Pool | None = None) -> list[Target]:
    """The rival history that the pool's record holds.

    Raises:
        TargetError: if it holds none.
    """
    pool = pool or default()
    if pool.rules.record is None or not pool.rules.record.contested:
        raise TargetError(f"pool = {shown(pool.key)} has no contested rows ([record] contested in its pool.toml)")
    name = pool.rules.record.contested
    return _load(io.StringIO(pool.content[name]), name, name, pool)


def _load(source: Path | io.StringIO, name: str, where: str, pool: Pool) -> list[Target]:
    try:
        rows = pd.read_csv(source, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"targets = '{where}' cannot be read: {error}") from None
    for column in COLUMNS:
        if column not in rows:
            raise TargetError(f"column '{column}' is missing in {name}; needed: {', '.join(COLUMNS)}")
    targets = [
        _target(dict(zip(COLUMNS, row, strict=True)), name, pool) for row in rows[list(COLUMNS)].to_numpy().tolist()
    ]
    if len({target.id for target in targets}) < len(targets):
        twice = next(name for name, number in rows["id"].value_counts().items() if number > 1)
        raise TargetError(f"row '{twice}' of {name} is there twice")
    if not targets:
        raise TargetError(f"targets = '{where}' has no rows")
    headlines = pool.rules.record.headlines if pool.rules.record else []
    rank = {headline: position for position, headline in enumerate(headlines)}
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


def _target(row: dict[str, str], name: str, pool: Pool) -> Target:
    where = f"row '{row['id']}' of {name}"
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
    if row["role"] == "fit" and pool.rules.record:
        until = str(pool.rules.record.fitted_until)
        if (
            max((when[: len(until)] for when in re.findall(r"\d{4}(?:-\d\d(?:-\d\d)?)?", row["when"])), default="")
            > until
        ):
            raise TargetError(f"{where}: role = 'fit' for {row['when']}; allowed up to {until}")
    if row["plan"] not in (*pool.plan_names, "all"):
        raise TargetError(f"{where}: plan = {row['plan']!r}; allowed: {', '.join(pool.plan_names)}, all")
    if row["measure"] not in MEASURED:
        raise TargetError(f"{where}: measure = {row['measure']!r}; allowed: {', '.join(MEASURED)}")
    target = Target(**(row | numbers))  # type: ignore[arg-type]
    try:
        MEASURED[target.measure](Simulated([], {}, pool), target)
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
