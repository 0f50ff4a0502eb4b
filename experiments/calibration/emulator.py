"""A fast stand-in for the simulator near the fitted region: each row of the record as a smooth function of the point.

Kernel ridge regression, the mean of a Gaussian process. How close it is, is measured on folds left out, row by row, and
that error counts as noise of the simulation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CURVATURES = (0.03, 0.1)
"""How fast the rows may bend: inverse squared length of the kernel, times the number of parameters."""
PENALTIES = (0.003, 0.03)
FOLDS = 5
FAR = 6.0
"""Distances beyond this many half bands are cut off: how wrong a bad point is does not matter."""


@dataclass(frozen=True)
class Emulator:
    """Distances from the record, in half bands, as a function of the point."""

    pipeline: Any
    error: NDArray[np.float64]
    """Standard deviation of what it cannot foresee, simulation noise included, shape (rows,)."""

    def distances(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean distance of each row at these points, shape (points, rows)."""
        return np.asarray(self.pipeline.predict(points))


def fit(points: NDArray[np.float64], distances: NDArray[np.float64]) -> Emulator:
    """Fit to simulations, shapes (points, parameters) and (points, rows); smoothness is chosen on folds left out."""
    wanted = np.clip(distances, -FAR, FAR)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    found = []
    for curvature in CURVATURES:
        for penalty in PENALTIES:
            kernel = KernelRidge(kernel="rbf", gamma=curvature / points.shape[1], alpha=penalty)
            pipeline = make_pipeline(StandardScaler(), kernel)
            foreseen = cross_val_predict(pipeline, points, wanted, cv=folds)
            found.append((np.sqrt(np.mean(np.square(foreseen - wanted), axis=0)), pipeline))
    error, best = min(found, key=lambda candidate: float(candidate[0].mean()))
    return Emulator(best.fit(points, wanted), error)
