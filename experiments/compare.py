"""Two scenarios beside each other, with common random numbers."""

from collections.abc import Callable

import pandas as pd

from experiments.runs.simulate import simulate
from experiments.simulated import Simulated
from experiments.sweeps import replication
from experiments.sweeps.summaries import summaries_of, summarise
from model.scenario import Scenario


def compare(
    first: Scenario, second: Scenario, replicates: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> pd.DataFrame:
    """The summaries of two scenarios, paired replicate by replicate.

    The n-th replicate of both has the seed of `first` plus n, so that what luck does to both cancels in the difference.

    Args:
        first: the scenario from which differences are taken.
        second: the other.
        replicates: runs of each, at least two for an interval.
        progress: told how many runs are done, and of how many.

    Returns:
        One line a summary: mean of both, mean difference (second minus first), Student's 95 % interval, pairs, how many
        of them have the sign of the mean, and whether the interval leaves zero out (`clear`). A summary that a run does
        not reach makes no pair.

    Raises:
        ScenarioError: if a seed would be too large.
    """
    asked = [
        (point, replicate, scenario.replace(rng=first.seed + replicate))
        for replicate in range(replicates)
        for point, scenario in enumerate((first, second))
    ]
    lines: list[dict[str, float]] = []
    for point, replicate, scenario in asked:
        progress(len(lines), len(asked))
        lines.append({"point": point, "replicate": replicate, **summarise(Simulated.of_report(simulate(scenario)))})
    progress(len(lines), len(asked))
    runs = pd.DataFrame(lines)
    summaries = summaries_of(first.pool)
    means = runs.groupby("point")[list(summaries)].mean()
    table = replication.differences(runs, 0, (), summaries).drop(columns="point")
    table.insert(1, "unit", [summaries[name].unit for name in table["summary"]])
    table.insert(2, "mean_a", [means.at[0, name] for name in table["summary"]])
    table.insert(3, "mean_b", [means.at[1, name] for name in table["summary"]])
    return table
