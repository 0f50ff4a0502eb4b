"""A pool as data: plans with dated rules, tables, events and the published record, loaded from a folder.

Nothing of a particular pool stands in Python. `pools/<name>/pool.toml` holds the rules, the tables stand beside it or
in `model/data`. Where a rule is a parameter that a scenario may change, it is written `"$name"`: either one of those
that the simulator declares (`model/scenario.py`) or one that the pool declares under `[parameters]`.
"""

import csv
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.calendar import Calendar
from model.checked import checked
from model.files import plain, read_toml, shown, suggest
from model.parameters import Par
from model.policy import LISTS_BY_PLAN, Policy
from model.pool_file import (
    EVERY_KIND,
    Benefit,
    Cap,
    Gate,
    Plan,
    PoolError,
    Reinsurance,
    Rules,
    Subsidy,
    Table,
    half_months,
    references_in,
    tables_in,
)
from model.tables import Rows, by_age, cell_of, check_table, rows_of

POOLS = Path(__file__).parent / "pools"
SHARED = Path(__file__).parent / "data"
"""Tables that any pool may use by their name."""
DEFAULT = "xiang_hu_bao"
MOST_BYTES = 5_000_000
"""Of a table."""
MOST_PERIODS = 250
"""Periods are kept in a byte (`agents.population.NEVER`)."""
RHYTHMS = (1, 2)
"""Settlements a month."""


