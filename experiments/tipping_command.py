"""The command `tipping`."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.console import (
    INTERRUPTED,
    PlainTable,
    PolicyOption,
    PoolOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    WorkersOption,
    console,
    scenario_from,
    steps,
    whole,
)
from model.errors import UserError

SCALE, SEEDS, SETS = "20000", 3, 40
INFORMATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def tipping(
    scenario: ScenarioOption = "default",
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: Annotated[str, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")] = SCALE,
    seed: SeedOption = None,
    set_: SetOption = None,
    seeds: Annotated[int, typer.Option("--replicates", parser=whole(1), metavar="N", help="Seeds a point.")] = SEEDS,
    keeps: Annotated[
        float, typer.Option("--keeps", metavar="SHARE", help="Share of the peak membership that is survival.")
    ] = 0.5,
    posterior: Annotated[
        bool, typer.Option("--posterior", help="Also place the fitted parameter sets in the picture.")
    ] = False,
    workers: WorkersOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder of the search; the same command goes on.")
    ] = Path("out/tipping"),
) -> None:
    """Search for the willingness-to-pay markup at which a pool survives ten years without a closing.

    For levels of private information, with and without price salience and inertia.
    """
    if not 0 < keeps < 1:
        raise UserError(f"--keeps {keeps:g} is not allowed: above 0 and below 1")
    base = scenario_from(scenario, scale, seed, set_, pool, policy)
    from experiments import tipping as search
    from experiments.calibration import ensemble
    from experiments.output import OutputFolder, write_table
    from experiments.runs.executor import Executor
    from experiments.tipping_figure import boundary_figure

    long = search.surviving(base)
    sets = ensemble.some(ensemble.load(), SETS) if posterior else []
    boundary = search.Boundary(out, long, INFORMATIONS, seeds, sets, keeps)
    boundary.open()
    screen = console()
    try:
        with steps() as report, Executor(workers, kept=out) as run:
            table = boundary.search(run, lambda done, of: report("runs along the boundary", done, of, ""))
            fitted = boundary.fitted(run, lambda done, of: report("fitted sets", done, of, ""))
    except KeyboardInterrupt:
        screen.print(f"interrupted; the same command goes on from {out}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    write_table(out / "boundary.csv", table)
    write_table(out / "fitted.csv", fitted)
    years = long.periods / long.calendar.per_year
    caption = (
        f"{base.pool.name}, {Path(scenario).stem} scenario, 1:{base.scale:,g}, {seeds} seeds a point from {base.seed} "
        f"on, {years:g} years without a closing. Survival: {100 * keeps:g} % of the peak membership is kept."
    )
    with OutputFolder(out) as folder:
        folder.picture("tipping.png", boundary_figure(table, fitted, caption))
    screen.print(PlainTable("The lowest markup at which the pool survives", table))
    for line in search.sentences(table, fitted, long, keeps):
        screen.print(line, highlight=False, soft_wrap=True)
    screen.print(f"{caption} Results in {out}", highlight=False, soft_wrap=True)
