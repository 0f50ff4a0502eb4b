"""How far a simulated record is from the published one.

Each row has its own scale: the accepted band, read as the middle 90 % of what may be true, and the noise of the
simulation. How much wider it is for what the model cannot do (its discrepancy) is unknown row by row, which gives
Student's t: one row out of reach does not bend all others. Rows of one group repeat each other (seventeen points of one
curve of members are not seventeen facts), so a group of n rows counts as the root of n: a composite likelihood.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from experiments.targets import Target
from model.pool import Pool, default

FREEDOM = 4.0
"""Degrees of freedom of the tail: assumed."""
WITHIN = float(stats.t.ppf(0.95, FREEDOM))
"""Scales of the tail from the middle to the edge of a band that holds 90 %."""
GROUPS = {
    "members": ("members", "largest_fall", "net_exit_rate", "migrated_members"),
    "share": ("share", "share_month", "annual_share", "share_lowest", "share_highest", "float_per_settlement"),
    "recipients": ("recipients", "recipients_month", "recipients_cumulative"),
    "money": ("benefits_paid", "benefits_paid_cumulative", "pending_liability", "paid_by_platform_from"),
    "who": ("member_mean_age", "member_share_born", "recipient_share_born", "recipient_share_male"),
}
"""Measures of which several rows tell much the same, plan by plan; all plans together count as the first one."""
SMALLEST = 0.02
"""A simulated value counts as at least this share of the published one, so that its logarithm exists."""


@dataclass(frozen=True)
class Rows:
    """The rows to fit."""

    targets: tuple[Target, ...]
    record: NDArray[np.float64] | float = 0.0
    """The record to which simulations are held, as distances from the published one in half bands, shape (rows,)."""
    noise: NDArray[np.float64] | float = 0.0
    """The simulation's own noise, as a standard deviation in half bands, shape (rows,)."""

    pool: Pool = field(default_factory=default, repr=False)
    """Whose record it is."""

    @property
    def names(self) -> list[str]:
        """Their ids."""
        return [target.id for target in self.targets]

    @cached_property
    def groups(self) -> list[tuple[str, str]]:
        """The group of each row: what is measured, and of which plan."""
        kind = {measure: group for group, measures in GROUPS.items() for measure in measures}
        plan = {"all": self.pool.plan_names[0]}
        return [(kind[target.measure], plan.get(target.plan, target.plan)) for target in self.targets]

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """How much of a fact each row is, shape (rows,): the weights of a group of n rows sum to the root of n."""
        sizes = Counter(self.groups)
        return np.array([sizes[group] ** -0.5 for group in self.groups])

    def standardise(self, simulated: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance from the record, in half bands: 1 is the edge of the band; shape (..., rows).

        In logarithms, so that half and double are equally far; rows whose band reaches 0 as they are. What was not
        simulated (no settlement at all) counts as the smallest value.
        """
        simulated = np.nan_to_num(np.asarray(simulated, dtype=np.float64), nan=0.0)
        distances = []
        for row, target in enumerate(self.targets):
            value = simulated[..., row]
            if target.low > 0:
                value = np.maximum(value, SMALLEST * target.value)
                distances.append(np.log(value / target.value) / (0.5 * np.log(target.high / target.low)))
            else:
                distances.append((value - target.value) / (0.5 * (target.high - target.low)))
        return np.asarray(np.stack(distances, axis=-1) - self.record)

    def inside(self, simulated: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each simulated value is in its band; shape (..., rows)."""
        low, high = (np.array([getattr(target, edge) for target in self.targets]) for edge in ("low", "high"))
        return np.asarray((low <= simulated) & (simulated <= high))

    def misfit(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the logarithm of the likelihood, up to a constant, of distances of shape (..., rows)."""
        variance = WITHIN**-2 + np.square(self.noise)
        tails = np.log1p(np.square(distances) / (FREEDOM * variance))
        return np.asarray(0.5 * (FREEDOM + 1) * (tails @ self.weights))
