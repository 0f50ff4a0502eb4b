"""Policies beside a baseline: the same people and random numbers, with and without each policy.

What a policy changes is measured pair by pair: a pair has one seed, so that its difference is the policy and nothing
else. Beside the figures of the pool it is asked who pays and who is paid, by age and own risk, what membership is worth
to members, and whether the platform earns what it bears.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from agents import welfare
from experiments.output import version
from experiments.runs.batches import Batches, after
from experiments.runs.executor import Executor
from experiments.sweeps import replication
from experiments.sweeps.study import TOGETHER
from model.errors import UserError
from model.ledger import PLATFORM
from model.model import MutualAidModel
from model.scenario import Scenario

BASELINE = "baseline"


class Figure(NamedTuple):
    """A figure of a world."""

    label: str
    unit: str
    """`money` is the currency of the pool."""


FIGURES = {
    "members_end": Figure("members at the end", "people"),
    "members_peak": Figure("members at the peak", "people"),
    "share_last_year": Figure("what a member was asked for in the last twelve months, on average", "money"),
    "benefits_paid": Figure("benefits paid", "money"),
    "ill_without_cover": Figure("people who fell ill and were no members", "people"),
    "mean_risk_end": Figure("own risk of members at the end", "per person-year"),
    "surplus": Figure("consumer surplus: worth to members less what they paid", "money"),
    "surplus_p10": Figure("surplus of the person at the tenth percentile of those who were members", "money"),
    "surplus_p90": Figure("surplus of the person at the ninetieth percentile", "money"),
    "transfer_to_high_risk": Figure("paid to the riskiest third beyond what it paid in", "money"),
    "transfer_to_old": Figure("paid to those of 50 and older beyond what they paid in", "money"),
    "platform_result": Figure("what the platform earned less what it paid", "money"),
    "platform_low": Figure("the lowest that this came to in between", "money"),
}
OVERVIEW = {
    "members_end": "members at the end",
    "share_last_year": "share of the last year",
    "benefits_paid": "benefits paid",
    "ill_without_cover": "ill without cover",
    "surplus": "consumer surplus",
    "platform_result": "platform, million",
}
"""Figures of the overview, and their headings."""
OF_GROUPS = ("paid_in", "paid_out", "surplus", "members")
"""What is measured of each group of age and risk, as in `agents.welfare`; `members` are member-settlements."""


def _group_names() -> list[str]:
    return [f"{what}|{age}|{risk}" for age in welfare.AGES for risk in welfare.RISKS for what in OF_GROUPS]


NAMES = (*FIGURES, *_group_names())
"""Everything that is measured of a world, in order."""


def measure(scenario: Scenario) -> list[float]:
    """Simulate a world; every number of `NAMES`."""
    model = MutualAidModel(scenario)
    columns, scale = model.population.columns, model.population.scale
    groups = welfare.risk_groups(columns)
    sums = np.zeros((len(welfare.AGES), len(welfare.RISKS), len(OF_GROUPS)))
    spread, results = np.zeros(len(model.population)), []
    while model.running:
        model.step()
        welfare.add(columns, groups, model.context, model.behaviour, model.influence, _settled(model), sums, spread)
        results.append(model.ledger.balances[PLATFORM] / scenario.pool.minor)
    report = model.report
    members = report.series("members")
    year = min(len(members), scenario.calendar.per_year)
    plans = range(len(model.plans))
    asked = sum(report.series("share", plan) * report.series("members", plan) for plan in plans)
    risk = report.series("member_mean_risk", 0)
    ill = int((columns.illness < scenario.periods).sum() - report.series("ill").sum() / scale)
    ever = spread[columns.joined < scenario.periods] if (columns.joined < scenario.periods).any() else np.zeros(1)
    net = (sums[..., welfare.PAID_OUT] - sums[..., welfare.PAID_IN]) * scale
    found = {
        "members_end": members[-1],
        "members_peak": members.max(),
        "share_last_year": float(np.sum(asked[-year:] / np.maximum(members[-year:], 1))),
        "benefits_paid": report.series("benefits_paid").sum(),
        "ill_without_cover": ill * scale,
        "mean_risk_end": risk[-1],
        "surplus": sums[..., welfare.SURPLUS].sum() * scale,
        "surplus_p10": np.quantile(ever, 0.1),
        "surplus_p90": np.quantile(ever, 0.9),
        "transfer_to_high_risk": net[:, -1].sum(),
        "transfer_to_old": net[-1].sum(),
        "platform_result": results[-1],
        "platform_low": min(0.0, *results),
    }
    return [*(float(found[name]) for name in FIGURES), *(sums * scale).reshape(-1).tolist()]


def _settled(model: MutualAidModel) -> welfare.Settled:
    """The last settlement as members meet it."""
    minor, cover = model.scenario.pool.minor, model.cover
    paid_by_members = []
    for plan in model.report.settlements:
        whole = plan.whole
        paid_by_members.append(plan.shares * (1 - plan.waived / whole.collected if whole.collected else 1.0) / minor)
    incidence = np.maximum(model.health.incidence, 1e-300)
    filed = np.array([plan.filing_share for plan in model.plans])[:, np.newaxis, np.newaxis]
    granted = filed * (1 - model.in_effect.terms_refusal)
    return welfare.Settled(
        np.array(paid_by_members),
        granted * cover.fair / incidence,
        model.in_effect.concealment_found,
        model.calendar.per_year,
    )


def world_of(base: Scenario, name: str) -> Scenario:
    """The baseline under a policy, or under several whose names are joined by `+`.

    Raises:
        UserError: for a policy that does not exist, or does not fit the pool.
    """
    return base.with_policies(name.split(TOGETHER))


class Worlds(Batches):
    """The worlds of a comparison so far: a batch a replicate, a row a world, the baseline first.

    Args:
        folder: where they are kept; the same command goes on.
        base: the baseline.
        policies: names of policies, several of one world joined by `+`.
        replicates: seeds, from that of `base` on.

    Raises:
        UserError: for a policy that does not exist, does not fit the pool, or is named twice.
    """

    FORMAT = 1
    IDENTITY, RESULTS, OF = "policies.json", "worlds", "a comparison"
    AGAIN = "the same command simulates it again"

    def __init__(self, folder: Path, base: Scenario, policies: Sequence[str], replicates: int) -> None:
        super().__init__(folder)
        for number, name in enumerate(policies):
            if name in policies[:number]:
                raise UserError(f"policy = {name!r} is there twice")
        self.base, self.names, self.replicates = base, [BASELINE, *policies], replicates
        self.worlds = [base, *(world_of(base, name) for name in policies)]

    def open(self) -> None:
        """Make the folder, or check that it holds the same comparison.

        Raises:
            StoreError: if it was begun with another scenario, other policies or another version of the model.
            OutputError: if it cannot be written.
        """
        made_with = {
            "model": version(),
            "base": self.base.differences() | {"seed": self.base.seed},
            "worlds": {name: world.pool.digest for name, world in zip(self.names, self.worlds, strict=True)},
        }
        found = self.begin(made_with)
        self.refuse(made_with, {key: value for key, value in found.items() if key != "format"})

    def simulate(
        self, run: Executor, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> NDArray[np.float64]:
        """Simulate what is missing; every number of `NAMES`, shape (replicates, worlds, numbers)."""
        found, of = [], len(self.worlds) * self.replicates
        for number in range(self.replicates):
            seed = self.base.seed + number
            table = pa.table({"world": np.arange(len(self.worlds), dtype=np.float64)})
            worlds = [world.replace(rng=seed) for world in self.worlds]
            told = partial(after, progress, number * len(worlds), of)
            found.append(self.fill(run, f"replicate-{number:04d}", table, measure, worlds, NAMES, told))
        return np.array(found)


def differences(names: Sequence[str], measured: NDArray[np.float64], money: str) -> pd.DataFrame:
    """One line a policy and figure: the baseline's mean, the mean difference and its interval, pair by pair.

    Args:
        names: of the worlds, the baseline first.
        measured: as `Worlds.simulate` returns it, of at least two replicates.
        money: the currency.

    Columns: `policy`, `figure`, `unit`, `baseline`, `difference`, `low`, `high` (Student's 95 % interval), `same_sign`
    (pairs with the sign of the mean), `pairs`, `clear` (whether the interval leaves zero out), and `unpaired`: how many
    times as large the standard error would be with independent seeds.
    """
    lines = []
    for world, name in enumerate(names[1:], start=1):
        for column, (key, figure) in enumerate(FIGURES.items()):
            before, after = measured[:, 0, column], measured[:, world, column]
            mean, sd, half = replication.student(after - before)
            lines.append(
                {
                    "policy": name,
                    "figure": figure.label,
                    "key": key,
                    "unit": figure.unit.replace("money", money),
                    "baseline": before.mean(),
                    "difference": mean,
                    "low": mean - half,
                    "high": mean + half,
                    "same_sign": int((np.sign(after - before) == np.sign(mean)).sum()),
                    "pairs": len(before),
                    "clear": bool(abs(mean) > half),
                    "unpaired": float(np.hypot(before.std(ddof=1), after.std(ddof=1)) / sd) if sd > 0 else np.nan,
                }
            )
    return pd.DataFrame(lines)


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """One line a policy: the difference of its main figures, as text, in percent of the baseline or in their unit.

    Args:
        table: as `differences` makes it.
    """
    lines = []
    for name in dict.fromkeys(table["policy"]):
        by_key = table[table["policy"] == name].set_index("key").to_dict("index")
        line = {"policy": name}
        for key, heading in OVERVIEW.items():
            row = by_key[key]
            if key == "platform_result":
                line[heading] = f"{row['difference'] / 1e6:+,.0f} ± {(row['high'] - row['low']) / 2e6:,.0f}"
            else:
                line[heading] = _relative(row)
        lines.append(line)
    return pd.DataFrame(lines)


def by_group(names: Sequence[str], measured: NDArray[np.float64]) -> pd.DataFrame:
    """Who gains and who loses: one line a policy, age and risk; totals over the history.

    Columns: `policy`, `age`, `risk`, `members` (of the baseline, member-settlements), `paid_in`, `paid_out` and
    `surplus` of the baseline, and `paid_in_change`, `paid_out_change` and `surplus_change` under the policy: means over
    the replicates, of the whole history, in money.
    """
    means = measured.mean(axis=0)[:, len(FIGURES) :].reshape(
        len(names), len(welfare.AGES), len(welfare.RISKS), len(OF_GROUPS)
    )
    lines = []
    for world, name in enumerate(names[1:], start=1):
        for a, age in enumerate(welfare.AGES):
            for r, risk in enumerate(welfare.RISKS):
                before, after = means[0, a, r], means[world, a, r]
                line = {"policy": name, "age": age, "risk": risk, "members": before[welfare.MEMBERS]}
                for what in (welfare.PAID_IN, welfare.PAID_OUT, welfare.SURPLUS):
                    line |= {OF_GROUPS[what]: before[what], f"{OF_GROUPS[what]}_change": after[what] - before[what]}
                lines.append(line)
    return pd.DataFrame(lines)


def sentences(table: pd.DataFrame, groups: pd.DataFrame) -> list[str]:
    """What each policy does, in a sentence."""
    lines = []
    for name in dict.fromkeys(table["policy"]):
        by_key = table[table["policy"] == name].set_index("key").to_dict("index")
        members, surplus = by_key["members_end"], by_key["surplus"]
        changes = [
            (change, f"{age}, {risk}")
            for policy, age, risk, change in groups[["policy", "age", "risk", "surplus_change"]].itertuples(index=False)
            if policy == name
        ]
        told = f"{name}: members at the end {_relative(members)}, consumer surplus {_relative(surplus)}"
        most, who_gains = max(changes)
        least, who_loses = min(changes)
        told += f"; {who_gains} gain most" if most > 0 else "; nobody gains"
        told += f"; {who_loses} lose most" if least < 0 else "; nobody loses"
        disagree = members["pairs"] - members["same_sign"]
        told += f"; {disagree} of {members['pairs']} seeds disagree on members" if disagree else ""
        lines.append(f"{told}.")
    return lines


def _relative(row: dict[str, float]) -> str:
    """The difference and its interval in percent of the baseline."""
    base = abs(row["baseline"])
    mean, low, high = (100 * row[key] / base for key in ("difference", "low", "high"))
    return f"{mean:+.1f} % ({low:+.1f} to {high:+.1f})"
