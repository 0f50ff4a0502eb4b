"""Stage one: where in the prior is the record reproduced at all? A global search by evolution of a normal distribution.

CMA-ES (Hansen & Ostermeier 2001) needs no gradient, bears noise, and learns which parameters go together.
"""

from concurrent.futures import ProcessPoolExecutor

import cma
import numpy as np
from numpy.typing import NDArray

from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import Rows, misfit
from experiments.calibration.plan import Plan

STEP = 0.25
"""First standard deviation, as a share of the prior's width."""


def search(
    journal: Journal,
    rows: Rows,
    plan: Plan,
    pool: ProcessPoolExecutor,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All points looked at and their simulated rows, shapes (points, parameters) and (points, rows).

    The search depends on the seed alone: what is in the journal is walked through again, and only the rest simulated.
    """
    dimension = len(journal.priors.fitted)
    options = {"bounds": [0, 1], "seed": plan.seed, "verbose": -9, "popsize": 2 * (4 + int(3 * np.log(dimension)))}
    strategy = cma.CMAEvolutionStrategy(np.full(dimension, 0.5), STEP, options)
    points, simulated, best = [], [], np.inf
    for generation in range(max(1, plan.search_runs // strategy.popsize)):
        asked = np.array(strategy.ask())
        first = 1 + generation * strategy.popsize
        seeds = range(first, first + strategy.popsize)
        _, found = journal.simulate(f"search-{generation:04d}", asked, plan.scale, seeds, pool)
        misfits = misfit(rows.standardise(found))
        strategy.tell(list(asked), misfits.tolist())
        points.append(asked)
        simulated.append(found)
        best = min(best, float(misfits.min()))
        progress("search", first + strategy.popsize - 1, plan.search_runs, best)
    return np.concatenate(points), np.concatenate(simulated)
