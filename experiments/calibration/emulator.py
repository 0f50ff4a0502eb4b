"""A fast stand-in for the simulator near the fitted region: each row of the record as a quadratic in the parameters.

Where the region is small enough, a quadratic is close; how close is measured on folds left out, row by row, and its
error counts as noise of the simulation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

PENALTIES = np.geomspace(0.1, 1e4, 11)
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
    """Fit to simulations, shapes (points, parameters) and (points, rows)."""
    wanted = np.clip(distances, -FAR, FAR)
    pipeline = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), RidgeCV(PENALTIES))
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    foreseen = cross_val_predict(pipeline, points, wanted, cv=folds)
    error = np.sqrt(np.mean(np.square(foreseen - wanted), axis=0))
    return Emulator(pipeline.fit(points, wanted), error)
