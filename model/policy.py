"""A policy: a dated change to the rules of a pool, or to behaviour, written as a patch in TOML.

A policy file holds `why` (a sentence), `from` (a day; without it, the policy holds from the launch), the keys of
`pool.toml` that it changes, and a table `parameters`. `plans.NAME` patches one plan, `plans.all` every plan. A list
such as `[[events]]` is added to that of the pool; an entry about a plan (`[[caps]]`) replaces the pool's entry for that
plan. `without` names lists, or kinds of events, that the policy drops first.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from model.errors import UserError
from model.files import find, plain, read_toml, shown, suggest

POLICIES = Path(__file__).parent / "policies"
EVERY_PLAN = "all"
LISTS = ("events", "slowdowns", "review_limits")
LISTS_BY_PLAN = ("gates", "subsidies", "caps", "reinsurance")
"""Lists of rules of which a plan has one at most."""
FIXED = frozenset(
    {
        "name",
        "launch",
        "end",
        "currency",
        "settlement",
        "tables",
        "kinds",
        "claims_due_within_days",
        "outcomes",
        "record",
    }
)
"""What only a policy without a date may change: people and their claims are made with it."""
FIXED_OF_PLAN = frozenset({"opens", "health", "transfers", "exempt_from_wait", "advertised_price"})
FIXED_AGES = frozenset({"from", "ends"})


class PolicyError(UserError):
    """A policy that cannot be: one line naming the key, the value and what is allowed."""


@dataclass(frozen=True)
class Policy:
    """A policy, read from its file.

    Args:
        name: the name it ships by, or its file.
        text: what stands in the file.
    """

    name: str
    text: str

    @cached_property
    def _tables(self) -> dict[str, Any]:
        return tomllib.loads(self.text)

    @property
    def why(self) -> str:
        """The sentence that says what it is."""
        return str(self._tables["why"])

    @property
    def day(self) -> date | None:
        """From which day on it holds; None for the launch."""
        return self._tables.get("from")

    @property
    def parameters(self) -> dict[str, Any]:
        """What it changes of the parameters: a value, or a table `times` or `plus`."""
        return dict(self._tables.get("parameters", {}))

    @property
    def rules(self) -> dict[str, Any]:
        """What it changes of the pool's rules."""
        return {
            key: value for key, value in self._tables.items() if key not in {"why", "from", "without", "parameters"}
        }

    def changed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the parameters that it changes.

        Args:
            values: of all parameters, before it.

        Raises:
            PolicyError: if there is no such parameter.
        """
        made = {}
        for name, change in self.parameters.items():
            if name not in values:
                raise self._refuse(f"parameters.{name} does not exist{suggest(name, values)}")
            made[name] = change
            if isinstance(change, dict):
                made[name] = values[name] * change.get("times", 1) + change.get("plus", 0)
        return made

    def apply(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """The tables of a pool file, patched.

        Raises:
            PolicyError: if a plan does not exist.
        """
        made = deepcopy(dict(tables))
        self._drop(made)
        names = [plan["name"] for plan in made["plans"]]
        for key, value in deepcopy(self.rules).items():
            if key == "plans":
                for name, patch in value.items():
                    for plan in made["plans"]:
                        if plan["name"] in self._plans(name, names, f"plans.{name}"):
                            _merge(plan, patch)
            elif key in LISTS_BY_PLAN:
                for entry in value:
                    for name in self._plans(entry.get("plan", ""), names, f"{key}.plan"):
                        kept = [other for other in made.get(key, []) if other["plan"] != name]
                        made[key] = [*kept, entry | {"plan": name}]
            elif key in LISTS:
                made[key] = [*made.get(key, []), *value]
            elif isinstance(value, dict) and isinstance(made.get(key), dict):
                made[key] |= value
            else:
                made[key] = value
        return made

    def _plans(self, name: object, names: list[str], where: str) -> list[str]:
        if name == EVERY_PLAN:
            return names
        if not isinstance(name, str):
            raise self._refuse(f"{where} = {shown(name)}; allowed: all, {', '.join(names)}")
        if name not in names:
            raise self._refuse(
                f"{where} = {shown(name)} does not exist{suggest(name, names) or '; allowed: all, ' + ', '.join(names)}"
            )
        return [name]

    def _drop(self, tables: dict[str, Any]) -> None:
        for name in self._tables.get("without", ()):
            key, _, kind = name.partition(".")
            tables[key] = [entry for entry in tables.get(key, ()) if kind and entry.get("kind") != kind]

    def _refuse(self, message: str) -> PolicyError:
        return PolicyError(f"policy {shown(self.name)}: {message}")

    def check(self) -> None:
        """Refuse a file whose own keys are wrong; what it makes of a pool is checked with the pool.

        Raises:
            PolicyError: names the key.
        """
        tables = self._tables
        if not isinstance(tables.get("why"), str) or not tables["why"].strip():
            raise self._refuse("why is missing: a sentence that says what it is")
        day = tables.get("from")
        if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
            raise self._refuse(f"from = {shown(day)}; allowed: a date such as 2030-01-31")
        without = tables.get("without", [])
        known = (*LISTS, *LISTS_BY_PLAN)
        if not isinstance(without, list):
            raise self._refuse(f"without = {shown(without)}; allowed: a list of {', '.join(known)}")
        for name in without:
            if not isinstance(name, str) or name.partition(".")[0] not in known:
                raise self._refuse(
                    f'without = {shown(name)}; allowed: {", ".join(known)}, or such as "events.regulator"'
                )
        for key in ("parameters", "plans"):
            table = tables.get(key, {})
            if not isinstance(table, dict):
                raise self._refuse(f"{key} = {shown(table)}; allowed: a table")
        for name, patch in tables.get("plans", {}).items():
            if not isinstance(patch, dict):
                raise self._refuse(f"plans.{name} = {shown(patch)}; allowed: a table")
        for key in known:
            entries = tables.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise self._refuse(f"{key} = {shown(entries)}; allowed: tables [[{key}]]")
        for name, change in self.parameters.items():
            self._check_change(name, change)
        if day is not None:
            self._check_dated()

    def _check_change(self, name: str, change: object) -> None:
        if isinstance(change, bool | int | float):
            return
        numbers = (
            isinstance(change, dict)
            and change
            and all(
                key in {"times", "plus"} and isinstance(value, int | float) and not isinstance(value, bool)
                for key, value in change.items()
            )
        )
        if not numbers:
            raise self._refuse(
                f"parameters.{name} = {shown(change)}; allowed: a number, true, false, or such as {{ times = 2 }}"
            )

    def _check_dated(self) -> None:
        """Refuse a dated change of what people and claims are made with."""
        for key in sorted(FIXED & set(self.rules)):
            raise self._refuse(f"{key} cannot change on a day; allowed: a policy without from")
        for name, patch in self.rules.get("plans", {}).items():
            ages = patch.get("ages", {})
            fixed = {f"ages.{key}" for key in FIXED_AGES & set(ages)} if isinstance(ages, dict) else set()
            for key in sorted(fixed | FIXED_OF_PLAN & set(patch)):
                raise self._refuse(f"plans.{name}.{key} cannot change on a day; allowed: a policy without from")


def _merge(plan: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Patch a plan: a value replaces the whole rule, but of `ages` each key for itself."""
    for key, value in patch.items():
        if key == "ages" and isinstance(value, dict) and isinstance(plan.get(key), dict):
            plan[key] = plan[key] | value
        else:
            plan[key] = value


