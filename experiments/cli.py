"""The command `mutualaid`.

Heavy imports stand inside the commands, so that `--help` answers at once.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from experiments import comparing as of_comparing
from experiments import tipping_command as of_tipping
from experiments.calibration import commands as of_calibration
from experiments.console import (
    INTERRUPTED,
    OutOption,
    PlainTable,
    PolicyOption,
    PoolOption,
    ScaleOption,
    ScenarioOption,
    SeedOption,
    SetOption,
    console,
    people_periods,
    scenario_from,
    whole,
)
from experiments.explain import commands as of_explaining
from experiments.explain import selection_command as of_selection
from experiments.pictures import commands as of_pictures
from experiments.sweeps import commands as of_sweeps
from model.errors import UserError

if TYPE_CHECKING:
    from experiments.simulate import Run
    from model.scenario import Scenario

USER_ERROR = 2
EXAMPLES = {
    "reproduce": ("reproduce --scale 1000 --seed 7", "reproduce --set information=0 --out out/blind"),
    "policies": ("policies", "policies age_bands"),
    "pools": ("pools", "run --pool teaching --picture"),
    "run": (
        "run --scenario no_gate --picture",
        "run --pool teaching --picture",
        "run --policy age_bands --policy entry_fee",
        "run --scale 1000 --set fee_rate=0.12 --set habit=0.1",
    ),
    "compare": (
        "compare age_bands entry_fee age_bands+entry_fee",
        "compare --all --replicates 20",
        "compare default no_gate",
        "compare default default --set fee_rate=0.12 --replicates 10",
    ),
    "calibrate": ("calibrate --runs 300 --waves 2 --wave-runs 100 --out out/quick", "calibrate --recover 20"),
    "validate": ("validate --number 20", "validate --parameter-sets out/calibrate/acceptable_set.csv"),
    "stories": ("stories", "stories --scale 20000 --runs 30 --waves 1 --wave-runs 30 --elsewhere 10 --steps 1000"),
    "contested": ("contested --out out/contested",),
    "explain": ("explain", "explain --mechanism price --mechanism news --replicates 5", "explain --posterior"),
    "figures": (
        "figures out/run",
        "figures out/teaching --pool teaching --scale 10",
        "figures out/gate --scenario no_gate",
    ),
    "report": ("report out/run", "report out/sweep/collapse"),
    "selection": ("selection", "selection --pool teaching --scale 10"),
    "tipping": ("tipping --posterior", "tipping --pool teaching --scale 10"),
    "sweep": ("sweep collapse", "sweep fee.toml --out out/fee --workers 2", "sweep fee.toml --shard 1/3"),
    "results": (
        "results out/fee --export fee.csv --picture fee.png",
        "results out/fee --baseline fee_rate=0.04 --differences apart.csv",
    ),
    "sensitivity": ("sensitivity sensitivity --workers 2",),
    "scenarios": ("scenarios", "scenarios guancha"),
    "page": ("app --port 9000", "app --pool teaching", "app --scenario no_gate --policy age_bands"),
}
"""Function of a command -> what its `--help` shows, without the name of the program."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Adverse selection in mutual-aid pools, one agent per member: histories and what-ifs.",
)


def _command[F: Callable](function: F) -> F:
    """Add a command, with its examples under its help."""
    lines = [f"  mutualaid {line}" for line in EXAMPLES.get(function.__name__, ())]
    # The first line keeps Click from joining the others.
    epilog = "\n".join(["\b", "Examples:", *lines]) if lines else None
    app.command(name="app" if function.__name__ == "page" else None, epilog=epilog)(function)
    return function


def _simulate(scenario: "Scenario") -> "Run":
    from experiments.simulate import simulate

    with people_periods() as report:
        return simulate(scenario, report)


def _closing_words(run: "Run", name: str, out: Path, screen: Console) -> None:
    summary = run.summary(name)
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


