"""The command `explain`."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.console import (
    INTERRUPTED,
    PlainTable,
    ScenarioOption,
    SeedOption,
    SetOption,
    WorkersOption,
    console,
    scenario_from,
    steps,
    whole,
)

SCALE, REPLICATES = "1000", 20


def explain(
    scenario: ScenarioOption = "default",
    scale: Annotated[str, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")] = SCALE,
    seed: SeedOption = None,
    set_: SetOption = None,
    replicates: Annotated[
        int, typer.Option("--replicates", parser=whole(2), metavar="N", help="Seeds, or parameter sets.")
    ] = REPLICATES,
    posterior: Annotated[
        bool, typer.Option("--posterior", help="Over the fitted parameter sets, instead of one with several seeds.")
    ] = False,
    mechanism: Annotated[
        list[str] | None,
        typer.Option("--mechanism", metavar="NAME", help="Switch only this one; may be repeated. [default: all]"),
    ] = None,
    mechanisms_file: Annotated[
        Path | None,
        typer.Option("--mechanisms", metavar="FILE", help="As experiments/data/mechanisms.toml."),
    ] = None,
    workers: WorkersOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder of the explanation; the same command goes on.")
    ] = Path("out/explain"),
) -> None:
    """How much of what happened is due to which mechanism.

    Every combination of mechanisms is simulated, with the same people and the same random numbers.
    """
    from experiments.calibration import ensemble
    from experiments.explain import causes as of_causes
    from experiments.explain import mechanisms
    from experiments.explain.figures import waterfall_figure
    from experiments.output import OutputFolder, write_table
    from experiments.runs.executor import Executor

    chosen = mechanisms.load(mechanisms_file or mechanisms.SHIPPED, mechanism)
    base = scenario_from(scenario, scale, seed, set_).replace(expected_claims=True)
    sets = ensemble.some(ensemble.load(), replicates) if posterior else [{}] * replicates
    causes = of_causes.Causes(out, base, chosen, sets)
    causes.open()
    try:
        with steps() as report, Executor(workers, kept=out) as run:
            measured = causes.simulate(run, lambda done, of: report("worlds", done, of, ""))
    except KeyboardInterrupt:
        console().print(f"interrupted; the same command goes on from {out}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    table = of_causes.parts(causes, measured)
    over = f"{len(sets)} fitted parameter sets" if posterior else f"{len(sets)} seeds from {base.seed} on"
    caption = (
        f"Scenario {scenario}, 1:{base.scale:g}, {over}, {2 ** len(chosen)} combinations of {len(chosen)} mechanisms."
    )
    write_table(out / "causes.csv", table)
    with OutputFolder(out) as folder:
        folder.picture("causes.png", waterfall_figure(table, caption))
    screen = console()
    screen.print(PlainTable("What each mechanism adds (Shapley value, mean and 95 % interval)", table))
    for line in of_causes.sentences(table):
        screen.print(line, highlight=False, soft_wrap=True)
    screen.print(f"{caption} Results in {out}", highlight=False, soft_wrap=True)
