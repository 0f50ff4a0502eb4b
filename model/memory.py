"""How much memory a run needs, asked before anything is allocated."""

import math
from pathlib import Path

from agents.population import BYTES_PER_PERSON
from model.scenario import Scenario, ScenarioError

FATE_BYTES_PER_PERSON = 0.5
"""About one event of five bytes for each tenth person."""
FIXED_BYTES = 700_000_000
"""Python, libraries and compiled code."""


def needed(scenario: Scenario) -> int:
    """Bytes that a run of this scenario takes at its peak."""
    return round(scenario.rows * (BYTES_PER_PERSON + FATE_BYTES_PER_PERSON)) + FIXED_BYTES


def available() -> int:
    """Bytes that this machine can give now."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return 1024 * int(fields["MemAvailable"].split()[0])


def check(scenario: Scenario) -> None:
    """Refuse a scenario that does not fit.

    Raises:
        ScenarioError: names the scale and one that fits.
    """
    need, have = needed(scenario), available()
    if need > have:
        room = max(have - FIXED_BYTES, 1) * 0.9
        fits = scenario.potential_population * (BYTES_PER_PERSON + FATE_BYTES_PER_PERSON) / room
        raise ScenarioError(
            f"scale = {scenario.scale:g} needs {need / 1e9:.1f} GB of memory and {have / 1e9:.1f} GB are free; "
            f"allowed here: scale = {math.ceil(fits)} or more"
        )
