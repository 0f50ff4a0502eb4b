"""The command `mutualaid`.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from experiments.calibration import commands as of_calibration
from experiments.console import (
    INTERRUPTED,
    OutOption,
    ScaleOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    console,
    people_periods,
    scenario_from,
)
from experiments.sweeps import commands as of_sweeps
from model.errors import UserError

if TYPE_CHECKING:
    from experiments.simulate import Run
    from model.scenario import Scenario

USER_ERROR = 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Adverse selection in mutual-aid pools, one agent per member: the history of Xiang Hu Bao and what-ifs.",
)


def _simulate(scenario: "Scenario") -> "Run":
    from experiments.simulate import simulate

    with people_periods() as report:
        return simulate(scenario, report)


def _closing_words(run: "Run", out: Path, screen: Console) -> None:
    summary = run.summary("")
    screen.print(
        f"{summary['rows']:,} rows x {summary['periods']} periods in {summary['wall_s']:.1f} s "
        f"(peak memory {summary['peak_rss_bytes'] / 1e9:.2f} GB), seed {summary['seed']}; results in {out}",
        highlight=False,
    )
    if not run.finished:
        screen.print(f"interrupted after {summary['periods']} periods, which are kept", highlight=False)
        raise typer.Exit(INTERRUPTED)


@app.command()
def reproduce(
    scenario: ScenarioOption = "default",
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/reproduce"),
    bands: Annotated[bool, typer.Option("--bands", help="Also draw medians and bands of the fitted set.")] = False,
) -> None:
    """Simulate the history and print it beside the record."""
    chosen = scenario_from(scenario, scale, seed, set_)
    from experiments import figures, targets
    from experiments.output import OutputFolder
    from experiments.reproduce import inside_counts, record_table

    screen = console()
    with OutputFolder(out) as folder:
        run = _simulate(chosen)
        compared = targets.compare(run.history, targets.load())
        folder.table("history.csv", run.history)
        folder.table("targets.csv", compared)
        folder.json("run.json", run.summary(scenario))
        title = f"Xiang Hu Bao simulated ({scenario} scenario, 1:{chosen.scale:g}, seed {chosen.seed}) and as published"
        if run.history.size:
            folder.picture("history.png", figures.history_figure(run.history, compared, title))
        if bands and run.finished:
            of_calibration.draw_bands(folder, compared)
    screen.print(record_table(compared))
    for line in inside_counts(compared):
        screen.print(line, highlight=False)
    _closing_words(run, out, screen)


@app.command()
def run(
    scenario: ScenarioOption = "default",
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/run"),
    picture: Annotated[bool, typer.Option("--picture", help="Also draw history.png, which takes a second.")] = False,
) -> None:
    """Simulate a scenario, without the record."""
    chosen = scenario_from(scenario, scale, seed, set_)
    from experiments.output import OutputFolder

    screen = console()
    with OutputFolder(out) as folder:
        result = _simulate(chosen)
        folder.table("history.csv", result.history)
        folder.json("run.json", result.summary(scenario))
        if picture and result.history.size:
            from experiments import figures

            title = f"{scenario} scenario, 1:{chosen.scale:g}, seed {chosen.seed}"
            folder.picture("history.png", figures.history_figure(result.history, None, title))
    _closing_words(result, out, screen)


for command in (
    of_calibration.calibrate,
    of_calibration.validate,
    of_calibration.stories,
    of_calibration.contested,
    of_sweeps.sweep,
    of_sweeps.results,
    of_sweeps.sensitivity,
):
    app.command()(command)


@app.command()
def theory() -> None:
    """Print textbook spirals beside the same rules simulated."""
    from experiments.theory import theory_table

    console().print(theory_table())


@app.command()
def scenarios() -> None:
    """List the named scenarios, and how each differs."""
    from model import scenario as all_scenarios

    screen = console()
    for name in all_scenarios.named():
        changed = ", ".join(f"{key} = {value}" for key, value in all_scenarios.load(name).differences().items())
        screen.print(f"{name}: {all_scenarios.why(name)} {changed}".rstrip(), highlight=False, soft_wrap=True)


@app.command()
def describe() -> None:
    """Print the phases of a period, in order, and every parameter."""
    from experiments.documentation import parameters_table
    from model.model import MutualAidModel

    print(MutualAidModel.describe())
    print()
    print(parameters_table())


@app.command(name="app")
def page(
    port: Annotated[int, typer.Option("--port", help="Port of the page on this machine.", min=1, max=65535)] = 8765,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="A name under which a proxy publishes the page; may be repeated."),
    ] = None,
) -> None:
    """Open the interactive page: sliders, play, step and reset."""
    from experiments.app import serve

    serve(port, host or ())


def main() -> None:
    """Run the command; a mistake of the user's is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(USER_ERROR)