def named() -> list[str]:
    """Names of the policies that ship."""
    return sorted(file.stem for file in POLICIES.glob("*.toml"))


def load(name: "str | Policy") -> Policy:
    """A policy by its name, or from a TOML file.

    Raises:
        PolicyError: if there is no such policy, or its file cannot be read or contradicts itself.
    """
    if isinstance(name, Policy):
        return name
    file = find(name, POLICIES, "policy", PolicyError)
    read_toml(file, "policy", PolicyError)
    return of_text(name, file.read_text(encoding="utf-8-sig"))


def of_text(name: str, text: str) -> Policy:
    """A policy from the text of its file, which is TOML.

    Raises:
        PolicyError: if it contradicts itself.
    """
    made = Policy(name, text)
    made.check()
    return made


def of_rule(path: str, value: float | bool | str) -> Policy:
    """A policy that changes one rule of a pool, such as `plans.NAME.fee`, or `plans.all.entry_fee`.

    Raises:
        PolicyError: for a path or a value that a policy file could not hold.
    """
    name = f"{path} = {json.dumps(value)}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,5}", path):
        raise PolicyError(f"pool.{plain(path)} is not allowed: a rule such as pool.plans.all.fee")
    return of_text(name, f"why = {json.dumps(name)}\n{name}\n")


def load_all(names: "Iterable[str | Policy]") -> tuple[Policy, ...]:
    """Several policies, applied in this order.

    Raises:
        PolicyError: for one that cannot be, or is there twice.
    """
    made = tuple(load(name) for name in names)
    for number, policy in enumerate(made):
        if policy in made[:number]:
            raise PolicyError(f"policy = {shown(policy.name)} is there twice")
    return made
