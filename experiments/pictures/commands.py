"""The commands `figures` and `report`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from experiments.console import (
    INTERRUPTED,
    PolicyOption,
    PoolOption,
    ScaleOption,
    SeedOption,
    SetOption,
    console,
    scenario_from,
    steps,
)

SCALE = "1000"
NAMES = ("history", "cost", "risk", "pyramid", "survival", "runoff")
"""Of the pictures."""
TABLES = ("history", "targets", "settlements", "pyramid", "survival", "runoff")
FILES = (
    "run.json",
    "report.html",
    *(f"{name}.csv" for name in TABLES),
    *(f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")),
)
"""What `figures` writes, or removes where it stands for another run."""

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, or a new one.")]


def figures(
    folder: FolderArgument,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME|FILE", help="A named scenario, or a TOML file.")
    ] = None,
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
) -> None:
    """Draw every picture of a run, as PNG and SVG.

    Without options it is the run that the folder holds, simulated again; else the one that they describe, by default
    with a row for 1,000 people.
    """
    from experiments.output import OutputFolder
    from experiments.pictures import draw, kept
    from experiments.pictures.watched import watch
    from experiments.simulate import Run
    from experiments.simulated import Simulated
    from model.events import events_of

    if (folder / "run.json").exists() and not any((scenario, pool, policy, scale, seed, set_)):
        summary = kept.summary_of(folder)
        name, chosen = summary["scenario"], kept.scenario_of(summary, folder)
    else:
        name = scenario or "default"
        chosen = scenario_from(name, scale or SCALE, seed, set_, pool, policy)
    screen = console()
    with OutputFolder(folder, FILES) as results:
        begin = time.perf_counter()
        try:
            with steps() as report:
                model, frames = watch(chosen, lambda done, of: report("settlements", done, of, ""))
        except KeyboardInterrupt:
            screen.print("interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None
        run = Run(model, model.history, 0.0, time.perf_counter() - begin, True)
        compared = kept.compared(Simulated.of_report(model.report), chosen)
        fitted = kept.fitted(chosen)
        tables = {"history": run.history} | vars(frames)
        if compared is not None:
            tables["targets"] = compared
        results.json("run.json", run.summary(name))
        for table, frame in tables.items():
            results.table(f"{table}.csv", frame)
        shown = tables if fitted is None else tables | {"fitted": fitted}
        drawn = draw.pictures(shown, run.summary(name), chosen.pool, events_of(chosen))
        for picture, figure in drawn.items():
            for kind in ("png", "svg"):
                results.picture(f"{picture}.{kind}", figure)
    screen.print(f"{', '.join(drawn)} as PNG and SVG in {folder}", soft_wrap=True)
    for picture in NAMES:
        if picture not in drawn:
            screen.print(f"{picture}: not drawn, the run holds too little for it", soft_wrap=True)


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that run, reproduce, figures or sweep has written.")
    ],
) -> None:
    """Write the report of a result folder: one HTML file, report.html in it."""
    from experiments.output import OutputFolder
    from experiments.pictures import report as of_results

    content = of_results.of_folder(folder)
    with OutputFolder(folder) as results:
        results.text("report.html", content)
    console().print(f"the report is {folder / 'report.html'}", soft_wrap=True)
