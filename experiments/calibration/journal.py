"""The simulations made for a calibration, kept as they are finished, so that an interruption loses few.

A journal is a result folder of batches: `calibration.json` says what the simulations were made with, and each row of
the files in `simulations/` is a simulation, its parameters and what it says of the record. The same command goes on
where it stopped; other targets, priors or another model refuse to mix with what is there.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.calibration.priors import Priors
from experiments.output import version
from experiments.runs.batches import Batches
from experiments.runs.executor import Executor
from experiments.runs.simulate import simulate
from experiments.simulated import MEASURED, Simulated
from experiments.targets import Target
from model.pool import Pool
from model.scenario import Scenario


def periods_to_fit(pool: Pool) -> int:
    """Settlements simulated for a fit: up to the first after what may be fitted, from which its end is read.

    All of them for a pool without a record of its own.
    """
    if pool.rules.record is None:
        return pool.calendar.periods
    return min(pool.calendar.period_of(pool.rules.record.fitted_until) + 1, pool.calendar.periods)


Progress = Callable[[str, int, int, float], None]
"""Is told which step, how many are done, of how many, and a misfit: the best of a search, the median of a wave."""


def simulate_rows(targets: Sequence[Target], scenario: Scenario) -> list[float]:
    """What a scenario says of these rows."""
    history = Simulated.of_report(simulate(scenario))
    return [MEASURED[target.measure](history, target) for target in targets]


class Journal(Batches):
    """All simulations of a calibration so far.

    Args:
        folder: where they are kept.
        base: the scenario that is fitted.
        priors: of its parameters that are.
        targets: the rows to which they are fitted.
        periods: settlements to simulate; those of a fit if none are given.
    """

    FORMAT = 1
    IDENTITY, RESULTS, OF = "calibration.json", "simulations", "a calibration"
    AGAIN = "the same command simulates it again"

    def __init__(
        self, folder: Path, base: Scenario, priors: Priors, targets: Sequence[Target], periods: int | None = None
    ) -> None:
        super().__init__(folder)
        self.base, self.priors, self.targets = base, priors, targets
        self.periods = periods or periods_to_fit(base.pool)

    def at(self, folder: Path) -> "Journal":
        """A journal of the same calibration in another folder."""
        return Journal(folder, self.base, self.priors, self.targets, self.periods)

    def open(self, settings: Mapping[str, Any]) -> None:
        """Make the folder, or check that it holds the same calibration: the same settings.

        Raises:
            StoreError: if it was begun with other targets, priors, settings or another version of the model.
            OutputError: if it cannot be written.
        """
        made_with = self.fingerprint() | dict(settings)
        found = self.begin(made_with)
        self.refuse(made_with, {key: value for key, value in found.items() if key != "format"})

    def fingerprint(self) -> dict[str, Any]:
        """What its simulations depend on: version of the model, targets, priors, what the scenario fixes, length."""
        decisive = ("name", "kind", "low", "high", "centre", "spread")
        priors = [{key: getattr(prior, key) for key in decisive} for prior in self.priors.fitted]
        return {
            "model": version(),
            "targets": _digest([vars(target) for target in self.targets]),
            "priors": _digest(priors, dict(self.priors.tied)),
            "pool": {"name": self.base.pool.key, "digest": self.base.pool.digest},
            "base": self.base.differences(),
            "periods": self.periods,
        }

    def points(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Points and simulated rows of a finished batch, shapes (points, parameters) and (points, rows).

        None for one that is not there, not finished, or damaged: what is missing of it is simulated again.
        """
        table = self.batch(name)
        if table is None:
            return None
        inputs, outputs = ([table[column] for column in columns] for columns in (self._inputs, self._outputs))
        return np.column_stack(inputs), np.column_stack(outputs)

    def simulated(self) -> NDArray[np.float64]:
        """What every simulation of a finished batch says of the rows, shape (simulations, rows)."""
        kept = [self.points(name) for name in self.whole()]
        return np.concatenate([batch[1] for batch in kept if batch is not None])

    def simulate(
        self,
        name: str,
        points: NDArray[np.float64],
        scale: float,
        seeds: Sequence[int],
        run: Executor,
        progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points and simulated rows of a batch: what the journal has of them, and the rest simulated now.

        Shapes (points, parameters) and (points, rows). `progress` is told the number done.

        Raises:
            StoreError: if the journal has this batch at other points.
            OutputError: if it cannot be written.
        """
        common = {"scale": scale, "periods": self.periods}
        scenarios = [
            self.base.replace(rng=seed, **(self.priors.parameters(point) | common))
            for point, seed in zip(points, seeds, strict=True)
        ]
        inputs = pa.table(dict(zip(self._inputs, np.asarray(points).T, strict=True)))
        simulating = partial(simulate_rows, tuple(self.targets))
        return points, self.fill(run, name, inputs, simulating, scenarios, self._outputs, progress)

    @property
    def _inputs(self) -> list[str]:
        """Names of the columns of a point, which is in the prior's cube."""
        return [f"point.{name}" for name in self.priors.names]

    @property
    def _outputs(self) -> list[str]:
        """Names of the columns of the simulated rows."""
        return [f"row.{target.id}" for target in self.targets]


def _digest(*content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
