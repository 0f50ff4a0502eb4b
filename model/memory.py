"""How much memory a run needs, asked before anything is allocated."""

import math
import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from agents.population import BYTES_PER_PERSON
from model.scenario import Scenario, ScenarioError

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
MEMORY_OF_GROUP = ("memory.max", "memory.current")
"""Limit and use of a control group, version 2."""
FATE_BYTES_PER_PERSON = 0.5
"""About one event of five bytes for each tenth person."""
FIXED_BYTES = 700_000_000
"""Python, libraries and compiled code."""


def needed(scenario: Scenario) -> int:
    """Bytes that a run of this scenario takes at its peak."""
    return round(scenario.rows * (BYTES_PER_PERSON + FATE_BYTES_PER_PERSON)) + FIXED_BYTES


def available() -> int:
    """Bytes that this process can get now: what the machine has free, within the limits of container and process."""
    fields = dict(line.split(":") for line in (PROC / "meminfo").read_text(encoding="ascii").splitlines())
    free = 1024 * int(fields["MemAvailable"].split()[0])
    return max(0, min([free, *_left_in_groups(), *_left_for_process()]))


def _left_in_groups() -> Iterator[int]:
    """What the control groups of this process (a container, a batch job) leave it, versions 1 and 2."""
    for limit, used in _files_of_groups(PROC, GROUPS):
        try:
            yield int(limit.read_text()) - int(used.read_text())
        except (OSError, ValueError):  # there is no limit ("max"), or the group has gone
            continue


@cache
def _files_of_groups(proc: Path, root_of_groups: Path) -> list[tuple[Path, Path]]:
    """Where limit and use of each group stand that this process belongs to; it stays there."""
    try:
        groups = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = root_of_groups / "memory" if controllers else root_of_groups
        limit, used = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else MEMORY_OF_GROUP
        # Inside a container the group may be mounted as the root itself.
        folder = root / path.lstrip("/")
        groups_above = {root, folder, *(parent for parent in folder.parents if root in parent.parents)}
        found += [(group / limit, group / used) for group in groups_above if (group / limit).exists()]
    return found


def _left_for_process() -> Iterator[int]:
    """What `ulimit -v` leaves."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        pages = int((PROC / "self" / "statm").read_text(encoding="ascii").split()[0])
        yield limit - pages * resource.getpagesize()


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
