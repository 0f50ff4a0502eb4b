"""The command `mutualaid`.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from experiments.calibration import commands as of_calibration
from experiments.console import (
    INTERRUPTED,
    OutOption,
    PlainTable,
    ScaleOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    console,
    people_periods,
    scenario_from,
    steps,
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
        markup=False,
        soft_wrap=True,
    )
    if not run.finished:
        screen.print(f"interrupted after {summary['periods']} periods, which are kept", highlight=False)
        raise typer.Exit(INTERRUPTED)


RUN_FILES = ("history.csv", "run.json", "history.png", "targets.csv", "bands.png")
"""What stands for one run in its folder, whichever command made it."""


def _folder_for(run: "Run", out: Path) -> Path:
    """Where a run is kept: an interrupted one does not replace one that was finished."""
    try:
        kept = json.loads((out / "run.json").read_text(encoding="utf-8"))
        finished = isinstance(kept, dict) and kept.get("finished")
    except (OSError, ValueError):
        finished = False
    return out / "interrupted" if finished and not run.finished else out


@app.command()
def reproduce(
    scenario: ScenarioOption = "default",
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/reproduce"),
    record: Annotated[
        Path | None, typer.Option("--targets", help="Another record, in the format of experiments/data/targets.csv.")
    ] = None,
    bands: Annotated[bool, typer.Option("--bands", help="Also draw medians and bands of the fitted set.")] = False,
) -> None:
    """Simulate the history and print it beside the record."""
    chosen = scenario_from(scenario, scale, seed, set_)
    from experiments import figures, targets
    from experiments.output import OutputFolder
    from experiments.reproduce import inside_counts, record_table
    from experiments.simulate import described
    from model.events import events_of

    screen = console()
    published = targets.load(record or targets.RECORD)
    with OutputFolder(out, RUN_FILES) as folder:
        run = _simulate(chosen)
        compared = targets.compare(run.history, published)
        screen.print(PlainTable("The record beside the simulation: headline rows first", record_table(compared)))
        for line in inside_counts(compared):
            screen.print(line, highlight=False)
        folder.move_to(_folder_for(run, out))
        folder.table("history.csv", run.history)
        folder.table("targets.csv", compared)
        folder.json("run.json", run.summary(scenario))
        title = f"Xiang Hu Bao simulated and as published: {described(scenario, chosen)}"
        if run.history.size:
            folder.picture("history.png", figures.history_figure(run.history, compared, title, events_of(chosen)))
        if bands and run.finished:
            of_calibration.draw_bands(folder, compared)
    _closing_words(run, folder.path, screen)


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
    from experiments.reproduce import year_table

    screen = console()
    with OutputFolder(out, RUN_FILES) as folder:
        result = _simulate(chosen)
        screen.print(PlainTable("Year by year", year_table(result.history), keys=2))
        folder.move_to(_folder_for(result, out))
        folder.table("history.csv", result.history)
        folder.json("run.json", result.summary(scenario))
        if picture and result.history.size:
            from experiments import figures
            from experiments.simulate import described
            from model.events import events_of

            title = described(scenario, chosen)
            folder.picture("history.png", figures.history_figure(result.history, None, title, events_of(chosen)))
    _closing_words(result, folder.path, screen)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A named scenario, or a TOML file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another, or the same with --set.")],
    scale: Annotated[str, typer.Option("--scale", help="Real people per row, of both.")] = "1000",
    seed: Annotated[
        str | None, typer.Option("--seed", help="The seed of the first replicate of both. [default: A's, 1]")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key=value: change a parameter of B alone; may be repeated.")
    ] = None,
    replicates: Annotated[int, typer.Option("--replicates", min=2, help="Runs of each, with the same seeds.")] = 5,
    csv: Annotated[Path | None, typer.Option("--csv", help="FILE.csv for the table.")] = None,
) -> None:
    """Compare two scenarios, replicate by replicate."""
    a, b = scenario_from(first, scale, seed, None), scenario_from(second, scale, seed, set_)
    from experiments.compare import compare as compared
    from experiments.output import write_csv
    from experiments.simulate import described

    screen = console()
    try:
        with steps() as report:
            table = compared(a, b, replicates, lambda done, of: report("runs", done, of, ""))
    except KeyboardInterrupt:
        screen.print("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    last = f" to {a.seed + replicates - 1}, the same for both"
    for name, which, scenario in (("A", first, a), ("B", second, b.replace(rng=a.seed))):
        screen.print(f"{name}: {described(which, scenario)}{last}", soft_wrap=True)
    screen.print(PlainTable("B minus A, replicate by replicate, with 95 % intervals", table, keys=2))
    if csv is not None:
        write_csv(csv, table)
        screen.print(f"the table is in {csv}", soft_wrap=True)


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
    from experiments.theory import explanations, theory_table

    screen = console()
    for sentence in explanations():
        screen.print(sentence)
    screen.print(
        PlainTable("Closed forms and the same rules simulated: the worst of each case's numbers", theory_table())
    )


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


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mutualaid {version('mutualaid')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Adverse selection in mutual-aid pools, one agent per member: the history of Xiang Hu Bao and what-ifs."""


_USAGE = typer.BadParameter.__bases__[0]
"""Click's own class of mistakes in a command line, whether Typer brings its own Click or not."""


def main() -> None:
    """Run the command; a mistake of the user's is one line and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except _USAGE as error:
        if len(sys.argv) == 1:
            print(error.format_message())
        else:
            command = error.ctx.command_path if error.ctx else "mutualaid"
            _refuse(f"{error.format_message()}; see: {command} --help")
        sys.exit(USER_ERROR)
    except UserError as error:
        _refuse(str(error))
        sys.exit(USER_ERROR)
    except MemoryError as error:
        _refuse(f"memory ran out ({error}); allowed: a coarser scale, with --scale or in the study")
        sys.exit(USER_ERROR)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    sys.exit(code or 0)


def _refuse(message: str) -> None:
    """Print a mistake as one line."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
