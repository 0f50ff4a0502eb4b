"""The command `compare`: policies beside a baseline, or two scenarios beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.console import (
    INTERRUPTED,
    PlainTable,
    PolicyOption,
    PoolOption,
    ScenarioOption,
    WorkersOption,
    console,
    scenario_from,
    steps,
    whole,
)
from model.errors import UserError

if TYPE_CHECKING:
    from model.scenario import Scenario

REPLICATES = {"scenarios": 5, "policies": 20}


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="POLICY... | A B",
            help="Policies, each beside the baseline; several at once joined by +. Or two scenarios.",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every policy that ships.")] = False,
    scenario: ScenarioOption = "default",
    pool: PoolOption = None,
    policy: PolicyOption = None,
    scale: Annotated[str, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")] = "1000",
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="SEED", help="The seed of the first replicate. [default: the scenario's, 1]"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a parameter of the baseline, or of B alone; may be repeated."
        ),
    ] = None,
    replicates: Annotated[
        int | None,
        typer.Option("--replicates", parser=whole(2), metavar="N", help="Seeds. [default: 20; of two scenarios, 5]"),
    ] = None,
    workers: WorkersOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="The table as CSV.")] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Folder of policies compared; the same command goes on."),
    ] = Path("out/compare"),
) -> None:
    """Compare policies with a baseline, or two scenarios.

    All have the same people and random numbers. Every policy is one world: `age_bands+entry_fee` holds both at once.
    For each, paired differences with intervals of members, shares, benefits, people ill without cover, consumer
    surplus and the platform's result; who gains and who loses by age and own risk; and a picture of members kept
    against what the riskiest third is paid by others.
    """
    from model import policy as policies
    from model import scenario as scenarios

    given = list(names or [])
    if all_:
        given += [name for name in policies.named() if name not in given]
    if not given:
        raise UserError(f"names = nothing; allowed: --all, or some of {', '.join(policies.named())}, or two scenarios")
    if given[0] in scenarios.named() or (given[0] not in policies.named() and _is_scenario(given[0])):
        if len(given) != 2:
            raise UserError(f"names = {' '.join(given)}; allowed: two scenarios, or policies alone")
        a = scenario_from(given[0], scale, seed, None, pool, policy)
        b = scenario_from(given[1], scale, seed, set_, pool, policy)
        _two_scenarios(given, a, b, replicates or REPLICATES["scenarios"], csv)
        return
    base = scenario_from(scenario, scale, seed, set_, pool, policy)
    _with_baseline(given, base, scenario, replicates or REPLICATES["policies"], workers, csv, out)


def _is_scenario(name: str) -> bool:
    """Whether a file is one of a scenario: a scenario has no rules of a pool."""
    from model.files import read_toml

    if not Path(name).is_file():
        return False
    of_policies = {"plans", "from", "without", "caps", "events", "reinsurance"}
    return not of_policies & set(read_toml(Path(name), "file", UserError))


def _two_scenarios(names: list[str], a: "Scenario", b: "Scenario", replicates: int, csv: Path | None) -> None:
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
    for letter, which, scenario in zip("AB", names, (a, b.replace(rng=a.seed)), strict=True):
        screen.print(f"{letter}: {described(which, scenario)}{last}", soft_wrap=True)
    screen.print(PlainTable("B minus A, replicate by replicate, with 95 % intervals", table, keys=2))
    if csv is not None:
        write_csv(csv, table)
        screen.print(f"the table is in {csv}", soft_wrap=True)


def _with_baseline(
    names: list[str],
    base: "Scenario",
    scenario: str,
    replicates: int,
    workers: int | None,
    csv: Path | None,
    out: Path,
) -> None:
    from experiments import policies
    from experiments.output import OutputFolder, write_csv, write_table
    from experiments.policy_figures import groups_figure, pareto_figure
    from experiments.runs.executor import Executor
    from experiments.simulate import described

    worlds = policies.Worlds(out, base, names, replicates)
    worlds.open()
    screen = console()
    try:
        with steps() as report, Executor(workers, kept=out) as run:
            measured = worlds.simulate(run, lambda done, of: report("worlds", done, of, ""))
    except KeyboardInterrupt:
        screen.print(f"interrupted; the same command goes on from {out}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    money = base.pool.rules.currency.name
    table = policies.differences(worlds.names, measured, money)
    groups = policies.by_group(worlds.names, measured)
    caption = f"{described(scenario, base)} to {base.seed + replicates - 1}, the same for all worlds."
    if len(names) == 1:
        shown = table.drop(columns=["key", "unpaired", "policy"])
        screen.print(PlainTable(f"{names[0]} less the baseline, seed by seed", shown))
    else:
        screen.print(PlainTable("Each policy less the baseline: mean and 95 % interval", policies.overview(table)))
    for line in policies.sentences(table, groups):
        screen.print(line, highlight=False, soft_wrap=True)
    with OutputFolder(out) as folder:
        folder.picture("pareto.png", pareto_figure(table, money, caption))
        folder.picture("groups.png", groups_figure(groups, money, caption))
    write_table(out / "differences.csv", table)
    write_table(out / "groups.csv", groups)
    if csv is not None:
        write_csv(csv, table)
    screen.print(f"{caption} Results in {out}", highlight=False, soft_wrap=True)