MOST_DIFFERENCES = 12
"""Differences of a scenario that are listed with all scenarios; of more, only the number is told."""
RUN_FILES = (*of_pictures.FILES, "bands.png", "bands.csv", "fitted_bands.csv")
"""What stands for one run in its folder, whichever command made it."""


def _folder_for(run: "Run", out: Path) -> Path:
    """Where a run is kept: an interrupted one does not replace one that was finished."""
    try:
        kept = json.loads((out / "run.json").read_text(encoding="utf-8"))
        finished = isinstance(kept, dict) and kept.get("finished")
    except (OSError, ValueError):
        finished = False
    return out / "interrupted" if finished and not run.finished else out


@_command
def reproduce(
    scenario: ScenarioOption = "default",
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/reproduce"),
    record: Annotated[
        Path | None,
        typer.Option("--targets", metavar="FILE", help="Another record, in the format of the one that ships."),
    ] = None,
    bands: Annotated[bool, typer.Option("--bands", help="Also draw medians and bands of the fitted set.")] = False,
) -> None:
    """Simulate the history and print it beside the record."""
    chosen = scenario_from(scenario, scale, seed, set_, pool, policy)
    from experiments import figures, targets
    from experiments.output import OutputFolder
    from experiments.reproduce import inside_counts, record_table
    from experiments.simulate import described
    from experiments.simulated import Simulated
    from model.events import events_of

    screen = console()
    published = targets.load(record, chosen.pool)
    if bands:
        of_calibration.check_bands(chosen.pool)
    with OutputFolder(out, RUN_FILES) as folder:
        run = _simulate(chosen)
        compared = targets.compare(Simulated.of_report(run.model.report), published)
        screen.print(PlainTable("The record beside the simulation: headline rows first", record_table(compared)))
        record_of = chosen.pool.rules.record
        for line in inside_counts(compared, record_of.fitted_until if record_of else None):
            screen.print(line, highlight=False)
        folder.move_to(_folder_for(run, out))
        folder.table("history.csv", run.history)
        folder.table("targets.csv", compared)
        folder.json("run.json", run.summary(scenario))
        title = f"{chosen.pool.name} simulated and as published: {described(scenario, chosen)}"
        if run.history.size:
            folder.picture(
                "history.png", figures.history_figure(run.history, compared, title, chosen.pool, events_of(chosen))
            )
        if bands and run.finished:
            of_calibration.draw_bands(folder, compared, chosen.pool)
    _closing_words(run, scenario, folder.path, screen)


@_command
def run(
    scenario: ScenarioOption = "default",
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: ScaleOption = None,
    seed: SeedOption = None,
    set_: SetOption = None,
    out: OutOption = Path("out/run"),
    picture: Annotated[bool, typer.Option("--picture", help="Also draw history.png, which takes a second.")] = False,
) -> None:
    """Simulate a scenario, without the record."""
    chosen = scenario_from(scenario, scale, seed, set_, pool, policy)
    from experiments.output import OutputFolder
    from experiments.reproduce import year_table

    screen = console()
    with OutputFolder(out, RUN_FILES) as folder:
        result = _simulate(chosen)
        screen.print(PlainTable("Year by year", year_table(result.history, chosen.pool.rules.currency.name), keys=2))
        folder.move_to(_folder_for(result, out))
        folder.table("history.csv", result.history)
        folder.json("run.json", result.summary(scenario))
        if picture and result.history.size:
            from experiments import figures
            from experiments.simulate import described
            from model.events import events_of

            title = described(scenario, chosen)
            folder.picture(
                "history.png", figures.history_figure(result.history, None, title, chosen.pool, events_of(chosen))
            )
    _closing_words(result, scenario, folder.path, screen)


for command in (
    of_comparing.compare,
    of_calibration.calibrate,
    of_calibration.validate,
    of_calibration.stories,
    of_calibration.contested,
    of_explaining.explain,
    of_selection.selection,
    of_tipping.tipping,
    of_pictures.figures,
    of_pictures.report,
    of_sweeps.sweep,
    of_sweeps.results,
    of_sweeps.sensitivity,
):
    _command(command)


