"""One simulation of many: a scenario in, what was measured out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.report import Report
    from model.scenario import Scenario


def simulate(scenario: "Scenario") -> "Report":
    """Simulate a scenario to its end. The model is loaded, and compiled, by the process that runs it."""
    from model.model import MutualAidModel

    return MutualAidModel(scenario).simulate()
