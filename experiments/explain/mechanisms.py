"""The mechanisms that can be switched off, from a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import UserError
from model.files import read_toml, shown, suggest
from model.scenario import Scenario

SHIPPED = Path(__file__).parents[1] / "data" / "mechanisms.toml"
KEYS = ("label", "why", "off")
MOST = 10
"""More would need over a thousand simulations a replicate."""


class MechanismError(UserError):
    """A mechanism that cannot be switched off: one line naming the file, the key and what is allowed."""


@dataclass(frozen=True)
class Mechanism:
    """Something in the world that can be switched off."""

    name: str
    label: str
    why: str
    """What a world without it is like."""
    off: Mapping[str, float]
    """Parameters with which it does nothing."""


def load(file: Path = SHIPPED, names: Sequence[str] | None = None, of: Scenario | None = None) -> list[Mechanism]:
    """The mechanisms of a file, in its order; only some of them if they are named.

    Args:
        file: the file.
        names: of mechanisms; all if none is named.
        of: the scenario that is explained, the default one if none is given. Of those that ship, the ones that its pool
            does not have are left out.

    Raises:
        MechanismError: for a file that cannot be read, an unknown key, parameter or name, a value that a parameter may
            not have, two mechanisms with one parameter, or more than ten of them.
    """
    content = read_toml(file, "mechanisms", MechanismError)
    explained = of or Scenario()
    if file == SHIPPED:
        content = {name: entry for name, entry in content.items() if entry["off"].keys() <= explained.parameters.keys()}
    found: dict[str, Mechanism] = {}
    owner: dict[str, str] = {}
    for name, entry in content.items():
        mechanism = _mechanism(name, entry, file, explained)
        for parameter in mechanism.off:
            if parameter in owner:
                raise MechanismError(f"{file.name}: {parameter} is switched off by {owner[parameter]} and by {name}")
            owner[parameter] = name
        found[name] = mechanism
    for name in names or ():
        if name not in found:
            raise MechanismError(
                f"mechanism = {shown(name)} is unknown; allowed: {', '.join(found)}{suggest(name, found)}"
            )
    chosen = [mechanism for name, mechanism in found.items() if not names or name in names]
    if not 1 <= len(chosen) <= MOST:
        raise MechanismError(f"mechanisms = '{file}' has {len(chosen)} mechanisms; allowed: 1 to {MOST}")
    return chosen


def _mechanism(name: str, entry: object, file: Path, explained: Scenario) -> Mechanism:
    if not isinstance(entry, Mapping):
        raise MechanismError(f"{file.name}: {name} = {shown(entry)} is not a table of {', '.join(KEYS)}")
    for key in entry:
        if key not in KEYS:
            raise MechanismError(f"{file.name}: unknown key '{key}' in {name}{suggest(key, KEYS)}")
    for key in KEYS:
        if key not in entry:
            raise MechanismError(f"{file.name}: {name} has no '{key}'; needed: {', '.join(KEYS)}")
    off = entry["off"]
    if not isinstance(off, Mapping) or not off:
        raise MechanismError(f"{file.name}: off = {shown(off)} of {name} is not a table of parameters")
    try:
        explained.replace(**off)
    except UserError as error:
        raise MechanismError(f"{file.name}, {name}: {error}") from None
    return Mechanism(name, str(entry["label"]), str(entry["why"]), dict(off))
