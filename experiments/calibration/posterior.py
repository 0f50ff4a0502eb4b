"""Stage two: which parameters does the record allow? A sample of the posterior, through an emulator.

Approximate Bayesian computation with a smooth kernel (Wilkinson 2013): a parameter set is as likely as its simulated
rows are close. Simulating every step of a Markov chain would take days, so the chain walks on an emulator, in waves:
each wave draws where the last one found the posterior, simulates there, and fits the emulator again. The set that
ships was simulated itself.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import emcee
import numpy as np
from numpy.typing import NDArray

from experiments.calibration import emulator
from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import Rows, misfit
from experiments.calibration.plan import Plan

NEAREST = 2_500
"""Simulations on which an emulator is fitted: the best ones."""
STARTS = 200
"""Of them, those near which the walkers begin."""
BURN_IN = 0.4
"""Share of the steps that is forgotten."""


@dataclass(frozen=True)
class Posterior:
    """A sample of the posterior, in the prior's cube, and the emulator behind it."""

    points: NDArray[np.float64]
    emulator: emulator.Emulator
    walked: dict[str, float]
    """How well the last walk mixed."""


def walk(
    model: emulator.Emulator,
    start: NDArray[np.float64],
    number: int,
    seed: int,
    *further: NDArray[np.float64],
    steps: int,
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """A sample of the emulated posterior, shape (number, parameters), and how well the walk mixed.

    The walkers begin around `start`. `further` are records beside the published one, as distances from it in half
    bands, shape (rows,) each. Mixing: share of proposals accepted, autocorrelation time in steps (mean over the
    parameters), and how many independent draws the walkers are worth together.
    """
    dimension = start.shape[1]
    generator = np.random.default_rng(seed)
    walkers = 2 * dimension + 2
    chosen = start[generator.integers(len(start), size=walkers)]
    position = np.clip(chosen + 0.02 * generator.standard_normal(chosen.shape), 0.001, 0.999)

    interrupted = False

    def log_probability(points: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal interrupted
        within = ((points > 0) & (points < 1)).all(axis=1)
        value = np.full(len(points), -np.inf)
        try:
            if within.any():
                distances = model.distances(points[within])
                value[within] = -sum(misfit(distances - record, model.error) for record in (0.0, *further))
        except KeyboardInterrupt:  # emcee would print the whole stack
            interrupted = True
        return value

    moves = [(emcee.moves.DEMove(), 0.7), (emcee.moves.DESnookerMove(), 0.1), (emcee.moves.StretchMove(), 0.2)]
    sampler = emcee.EnsembleSampler(walkers, dimension, log_probability, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(seed).get_state()
    for _ in sampler.sample(position, iterations=steps):
        if interrupted:
            raise KeyboardInterrupt
    chain = sampler.get_chain(discard=int(BURN_IN * steps), flat=True)
    memory = float(np.mean(sampler.get_autocorr_time(discard=int(BURN_IN * steps), tol=0)))
    walked = {
        "accepted": float(sampler.acceptance_fraction.mean()),
        "autocorrelation": memory,
        "independent_draws": len(chain) / memory,
    }
    return np.asarray(chain[generator.choice(len(chain), number, replace=False)]), walked


def infer(
    journal: Journal,
    rows: Rows,
    points: NDArray[np.float64],
    simulated: NDArray[np.float64],
    plan: Plan,
    pool: ProcessPoolExecutor,
    progress: Progress,
) -> Posterior:
    """Waves of simulations, beginning from those of the search."""
    runs = plan.wave_runs
    for wave in range(plan.waves):
        name = f"wave-{wave}"
        kept = journal.batch(name)
        if kept is None:
            model, best = _emulated(rows, points, simulated)
            asked, _ = walk(model, points[best], runs, plan.seed + wave, steps=plan.steps // 4)
            seeds = range(1_000_000 * (wave + 1), 1_000_000 * (wave + 1) + runs)
            kept = journal.simulate(name, asked, plan.scale, seeds, pool, partial(_told, progress, wave, runs))
        points, simulated = np.concatenate([points, kept[0]]), np.concatenate([simulated, kept[1]])
        progress(f"wave {wave + 1}", runs, runs, float(np.median(misfit(rows.standardise(kept[1])))))
    model, best = _emulated(rows, points, simulated)
    sample, walked = walk(model, points[best], runs, plan.seed + plan.waves, steps=plan.steps)
    return Posterior(sample, model, walked)


def _told(progress: Progress, wave: int, runs: int, done: int) -> None:
    progress(f"wave {wave + 1}", done, runs, np.nan)


def _emulated(
    rows: Rows, points: NDArray[np.float64], simulated: NDArray[np.float64]
) -> tuple[emulator.Emulator, NDArray[np.int64]]:
    """The emulator of the nearest simulations, and the points from which a walk begins."""
    distances = rows.standardise(simulated)
    best = np.argsort(misfit(distances), kind="stable")[:NEAREST]
    return emulator.fit(points[best], distances[best]), best[:STARTS]
