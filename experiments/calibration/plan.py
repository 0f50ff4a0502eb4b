"""How much work a calibration is: of the whole model, of each rival story, of the contested history."""

from dataclasses import dataclass

from model.errors import UserError


class PlanError(UserError):
    """A plan that cannot be followed: one line naming the number and what is allowed."""


@dataclass(frozen=True)
class Plan:
    """How much work a calibration is."""

    search_runs: int
    waves: int
    wave_runs: int
    set_size: int = 100
    """Parameter sets kept: of the draws from the posterior, those whose own simulation is closest."""
    scale: float = 1_000
    """Real people per row."""
    seed: int = 1
    steps: int = 12_000
    """Steps of each walker on the emulator, in the walk from which the answer is drawn; in those before, a quarter."""


WHOLE = Plan(search_runs=2_100, waves=6, wave_runs=600)
STORY = Plan(search_runs=750, waves=3, wave_runs=180, set_size=60)
CONTESTED = Plan(search_runs=400, waves=3, wave_runs=300, scale=2_000)
