"""What a parameter declares."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Par:
    """What a parameter means, in which unit, within which bounds, and who says so."""

    label: str
    unit: str
    low: float
    high: float
    source: str = "assumed"
    raises: str = ""
    """A measure of the whole history that more of it raises, by theory or by rule; `plan.measure` for one plan."""
    lowers: str = ""
    """A measure that more of it lowers."""
    at_launch: bool = False
    """Whether people, their health or the run are made with it, so that it cannot change during the run."""
    decides: bool = False
    """Whether people's decisions read it (`agents/decisions.py`)."""
