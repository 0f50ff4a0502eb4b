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
    chains: int = 32
    """Independent chains of the final sample; one simulation a step each."""
    steps: int = 160
    """Steps of each chain, of which the first third is forgotten."""
    set_size: int = 100
    """Draws from the posterior that are kept as parameter sets."""
    scale: float = 250
    """Real people per row, in waves and chains."""
    search_scale: float = 4_000
    """Real people per row in the search, which bears more noise."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Check that there is something to compare.

        Raises:
            PlanError: for less than two chains or nine steps.
        """
        for name, least in (("chains", 2), ("steps", 9)):
            if getattr(self, name) < least:
                raise PlanError(f"{name} = {getattr(self, name)} is not allowed: at least {least}")


WHOLE = Plan(search_runs=3_200, waves=8, wave_runs=240, steps=200)
RECOVERY = Plan(search_runs=1_200, waves=4, wave_runs=160, chains=16, steps=40, scale=2_000)
STORY = Plan(search_runs=2_000, waves=3, wave_runs=320, steps=60, scale=1_000)
CONTESTED = Plan(search_runs=400, waves=3, wave_runs=300, steps=20, scale=1_000)