@dataclass(frozen=True, eq=False)
class Pool:
    """A pool, checked. Pools are told apart by what stands in their files.

    Args:
        key: the name it ships by, or its folder.
        content: the text of `pool.toml` (key `pool.toml`) and of every table, by file name as the pool names it.
        policies: patches of its rules, in this order; those with a date hold from `day` on.
        day: as of which day the rules are; None for the launch.

    Raises:
        PoolError: for a rule that is not allowed or contradicts another: one line that names the file, the key and the
            value.

    Example:
        from model import Scenario
        from model.pool import load

        pool = load("teaching")
        print(pool.name, pool.plan_names, Scenario(pool=pool).rows)
    """

    key: str
    content: Mapping[str, str]
    policies: tuple[Policy, ...] = ()
    day: date | None = None
    rules: Rules = field(init=False, repr=False)
    calendar: Calendar = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tables = tomllib.loads(self.content["pool.toml"])
        for policy in self.policies:
            if policy.day is None or (self.day is not None and policy.day <= self.day):
                tables = policy.apply(tables)
        rules = checked(Rules, tables, self._file, PoolError)
        object.__setattr__(self, "rules", rules)
        self._check_rhythm()
        calendar = Calendar(
            rules.launch, rules.end, tuple(rules.settlement.publish_on), tuple(rules.settlement.debit_on)
        )
        object.__setattr__(self, "calendar", calendar)
        self._check()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the files: another process need not have the folder."""
        return of_files, (self.key, dict(self.content), self.policies, self.day)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Pool":
        """The same: a pool is never changed."""
        return self

    @property
    def name(self) -> str:
        """Its name, as people call it."""
        return self.rules.name

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any of its files."""
        made = hashlib.sha256()
        for name, text in sorted(self.content.items()):
            made.update(f"{name}\n{len(text)}\n{text}".encode())
        for policy in self.policies:
            made.update(f"policy {policy.name}\n{len(policy.text)}\n{policy.text}".encode())
        return made.hexdigest()[:16]

    def with_policies(self, policies: Iterable[Policy]) -> "Pool":
        """The same pool with these policies after those that it has.

        Args:
            policies: applied in this order.

        Returns:
            A pool; this one stays as it is.

        Raises:
            UserError: if a policy does not fit the pool.
        """
        return of_files(self.key, dict(self.content), (*self.policies, *policies), self.day)

    @property
    def without_policies(self) -> "Pool":
        """The pool as its folder describes it."""
        return of_files(self.key, dict(self.content))

    @cached_property
    def amendments(self) -> tuple[date, ...]:
        """Days from which dated policies hold, rising."""
        return tuple(sorted({policy.day for policy in self.policies if policy.day is not None}))

    def as_of(self, day: date) -> "Pool":
        """The pool with the rules that its policies give it on a day.

        Args:
            day: the day.

        Returns:
            A pool in which these rules stand; its dated policies are applied.
        """
        return of_files(self.key, dict(self.content), self.policies, day)

    @cached_property
    def plan_names(self) -> tuple[str, ...]:
        """Names of the plans, in the order of the file."""
        return tuple(plan.name for plan in self.rules.plans)

    @cached_property
    def plan_labels(self) -> dict[str, str]:
        """What to call each plan, and all of them together."""
        return {plan.name: plan.label or f"{plan.name} plan" for plan in self.rules.plans} | {"all": "all plans"}

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of illness."""
        return tuple(kind.name for kind in self.rules.kinds)

    @property
    def minor(self) -> int:
        """Smallest units of money in one of the currency."""
        return self.rules.currency.minor_units

    @cached_property
    def closing_day(self) -> date | None:
        """The day on which the closing was announced, if it was."""
        return next((event.day for event in self.rules.events if event.kind == "closing"), None)

    def rows(self, name: str) -> Rows:
        """The rows of a table.

        Args:
            name: the file, as the pool names it.

        Returns:
            A dictionary for each line, column -> text.
        """
        return rows_of(self.content[name])

    @cached_property
    def boundaries(self) -> tuple[int, ...]:
        """Ages in half-months at which membership of a plan ends, rising."""
        return tuple(sorted({half_months(p.ages.ends) for p in self.rules.plans if p.ages.ends is not None}))

    def column(self, table: Table) -> NDArray[np.float64]:
        """A column of a table by sex and single age, shape (2, 106), females first.

        Args:
            table: file, column, and which of its rows.

        Returns:
            Values in the unit of the column, shape (2, 106).
        """
        key = (table.file, table.column, table.minus, tuple(table.where.items()))
        if key not in self._columns:
            values = by_age(self.rows(table.file), table.column, table.where)
            if table.minus:
                values = values - by_age(self.rows(table.file), table.minus, table.where)
            values.setflags(write=False)
            self._columns[key] = values
        return self._columns[key]

    @cached_property
    def _columns(self) -> dict[Any, NDArray[np.float64]]:
        return {}

    def benefit_rows(self, plan: Plan) -> list[Benefit]:
        """The benefits of a plan, wherever they stand.

        Args:
            plan: a plan of the rules.

        Returns:
            The rows, in the order of the file; amounts in the currency or as "$parameter".
        """
        if not isinstance(plan.benefits, str):
            return plan.benefits
        made = []
        for number, row in enumerate(self.rows(plan.benefits), start=1):
            where = f"{plan.benefits}, row {number}"
            made.append(checked(Benefit, {k: cell_of(v) for k, v in row.items() if v}, where, PoolError))
        return made

    # What is checked beyond single values.

    @property
    def _file(self) -> str:
        patched = " with policy " + ", ".join(plain(policy.name) for policy in self.policies) if self.policies else ""
        return f"{plain(self.key)}/pool.toml{patched}"

    def _refuse(self, message: str) -> PoolError:
        return PoolError(f"{self._file}: {message}")

    def _check_rhythm(self) -> None:
        rules, rhythm = self.rules, self.rules.settlement
        for key, days in (("publish_on", rhythm.publish_on), ("debit_on", rhythm.debit_on)):
            if len(days) not in RHYTHMS or any(not 1 <= day <= 28 for day in days):
                raise self._refuse(f"settlement.{key} = {shown(days)}; allowed: one or two days of the month, 1 to 28")
        if len(rhythm.publish_on) != len(rhythm.debit_on) or 12 * len(rhythm.publish_on) != rhythm.per_year:
            raise self._refuse(
                f"settlement.per_year = {rhythm.per_year}; allowed: 12 with one day in publish_on and in debit_on, "
                "24 with two"
            )
        if any(later <= earlier for earlier, later in pairwise(rhythm.publish_on)):
            raise self._refuse(f"settlement.publish_on = {rhythm.publish_on}; allowed: rising days")
        if rules.end <= rules.launch:
            raise self._refuse(f"end = {rules.end}; allowed: a day after the launch, {rules.launch}")
        if not 1900 <= rules.launch.year <= 2100:
            raise self._refuse(f"launch = {rules.launch}; allowed: 1900 to 2100")

    def _check(self) -> None:
        rules, names = self.rules, self.plan_names
        if not 1 <= self.calendar.periods <= MOST_PERIODS:
            raise self._refuse(
                f"end = {rules.end} makes {self.calendar.periods} settlements; allowed: 1 to {MOST_PERIODS}"
            )
        for what, given in (("plans", names), ("kinds", self.kinds)):
            for name in given:
                if given.count(name) > 1:
                    raise self._refuse(f"{what}: name = {shown(name)} is there twice")
        if "all" in names:
            raise self._refuse("plans: name = 'all'; allowed: any other name")
        for plan in rules.plans:
            self._check_plan(plan)
        for what in LISTS_BY_PLAN:
            entries: list[Gate | Subsidy | Cap | Reinsurance] = getattr(rules, what)
            for number, entry in enumerate(entries, start=1):
                self._known(entry.plan, names, f"{what}.{number}.plan")
            owners = [entry.plan for entry in entries]
            if len(set(owners)) < len(owners):
                raise self._refuse(f"{what}: there are two of one plan; allowed: one")
        for number, slow in enumerate(rules.slowdowns, start=1):
            if slow.until < slow.from_:
                raise self._refuse(f"slowdowns.{number}.until = {slow.until}; allowed: from {slow.from_} on")
        self._check_kinds()
        if rules.record:
            for name in rules.record.headlines:
                self._known(name, [row.get("id", "") for row in self.rows(rules.record.targets)], "record.headlines")
        for table in self._tables():
            self.column(table)  # says what is missing in it
        for key in ("population", "incidence", "mortality"):
            if (self.column(getattr(rules.tables, key)) < 0).any():
                raise self._refuse(f"tables.{key}: a value is below 0")

    def _check_plan(self, plan: Plan) -> None:
        where, rules = f"plans.{plan.name}", self.rules
        if plan.opens < rules.launch or plan.opens > rules.end:
            raise self._refuse(f"{where}.opens = {plan.opens}; allowed: {rules.launch} to {rules.end}")
        ages = plan.ages
        if ages.below <= ages.from_:
            raise self._refuse(
                f"{where}.ages.below = {ages.below:g}; nobody could join; allowed: above from = {ages.from_:g}"
            )
        if ages.ends is not None and ages.ends < ages.below:
            raise self._refuse(f"{where}.ages.ends = {ages.ends:g}; allowed: from below = {ages.below:g} on")
        for key, age in (("below", ages.below), ("ends", ages.ends)):
            if age is not None and not float(12 * age).is_integer():
                raise self._refuse(f"{where}.ages.{key} = {age:g}; allowed: whole months, in years")
        for key in ("fee", "wait", "questionnaire", "case_cap"):
            dated = getattr(plan, key)
            if date.min not in dated and min(dated) > plan.opens:
                raise self._refuse(
                    f"{where}.{key} begins on {min(dated)}; allowed: a value from {plan.opens} on, when the plan opens"
                )
        for name in plan.exempt_from_wait:
            self._known(name, self.kinds, f"{where}.exempt_from_wait")
        rows = self.benefit_rows(plan)
        for row in rows:
            self._known(row.kind, (*self.kinds, EVERY_KIND), f"{where}.benefits.kind")
        if not any(row.from_ is None or row.from_ <= plan.opens for row in rows):
            raise self._refuse(f"{where}.benefits: nothing is paid when the plan opens, {plan.opens}")
        if len(plan.transfers) > 1:
            raise self._refuse(f"{where}.transfers: {len(plan.transfers)} are given; allowed: one")
        for transfer in plan.transfers:
            self._known(transfer.to, self.plan_names, f"{where}.transfers.to")
            target = next(other for other in rules.plans if other.name == transfer.to)
            if ages.ends is None or transfer.at_age != ages.ends:
                raise self._refuse(
                    f"{where}.transfers.at_age = {transfer.at_age:g}; allowed: the age at which membership ends "
                    f"({'ages.ends is missing' if ages.ends is None else f'{ages.ends:g}'})"
                )
            if target is plan or (target.ages.ends is not None and target.ages.ends <= transfer.at_age):
                raise self._refuse(
                    f"{where}.transfers.to = {shown(transfer.to)}; allowed: another plan that has members of "
                    f"{transfer.at_age:g} years and more"
                )
            if transfer.at_age < target.ages.from_:
                raise self._refuse(
                    f"{where}.transfers.at_age = {transfer.at_age:g}; allowed: from {target.ages.from_:g} on, "
                    f"the first age of {transfer.to}"
                )

    def _check_kinds(self) -> None:
        first, *others = self.rules.kinds
        if first.share is not None or first.rate or first.part_of:
            raise self._refuse(f"kinds.{first.name}: the first kind is what the others leave; allowed: its name only")
        for kind in others:
            given = (kind.share is not None) + (kind.rate is not None)
            if given != 1:
                raise self._refuse(f"kinds.{kind.name}: allowed: either share or rate")
            if kind.part_of:
                self._known(kind.part_of, self.kinds, f"kinds.{kind.name}.part_of")

    def _known(self, name: str, known: Sequence[str], where: str) -> None:
        if name not in known:
            hint = suggest(name, known) or f"; allowed: {', '.join(known[:20])}"
            raise self._refuse(f"{where} = {shown(name)} does not exist{hint}")

    def _tables(self) -> Iterator[Table]:
        return tables_in(self.rules)

    def references(self) -> Iterator[tuple[str, str]]:
        """Where a parameter is named, and which.

        Returns:
            Pairs: the key of the rule, and the name of the parameter.
        """
        yield from references_in(self.rules.model_dump(by_alias=True, exclude={"parameters", "record", "outcomes"}), "")
        for plan in self.rules.plans:
            if isinstance(plan.benefits, str):
                for row in self.benefit_rows(plan):
                    yield from references_in(row.model_dump(), f"plans.{plan.name}.benefits")
        for order in self.rules.orders:
            for name in (order.lower, *order.upper):
                yield "orders", name


# Loading.

_KNOWN: dict[str, Pool] = {}
"""Pools of this process by the digest of their files: the same files are the same pool."""


def of_files(key: str, content: dict[str, str], policies: tuple[Policy, ...] = (), day: date | None = None) -> Pool:
    """The pool of these files, which are known to be tables that can be read, with these policies.

    Args:
        key: the name it ships by, or its folder.
        content: text by file name.
        policies: patches of its rules, in order.
        day: as of which day the rules are; None for the launch.
    """
    text = f"{key}\n" + "\n".join(f"{name}\n{len(body)}\n{body}" for name, body in sorted(content.items()))
    digest = hashlib.sha256(f"{text}\n{policies!r}\n{day}".encode()).hexdigest()
    if digest not in _KNOWN:
        _KNOWN[digest] = Pool(key, content, policies, day)
    return _KNOWN[digest]


def named() -> list[str]:
    """Names of the pools that ship, the default first."""
    return sorted((file.parent.name for file in POOLS.glob("*/pool.toml")), key=lambda name: (name != DEFAULT, name))


def load(name: str | Path | Pool = DEFAULT) -> Pool:
    """A pool by its name, or from a folder.

    Raises:
        PoolError: if there is no such pool, or a file of it cannot be read or contradicts itself.
    """
    if isinstance(name, Pool):
        return name
    return of_files(str(name), _read(str(name), _folder(str(name))))


@cache
def default() -> Pool:
    """The pool that is taken where none is named."""
    return load(DEFAULT)


def _folder(name: str) -> Path:
    known = named()
    if name in known:
        return POOLS / name
    folder = Path(name)
    try:
        if folder.is_dir():
            if (folder / "pool.toml").is_dir():
                raise PoolError(f"pool = {shown(name)}: pool.toml in it is a folder; allowed: a file")
            if (folder / "pool.toml").exists():
                return folder
            raise PoolError(f"pool = {shown(name)} has no pool.toml; see: mutualaid pool new FOLDER")
        if folder.exists():
            raise PoolError(f"pool = {shown(name)} is a file; allowed: a folder with a pool.toml")
    except (OSError, ValueError) as failure:
        if isinstance(failure, PoolError):
            raise
        raise PoolError(f"pool = {shown(name)} cannot be read: {getattr(failure, 'strerror', failure)}") from None
    raise PoolError(f"pool = {shown(name)} is neither a folder nor one of {', '.join(known)}{suggest(name, known)}")


def _read(key: str, folder: Path) -> dict[str, str]:
    """The files of a pool, each as text."""
    file = folder / "pool.toml"
    data = read_toml(file, "pool", PoolError)
    # Read again as text, for it travels with results; what it says was checked.
    content = {"pool.toml": file.read_text(encoding="utf-8-sig")}
    rules = checked(Rules, data, f"{plain(key)}/pool.toml", PoolError)
    columns: dict[str, list[Table]] = {}
    for table in tables_in(rules):
        columns.setdefault(table.file, []).append(table)
    names = [*columns, *(plan.benefits for plan in rules.plans if isinstance(plan.benefits, str))]
    if rules.record:
        names += [name for name in (rules.record.targets, rules.record.contested, rules.record.naive) if name]
    for name in dict.fromkeys(names):
        content[name] = _text_of(name, folder)
    for name, asked in columns.items():
        for table in asked:
            check_table(rows_of(content[name]), table)
    return content


def _text_of(name: str, folder: Path) -> str:
    """A table of a pool's own folder, or one that pools share."""
    if Path(name).name != name:
        raise PoolError(f"file = {shown(name)}; allowed: the name of a file in the folder of the pool, or a shared one")
    file = folder / name if (folder / name).exists() else SHARED / name
    try:
        if file.stat().st_size > MOST_BYTES:
            raise PoolError(f"file = {shown(name)} is larger than {MOST_BYTES:,} bytes, the most that is allowed")
        text = file.read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except FileNotFoundError:
        shared = sorted(each.name for each in SHARED.glob("*.csv"))
        raise PoolError(
            f"file = {shown(name)} is missing in {shown(str(folder))}; shared ones: {', '.join(shared)}"
            f"{suggest(name, shared)}"
        ) from None
    except OSError as failure:
        raise PoolError(f"file = {shown(name)} cannot be read: {failure.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise PoolError(f"file = {shown(name)} cannot be read: it is no table in UTF-8") from None
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(rows[0]):
            raise PoolError(f"{name}: row {number} has {len(row)} cells; allowed: {len(rows[0])}, as its first line")
    return text


def parameters(
    pool: Pool, engine: Mapping[str, tuple[type, Par]], defaults: Mapping[str, Any]
) -> tuple[dict[str, Par], dict[str, type], dict[str, Any]]:
    """What a pool's scenarios may change: declarations, types and values, those of the simulator first.

    Args:
        pool: the pool.
        engine: type and declaration of the parameters that the simulator has.
        defaults: their neutral values.

    Raises:
        PoolError: for a declaration that lacks something, a value out of its bounds, or a rule that names no parameter.
    """
    pars = {name: par for name, (_, par) in engine.items()}
    types = {name: kind for name, (kind, _) in engine.items()}
    values = dict(defaults) | {"periods": pool.calendar.periods}
    money = pool.rules.currency.name
    pars = {name: _in_currency(par, money) for name, par in pars.items()}
    file = f"{plain(pool.key)}/pool.toml"
    for name, declared in pool.rules.parameters.items():
        where = f"{file}: parameters.{shown(name)[1:-1]}"
        given = {
            key: value for key, value in declared.model_dump(exclude={"value", "whole"}).items() if value is not None
        }
        if name in engine:
            pars[name] = Par(**(vars(pars[name]) | given))
        else:
            for key in ("label", "unit", "low", "high"):
                if key not in given:
                    hint = suggest(name, engine)
                    raise PoolError(f"{where}: {key} is missing for a parameter of this pool alone{hint}")
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise PoolError(f"{where}; allowed: a short name of small letters, digits and _")
            pars[name] = Par(**given)
            types[name] = bool if isinstance(declared.value, bool) else int if declared.whole else float
        values[name] = declared.value
    used = {name for _, name in pool.references()}
    for where_, name in pool.references():
        if name not in pars:
            raise PoolError(f"{file}: {where_} = '${name}' is no parameter{suggest(name, pars)}")
    for name in pool.rules.parameters:
        if name not in engine and name not in used and not pool.policies:
            raise PoolError(f"{file}: parameters.{name} is used by no rule")
    return pars, types, values


def _in_currency(par: Par, money: str) -> Par:
    """The declaration with the pool's currency for `money`."""
    return Par(**(vars(par) | {"unit": par.unit.replace("money", money), "label": par.label.replace("money", money)}))
