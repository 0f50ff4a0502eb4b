"""How far a simulated record is from the published one.

Each row has its own scale: the accepted band, read as the middle 90 % of what may be true, and the noise of the
simulation. Rows enter with the heavy tail of Student's t, so that one row out of reach does not bend all others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.targets import Target

FREEDOM = 4.0
"""Degrees of freedom of the tail: assumed."""
WITHIN = 1.645
"""Standard deviations from the middle to the edge of a band that holds 90 %."""
SMALLEST = 0.02
"""A simulated value counts as at least this share of the published one, so that its logarithm exists."""


@dataclass(frozen=True)
class Rows:
    """The rows to fit."""

    targets: tuple[Target, ...]

    @property
    def names(self) -> list[str]:
        """Their ids."""
        return [target.id for target in self.targets]

    def standardise(self, simulated: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance from the published value, in half bands: 1 is the edge of the band; shape (..., rows).

        In logarithms, so that half and double are equally far; rows whose band reaches 0 as they are. What was not
        simulated (no settlement at all) counts as the smallest value.
        """
        simulated = np.nan_to_num(np.asarray(simulated, dtype=np.float64), nan=0.0)
        distances = []
        for row, target in enumerate(self.targets):
            value = simulated[..., row]
            if target.low > 0:
                value = np.maximum(value, SMALLEST * target.value)
                distances.append(np.log(value / target.value) / (0.5 * np.log(target.high / target.low)))
            else:
                distances.append((value - target.value) / (0.5 * (target.high - target.low)))
        return np.stack(distances, axis=-1)

    def inside(self, simulated: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each simulated value is in its band; shape (..., rows)."""
        low, high = (np.array([getattr(target, edge) for target in self.targets]) for edge in ("low", "high"))
        return np.asarray((low <= simulated) & (simulated <= high))


def misfit(distances: NDArray[np.float64], noise: NDArray[np.float64] | float = 0.0) -> NDArray[np.float64]:
    """Minus the logarithm of the likelihood, up to a constant, of distances of shape (..., rows).

    `noise` is the simulation's own, as a standard deviation in half bands.
    """
    variance = WITHIN**-2 + np.square(noise)
    return np.asarray(0.5 * (FREEDOM + 1) * np.log1p(np.square(distances) / (FREEDOM * variance)).sum(axis=-1))
