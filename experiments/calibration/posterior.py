"""Stage two: which parameters does the record allow? A sample of the posterior, every point of which was simulated.

Approximate Bayesian computation with a smooth kernel (Wilkinson 2013): a parameter set is as likely as its simulated
rows are close. An emulator finds the posterior, in waves: each wave draws where the emulator sees it, simulates there,
and fits the emulator again. Then independent chains walk by delayed acceptance (Christen & Fox 2005): a walk on the
emulator proposes a step, and the step is taken or not by what the simulator says there. So the emulator decides how
fast the chains mix, and the simulator alone where they go.
"""

from dataclasses import dataclass, replace
from functools import partial

import emcee
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from experiments.calibration import emulator
from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import Rows
from experiments.calibration.plan import Plan
from experiments.calibration.priors import FARTHEST, to_cube
from experiments.runs.executor import Executor

REPEATS, NOISE_SEED = 24, 500_000
"""Runs at the median of the emulated posterior that measure the noise between seeds, and the first of them."""
NEAREST = 1_600
"""Simulations on which an emulator is fitted, at least: those of the last waves, and the best of all others."""
STARTS = 200
"""Of them, those near which the walkers begin."""
WALK = 800
"""Steps of each walker on an emulator."""
BURN_IN = 0.4
"""Share of those steps that is forgotten."""
FORGOTTEN = 1 / 3
"""Share of the steps of a chain that is forgotten."""
LESSONS = 3
"""How often in that time the emulator is fitted again, to what the chains have simulated; then it is left as it is."""
KNOWN = 4_000
"""Simulations from which it learns then, the last ones."""
SHORT, LONG = 40, 200
"""Steps on the emulator between two simulations: a chain takes one or the other by the toss of a coin, since a long
walk brings it far and a short one is seldom refused."""
CHAIN_SEED = 2_000_000
"""First seed of the chains: each simulates with a seed of its own."""


@dataclass(frozen=True)
class Posterior:
    """A sample of the posterior, in normal coordinates."""

    chains: NDArray[np.float64]
    """After the first third, shape (steps, chains, parameters)."""
    simulated: NDArray[np.float64]
    """What each of them says of the rows, shape (steps, chains, rows)."""
    mixing: dict[str, float]
    """How well the chains mixed; see `mixing_of`."""
    noise: NDArray[np.float64]
    """Standard deviation of each row between runs with different seeds, in half bands, shape (rows,)."""
    tried: NDArray[np.float64]
    """Every point that waves and chains simulated, accepted or not, shape (points, parameters)."""
    tried_rows: NDArray[np.float64]
    """What each of them says of the rows, shape (points, rows)."""

    @property
    def points(self) -> NDArray[np.float64]:
        """All draws, shape (draws, parameters)."""
        return self.chains.reshape(-1, self.chains.shape[2])

    @property
    def rows(self) -> NDArray[np.float64]:
        """What they say of the rows, shape (draws, rows)."""
        return self.simulated.reshape(-1, self.simulated.shape[2])


