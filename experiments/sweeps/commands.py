"""The commands `sweep`, `results` and `sensitivity`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.console import INTERRUPTED, PlainTable, PoolOption, WorkersOption, console, steps, whole

if TYPE_CHECKING:
    from experiments.sweeps.study import Study

INCOMPLETE = 3
"""Exit code when some runs failed or are missing."""
PICTURES: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Kinds of picture, and what Matplotlib would write into them that differs from run to run or version to version."""
MOST_LINES = 60
"""Lines of a table on the screen; the export has all."""

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study that ships, by its name, or a TOML file.")]
RetryOption = Annotated[bool, typer.Option("--retry", help="Run those again that failed.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="A Dask cluster, tcp://host:port. [default: embedded]"),
]
DashboardOption = Annotated[
    int | None,
    typer.Option(
        "--dashboard",
        parser=whole(1, 65535),
        metavar="PORT",
        help="Serve Dask's dashboard of the embedded cluster at this port of this machine.",
    ),
]


def sweep(
    study: StudyArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Result folder. [default: out/sweep/STUDY]")
    ] = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only the i-th of n parts of the points.")
    ] = "1/1",
    retry: RetryOption = False,
    dashboard: DashboardOption = None,
    pool: PoolOption = None,
) -> None:
    """Run a study; after an interruption, only the missing runs."""
    from experiments.sweeps.engine import Shard
    from experiments.sweeps.study import load

    chosen = load(study, pool)
    folder = out or Path("out/sweep") / Path(study).stem
    options = {"scheduler": scheduler, "retry": retry, "dashboard": dashboard}
    failed = _run("runs", chosen, folder, workers, shard=Shard.parse(shard), **options)
    screen = console()
    if failed:
        screen.print(f"{failed} units failed: {folder}/failures; `--retry` runs them again", highlight=False)
        raise typer.Exit(INCOMPLETE)
    screen.print(f"complete; see them with: mutualaid results {folder}", highlight=False)


def _run(what: str, study: "Study", folder: Path, workers: int | None, **options: Any) -> int:
    """Sweep with a bar; Ctrl-C leaves a folder that can be resumed, and says how."""
    from experiments.sweeps.engine import Progress
    from experiments.sweeps.engine import sweep as run
    from experiments.sweeps.store import Store

    wanted = workers or os.cpu_count() or 1
    last: Progress | None = None
    begin = time.monotonic()

    with steps() as report:

        def show(state: Progress) -> None:
            nonlocal last
            if last is None and 0 < state.workers < wanted:
                console().print(f"memory is enough for {state.workers} of {wanted} workers", highlight=False)
            last = state
            rate = (state.done - state.begun) / max(time.monotonic() - begin, 1e-9)
            waits = f", {state.elsewhere} run by another sweep in this folder" if state.elsewhere else ""
            waits += f"; {state.waits}" if state.waits else ""
            report(what, state.done, state.of, f"{rate:.2f} runs/s, {state.failed} failed{waits}")

        try:
            return run(study, folder, workers=workers, progress=show, **options)
        except KeyboardInterrupt:
            pass
    # Counted in the folder: runs that ended with the workers were not reported any more.
    done = sum(unit.runs for unit in Store(folder).finished())
    kept = f"; {done} runs are kept in {folder}, and" if done else ";"
    console().print(f"interrupted{kept} the same command goes on from there", highlight=False)
    raise typer.Exit(INTERRUPTED)


