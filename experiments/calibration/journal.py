"""The simulations made for a calibration, kept as they are finished, so that an interruption loses few.

A journal is a folder: `calibration.json` says what the simulations were made with, and each batch is one file. The same
command goes on where it stopped; other targets, priors or another model refuse to mix with what is there.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.calibration.priors import Priors
from experiments.output import OutputError, version, write, writing
from experiments.runs.simulate import simulate
from experiments.simulated import MEASURED, Simulated
from experiments.targets import Target
from model import calendar
from model.errors import UserError
from model.scenario import Scenario

PERIODS = calendar.period_of(calendar.published(calendar.parse_label("2021-01-P1"))) + 1
"""Settlements simulated for a fit: up to the first of 2021, from which the end of 2020 is read; nothing later."""

KEPT_AT_ONCE = 30
"""Simulations of a batch that are written together, so that an interruption loses no more."""
TOGETHER = 5
"""Simulations that a process is given at once, at most."""
PART = ".part"
"""How the file of an unfinished batch ends."""

Progress = Callable[[str, int, int, float], None]
"""Is told which step, how many are done, of how many, and a misfit: the best of a search, the median of a wave."""


class JournalError(UserError):
    """A journal that belongs to another calibration: one line naming what differs."""


def simulate_rows(scenario: Scenario, targets: Sequence[Target]) -> NDArray[np.float64]:
    """What a scenario says of these rows, shape (rows,)."""
    history = Simulated.of_report(simulate(scenario))
    return np.array([MEASURED[target.measure](history, target) for target in targets])


@dataclass
class Journal:
    """All simulations of a calibration so far."""

    folder: Path
    base: Scenario
    priors: Priors
    targets: Sequence[Target]
    periods: int = PERIODS
    """Settlements to simulate."""

    def open(self, settings: Mapping[str, Any]) -> None:
        """Make the folder, or check that it holds the same calibration: the same settings.

        Raises:
            JournalError: if it was begun with other targets, priors, settings or another version of the model.
            OutputError: if it cannot be written.
        """
        made_with = self.fingerprint() | dict(settings)
        file = self.folder / "calibration.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                write(file, (json.dumps(made_with, indent=2) + "\n").encode())
                return
            found = dict(json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise OutputError(f"out = '{self.folder}' cannot be written ({error.strerror})") from None
        except (ValueError, TypeError):
            raise JournalError(f"'{file}' is damaged; allowed: another folder") from None
        for key, value in made_with.items():
            if found.get(key) != value:
                raise JournalError(
                    f"{key} = {value} differs from {found.get(key)}, with which '{self.folder}' was begun; "
                    "allowed: the same, or another folder (its finished work is kept)"
                )

    def fingerprint(self) -> dict[str, Any]:
        """What its simulations depend on: version of the model, targets, priors, what the scenario fixes, length."""
        priors = [{key: value for key, value in vars(prior).items() if key != "source"} for prior in self.priors.fitted]
        return {
            "model": version(),
            "targets": _digest([vars(target) for target in self.targets]),
            "priors": _digest(priors, dict(self.priors.tied)),
            "base": self.base.differences(),
            "periods": self.periods,
        }

    def batch(self, name: str, ending: str = ".npz") -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Points and simulated rows of a finished batch, shapes (points, parameters) and (points, rows).

        None for one that is not there or cannot be read: it is simulated again.
        """
        try:
            with np.load(io.BytesIO((self.folder / f"{name}{ending}").read_bytes())) as content:
                return content["points"], content["simulated"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def simulated(self) -> NDArray[np.float64]:
        """What every simulation so far says of the rows, shape (simulations, rows)."""
        kept = [self.batch(file.stem) for file in sorted(self.folder.glob("*.npz"))]
        return np.concatenate([batch[1] for batch in kept if batch is not None])

    def simulate(
        self,
        name: str,
        points: NDArray[np.float64],
        scale: float,
        seeds: Sequence[int],
        pool: ProcessPoolExecutor,
        progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points and simulated rows of a batch: what the journal has of them, and the rest simulated now.

        Shapes (points, parameters) and (points, rows). `progress` is told the number done.

        Raises:
            JournalError: if the journal has this batch at other points.
            OutputError: if it cannot be written.
        """
        kept = self.batch(name) or self.batch(name, PART)
        known = [] if kept is None else list(kept[1])
        if kept is not None and not (
            len(known) <= len(points) and np.allclose(kept[0][: len(known)], points[: len(known)], atol=1e-9)
        ):
            raise JournalError(
                f"batch = '{name}' of '{self.folder}' was simulated at other points; "
                "allowed: another folder (its finished work is kept)"
            )
        scenarios = [
            self.base.replace(rng=seed, **(self.priors.parameters(point) | {"scale": scale, "periods": self.periods}))
            for point, seed in zip(points[len(known) :], seeds[len(known) :], strict=True)
        ]
        together = max(1, min(TOGETHER, len(scenarios) // (4 * (os.cpu_count() or 1))))
        for found in pool.map(simulate_rows, scenarios, repeat(self.targets), chunksize=together):
            known.append(found)
            progress(len(known))
            if len(known) == len(points):
                self._keep(f"{name}.npz", points, known)
                (self.folder / f"{name}{PART}").unlink(missing_ok=True)
            elif len(known) % KEPT_AT_ONCE == 0:
                self._keep(f"{name}{PART}", points, known)
        return points, np.array(known)

    def _keep(self, file: str, points: NDArray[np.float64], simulated: list[NDArray[np.float64]]) -> None:
        content = io.BytesIO()
        np.savez(content, points=points, simulated=np.array(simulated))
        with writing(self.folder, kept="simulations kept before"):
            write(self.folder / file, content.getvalue())


def _digest(*content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
