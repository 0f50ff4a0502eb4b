"""The emulator: smooth functions, and far from all simulations."""

import numpy as np
import pytest

from experiments.calibration import emulator


def test_the_emulator_finds_a_smooth_function_and_says_how_wrong_it_is():
    generator = np.random.default_rng(2)
    points = generator.random((400, 5))
    exact = np.stack([points[:, 0] ** 2 + points[:, 1] * points[:, 2], 3 * points[:, 3] - 1], axis=1)
    model = emulator.fit(points, exact + 0.05 * generator.standard_normal(exact.shape))
    assert np.abs(model.distances(points) - exact).max() < 0.1
    assert model.error == pytest.approx(0.05, rel=0.2)


def test_far_from_all_simulations_the_trend_goes_on():
    """Distance 3 + 4 (x - 1/2), simulated near the middle only: at x = 0.9 it is 4.6, not a perfect 0."""
    points = 0.5 + 0.05 * np.random.default_rng(3).standard_normal((300, 48))
    model = emulator.fit(points, 3 + 4 * (points[:, :1] - 0.5))
    assert model.distances(np.where(np.arange(48) == 0, 0.9, 0.5)[np.newaxis]) == pytest.approx(4.6, rel=0.01)
