"""A fast stand-in for the simulator near the fitted region: each row of the record as a smooth function of the point.

A linear trend, and kernel ridge regression (the mean of a Gaussian process) of what is left. How close it is, is
measured on folds left out, row by row, and that error counts as noise of the simulation.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
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
    """Distances from the record, in half bands, as a function of the point.

    A walk asks some ten thousand times, so what was fitted is kept as plain arrays of single precision.
    """

    centre: NDArray[np.float32]
    width: NDArray[np.float32]
    """By which a point is standardised, shape (parameters,)."""
    slopes: NDArray[np.float32]
    """Of the trend, shape (parameters, rows)."""
    level: NDArray[np.float32]
    """Of the trend, shape (rows,)."""
    known: NDArray[np.float32]
    """Standardised points that the kernel knows, shape (known, parameters)."""
    weight: NDArray[np.float32]
    """What each of them adds to the trend, shape (known, rows)."""
    curvature: float
    """Inverse squared length of the kernel."""
    error: NDArray[np.float64]
    """Standard deviation of what it cannot foresee, simulation noise included, shape (rows,)."""

    @classmethod
    def of(cls, pipeline: Any, error: NDArray[np.float64]) -> "Emulator":
        """The arrays of a fitted pipeline."""
        scaler, both = (step for _, step in pipeline.steps)
        arrays = (
            scaler.mean_,
            scaler.scale_,
            both.trend_.coef_.T,
            both.trend_.intercept_,
            both.rest_.X_fit_,
            both.rest_.dual_coef_,
        )
        return cls(*(np.asarray(array, dtype=np.float32) for array in arrays), float(both.rest_.gamma), error)

    def distances(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean distance of each row at these points, shape (points, rows)."""
        asked = (points.astype(np.float32) - self.centre) / self.width
        apart = np.square(asked).sum(axis=1)[:, np.newaxis] + self._squares - 2 * (asked @ self.known.T)
        near = np.exp(-self.curvature * np.maximum(apart, 0.0))
        return np.asarray(asked @ self.slopes + self.level + near @ self.weight, dtype=np.float64)

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        return np.asarray(np.square(self.known).sum(axis=1))


class TrendAndRest(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model of a trend, and one of what it leaves. Far from all simulations the trend goes on.

    A kernel alone would go back to a distance of zero there: a perfect fit.
    """

    def __init__(self, trend: Any, rest: Any) -> None:
        self.trend, self.rest = trend, rest

    def fit(self, points: NDArray[np.float64], distances: NDArray[np.float64]) -> "TrendAndRest":
        """Fit the trend, then the rest."""
        self.trend_ = clone(self.trend).fit(points, distances)
        self.rest_ = clone(self.rest).fit(points, distances - self.trend_.predict(points))
        return self

    def predict(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their sum."""
        return np.asarray(self.trend_.predict(points) + self.rest_.predict(points))


def fit(points: NDArray[np.float64], distances: NDArray[np.float64]) -> Emulator:
    """Fit to simulations, shapes (points, parameters) and (points, rows); smoothness is chosen on folds left out."""
    wanted = np.clip(distances, -FAR, FAR)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    found = []
    for curvature in CURVATURES:
        for penalty in PENALTIES:
            kernel = KernelRidge(kernel="rbf", gamma=curvature / points.shape[1], alpha=penalty)
            pipeline = make_pipeline(StandardScaler(), TrendAndRest(LinearRegression(), kernel))
            foreseen = cross_val_predict(pipeline, points, wanted, cv=folds)
            found.append((np.sqrt(np.mean(np.square(foreseen - wanted), axis=0)), pipeline))
    error, best = min(found, key=lambda candidate: float(candidate[0].mean()))
    return Emulator.of(best.fit(points, wanted), error)
