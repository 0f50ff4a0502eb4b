"""Distance from the record, in half bands."""

import numpy as np
import pytest

from experiments import targets
from experiments.calibration.misfit import Rows, misfit

FIT = [target for target in targets.load() if target.role == "fit"]


def test_the_edge_of_a_band_is_one_half_band_away():
    rows = Rows(tuple(FIT))
    for edge, distance in (("low", -1.0), ("value", 0.0), ("high", 1.0)):
        found = rows.standardise(np.array([getattr(target, edge) for target in FIT]))
        for number, target in enumerate(FIT):
            symmetric = np.isclose(target.value**2, target.low * target.high, rtol=0.02)
            if edge == "value" or symmetric:
                assert found[number] == pytest.approx(distance, abs=0.1)
            else:
                assert np.sign(found[number]) == np.sign(distance)


def test_no_settlement_at_all_counts_as_far_away():
    rows = Rows(tuple(FIT[:1]))
    assert rows.standardise(np.array([np.nan]))[0] == rows.standardise(np.array([0.0]))[0] < -10


def test_misfit_grows_with_distance_and_shrinks_with_noise():
    far, near = np.array([2.0, 0.0]), np.array([1.0, 0.0])
    assert misfit(far) > misfit(near) > misfit(np.zeros(2)) == 0
    assert misfit(far, 1.0) < misfit(far, 0.0)
    # One row out of reach costs no more than the tail: 1000 half bands against 10.
    assert misfit(np.array([1000.0])) - misfit(np.array([10.0])) == pytest.approx(5 * np.log(100), rel=0.01)
