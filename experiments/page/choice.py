"""What a visitor has chosen: pool, seed, and for each world a scenario, a policy and changes; as a link, as a file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from model import policy as policies
from model import pool as pools
from model import scenario as scenarios
from model.errors import UserError
from model.files import plain, shown
from model.pool import DEFAULT, Pool
from model.scenario import DEFAULT_SEED, Declared, Scenario, declared_in

PAGE_ROWS = 250_000
"""Rows of a world on the page, at most, unless the visitor asks for more: they settle within the blink of an eye."""
MOST_ROWS = 2_500_000
"""Rows of a world on the page: more would keep a link's reader waiting, and the machine busy."""
SECOND = "second."
"""Begins what belongs to the second world in a link."""


def pool_of(name: str) -> Pool:
    """A pool that comes with the simulator, or the one that the command was given: a link must not read folders.

    Raises:
        ScenarioError: for any other.
    """
    known = pool_names()
    if name not in known:
        raise scenarios.ScenarioError(f"pool = {shown(name)} is unknown; allowed: {', '.join(known)}")
    return pools.load(name)


def pool_names() -> list[str]:
    """The pools that can be chosen."""
    return list(dict.fromkeys([*pools.named(), *OFFERED.pools]))


class Offered:
    """What the command offers beside what ships: a folder of a pool, files of a scenario and of a policy."""

    def __init__(self) -> None:
        self.pools: list[str] = []
        self.scenarios: list[str] = []
        self.policies: list[str] = []


OFFERED = Offered()
START: list["Choice"] = []
"""What is chosen where a link says nothing, if the command named it."""


@cache
def scenario_names(pool: Pool) -> tuple[str, ...]:
    """The scenarios that can be chosen with a pool: those whose parameters it has."""
    fitting = []
    for name in dict.fromkeys([*scenarios.named(), *OFFERED.scenarios]):
        try:
            scenarios.load(name, pool)
        except UserError:
            continue
        fitting.append(name)
    return tuple(fitting)


@cache
def policy_names(pool: Pool) -> tuple[str, ...]:
    """The policies that can be chosen with a pool: those that fit its plans and parameters."""
    fitting = []
    for name in dict.fromkeys([*policies.named(), *OFFERED.policies]):
        try:
            Scenario(pool=pool).with_policies([name])
        except UserError:
            continue
        fitting.append(name)
    return tuple(fitting)


def why(scenario: str, policy: str = "") -> str:
    """The sentences that say why a scenario and a policy exist; none of a scenario in a file."""
    sentences = [scenarios.why(scenario)] if scenario in scenarios.named() else []
    return " ".join([*sentences, *([policies.load(policy).why] if policy else [])])


@cache
def _named(name: str, pool: Pool, policy: str) -> Scenario:
    """A scenario that can be chosen, under a policy: a link must not make the server read a file.

    Raises:
        ScenarioError: for any other.
    """
    known = scenario_names(pool)
    if name not in known:
        raise scenarios.ScenarioError(
            f"scenario = {shown(name)} is unknown for the pool {plain(pool.key)}; allowed: {', '.join(known)}"
        )
    if policy and policy not in policy_names(pool):
        fitting = ", ".join(policy_names(pool)) or "none"
        raise scenarios.ScenarioError(
            f"policy = {shown(policy)} is unknown for the pool {plain(pool.key)}; allowed: {fitting}"
        )
    return scenarios.load(name, pool).with_policies([policy] if policy else ())


def page_scale(scenario: Scenario) -> float:
    """Real people per row on the page: the scenario's own where that makes few enough rows, else a power of ten."""
    if scenario.rows <= PAGE_ROWS:
        return scenario.scale
    return float(10.0 ** math.ceil(math.log10(scenario.potential_population / PAGE_ROWS)))


def text_of(value: Any) -> str:
    """A value as it is written in a field, a link or a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Rules:
    """The rules of one world: a named scenario and the parameters that were changed, as the visitor wrote them."""

    scenario: str = "default"
    changes: Mapping[str, str] = field(default_factory=dict)
    pool: str = DEFAULT
    policy: str = ""
    """Name of the policy; nothing for none."""

    @property
    def declared(self) -> Declared:
        """The parameters that there are."""
        return declared_in(pool_of(self.pool))

    def base(self) -> Scenario:
        """The named scenario under the policy, without changes.

        Raises:
            ScenarioError: if there is none of that name.
        """
        return _named(self.scenario, pool_of(self.pool), self.policy)

    def own_text(self, name: str) -> str:
        """The value that the named scenario gives to a parameter; on the page, the scale is the page's."""
        base = self.base()
        return text_of(page_scale(base) if name == "scale" else getattr(base, name))

    def changed(self, name: str, value: str) -> "Rules":
        """The same with another value; the scenario's own value is no change."""
        changes = {key: text for key, text in self.changes.items() if key != name}
        return replace(self, changes=changes if value == self.own_text(name) else changes | {name: value})

    def text(self, name: str) -> str:
        """The value of a parameter as it is written in its field."""
        return self.changes.get(name, self.own_text(name))

    def build(self, seed: str) -> Scenario:
        """The scenario that they make.

        Raises:
            ScenarioError: for what is not allowed.
        """
        changes = dict(self.changes)
        base = self.base()
        changes.setdefault("scale", text_of(page_scale(base)))
        built = scenarios.with_values(base, changes, seed)
        if built.rows > MOST_ROWS:
            raise scenarios.ScenarioError(
                f"scale = {built.scale:g} makes {built.rows:,} rows; allowed on the page: at most {MOST_ROWS:,}"
            )
        return built

    def refused(self, name: str) -> str:
        """Why the value of one parameter is not allowed; nothing where it is."""
        if name not in self.changes:
            return ""
        try:
            scenarios.with_values(self.base(), {name: self.changes[name]})
        except UserError as error:
            return str(error)
        return ""