def results(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Result folder of a sweep, or those of its shards.")
    ],
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="The tidy table, as FILE.csv or FILE.parquet.")
    ] = None,
    summaries: Annotated[
        Path | None,
        typer.Option("--summaries", metavar="FILE", help="Every summary at every point, with intervals, as CSV."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="The summaries over the design, as FILE.png, .svg or .pdf."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="POINT",
            help="Point from which differences are taken: its number, or fee_rate=0.08. [default: the scenario's own]",
        ),
    ] = None,
    differences: Annotated[
        Path | None,
        typer.Option("--differences", metavar="FILE", help="Paired differences from the baseline point, as CSV."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Find damaged files and queue them again.")] = False,
) -> None:
    """Print and export the results of a sweep."""
    from experiments.sweeps.design import StudyError
    from experiments.sweeps.results import Results
    from model.files import shown

    found = Results(*folders)
    reference = found.baseline(baseline)
    screen = console()
    damaged = found.queue_damaged() if verify else []
    for file in damaged:
        screen.print(f"damaged, queued again: {file}", highlight=False)
    if found.finished:
        _print_summaries(found, screen, reference)
    elif any(file is not None for file in (export, summaries, differences, picture)):
        screen.print("no run has a result yet: nothing was written")
    if export is not None and found.finished:
        found.export(export)
        screen.print(f"the tidy table of {found.runs} runs is in {export}", highlight=False)
    if summaries is not None and found.finished:
        found.export_summaries(summaries)
        screen.print(f"the summaries are in {summaries}", highlight=False)
    if differences is not None and found.finished:
        found.export_differences(differences, reference)
        screen.print(f"the paired differences are in {differences}", highlight=False, markup=False)
    if picture is not None and found.finished:
        from experiments.output import writing
        from experiments.style import quiet_fonts
        from experiments.sweeps.figures import study_figure

        kind = picture.suffix.removeprefix(".").lower()
        if kind not in PICTURES:
            raise StudyError(
                f"picture = {shown(str(picture))} is not allowed; allowed: a name that ends with .png, .svg or .pdf"
            )
        with writing(picture), quiet_fonts():
            study_figure(found, reference).savefig(picture, format=kind, dpi=110, metadata=PICTURES[kind])
        screen.print(f"the picture is {picture}", highlight=False)
    for unit, what in found.failed.items():
        screen.print(
            f"failed: point {unit.point}, replicates {unit.first} to {unit.end - 1}: {what['what']}", highlight=False
        )
    digest = f"; SHA-256 of the table {found.digest()}" if found.finished else ""
    screen.print(
        f"{found.runs} runs at {len({unit.point for unit in found.finished})} of {found.design.number} points, "
        f"{len(found.missing)} units missing, {len(found.failed)} failed{digest}",
        highlight=False,
        soft_wrap=True,
    )
    if found.missing or found.failed:
        raise typer.Exit(INCOMPLETE)


def _print_summaries(found: Any, screen: Any, baseline: int) -> None:
    """Means over the replicates at each point, paired differences, and whether the replicates are enough."""
    import pandas as pd

    from experiments.sweeps import replication

    verdicts = found.verdicts
    keys = ["point", *found.design.names]
    means = verdicts.pivot(index=keys, columns="summary", values="mean")[list(found.outcomes)].reset_index()
    screen.print(PlainTable(found.content["question"], means.head(MOST_LINES), len(keys)))
    if len(means) > MOST_LINES:
        screen.print(f"and {len(means) - MOST_LINES} points more", highlight=False)
    if not (verdicts["replicates"] > 1).any():
        screen.print("one replicate a point: how much of a figure is luck cannot be told", highlight=False)
        return
    apart = found.differences(baseline)
    if len(apart):
        title = f"Paired differences from point {baseline} ({found.named(baseline)}), with 95 % intervals"
        screen.print(PlainTable(title, apart.head(MOST_LINES), len(keys) + 1))
        if len(apart) > MOST_LINES:
            screen.print(f"and {len(apart) - MOST_LINES} differences more; --differences FILE.csv has all")
    judged = found.replicate_verdicts(baseline)
    runs = found.summaries
    lines = []
    for name, rows in judged.groupby("summary", sort=False):
        of_means = verdicts[(verdicts["summary"] == name) & (verdicts["replicates"] > 1)]
        if of_means.empty:
            continue
        worst = int(of_means.loc[of_means["variation"].fillna(0.0).idxmax(), "point"])
        there = runs.loc[runs["point"] == worst, list(found.outcomes)].to_dict("records")
        by_number = replication.variation_by_number(there, str(name))
        lines.append(
            {
                "summary": name,
                "enough at": f"{int(rows['enough'].sum())} of {len(rows)} points",
                "replicates": f"{of_means['replicates'].min()} to {of_means['replicates'].max()}",
                "median variation": of_means["variation"].median(),
                "worst point": worst,
                "its variation as replicates grow to all": " ".join(f"{value:.2g}" for value in _some(by_number)),
            }
        )
    tolerance = found.content["tolerance"]
    of_what = "of the paired difference within" if len(apart) else "within"
    of_mean = "the baseline's mean" if len(apart) else "the mean"
    title = f"Enough replicates? 95 % interval {of_what} +-{tolerance:.0%} of {of_mean}"
    screen.print(PlainTable(title, pd.DataFrame(lines)))


def _some(values: list[float]) -> list[float]:
    """At most eight of these, the last among them."""
    step = -(-len(values) // 8)
    return values[::-1][::step][::-1] if values else values


def sensitivity(
    study: StudyArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Result folder. [default: out/sensitivity/STUDY]")
    ] = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    retry: RetryOption = False,
    dashboard: DashboardOption = None,
    pool: PoolOption = None,
) -> None:
    """Find the parameters that matter: curves, Morris, Sobol'."""
    from experiments.output import OutputFolder
    from experiments.sweeps import sensitivity as analysis
    from experiments.sweeps.figures import sensitivity_figure
    from experiments.sweeps.results import Results
    from experiments.sweeps.study import load

    chosen = load(study, pool)
    folder = out or Path("out/sensitivity") / Path(study).stem
    screen = console()
    for method, part in analysis.designs(chosen).items():
        options = {"scheduler": scheduler, "retry": retry, "dashboard": dashboard}
        if _run(method, part, folder / method, workers, **options):
            screen.print(f"some runs failed: {folder / method}/failures; `--retry` runs them again", highlight=False)
            raise typer.Exit(INCOMPLETE)
    each = {method: Results(folder / method) for method in analysis.METHODS}
    curves = analysis.curves(each["one_at_a_time"])
    screening, indices = analysis.screening(each["morris"]), analysis.indices(each["saltelli"])
    with OutputFolder(folder) as results:
        results.table("curves.csv", curves)
        results.table("morris.csv", screening)
        results.table("sobol.csv", indices)
        results.picture(
            "sensitivity.png", sensitivity_figure(curves, screening, indices, each["morris"].outcomes, chosen.question)
        )
    if len(indices):
        strongest = indices.sort_values(["summary", "total"], ascending=[True, False], kind="stable")
        screen.print(
            PlainTable("Sobol' indices: shares of the variance, with half widths of 95 % intervals", strongest)
        )
    screen.print(analysis.verdict(indices), highlight=False, soft_wrap=True)
    screen.print(f"results in {folder}", highlight=False)