def log_density(points: NDArray[np.float64], misfits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the posterior, up to a constant, at points in normal coordinates."""
    density = -0.5 * np.square(points).sum(axis=1) - misfits
    return np.where((np.abs(points) < FARTHEST).all(axis=1), density, -np.inf)


@dataclass(frozen=True)
class Emulated:
    """The posterior as the emulator sees it."""

    rows: Rows
    emulator: emulator.Emulator

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of its density at points in normal coordinates.

        As if the emulator were right: where it is not, the next wave or the simulator will tell. With its error as
        noise everything would seem possible.
        """
        return log_density(points, self.rows.misfit(self.emulator.distances(points)))


def walk(density: Emulated, start: NDArray[np.float64], number: int, seed: int) -> NDArray[np.float64]:
    """A sample of the emulated posterior, shape (number, parameters); the walkers begin around `start`."""
    dimension = start.shape[1]
    generator = np.random.default_rng(seed)
    walkers = 2 * dimension + 2
    chosen = start[generator.integers(len(start), size=walkers)]
    position = np.clip(chosen + 0.05 * generator.standard_normal(chosen.shape), -FARTHEST + 0.1, FARTHEST - 0.1)
    interrupted = False

    def guarded(points: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal interrupted
        try:
            return density(points)
        except KeyboardInterrupt:  # emcee would print the whole stack
            interrupted = True
            return np.full(len(points), -np.inf)

    moves = [(emcee.moves.DEMove(), 0.7), (emcee.moves.DESnookerMove(), 0.1), (emcee.moves.StretchMove(), 0.2)]
    sampler = emcee.EnsembleSampler(walkers, dimension, guarded, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(seed).get_state()
    for _ in sampler.sample(position, iterations=WALK):
        if interrupted:
            raise KeyboardInterrupt
    chain = sampler.get_chain(discard=int(BURN_IN * WALK), flat=True)
    return np.asarray(chain[generator.choice(len(chain), number, replace=False)])


def propose(
    density: Emulated, points: NDArray[np.float64], spread: NDArray[np.float64], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a random walk on the emulator leads from each point, and the emulated densities before and after.

    Metropolis with steps of this covariance's root, shape (parameters, parameters); its steps are reversible.
    """
    here, at = points, density(points)
    before = at
    scale = 2.38 / np.sqrt(points.shape[1])
    length = np.where(generator.random(len(points)) < 0.5, SHORT, LONG)
    for step in range(LONG):
        asked = here + scale * generator.standard_normal(points.shape) @ spread.T
        found = density(asked)
        taken = (np.log(generator.random(len(points))) < found - at) & (step < length)
        here, at = np.where(taken[:, np.newaxis], asked, here), np.where(taken, found, at)
    return here, at - before


def infer(
    journal: Journal,
    rows: Rows,
    points: NDArray[np.float64],
    simulated: NDArray[np.float64],
    plan: Plan,
    run: Executor,
    progress: Progress,
) -> Posterior:
    """Waves and chains of simulations, beginning from those of the search; points in normal coordinates."""
    # With another number of threads sums are rounded otherwise, and a walk goes elsewhere.
    with threadpool_limits(1):
        return _waves(journal, rows, points, simulated, plan, run, progress)


def _waves(
    journal: Journal,
    rows: Rows,
    points: NDArray[np.float64],
    simulated: NDArray[np.float64],
    plan: Plan,
    run: Executor,
    progress: Progress,
) -> Posterior:
    """Waves of simulations, each where the emulator of those before sees the posterior; then the chains."""
    runs = plan.wave_runs
    searched = len(points)
    for wave in range(plan.waves):
        density, best = _emulated(rows, points, simulated, searched)
        asked = walk(density, points[best], runs, plan.seed + wave)
        seeds = range(1_000_000 + runs * wave, 1_000_000 + runs * (wave + 1))
        told = partial(_told, progress, f"wave {wave + 1}", runs)
        _, found = journal.simulate(f"wave-{wave}", to_cube(asked), plan.scale, seeds, run, told)
        points, simulated = np.concatenate([points, asked]), np.concatenate([simulated, found])
        progress(f"wave {wave + 1}", runs, runs, float(np.median(rows.misfit(rows.standardise(found)))))
    return _chains(journal, rows, points, simulated, searched, plan, run, progress)


def _chains(
    journal: Journal,
    rows: Rows,
    points: NDArray[np.float64],
    simulated: NDArray[np.float64],
    searched: int,
    plan: Plan,
    run: Executor,
    progress: Progress,
) -> Posterior:
    """Independent chains, each with a simulation a step and a seed of its own."""
    generator = np.random.default_rng(plan.seed)
    seeds = range(CHAIN_SEED, CHAIN_SEED + plan.chains)
    forgotten = int(plan.steps * FORGOTTEN)
    lessons = {number * forgotten // LESSONS for number in range(LESSONS + 1)}
    visited, said, accepted = [], [], []
    for step in range(plan.steps):
        if step in lessons:
            density, best = _emulated(rows, points, simulated, searched, KNOWN if step else NEAREST)
            sample = walk(density, points[best], 20 * plan.chains, plan.seed + plan.waves + step)
            spread = np.linalg.cholesky(np.cov(sample.T) + 1e-9 * np.eye(sample.shape[1]))
        if step == 0:
            # What the seed alone may do is no reason to prefer a point.
            centre = np.tile(to_cube(np.median(sample, axis=0)), (REPEATS, 1))
            noise_seeds = range(NOISE_SEED, NOISE_SEED + REPEATS)
            _, repeated = journal.simulate("noise", centre, plan.scale, noise_seeds, run)
            rows = replace(rows, noise=rows.standardise(repeated).std(axis=0, ddof=1))
            asked, gain = sample[: plan.chains], np.zeros(plan.chains)
            here, at = asked, np.full(plan.chains, -np.inf)
            rows_here = np.empty((plan.chains, simulated.shape[1]))
        else:
            asked, gain = propose(density, here, spread, generator)
        _, found = journal.simulate(f"chains-{step:04d}", to_cube(asked), plan.scale, seeds, run)
        points, simulated = np.concatenate([points, asked]), np.concatenate([simulated, found])
        there = log_density(asked, rows.misfit(rows.standardise(found)))
        taken = np.log(generator.random(plan.chains)) < there - at - gain
        here, at = np.where(taken[:, np.newaxis], asked, here), np.where(taken, there, at)
        rows_here = np.where(taken[:, np.newaxis], found, rows_here)
        accepted.append(taken)
        visited.append(here)
        said.append(rows_here)
        progress("chains", step + 1, plan.steps, float(-at.mean()))
    chains = np.array(visited[forgotten:])
    mixing = mixing_of(chains) | {"accepted": float(np.mean(accepted[forgotten:]))}
    return Posterior(
        chains, np.array(said[forgotten:]), mixing, np.asarray(rows.noise), points[searched:], simulated[searched:]
    )


def mixing_of(chains: NDArray[np.float64]) -> dict[str, float]:
    """How well independent chains mixed, shape (steps, chains, parameters).

    `r_hat`: the largest over the parameters of the root of all variance over that within half chains (Gelman & Rubin
    1992, split; near 1 if the chains agree); `effective_draws` and `fewest_effective_draws`: independent draws that
    they are worth, by autocorrelation time, in the median and for the worst parameter.
    """
    steps = len(chains) // 2
    halves = np.concatenate([chains[:steps], chains[-steps:]], axis=1)
    within = halves.var(axis=0, ddof=1).mean(axis=0)
    between = halves.mean(axis=0).var(axis=0, ddof=1)
    r_hat = np.sqrt((steps - 1) / steps + between / within)
    with np.errstate(invalid="ignore"):  # a chain that never moved has no autocorrelation
        memory = emcee.autocorr.integrated_time(chains, c=5, tol=0)
    draws = chains.shape[0] * chains.shape[1] / memory
    # A chain that never moved is one draw.
    draws = np.where(np.isnan(draws), chains.shape[1], draws)
    return {
        "r_hat": float(r_hat.max()),
        "r_hat_median": float(np.median(r_hat)),
        "effective_draws": float(np.median(draws)),
        "fewest_effective_draws": float(draws.min()),
    }


def _told(progress: Progress, name: str, runs: int, done: int) -> None:
    progress(name, done, runs, np.nan)


def _emulated(
    rows: Rows,
    points: NDArray[np.float64],
    simulated: NDArray[np.float64],
    searched: int,
    number: int = NEAREST,
) -> tuple[Emulated, NDArray[np.int64]]:
    """The emulator, and the points from which a walk begins: the best of all.

    Where an emulator sent a wave, its errors count most, so it learns from all of them; the first `searched` points are
    those of the search, of which it takes the best.
    """
    distances = rows.standardise(simulated)
    order = np.argsort(-log_density(points, rows.misfit(distances)), kind="stable")
    of_search = order[order < searched]
    waves = np.arange(max(searched, len(points) - number), len(points))
    chosen = np.concatenate([waves, of_search[: max(NEAREST // 2, NEAREST - len(waves))]])
    return Emulated(rows, emulator.fit(points[chosen], distances[chosen])), order[:STARTS]
