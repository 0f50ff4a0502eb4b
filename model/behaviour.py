"""How people decide: one tuple of the parameters that declare it, in the form that compiled code takes.

A behavioural parameter is declared once, in `Scenario`, with `decides=True`; `agents/decisions.py` reads it by name.
"""

from collections import namedtuple
from typing import Any

from agents.context import Behaviour
from model.scenario import PARAMETERS, Scenario

NAMES = tuple(name for name, par in PARAMETERS.items() if par.decides)
Parameters: Any = namedtuple("Parameters", NAMES)  # type: ignore[misc]


def behaviour_of(scenario: Scenario) -> Behaviour:
    """The behaviour of a scenario."""
    return Parameters._make(getattr(scenario, name) for name in NAMES)
