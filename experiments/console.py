"""What the commands share: options, the console, bars and tables.

Heavy imports stand inside the functions, so that `--help` answers at once.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import model
from model.files import plain

if TYPE_CHECKING:
    from rich.progress import Progress

    from model.scenario import Scenario

INTERRUPTED = 130
PIPE = 140
"""Columns of a file or pipe."""
TEXT_WIDTHS = (60, 30, 22, 12)
"""Characters at which text in a table is broken, between words, tried in turn until all columns fit."""
LONGEST_WORD = 22
"""Longer ones are broken themselves."""


def whole(least: int, most: int | None = None) -> Callable[[str | int], int]:
    """What reads a whole number between two bounds, for an option or argument; help shows no sign of it.

    Raises:
        typer.BadParameter: for anything else.
    """

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            allowed = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise typer.BadParameter(f"{plain(text)} is not allowed: a whole number {allowed}")
        return number

    return read


def names_of(folder: str, pattern: str) -> Callable[[str], list[str]]:
    """What completes a name that ships: files or folders below `model/`, found without loading the model.

    Args:
        folder: below `model/`.
        pattern: of the files that each name stands for.
    """
    root = Path(model.__file__).parent / folder

    def complete(begun: str) -> list[str]:
        names = {file.relative_to(root).parts[0].removesuffix(".toml") for file in root.glob(pattern)}
        return sorted(name for name in names if name.startswith(begun))

    return complete


ScenarioOption = Annotated[
    str,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE",
        help="A named scenario, or a TOML file.",
        autocompletion=names_of("scenarios", "*.toml"),
    ),
]
PoolOption = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="NAME|FOLDER",
        help="A pool that ships, or a folder. [default: the scenario's]",
        autocompletion=names_of("pools", "*/pool.toml"),
    ),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="NAME|FILE",
        help="A policy that ships, or a TOML file; may be repeated, in order.",
        autocompletion=names_of("policies", "*.toml"),
    ),
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        "--scale", metavar="PEOPLE", help="Real people per row; 1 is one to one. [default: the scenario's, 20]"
    ),
]
SeedOption = Annotated[
    str | None,
    typer.Option("--seed", metavar="SEED", help="The seed of every draw, from 0 on. [default: the scenario's, 1]"),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter; may be repeated."),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the results.")]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", parser=whole(1), metavar="N", help="Processes. [default: one a core]")
]


def console() -> Console:
    """Standard output, wide enough for the tables when it is a file or a pipe."""
    # Text of users is printed as it is, never read as markup.
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPE)


def scenario_from(
    name: str,
    scale: str | None,
    seed: str | None,
    changes: list[str] | None,
    pool: str | None = None,
    policies: list[str] | None = None,
) -> "Scenario":
    """The scenario that the options describe, checked to fit into memory: changes stand above policies.

    Raises:
        PolicyError: for a policy that cannot be.
        ScenarioError: for parameters that are not allowed, or set twice.
    """
    from model import memory
    from model import scenario as scenarios
    from model.files import shown

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
    under = scenarios.load(name, pool).with_policies(policies or ())
    chosen = scenarios.with_values(under, values, seed)
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
    """A bar with people-periods a second since the people were made, as in `run.json`."""
    from rich.progress import TaskProgressColumn

    with _bar(TaskProgressColumn()) as bar:
        task = bar.add_task("making people", total=None, note="")
        begin = 0.0

        def report(rows: int, done: int, periods: int) -> None:
            nonlocal begin
            if done == 0:
                begin = time.perf_counter()
                bar.reset(task, total=periods, description=f"{rows:,} rows")
                return
            speed = rows * done / max(time.perf_counter() - begin, 1e-9)
            bar.update(task, completed=done, note=f"{speed / 1e6:,.1f} M people-periods/s")

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


class PlainTable:
    """A data frame as printed tables: as many columns beside each other as fit, so that no number is ever cut.

    Args:
        title: of the table.
        frame: its rows; booleans are told as yes and NO.
        keys: how many of the first columns name a row; they are repeated where the others do not fit beside each other.
    """

    def __init__(self, title: str, frame: Any, keys: int = 1) -> None:
        from pandas.api.types import is_bool_dtype, is_numeric_dtype

        from experiments.reproduce import cell

        self.title, self.keys = title, keys
        self.names = [str(name).replace("_", " ") for name in frame]
        self.numbers = [is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name]) for name in frame]
        self.rows = [[cell(value) for value in row] for row in frame.itertuples(index=False)]

    def _needs(self, column: int, text: int) -> int:
        """Characters of a column with its frame: headings may break between words, text at `text`, numbers nowhere."""
        heading = max(map(len, self.names[column].split()), default=0)
        longest = max((len(row[column]) for row in self.rows), default=0)
        if self.numbers[column]:
            return max(heading, longest) + 3
        words = (len(word) for row in self.rows for word in row[column].split())
        return max(heading, min(longest, max(text, min(LONGEST_WORD, max(words, default=0))))) + 3

    def blocks(self, width: int) -> tuple[list[list[int]], int]:
        """The columns of each table, and at how many characters text is broken, to fit into this width.

        As few tables as can be, with as much as can be in the first: rather than move a column below, text is broken.
        """
        tried = [(self._blocks(width, text), text) for text in TEXT_WIDTHS]
        return min(tried, key=lambda found: (len(found[0]), -len(found[0][0])))

    def _blocks(self, width: int, text: int) -> list[list[int]]:
        keys = list(range(min(self.keys, len(self.names))))
        room = width - 1 - sum(self._needs(key, text) for key in keys)
        blocks: list[list[int]] = []
        left = 0
        for column in range(len(keys), len(self.names)):
            need = self._needs(column, text)
            if need > left or not blocks:
                blocks.append(list(keys))
                left = room
            blocks[-1].append(column)
            left -= need
        return blocks or [keys]

    def __rich_console__(self, console: Console, options: Any) -> Iterator[Any]:
        """The tables, one below the other."""
        from rich.table import Table

        blocks, text = self.blocks(options.max_width)
        for number, block in enumerate(blocks):
            table = Table(title=self.title if number == 0 else None, title_justify="left")
            for column in block:
                name, needs = self.names[column], self._needs(column, text) - 3
                table.add_column(
                    name if len(name) <= needs else name.replace(" ", "\n"),
                    justify="right" if self.numbers[column] else "left",
                    no_wrap=self.numbers[column],
                    overflow="fold",
                    width=needs,
                )
            for row in self.rows:
                table.add_row(*[row[column] for column in block])
            yield table