@dataclass(frozen=True)
class Choice:
    """One world, or two of one pool with the same people and the same random numbers."""

    first: Rules = Rules()
    second: Rules | None = None
    seed: str = str(DEFAULT_SEED)

    @property
    def pool(self) -> str:
        """Name of the pool."""
        return self.first.pool

    def of_pool(self, pool: str) -> "Choice":
        """The same seed in another pool, with its own rules."""
        return Choice(Rules(pool=pool), Rules(pool=pool) if self.second else None, self.seed)

    def build(self) -> tuple[Scenario, Scenario | None]:
        """The scenarios of both worlds.

        Raises:
            ScenarioError: for what is not allowed, and for a second world of other people.
        """
        first = self.first.build(self.seed)
        if self.second is None:
            return first, None
        second = self.second.build(self.seed)
        if second.periods != first.periods:
            raise scenarios.ScenarioError(
                f"periods = {second.periods} of the second world contradicts periods = {first.periods} of the first; "
                "allowed: the same in both"
            )
        return first, second

    def query(self) -> str:
        """The link to it, without the address: `scenario=no_gate&seed=7&fee_rate=0.12&second.scenario=default`."""
        pairs = [("pool", self.pool)] * (self.pool != DEFAULT)
        pairs += [("scenario", self.first.scenario), ("seed", self.seed)]
        pairs += [("policy", self.first.policy)] * bool(self.first.policy)
        pairs += self.first.changes.items()
        if self.second is not None:
            pairs.append((f"{SECOND}scenario", self.second.scenario))
            pairs += [(f"{SECOND}policy", self.second.policy)] * bool(self.second.policy)
            pairs += [(SECOND + name, text) for name, text in self.second.changes.items()]
        return urlencode(pairs)

    def file(self) -> str:
        """The first world as a scenario file."""
        first = self.first.build(self.seed)
        under = f" Run it with --policy {self.first.policy}." * bool(self.first.policy)
        lines = [f'why = "Chosen on the page.{under}"', f'base = "{self.first.scenario}"', f"seed = {first.seed}"]
        lines += [f'pool = "{self.pool}"'] * (self.pool != DEFAULT)
        lines += ["", "[parameters]"]
        changed = self.first.changes.keys() | {"scale"}
        lines += [f"{name} = {text_of(getattr(first, name))}" for name in first.parameters if name in changed]
        return "\n".join(lines) + "\n"


LONGEST_LINK = 8_000
"""Characters."""


def from_query(query: str) -> Choice:
    """The choice that a link makes.

    Args:
        query: the part of the address after the question mark; nothing for what the command began with.

    Raises:
        UserError: for a key that does not exist or is there twice, and for a choice that cannot be built.
    """
    if not query and START:
        return START[0]
    if len(query) > LONGEST_LINK:
        raise UserError(f"the link has {len(query):,} characters; allowed: {LONGEST_LINK:,}")
    worlds: dict[str, dict[str, str]] = {"": {}, SECOND: {}}
    whole: dict[str, str] = {}
    pairs = parse_qsl(query, keep_blank_values=True)
    pool = next((text for key, text in pairs if key == "pool"), DEFAULT)
    known = declared_in(pool_of(pool)).parameters
    for key, text in pairs:
        world = SECOND if key.startswith(SECOND) else ""
        name = key.removeprefix(SECOND)
        there = whole if key in {"pool", "seed"} else worlds[world]
        if key not in {"pool", "seed"} and name not in {"scenario", "policy"} and name not in known:
            raise scenarios.unknown(name, known)
        if name in there:
            raise UserError(f"{plain(key)} is in the link twice: {plain(there[name])} and {plain(text)}")
        there[name] = text

    def rules(values: dict[str, str]) -> Rules:
        return Rules(values.pop("scenario", "default"), values, pool, values.pop("policy", ""))

    second = rules(worlds[SECOND]) if worlds[SECOND] else None
    choice = Choice(rules(worlds[""]), second, whole.get("seed", str(DEFAULT_SEED)))
    choice.build()
    return choice


def offer(pool: str | None, scenario: str | None, policy: str | None) -> None:
    """Begin with this choice, and offer it to every visitor: the words of a command, which may name files.

    Raises:
        UserError: for what does not exist or does not fit.
    """
    name = scenario or "default"
    chosen = scenarios.load(name, pool).with_policies([policy] if policy else ()).pool.without_policies
    OFFERED.pools.append(chosen.key)
    OFFERED.scenarios.append(name)
    OFFERED.policies += [policy] if policy else []
    choice = Choice(Rules(name, {}, chosen.key, policy or ""))
    choice.build()
    START[:] = [choice]
