"""A run as its folder keeps it: read back, and refused in one line where it cannot be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments import targets
from experiments.simulated import Simulated
from model import scenario as scenarios
from model.errors import UserError
from model.files import shown
from model.measures import MEASURES
from model.pool import DEFAULT
from model.scenario import Scenario

FRAMES = ("settlements", "pyramid", "survival", "runoff")
"""Tables that `mutualaid figures` writes beside the history."""
BANDS = Path(__file__).parents[1] / "data" / "fitted_bands.csv"
"""Quantiles of members and shares over the fitted set: date, plan, measure, q05, q50, q95."""
FITTED_SETS, FITTED_SCALE = 100, 1000
"""Of how many sets, and at which scale."""


class KeptError(UserError):
    """A folder without the results of a run: one line naming it and what makes them."""


@dataclass(frozen=True)
class Kept:
    """A run."""

    summary: Mapping[str, Any]
    """What `run.json` says."""
    scenario: Scenario
    frames: dict[str, pd.DataFrame]
    """`history`, and those of the others that there are."""


def read(folder: Path) -> Kept:
    """The run in a folder.

    Raises:
        KeptError: if it has none, or one that is damaged or of an older version.
    """
    summary = summary_of(folder)
    scenario = scenario_of(summary, folder)
    frames = {}
    for name in ("history", "targets", *FRAMES):
        file = folder / f"{name}.csv"
        if name == "history" or file.exists():
            try:
                frames[name] = pd.read_csv(file)
            except (OSError, ValueError) as error:
                raise KeptError(f"{shown(str(file))} cannot be read: {' '.join(str(error).split())}") from None
    for measure in ("date", "plan", *MEASURES):
        if measure not in frames["history"]:
            raise KeptError(
                f"history.csv in {shown(str(folder))} is of an older version: {measure} is missing; run it again"
            )
    return Kept(summary, scenario, frames)


def summary_of(folder: Path) -> dict[str, Any]:
    """What `run.json` in a folder says.

    Raises:
        KeptError: if it is not there, cannot be read, or does not say what was run.
    """
    where = shown(str(folder))
    try:
        summary: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KeptError(
            f"{where} has no results: no run.json and no study.json; mutualaid run, reproduce and sweep write them"
        ) from None
    except (OSError, ValueError) as error:
        raise KeptError(f"run.json in {where} cannot be read: {' '.join(str(error).split())}") from None
    needed: dict[str, Any] = {"pool": dict, "scenario": str, "seed": int, "scale": float, "rows": int, "periods": int}
    needed |= {"parameters": dict, "policies": list, "finished": bool}
    for key, kind in needed.items():
        found = summary.get(key) if isinstance(summary, dict) else None
        if not isinstance(found, kind if kind is not float else (int, float)):
            raise KeptError(f"run.json in {where} is damaged or of an older version: {key} is missing; run it again")
    return summary


def scenario_of(summary: Mapping[str, Any], folder: Path) -> Scenario:
    """The scenario of a run.

    Raises:
        KeptError: if it cannot be built any more.
    """
    try:
        base = scenarios.load("default", summary["pool"]["name"]).with_policies(summary["policies"])
        if base.pool.digest != summary["pool"]["digest"]:
            raise UserError(f"the pool {summary['pool']['name']} has changed since")
        return scenarios.with_values(base, summary["parameters"], summary["seed"])
    except (UserError, KeyError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise KeptError(f"run.json in {shown(str(folder))} is of an older version: {why}; run it again") from None


def fitted(scenario: Scenario) -> pd.DataFrame | None:
    """The band of the fitted set behind the default history of the default pool; none behind any other."""
    same = scenario.differences().keys() <= {"scale", "expected_claims"} and not scenario.pool.policies
    return pd.read_csv(BANDS) if scenario.pool.key == DEFAULT and same else None


def compared(simulated: Simulated, scenario: Scenario) -> pd.DataFrame | None:
    """The record of a pool beside a simulation; None where nothing was published."""
    if scenario.pool.rules.record is None:
        return None
    return targets.compare(simulated, targets.load(None, scenario.pool))