@_command
def theory() -> None:
    """Print textbook spirals beside the same rules simulated."""
    from experiments.theory import explanations, theory_table

    screen = console()
    for sentence in explanations():
        screen.print(sentence)
    screen.print(
        PlainTable("Closed forms and the same rules simulated: the worst of each case's numbers", theory_table())
    )


@_command
def scenarios(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, or a TOML file: a table of what differs.")
    ] = None,
) -> None:
    """List the named scenarios, and how each differs."""
    from experiments.documentation import differences_of
    from model import scenario as all_scenarios

    screen = console()
    if name is not None:
        found = differences_of(all_scenarios.load(name))
        screen.print(f"{len(found)} parameters of {name} differ from the default", soft_wrap=True)
        if len(found):
            screen.print(PlainTable("What differs", found))
        return
    for each in all_scenarios.named():
        changed = all_scenarios.load(each).differences()
        screen.print(f"{each}: {all_scenarios.why(each)}", soft_wrap=True)
        if len(changed) > MOST_DIFFERENCES:
            screen.print(f"    {len(changed)} parameters differ; see them with: mutualaid scenarios {each}")
        else:
            for key, value in changed.items():
                screen.print(f"    {key} = {value}")


@_command
def policies(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, or a TOML file: what stands in it.")
    ] = None,
) -> None:
    """List the policies that ship."""
    from model import policy

    screen = console()
    if name is not None:
        screen.print(policy.load(name).text.strip(), soft_wrap=True)
        return
    for each in policy.named():
        screen.print(f"{each}: {policy.load(each).why}", soft_wrap=True)


@_command
def pools() -> None:
    """List the pools that ship."""
    from experiments.pools import named

    screen = console()
    for name, why in named():
        screen.print(f"{name}: {why}", soft_wrap=True)


of_pools = typer.Typer(help="Write a pool of one's own, and read it back.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(of_pools, name="pool")


@of_pools.command(name="new")
def new_pool(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or an empty one.")]) -> None:
    """Write a commented starting point for a pool of one's own."""
    from experiments.pools import start

    screen = console()
    for file in start(folder):
        screen.print(str(file), soft_wrap=True)
    screen.print(f"read it back with: mutualaid pool check {folder}", soft_wrap=True)


@of_pools.command(name="check")
def check_pool(
    pool: Annotated[str, typer.Argument(metavar="NAME|FOLDER", help="A pool that ships, or a folder.")],
) -> None:
    """Read a pool back as a table of its rules by date."""
    from experiments.pools import facts, rules_by_date
    from model.pool import load

    chosen = load(pool)
    screen = console()
    for line in facts(chosen):
        screen.print(line, soft_wrap=True)
    screen.print(PlainTable("Rules by date", rules_by_date(chosen)))


@_command
def describe(pool: PoolOption = None) -> None:
    """Print the phases of a period, in order, and every parameter."""
    from experiments.documentation import parameters
    from model.model import MutualAidModel
    from model.phases import listed

    screen = console()
    print(listed(MutualAidModel))
    print()
    screen.print(PlainTable("Parameters", parameters(pool)))


@_command
def page(
    pool: PoolOption = None,
    scenario: ScenarioOption = "default",
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="NAME|FILE", help="A policy that ships, or a TOML file.")
    ] = None,
    port: Annotated[
        int, typer.Option("--port", parser=whole(1, 65535), metavar="PORT", help="Port of the page on this machine.")
    ] = 8765,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="A name under which a proxy publishes the page; may be repeated."),
    ] = None,
) -> None:
    """Open the page: the crowd, single lives, two worlds."""
    from experiments.page.choice import offer
    from experiments.page.server import serve

    offer(pool, scenario, policy)
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
    """Adverse selection in mutual-aid pools, one agent per member: histories and what-ifs."""


_USAGE: type[typer.BadParameter] = typer.BadParameter.__bases__[0]
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
