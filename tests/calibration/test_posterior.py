"""The posterior by delayed acceptance, where it is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments.calibration import emulator, posterior
from experiments.calibration.journal import Journal
from experiments.calibration.misfit import FREEDOM, WITHIN, Rows
from experiments.calibration.plan import Plan
from experiments.calibration.posterior import Emulated, mixing_of, propose, walk
from experiments.calibration.priors import to_cube, to_normal
from experiments.targets import Target

ROW = Target("x", "general", "annual_share", "2019", 1.0, "", 0.0, 2.0, "A", "fit", "", "")
ROWS = Rows((ROW,))
STEEP = 5.0
"""Half bands by which a standard deviation of the first parameter moves the only row."""
MIDDLE = 0.5


class Line:
    """Half bands from the record: none at 0.5 of the first parameter; the second does not matter."""

    error = np.zeros(1)

    def distances(self, points):
        return STEEP * (points[:, :1] - MIDDLE)


def quantiles_by_hand(probabilities, steep=STEEP):
    """Of the first parameter: normal prior times Student's t, on a fine grid."""
    grid = np.linspace(-4, 4, 20_001)
    density = stats.norm.pdf(grid) * stats.t.pdf(steep * (grid - MIDDLE) * WITHIN, FREEDOM)
    return np.interp(probabilities, np.cumsum(density) / density.sum(), grid)


START = np.random.default_rng(1).normal([MIDDLE, 0.0], 0.2, (20, 2))
THREE = [0.05, 0.5, 0.95]


def test_the_walk_on_an_emulator_finds_what_the_record_tells_and_the_prior_of_what_it_does_not():
    sample = walk(Emulated(ROWS, Line()), START, 2_000, 1)
    assert np.quantile(sample[:, 0], THREE) == pytest.approx(quantiles_by_hand(THREE), abs=0.1)
    assert np.quantile(sample[:, 1], THREE) == pytest.approx([-1.645, 0.0, 1.645], abs=0.3)


def test_proposals_know_how_much_the_emulator_prefers_them():
    density = Emulated(ROWS, Line())
    asked, gain = propose(density, START, np.eye(2), np.random.default_rng(2))
    assert gain == pytest.approx(density(asked) - density(START))
    assert (asked != START).any(axis=1).mean() > 0.5


class Pretended(Journal):
    """Simulations whose only row is a bent line, which the emulator cannot follow everywhere."""

    def simulate(self, name, points, scale, seeds, run, progress=lambda done: None):
        first = to_normal(points)[:, :1]
        return points, 1.0 + STEEP * (first - MIDDLE)


@pytest.mark.parametrize("error", [0.0, 0.4])
def test_chains_go_where_the_simulator_says_even_if_the_emulator_errs(monkeypatch, error):
    plan = Plan(search_runs=1, waves=1, wave_runs=60, chains=30, steps=150)
    points = np.random.default_rng(3).normal(size=(200, 2))
    fit = emulator.fit

    class Wrong:
        """The emulator, moved by an error in half bands."""

        def __init__(self, right):
            self.right, self.error = right, right.error

        def distances(self, asked):
            return self.right.distances(asked) + error

    monkeypatch.setattr(emulator, "fit", lambda *asked: Wrong(fit(*asked)))
    journal = Pretended(Path(), None, None, ROWS.targets, periods=1)
    _, simulated = journal.simulate("", to_cube(points), 1, (), None)
    found = posterior.infer(journal, ROWS, points, simulated, plan, None, lambda *told: None)
    assert np.quantile(found.points[:, 0], THREE) == pytest.approx(quantiles_by_hand(THREE), abs=0.1)
    assert np.quantile(found.points[:, 1], THREE) == pytest.approx([-1.645, 0.0, 1.645], abs=0.3)
    assert found.mixing["r_hat"] < 1.1
    assert found.mixing["accepted"] > 0.2
    assert found.rows == pytest.approx(1.0 + STEEP * (found.points[:, :1] - MIDDLE))


def test_diagnostics_tell_chains_that_agree_from_chains_that_do_not():
    agreeing = np.random.default_rng(4).normal(size=(400, 8, 3))
    found = mixing_of(agreeing)
    assert found["r_hat"] < 1.02
    assert found["fewest_effective_draws"] > 2_000
    apart = agreeing.copy()
    apart[:, :4, 1] += 2.0
    assert mixing_of(apart)["r_hat"] > 1.3
    sluggish = np.cumsum(agreeing, axis=0)
    assert mixing_of(sluggish)["effective_draws"] < 200


def test_an_interruption_ends_the_walk_without_a_stack(capfd):
    class Interrupted(Line):
        calls = 0

        def distances(self, points):
            self.calls += 1
            if self.calls == 50:
                raise KeyboardInterrupt
            return super().distances(points)

    with pytest.raises(KeyboardInterrupt):
        walk(Emulated(ROWS, Interrupted()), START, 100, 1)
    assert capfd.readouterr() == ("", "")
