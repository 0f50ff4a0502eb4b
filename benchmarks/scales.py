"""Does scale change the answer? Headline results at several scales, with their sampling error, into docs/scales.md.

Sampled claims are what happens; expected claims (`expected_claims = true`) settle the incidence of those covered, so
that a case which stands for thousands of people does not become a lump.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from experiments import targets
from experiments.simulated import Simulated
from model.model import MutualAidModel
from model.pool import default

SAMPLED = ((1, False, 3), (10, False, 6), (100, False, 12), (1_000, False, 24))
EXPECTED = ((10, True, 4), (100, True, 8), (1_000, True, 16), (10_000, True, 32))
"""Scale, whether claims are expected ones, and runs."""
HEADLINES = targets.load()[: len(default().rules.record.headlines)]
YUAN = ("general 2019, yuan", "general 2020", "seniors 2019", "seniors 2020")
NAMES = (*YUAN, "2019-11-27, million members", "2021-12-28")


def headlines(scale: float, expected_claims: bool, seeds: Sequence[int]) -> NDArray[np.float64]:
    """The headline figures of runs at a scale, in yuan and people, shape (seeds, 6)."""
    rows = []
    for seed in seeds:
        report = MutualAidModel(scale=scale, rng=seed, expected_claims=expected_claims).simulate()
        rows.append(targets.compare(Simulated.of_report(report), HEADLINES)["simulated"].to_numpy())
    return np.array(rows)


def _cell(values: NDArray[np.float64]) -> str:
    """Mean and the standard deviation of one run."""
    unit = 1e6 if values.mean() > 1e5 else 1.0
    return f"{values.mean() / unit:.4g} ± {values.std(ddof=1) / unit:.2g}"


def main(out: Annotated[Path, typer.Option(help="The report.")] = Path("docs/scales.md")) -> None:
    """Run every scale and write the table."""
    lines = [
        "# Does scale change the answer?",
        "",
        "Headline results of the default scenario: mean over runs with different seeds ± the standard deviation of one",
        "run, which is its sampling error. Divide it by the root of the number of runs for the error of the mean.",
        "`make scales` writes this table. With sampled claims a case stands for as many people as a row does: from",
        "1:100 on, bills come in lumps, and at 1:1,000 the few cases of 2019 wait for a review that cannot hold them.",
        "",
        "| scale | rows | claims | runs | " + " | ".join(NAMES) + " |",
        "|" + "---|" * (4 + len(NAMES)),
    ]
    for scale, expected, runs in (*SAMPLED, *EXPECTED):
        found = headlines(scale, expected, range(1, runs + 1))
        rows = MutualAidModel(scale=1e6).scenario.replace(scale=scale).rows
        cells = [f"1:{scale:,}", f"{rows:,}", "expected" if expected else "sampled", str(runs), *map(_cell, found.T)]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
