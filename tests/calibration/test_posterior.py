"""The walk on an emulator whose posterior is known."""

import numpy as np
import pytest
from scipy import stats

from experiments.calibration.misfit import FREEDOM, WITHIN
from experiments.calibration.posterior import walk

STEEP = 20.0
"""Half bands by which the first parameter moves the only row over the prior's cube."""


class Line:
    """Half bands from the record: none at 0.4 of the first parameter; the second does not matter."""

    error = np.zeros(1)

    def distances(self, points):
        return STEEP * (points[:, :1] - 0.4)


START = np.random.default_rng(1).uniform(0.3, 0.5, (20, 2))
HALF = stats.t.ppf(0.95, FREEDOM) / WITHIN / STEEP
"""Half the 90 % interval that the tail of the likelihood leaves."""


def test_the_walk_finds_the_interval_of_what_the_record_tells_and_the_prior_of_what_it_does_not():
    sample, walked = walk(Line(), START, 2_000, 1, steps=6_000)
    assert np.quantile(sample[:, 0], [0.05, 0.5, 0.95]) == pytest.approx([0.4 - HALF, 0.4, 0.4 + HALF], abs=0.02)
    assert np.quantile(sample[:, 1], [0.05, 0.5, 0.95]) == pytest.approx([0.05, 0.5, 0.95], abs=0.05)
    assert 0.1 < walked["accepted"] < 0.9
    assert walked["independent_draws"] > 500


@pytest.mark.slow
def test_a_second_record_moves_and_narrows_the_interval():
    """Records at 0.4 and, two half bands up, at 0.5: in the middle between them, and narrower than either alone."""
    alone, _ = walk(Line(), START, 2_000, 1, steps=6_000)
    both, _ = walk(Line(), START, 2_000, 1, np.array([2.0]), steps=6_000)
    assert np.median(both[:, 0]) == pytest.approx(0.45, abs=0.02)
    width = [np.diff(np.quantile(sample[:, 0], [0.05, 0.95]))[0] for sample in (alone, both)]
    assert width[1] < width[0]


@pytest.mark.slow
def test_what_the_emulator_cannot_foresee_widens_the_interval():
    unsure = Line()
    unsure.error = np.full(1, 1.0)
    sample, _ = walk(unsure, START, 2_000, 1, steps=6_000)
    half = stats.t.ppf(0.95, FREEDOM) * np.hypot(1 / WITHIN, 1.0) / STEEP
    assert np.quantile(sample[:, 0], [0.05, 0.95]) == pytest.approx([0.4 - half, 0.4 + half], abs=0.03)


def test_an_interruption_ends_the_walk_without_a_stack(capfd):
    class Interrupted(Line):
        calls = 0

        def distances(self, points):
            self.calls += 1
            if self.calls == 50:
                raise KeyboardInterrupt
            return super().distances(points)

    with pytest.raises(KeyboardInterrupt):
        walk(Interrupted(), START, 100, 1, steps=1_000)
    assert capfd.readouterr() == ("", "")
