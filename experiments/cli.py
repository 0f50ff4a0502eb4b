"""The command `mutualaid`.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from model.errors import UserError

if TYPE_CHECKING:
    from experiments.simulate import Run
    from model.scenario import Scenario

USER_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Adverse selection in mutual-aid pools, one agent per member: the history of Xiang Hu Bao and what-ifs.",
)

ScenarioOption = Annotated[str, typer.Option("--scenario", help="A named scenario, or a TOML file.")]
ScaleOption = Annotated[str | None, typer.Option("--scale", help="Real people per row; 1 is one to one.")]
SeedOption = Annotated[str | None, typer.Option("--seed", help="The seed of every draw.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="key=value: change a parameter; may be repeated.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the results.")]


def _console() -> Console:
    """Standard output, wide enough for the tables when it is a file or a pipe."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def _scenario(name: str, scale: str | None, seed: str | None, changes: list[str] | None) -> "Scenario":
    from model import memory
    from model import scenario as scenarios

    values: dict[str, Any] = {}
    for change in changes or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise scenarios.ScenarioError(f"--set {change!r} is not of the form key=value")
        if key in values:
            raise scenarios.ScenarioError(f"{key} is set twice: {values[key]} and {value}")
        values[key] = value
    if scale is not None:
        if "scale" in values:
            raise scenarios.ScenarioError(f"scale is set twice: {scale} and {values['scale']}")
        values["scale"] = scale
    chosen = scenarios.load(name).replace(rng=seed, **values)
    memory.check(chosen)
    return chosen


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int, int], None]]:
    """A bar with people-periods a second and time left."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("making people", total=None, rate="")

        def report(rows: int, done: int, periods: int) -> None:
            if done == 0:
                bar.reset(task, total=periods, description=f"{rows:,} rows")
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed or 0
            bar.update(task, completed=done, rate=f"{rows * speed / 1e6:,.0f} M people-periods/s")

        yield report


def _simulate(scenario: "Scenario", console: Console) -> "Run":
    from experiments.simulate import simulate

    with _progress(console) as report:
        return simulate(scenario, report)


def _closing_words(run: "Run", out: Path, console: Console) -> None:
    summary = run.summary("")
    console.print(
        f"{summary['rows']:,} rows x {summary['periods']} periods in {summary['wall_s']:.1f} s "
        f"(peak memory {summary['peak_rss_bytes'] / 1e9:.2f} GB), seed {summary['seed']}; results in {out}",
        highlight=False,
    )
    if not run.finished:
        console.print(f"interrupted after {summary['periods']} periods, which are kept", highlight=False)
        raise typer.Exit(INTERRUPTED)


@app.command()
def reproduce(
    scenario: ScenarioOption = "default",
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/reproduce"),
) -> None:
    """Simulate the history and print it beside the record."""
    chosen = _scenario(scenario, scale, seed, set_)
    from experiments import figures, targets
    from experiments.output import OutputFolder
    from experiments.reproduce import inside_counts, record_table

    console = _console()
    with OutputFolder(out) as folder:
        run = _simulate(chosen, console)
        compared = targets.compare(run.history, targets.load())
        folder.table("history.csv", run.history)
        folder.table("targets.csv", compared)
        folder.json("run.json", run.summary(scenario))
        title = f"Xiang Hu Bao simulated ({scenario} scenario, 1:{chosen.scale:g}, seed {chosen.seed}) and as published"
        if run.history.size:
            folder.picture("history.png", figures.history_figure(run.history, compared, title))
    console.print(record_table(compared))
    for line in inside_counts(compared):
        console.print(line, highlight=False)
    _closing_words(run, out, console)


@app.command()
def run(
    scenario: ScenarioOption = "default",
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/run"),
) -> None:
    """Simulate a scenario, without the record."""
    chosen = _scenario(scenario, scale, seed, set_)
    from experiments import figures
    from experiments.output import OutputFolder

    console = _console()
    with OutputFolder(out) as folder:
        result = _simulate(chosen, console)
        folder.table("history.csv", result.history)
        folder.json("run.json", result.summary(scenario))
        if result.history.size:
            title = f"{scenario} scenario, 1:{chosen.scale:g}, seed {chosen.seed}"
            folder.picture("history.png", figures.history_figure(result.history, None, title))
    _closing_words(result, out, console)


@app.command()
def theory() -> None:
    """Print textbook spirals beside the same rules simulated."""
    from experiments.theory import theory_table

    _console().print(theory_table())


@app.command()
def scenarios() -> None:
    """List the named scenarios and how each differs from the default."""
    from model import scenario as all_scenarios

    console = _console()
    for name in all_scenarios.named():
        changed = ", ".join(f"{key} = {value}" for key, value in all_scenarios.load(name).differences().items())
        console.print(f"{name}: {all_scenarios.why(name)} {changed}".rstrip(), highlight=False, soft_wrap=True)


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
) -> None:
    """Open the interactive page: sliders, play, step and reset."""
    from experiments.app import serve

    serve(port)


def main() -> None:
    """Run the command; a mistake of the user's is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(USER_ERROR)
