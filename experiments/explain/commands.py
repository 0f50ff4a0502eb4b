"""The command `explain`."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.console import (
    INTERRUPTED,
    PlainTable,
    PolicyOption,
    PoolOption,
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
    pool: PoolOption = None,
    policy: PolicyOption = None,
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
    """Why a member's share rose, exactly; and how much of what happened is due to which mechanism.

    The first is read off one run. For the second every combination of mechanisms is simulated, with the same people
    and the same random numbers.
    """
    from experiments.calibration import ensemble
    from experiments.explain import accounting, mechanisms
    from experiments.explain import causes as of_causes
    from experiments.explain.figures import waterfall_figure
    from experiments.output import OutputFolder, write_table
    from experiments.runs.executor import Executor

    base = scenario_from(scenario, scale, seed, set_, pool, policy).replace(expected_claims=True)
    chosen = mechanisms.load(mechanisms_file or mechanisms.SHIPPED, mechanism, base)
    sets = ensemble.some(ensemble.load(pool=base.pool), replicates) if posterior else [{}] * replicates
    causes = of_causes.Causes(out, base, chosen, sets)
    causes.open()
    try:
        with steps() as report, Executor(workers, kept=out) as run:
            observed = accounting.observe(base, lambda done, of: report("settlements of the account", done, of, ""))
            measured = causes.simulate(run, lambda done, of: report("worlds", done, of, ""))
    except KeyboardInterrupt:
        console().print(f"interrupted; the same command goes on from {out}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    table = of_causes.parts(causes, measured)
    over = f"{len(sets)} fitted parameter sets" if posterior else f"{len(sets)} seeds from {base.seed} on"
    caption = (
        f"Scenario {scenario}, 1:{base.scale:g}, {over}, {2 ** len(chosen)} combinations of {len(chosen)} mechanisms."
    )
    per_year, money = base.calendar.per_year, base.pool.rules.currency.name
    accounts = accounting.account(observed, per_year)
    write_table(out / "causes.csv", table)
    write_table(out / "accounts.csv", accounts)
    write_table(out / "settlements.csv", observed)
    screen = console()
    with OutputFolder(out) as folder:
        ends = f"Diamonds: {of_causes.NOTHING_ON}, {of_causes.EVERYTHING_ON}."
        steps_are = "Steps: Shapley values. Lines: 95 % intervals."
        folder.picture("causes.png", waterfall_figure(table, f"{ends} {steps_are} {caption}"))
        if len(accounts):
            falls = accounting.waterfalls(accounts, observed, per_year, base.pool.plan_labels, money)
            ends = "Diamonds: the share of a year and of the next. The steps add up to the change."
            of_run = f"{ends} Scenario {scenario}, 1:{base.scale:g}, seed {base.seed}."
            folder.picture("accounts.png", waterfall_figure(falls, of_run))
            for line in accounting.sentences(falls):
                screen.print(line, highlight=False, soft_wrap=True)
    screen.print(PlainTable("What each mechanism adds (Shapley value, mean and 95 % interval)", table))
    for line in of_causes.sentences(table):
        screen.print(line, highlight=False, soft_wrap=True)
    screen.print(f"{caption} Results in {out}", highlight=False, soft_wrap=True)
