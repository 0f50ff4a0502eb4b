"""What the commands share: options, the console, bars and tables.

Heavy imports stand inside the functions, so that `--help` answers at once.
"""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from model.scenario import Scenario

INTERRUPTED = 130

ScenarioOption = Annotated[str, typer.Option("--scenario", help="A named scenario, or a TOML file.")]
ScaleOption = Annotated[
    str | None, typer.Option("--scale", help="Real people per row; 1 is one to one. [default: the scenario's, 20]")
]
SeedOption = Annotated[str | None, typer.Option("--seed", help="The seed of every draw. [default: the scenario's, 1]")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="key=value: change a parameter; may be repeated.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one a core by default.")]


def console() -> Console:
    """Standard output, wide enough for the tables when it is a file or a pipe."""
    return Console() if sys.stdout.isatty() else Console(width=140)


def scenario_from(name: str, scale: str | None, seed: str | None, changes: list[str] | None) -> "Scenario":
    """The scenario that the options describe, checked to fit into memory.

    Raises:
        ScenarioError: for parameters that are not allowed, or set twice.
    """
    from model import memory
    from model import scenario as scenarios
    from model.files import plain, shown

    values: dict[str, Any] = {}
    for change in changes or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise scenarios.ScenarioError(f"--set {shown(change)} is not of the form key=value")
        if key in values:
            raise scenarios.ScenarioError(f"{plain(key)} is set twice: {plain(values[key])} and {plain(value)}")
        values[key] = value
    if scale is not None:
        if "scale" in values:
            raise scenarios.ScenarioError(f"scale is set twice: {scale} and {values['scale']}")
        values["scale"] = scale
    chosen = scenarios.with_values(scenarios.load(name), values, seed)
    memory.check(chosen)
    return chosen


@contextmanager
def _bar(*columns: Any) -> Iterator["Progress"]:
    """A bar on standard error: what, how far, these columns, time so far and left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    first = (TextColumn("{task.description}"), BarColumn())
    note = TextColumn("{task.fields[note]}")
    with Progress(
        *first, *columns, note, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    ) as bar:
        yield bar


@contextmanager
def people_periods() -> Iterator[Callable[[int, int, int], None]]:
    """A bar with people-periods a second."""
    from rich.progress import TaskProgressColumn

    with _bar(TaskProgressColumn()) as bar:
        task = bar.add_task("making people", total=None, note="")

        def report(rows: int, done: int, periods: int) -> None:
            if done == 0:
                bar.reset(task, total=periods, description=f"{rows:,} rows")
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed or 0
            bar.update(task, completed=done, note=f"{rows * speed / 1e6:,.0f} M people-periods/s")

        yield report


@contextmanager
def steps() -> Iterator[Callable[[str, int, int, str], None]]:
    """A bar for each kind of step of long work, told what, how many are done, of how many, and a note."""
    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, of: int, note: str) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of, completed=done, note="")
            bar.update(tasks[what], completed=done, total=of, note=note)

        yield report


def misfit_steps(report: Callable[[str, int, int, str], None]) -> Callable[[str, int, int, float], None]:
    """The same for work whose note is a misfit, once there is one."""
    return lambda what, done, of, found: report(what, done, of, "" if math.isnan(found) else f"misfit {found:.1f}")


def plain_table(title: str, frame: Any) -> "Table":
    """A data frame as a printed table."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype
    from rich.table import Table

    from experiments.reproduce import cell

    table = Table(title=title, title_justify="left")
    for name in frame:
        number = is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])
        table.add_column(str(name).replace("_", " "), justify="right" if number else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*[cell(value) for value in row])
    return table
