"""One run: simulate a scenario and keep what a reader needs to repeat it."""

import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import pandas as pd

from model.model import MutualAidModel
from model.scenario import Scenario, load

LIBRARIES = ("mutualaid", "mesa", "numpy", "numba", "scipy", "pandas", "matplotlib")


@dataclass(frozen=True)
class Run:
    """A finished, or interrupted, run."""

    model: MutualAidModel
    history: pd.DataFrame
    setup_s: float
    wall_s: float
    finished: bool

    def summary(self, name: str) -> dict[str, Any]:
        """What `run.json` says: what was run, with what, and what it took."""
        scenario = self.model.scenario
        rows, periods = len(self.model.population), self.model.period
        return {
            "pool": {"name": scenario.pool.key, "digest": scenario.pool.digest},
            "policies": [policy.name for policy in scenario.pool.policies],
            "scenario": name,
            "seed": scenario.seed,
            "scale": scenario.scale,
            "rows": rows,
            "periods": periods,
            "finished": self.finished,
            "changed": scenario.differences(),
            "set": set_by_hand(name, scenario),
            "parameters": scenario.values(),
            "insured_after_closing": int(self.history["taken_over"].sum()),
            "currency": scenario.pool.rules.currency.name,
            "benefits_after_closing": self.model.ledger.total("aid after the closing") / scenario.pool.minor,
            "wall_s": round(self.wall_s, 3),
            "setup_s": round(self.setup_s, 3),
            "people_periods_per_s": round(rows * periods / max(self.wall_s - self.setup_s, 1e-9)),
            "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "threads": numba.get_num_threads(),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        }


def set_by_hand(name: str, scenario: Scenario) -> dict[str, Any]:
    """The parameters that differ from the named scenario, but for the scale."""
    named = load(name, scenario.pool).replace(scale=scenario.scale).values()
    return {key: value for key, value in scenario.values().items() if value != named[key]}


def described(name: str, scenario: Scenario) -> str:
    """A scenario in words: its name, every parameter that differs from it, scale and seed."""
    policies = [Path(policy.name).stem for policy in scenario.pool.policies]
    under = f" under {' and '.join(policies)}" if policies else ""
    changed = [f"{key} = {value:g}" for key, value in set_by_hand(name, scenario).items()]
    differences = f" with {', '.join(changed)}" if changed else ""
    return f"{Path(name).stem} scenario{under}{differences}, 1:{scenario.scale:,g}, seed {scenario.seed}"


def simulate(scenario: Scenario, progress: Callable[[int, int, int], None] | None = None) -> Run:
    """Run a scenario to its end, or until it is interrupted (Ctrl-C), which keeps the periods done so far.

    `progress` is told rows, periods done and periods in all.
    """
    begin = time.perf_counter()
    model = MutualAidModel(scenario)
    ready = time.perf_counter()
    finished = True

    def report(done: int) -> None:
        if progress is not None:
            progress(len(model.population), done, scenario.periods)

    try:
        report(0)
        model.run(report)
    except KeyboardInterrupt:
        finished = False
    return Run(model, model.history, ready - begin, time.perf_counter() - begin, finished)
