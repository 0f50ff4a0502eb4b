"""The published record, as targets: what was measured, when, and what the simulation says of the same thing.

Rows come from `experiments/data/targets.csv`. Nothing here is ever an input of the model.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
from scipy.interpolate import PchipInterpolator

from agents.population import PLAN_NAMES
from model import calendar
from model.errors import UserError
from model.files import suggest

RECORD = Path(__file__).parent / "data" / "targets.csv"
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
        MEASURED[target.measure](Record(pd.DataFrame()), target)
    except (ValueError, IndexError, OverflowError):
        raise TargetError(f"{where}: when = {row['when']!r} cannot be read for {row['measure']}") from None
    return target


class Record:
    """A simulated history, asked the way the record was published."""

    def __init__(self, history: pd.DataFrame) -> None:
        self.by_plan = {
            plan: history[history["plan"] == plan].set_index("date") if len(history) else None for plan in PLAN_NAMES
        }

    def series(self, plan: str, name: str) -> pd.Series:
        """A measure by publication day (ISO), summed over the plans asked for."""
        chosen = PLAN_NAMES if plan == "all" else (plan,)
        frames = [self.by_plan[name_] for name_ in chosen]
        known = [frame[name] for frame in frames if frame is not None]
        return sum(known[1:], start=known[0]) if known else pd.Series(dtype=float, index=pd.Index([], dtype=str))


def _between(series: pd.Series, first: date, last: date) -> pd.Series:
    return series[(series.index >= first.isoformat()) & (series.index <= last.isoformat())]


def _months(when: str) -> tuple[date, date]:
    """First and last day of a year, a month, a day's month, or a range of months `2020-02..2020-04`."""
    first, _, last = when.partition("..")
    start = _first_day(first)
    end = _first_day(last or first)
    return start, date(end.year, 12, 31) if len(last or first) == 4 else date(end.year, end.month, 28)


def _first_day(text: str) -> date:
    if not re.fullmatch(r"\d{4}(-\d\d)?", text):
        raise ValueError(text)
    year, _, month = text.partition("-")
    return date(int(year), int(month or 1), 1)


def _of_period(record: Record, target: Target, name: str) -> float:
    if target.when.endswith("first"):
        # With expected claims the very first settlements share a fraction of one.
        year = _months(target.when.removesuffix("-first"))
        values = _between(record.series(target.plan, name), *year)
        settled = _between(record.series(target.plan, "recipients"), *year) >= 1
        return float(values[settled].iloc[0]) if settled.any() else math.nan
    if re.fullmatch(r"\d{4}-\d\d-P[12]", target.when):
        day = calendar.published(calendar.parse_label(target.when)).isoformat()
        return float(record.series(target.plan, name).get(day, math.nan))
    return _mean(name)(record, target)


def _sum(name: str) -> Callable[[Record, Target], float]:
    def measured(record: Record, target: Target) -> float:
        return float(_between(record.series(target.plan, name), *_months(target.when)).sum(min_count=1))

    return measured


def _recipients(record: Record, target: Target) -> float:
    if "P" in target.when:
        return _of_period(record, target, "recipients")
    return _sum("recipients")(record, target)


def _cumulative(name: str) -> Callable[[Record, Target], float]:
    def measured(record: Record, target: Target) -> float:
        until = date.fromisoformat(target.when)
        return float(_between(record.series(target.plan, name), calendar.LAUNCH, until).sum(min_count=1))

    return measured


def members_on(record: Record, plan: str, day: date) -> float:
    """Members on a day: a monotone curve through the publication days (Fritsch & Carlson 1980); none before the launch.

    Straight lines would spread the rush of the first days evenly over the weeks that follow it.
    """
    series = record.series(plan, "members")
    if series.empty or day > date.fromisoformat(str(series.index[-1])):
        return float("nan") if series.empty else float(series.iloc[-1])
    days = [calendar.LAUNCH.toordinal(), *(date.fromisoformat(str(d)).toordinal() for d in series.index)]
    return float(PchipInterpolator(days, [0.0, *series])(max(day.toordinal(), days[0])))


def _members(record: Record, target: Target) -> float:
    return members_on(record, target.plan, date.fromisoformat(target.when))


def _mean_age(record: Record, target: Target) -> float:
    members = record.series(target.plan, "members")
    years = pd.Series(0.0, index=members.index)
    for plan in PLAN_NAMES if target.plan == "all" else (target.plan,):
        years = years + (record.series(plan, "members") * record.series(plan, "member_mean_age")).fillna(0.0)
    return float(_between(years / members, *_months(target.when)).mean())


def _largest_fall(record: Record, target: Target) -> float:
    """People: how many fewer members one of these settlements had than the one before it."""
    return float(_between(-record.series(target.plan, "members").diff(), *_months(target.when)).max())


def _net_exit(record: Record, target: Target) -> float:
    year = int(target.when)
    start = members_on(record, target.plan, date(year - 1, 12, 28))
    return (start - members_on(record, target.plan, date(year, 12, 28))) / 12


def _at(name: str) -> Callable[[Record, Target], float]:
    def measured(record: Record, target: Target) -> float:
        until = date.fromisoformat(target.when)
        known = _between(record.series(target.plan, name), calendar.LAUNCH, until)
        return float(known.iloc[-1]) if len(known) else math.nan

    return measured


def _mean(name: str) -> Callable[[Record, Target], float]:
    return lambda record, target: float(_between(record.series(target.plan, name), *_months(target.when)).mean())


MEASURED: dict[str, Callable[[Record, Target], float]] = {
    "annual_share": _sum("share_yuan"),
    "share": lambda record, target: _of_period(record, target, "share_yuan"),
    "share_month": _sum("share_yuan"),
    "recipients": _recipients,
    "recipients_month": _sum("recipients"),
    "recipients_cumulative": _cumulative("recipients"),
    "aid": _sum("aid_yuan"),
    "aid_cumulative": _cumulative("aid_yuan"),
    "member_mean_age": _mean_age,
    "members": _members,
    "net_exit_rate": _net_exit,
    "largest_fall": _largest_fall,
    "float_per_settlement": _mean("collected_yuan"),
    "pending_liability": _at("owed_yuan"),
    "migrated_members": _cumulative("taken_over"),
}
"""How each measure of the record is read off a simulated history."""


def compare(history: pd.DataFrame, targets: list[Target]) -> pd.DataFrame:
    """The record beside a simulation: one row a target, with `simulated` and `inside` (shape: targets)."""
    record = Record(history)
    rows = []
    for target in targets:
        simulated = MEASURED[target.measure](record, target)
        rows.append(vars(target) | {"simulated": simulated, "inside": target.inside(simulated)})
    columns = ["id", "plan", "measure", "when", "unit", "value", "low", "high", "simulated", "inside", "role", "grade"]
    return pd.DataFrame(rows)[[*columns, "source", "note"]]
