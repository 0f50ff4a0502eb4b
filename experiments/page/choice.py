"""What a visitor has chosen: a scenario, a seed and changed parameters for one world or two; as a link, as a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from model import scenario as scenarios
from model.errors import UserError
from model.files import plain, shown
from model.scenario import DEFAULT_SEED, PARAMETERS, Scenario

PAGE_SCALE = 1_000
"""Real people per row on the page: 230,000 rows settle within the blink of an eye."""
MOST_ROWS = 2_500_000
"""Rows of a world on the page: more would keep a link's reader waiting, and the machine busy."""
SECOND = "second."
"""Begins what belongs to the second world in a link."""


@dataclass(frozen=True)
class Rules:
    """The rules of one world: a named scenario and the parameters that were changed, as the visitor wrote them."""

    scenario: str = "default"
    changes: Mapping[str, str] = field(default_factory=dict)

    def changed(self, name: str, value: str) -> "Rules":
        """The same with another value; the scenario's own value is no change."""
        changes = {key: text for key, text in self.changes.items() if key != name}
        return replace(self, changes=changes if value == own_text(self.scenario, name) else changes | {name: value})

    def text(self, name: str) -> str:
        """The value of a parameter as it is written in its field."""
        return self.changes.get(name, own_text(self.scenario, name))

    def build(self, seed: str) -> Scenario:
        """The scenario that they make.

        Raises:
            ScenarioError: for what is not allowed.
        """
        # One sampled case would stand for a thousand people, and members would flee the jumps of the bill: expected
        # claims are settled, unless the visitor asks for cases.
        base = _named(self.scenario)
        changes = dict(self.changes)
        changes.setdefault("scale", str(PAGE_SCALE))
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
            scenarios.with_values(_named(self.scenario), {name: self.changes[name]})
        except UserError as error:
            return str(error)
        return ""


def _named(name: str) -> Scenario:
    """A scenario that comes with the simulator: a link must not make the server read a file.

    Raises:
        ScenarioError: for any other.
    """
    if name not in scenarios.named():
        allowed = ", ".join(scenarios.named())
        raise scenarios.ScenarioError(f"scenario = {shown(name)} is unknown; allowed: {allowed}")
    return scenarios.load(name)


def text_of(value: Any) -> str:
    """A value as it is written in a field, a link or a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def own_text(scenario: str, name: str) -> str:
    """The value that a named scenario gives to a parameter; on the page, the scale is the page's."""
    return str(PAGE_SCALE) if name == "scale" else text_of(getattr(_named(scenario), name))


@dataclass(frozen=True)
class Choice:
    """One world, or two with the same people and the same random numbers."""

    first: Rules = Rules()
    second: Rules | None = None
    seed: str = str(DEFAULT_SEED)

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
        pairs = [("scenario", self.first.scenario), ("seed", self.seed), *self.first.changes.items()]
        if self.second is not None:
            pairs.append((f"{SECOND}scenario", self.second.scenario))
            pairs += [(SECOND + name, text) for name, text in self.second.changes.items()]
        return urlencode(pairs)

    def file(self) -> str:
        """The first world as a scenario file."""
        first = self.first.build(self.seed)
        lines = ['why = "Chosen on the page."', f'base = "{self.first.scenario}"', f"seed = {first.seed}"]
        lines += ["", "[parameters]"]
        changed = self.first.changes.keys() | {"scale"}
        lines += [f"{name} = {text_of(getattr(first, name))}" for name in PARAMETERS if name in changed]
        return "\n".join(lines) + "\n"


LONGEST_LINK = 8_000
"""Characters."""


def from_query(query: str) -> Choice:
    """The choice that a link makes.

    Raises:
        UserError: for a key that does not exist or is there twice, and for a choice that cannot be built.
    """
    if len(query) > LONGEST_LINK:
        raise UserError(f"the link has {len(query):,} characters; allowed: {LONGEST_LINK:,}")
    worlds: dict[str, dict[str, str]] = {"": {}, SECOND: {}}
    seed = str(DEFAULT_SEED)
    for key, text in parse_qsl(query, keep_blank_values=True):
        world = SECOND if key.startswith(SECOND) else ""
        name = key.removeprefix(SECOND)
        if key == "seed":
            seed = text
        elif name != "scenario" and name not in PARAMETERS:
            raise scenarios.unknown(name, PARAMETERS)
        elif name in worlds[world]:
            raise UserError(f"{plain(key)} is in the link twice: {plain(worlds[world][name])} and {plain(text)}")
        else:
            worlds[world][name] = text
    first, second = (
        Rules(values.pop("scenario", "default"), values) if values or not world else None
        for world, values in worlds.items()
    )
    choice = Choice(first or Rules(), second, seed)
    choice.build()
    return choice
