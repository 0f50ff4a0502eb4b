"""Stage one: where in the prior is the record reproduced at all? A global search by evolution of a normal distribution.

CMA-ES (Hansen & Ostermeier 2001) needs no gradient, bears noise, and learns which parameters go together. It looks for
the most probable point, prior included, in coordinates in which the prior is a standard normal.
"""

import cma
import numpy as np
from numpy.typing import NDArray

from experiments.calibration.journal import Journal, Progress
from experiments.calibration.misfit import Rows
from experiments.calibration.plan import Plan
from experiments.calibration.priors import FARTHEST, to_cube
from experiments.runs.executor import Executor

STEP = 0.6
"""First standard deviation, in those of the prior."""


def search(
    journal: Journal,
    rows: Rows,
    plan: Plan,
    run: Executor,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All points looked at, in normal coordinates, and their simulated rows: (points, parameters) and (points, rows).

    The search depends on the seed alone: what is in the journal is walked through again, and only the rest simulated.
    """
    dimension = len(journal.priors.fitted)
    size = 2 * (4 + int(3 * np.log(dimension)))
    options = {"bounds": [-FARTHEST, FARTHEST], "seed": plan.seed, "verbose": -9, "popsize": size}
    strategy = cma.CMAEvolutionStrategy(np.zeros(dimension), STEP, options)
    points, simulated, best = [], [], np.inf
    for generation in range(max(1, plan.search_runs // strategy.popsize)):
        asked = np.clip(strategy.ask(), -FARTHEST, FARTHEST)
        first = 1 + generation * strategy.popsize
        seeds = range(first, first + strategy.popsize)
        _, found = journal.simulate(f"search-{generation:04d}", to_cube(asked), plan.search_scale, seeds, run)
        misfits = rows.misfit(rows.standardise(found))
        strategy.tell(list(asked), (misfits + 0.5 * np.square(asked).sum(axis=1)).tolist())
        points.append(asked)
        simulated.append(found)
        best = min(best, float(misfits.min()))
        progress("search", first + strategy.popsize - 1, plan.search_runs, best)
    return np.concatenate(points), np.concatenate(simulated)
