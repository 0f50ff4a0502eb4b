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
    from experiments.output import OutputFolder
    from experiments.simulate import Run
    from model.scenario import Scenario

USER_ERROR = 2
INTERRUPTED = 130
PRINTED = ["id", "published", "low", "high", "q05", "median", "q95", "held", "crps", "crps_last", "crps_trend"]
"""Columns of the held-out test on the screen; the file has all."""
BANDS_SETS, BANDS_SCALE = 100, "1000"
"""Parameter sets, and real people per row, of the bands."""

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


@contextmanager
def _steps(console: Console) -> Iterator[Callable[[str, int, int, float], None]]:
    """A bar for long work in steps, with the best misfit so far."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, of: int, best: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of, note="")
            note = "" if best != best else f"misfit {best:.1f}"
            bar.update(tasks[what], completed=done, total=of, note=note)

        yield report


def _plain_table(title: str, frame: Any) -> Any:
    """A data frame as a printed table."""
    from pandas.api.types import is_numeric_dtype
    from rich.table import Table

    from experiments.reproduce import cell

    table = Table(title=title, title_justify="left")
    for name in frame:
        table.add_column(
            str(name).replace("_", " "), justify="right" if is_numeric_dtype(frame[name]) else "left", no_wrap=True
        )
    for row in frame.itertuples(index=False):
        table.add_row(*[cell(value) for value in row])
    return table


def _ensemble(scenario: str, scale: str, file: Path | None, number: int, workers: int | None) -> list[Any]:
    """Histories of the acceptable set, with expected claims."""
    from experiments.calibration import ensemble
    from experiments.calibration.journal import workers as processes

    sets = ensemble.load(file or ensemble.SHIPPED)[:number]
    base = _scenario(scenario, scale, None, None).replace(expected_claims=True)
    with _steps(_console()) as report, processes(workers) as pool:
        return ensemble.histories(base, sets, pool, lambda done, of: report("histories", done, of, float("nan")))


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


def _bands(folder: "OutputFolder", compared: Any) -> None:
    """Medians and bands of the acceptable set over the record."""
    from experiments import figures
    from experiments.calibration import ensemble

    runs = _ensemble("default", BANDS_SCALE, None, BANDS_SETS, None)
    quantiles = ensemble.bands(runs)
    title = f"{len(runs)} parameter sets fitted to the record up to the end of 2020: median, 50 and 90 % bands"
    folder.table("bands.csv", quantiles)
    folder.picture("bands.png", figures.history_figure(quantiles, compared, title))


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
        if bands and run.finished:
            _bands(folder, compared)
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
    picture: Annotated[bool, typer.Option("--picture", help="Also draw history.png, which takes a second.")] = False,
) -> None:
    """Simulate a scenario, without the record."""
    chosen = _scenario(scenario, scale, seed, set_)
    from experiments.output import OutputFolder

    console = _console()
    with OutputFolder(out) as folder:
        result = _simulate(chosen, console)
        folder.table("history.csv", result.history)
        folder.json("run.json", result.summary(scenario))
        if picture and result.history.size:
            from experiments import figures

            title = f"{scenario} scenario, 1:{chosen.scale:g}, seed {chosen.seed}"
            folder.picture("history.png", figures.history_figure(result.history, None, title))
    _closing_words(result, out, console)


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option("--out", help="Folder of the calibration; the same command goes on.")] = Path(
        "out/calibrate"
    ),
    runs: Annotated[int, typer.Option("--runs", min=1, help="Simulations of the search.")] = 6_000,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Time after which the search ends.")] = None,
    waves: Annotated[int, typer.Option("--waves", min=1, help="Waves of the posterior.")] = 4,
    wave_runs: Annotated[int, typer.Option("--wave-runs", min=10, help="Simulations a wave.")] = 800,
    seed: Annotated[int, typer.Option("--seed", min=1, help="The seed of search and walk.")] = 1,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one a core by default.")] = None,
    scenario: ScenarioOption = "default",
    priors_file: Annotated[
        Path | None, typer.Option("--priors", help="Priors, as experiments/data/priors.toml.")
    ] = None,
    targets_file: Annotated[
        Path | None, typer.Option("--targets", help="The record, as experiments/data/targets.csv.")
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", help="Fit only these; may be repeated.")] = None,
    row: Annotated[list[str] | None, typer.Option("--row", help="Fit only these targets; may be repeated.")] = None,
    recover: Annotated[int, typer.Option("--recover", min=0, help="Made records on which to test the fit.")] = 0,
) -> None:
    """Fit the parameters to the record up to the end of 2020."""
    from experiments import targets
    from experiments.calibration import priors, recovery
    from experiments.calibration.calibrate import Plan, keep
    from experiments.calibration.calibrate import calibrate as fit
    from experiments.calibration.journal import Journal
    from experiments.calibration.journal import workers as processes

    base = _scenario(scenario, None, None, None).replace(expected_claims=True)
    chosen = priors.load(priors_file or priors.PRIORS).only(parameter).without(base.differences())
    wanted = targets.only([t for t in targets.load(targets_file or targets.RECORD) if t.role == "fit"], row)
    plan = Plan(search_runs=runs, minutes=minutes, waves=waves, wave_runs=wave_runs, seed=seed)
    journal = Journal(out, base, chosen, wanted)
    journal.open({"seed": plan.seed, "scale": plan.scale, "set_scale": plan.set_scale})
    console = _console()
    with _steps(console) as report, processes(workers) as pool:
        try:
            found = fit(journal, plan, pool, report)
            again = recovery.recover(journal, found, recover, plan.set_scale, pool) if recover else None
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            console.print(f"interrupted; the same command goes on from {out}", highlight=False)
            raise typer.Exit(INTERRUPTED) from None
    keep(found, plan, out)
    console.print(_plain_table("The rows that were fitted", found.table()))
    console.print(_plain_table("What the record can tell of each parameter", found.identifiability()))
    if again is not None:
        again.to_csv(out / "recovery.csv", index=False, lineterminator="\n", float_format="%.6g")
        share = again["inside"].mean()
        console.print(
            f"{recover} made records: 90 % intervals hold the true value in {share:.1%} of {len(again)} cases",
            highlight=False,
        )
    inside = found.table()["inside"]
    console.print(
        f"{int(inside.sum())} of {len(inside)} fitted rows inside in the median; results in {out}", highlight=False
    )


@app.command()
def validate(
    set_file: Annotated[Path | None, typer.Option("--set", help="Parameter sets; those that ship by default.")] = None,
    number: Annotated[int, typer.Option("--number", min=2, help="Sets to run, best first.")] = 100,
    scale: Annotated[str, typer.Option("--scale", help="Real people per row.")] = "1000",
    scenario: ScenarioOption = "default",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one a core by default.")] = None,
    out: OutOption = Path("out/validate"),
) -> None:
    """Hold the fitted set against 2021, which it has not seen."""
    from experiments import targets
    from experiments.calibration import ensemble, validation
    from experiments.output import OutputFolder

    record = targets.load()
    with OutputFolder(out) as folder:
        runs = _ensemble(scenario, scale, set_file, number, workers)
        report = validation.report(record, ensemble.read_off(runs, record))
        folder.table("validation.csv", report)
    console = _console()
    console.print(_plain_table("The record beside the fitted set: failing rows first", report[PRINTED]))
    for line in validation.summary(report):
        console.print(line, highlight=False)
    console.print(f"results in {out}", highlight=False)


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
