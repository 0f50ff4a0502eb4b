"""The commands `calibrate`, `validate`, `stories` and `contested`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.calibration.plan import CONTESTED, STORY, WHOLE, Plan, PlanError
from experiments.console import (
    INTERRUPTED,
    OutOption,
    PlainTable,
    ScenarioOption,
    WorkersOption,
    console,
    misfit_steps,
    needs_default_pool,
    scenario_from,
    steps,
    whole,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from experiments.calibration.calibrate import Fit
    from experiments.calibration.ensemble import History
    from experiments.calibration.journal import Journal, Progress
    from experiments.output import OutputFolder
    from experiments.runs.executor import Executor
    from model.scenario import Scenario

RunsOption = Annotated[int, typer.Option("--runs", parser=whole(1), metavar="N", help="Simulations of the search.")]
WavesOption = Annotated[int, typer.Option("--waves", parser=whole(1), metavar="N", help="Waves of the posterior.")]
WaveRunsOption = Annotated[
    int, typer.Option("--wave-runs", parser=whole(10), metavar="N", help="Simulations a wave; at least 10.")
]
ChainsOption = Annotated[
    int, typer.Option("--chains", parser=whole(2), metavar="N", help="Independent chains of the final sample.")
]
StepsOption = Annotated[
    int, typer.Option("--steps", parser=whole(9), metavar="N", help="Steps of each chain, a simulation each.")
]
ScaleOption = Annotated[float, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")]

PRINTED = [
    "id",
    "published",
    "low",
    "high",
    "q05",
    "q25",
    "median",
    "q75",
    "q95",
    "held",
    "crps",
    "crps_last",
    "crps_trend",
    "crps_damped",
]
"""Columns of the held-out test on the screen; the file has all."""
MOST_RECORDS = 1_000
BANDS_SETS, BANDS_SCALE = 100, "1000"
"""Parameter sets, and real people per row, of the bands."""


def calibrate(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder of the calibration; the same command goes on.")
    ] = Path("out/calibrate"),
    runs: RunsOption = WHOLE.search_runs,
    waves: WavesOption = WHOLE.waves,
    wave_runs: WaveRunsOption = WHOLE.wave_runs,
    chains: ChainsOption = WHOLE.chains,
    steps_: StepsOption = WHOLE.steps,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            parser=whole(1),
            metavar="SEED",
            help="The seed of search and walk; from 1 on, for 0 tells the search (CMA-ES) to draw one.",
        ),
    ] = WHOLE.seed,
    workers: WorkersOption = None,
    scenario: ScenarioOption = "default",
    priors_file: Annotated[
        Path | None, typer.Option("--priors", metavar="FILE", help="Priors, as experiments/data/priors.toml.")
    ] = None,
    targets_file: Annotated[
        Path | None,
        typer.Option("--targets", metavar="FILE", help="The record; as the one that ships."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="NAME", help="Fit only these; may be repeated.")
    ] = None,
    row: Annotated[
        list[str] | None, typer.Option("--row", metavar="ID", help="Fit only these targets; may be repeated.")
    ] = None,
    recover: Annotated[
        int,
        typer.Option(
            "--recover",
            parser=whole(0),
            metavar="N",
            help="Synthetic records that are fitted from nothing, to test it.",
        ),
    ] = 0,
) -> None:
    """Fit the parameters to the record up to the end of 2020."""
    from experiments import targets
    from experiments.calibration import priors, recovery
    from experiments.calibration.journal import Journal
    from experiments.output import write_table

    base = _base(scenario)
    chosen = priors.load(priors_file or priors.PRIORS).only(parameter).without(base.differences())
    record = targets_file
    wanted = targets.only([t for t in targets.load(record) if t.role == "fit"], list(dict.fromkeys(row or [])))
    if not wanted:
        raise targets.TargetError(f"targets = '{record}' has no row to fit; allowed: at least one with role = 'fit'")
    plan = Plan(search_runs=runs, waves=waves, wave_runs=wave_runs, chains=chains, steps=steps_, seed=seed)
    if recover > MOST_RECORDS:
        raise PlanError(f"recover = {recover} is not allowed: at most {MOST_RECORDS}")
    journal = Journal(out, base, chosen, wanted)
    found, again = _fit(journal, plan, workers, made=recover)
    screen = console()
    table = found.table()
    screen.print(PlainTable("The rows that were fitted", table))
    identifiability = found.identifiability()
    screen.print(PlainTable("What the record can tell of each parameter", identifiability))
    if again is not None:
        write_table(out / "recovery.csv", again)
        screen.print(f"{recover} synthetic records of known parameters, fitted from nothing:", highlight=False)
        for line in recovery.summary(again):
            screen.print(line, highlight=False)
    mixing = found.posterior.mixing
    screen.print(
        f"{mixing['effective_draws']:.0f} independent draws (worst parameter {mixing['fewest_effective_draws']:.0f}), "
        f"R-hat {mixing['r_hat']:.2f} at most over {plan.chains} chains, {mixing['accepted']:.0%} of steps accepted",
        highlight=False,
    )
    screen.print(
        f"{int(table['inside'].sum())} of {len(table)} fitted rows inside in the median; results in {out}",
        highlight=False,
    )


def _base(scenario: str, scale: str | None = None) -> "Scenario":
    """A scenario with expected claims, as everything here is simulated."""
    base = scenario_from(scenario, scale, None, None)
    needs_default_pool(base.pool, "a calibration")
    return base.replace(expected_claims=True)


@contextmanager
def _at_work(
    journal: "Journal",
    plan: Plan,
    workers: int | None,
    what: str = "",
    started: "Executor | None" = None,
) -> Iterator[tuple["Executor", "Progress"]]:
    """Processes (those that are started, if any) and bars for simulations of a journal, which can be interrupted."""
    from experiments.runs.executor import Executor

    journal.base.replace(scale=plan.scale)  # before anything is written: is it allowed at all?
    journal.open(asdict(plan))
    try:
        with steps() as report, nullcontext(started) if started else Executor(workers, kept=journal.folder) as run:
            yield run, misfit_steps(lambda step, done, of, note: report(f"{what} {step}".strip(), done, of, note))
    except KeyboardInterrupt:
        raise _interrupted(f"the same command goes on from {journal.folder}") from None


def _interrupted(what_now: str) -> typer.Exit:
    """Say so; how the command ends."""
    console().print(f"interrupted; {what_now}", highlight=False)
    return typer.Exit(INTERRUPTED)


def _fit(
    journal: "Journal",
    plan: Plan,
    workers: int | None,
    what: str = "",
    *,
    made: int = 0,
    elsewhere: Any = None,
    started: "Executor | None" = None,
) -> tuple["Fit", "DataFrame | None"]:
    """Calibrate with bars and keep the result; also what was found again of so many made records."""
    from experiments.calibration import recovery
    from experiments.calibration.calibrate import calibrate as fit
    from experiments.calibration.calibrate import keep

    with _at_work(journal, plan, workers, what, started) as (run, progress):
        found = fit(journal, plan, run, progress, elsewhere)
        again = recovery.recover(journal, made, run, progress) if made else None
    keep(found, journal.folder)
    return found, again


def stories(
    out: OutOption = Path("out/stories"),
    runs: RunsOption = STORY.search_runs,
    waves: WavesOption = STORY.waves,
    wave_runs: WaveRunsOption = STORY.wave_runs,
    scale: ScaleOption = STORY.scale,
    number: Annotated[
        int, typer.Option("--number", parser=whole(2), metavar="N", help="Parameter sets of each story run over 2021.")
    ] = STORY.set_size,
    elsewhere: Annotated[
        int | None,
        typer.Option(
            "--elsewhere",
            parser=whole(1),
            metavar="N",
            help="Points that others found which each story looks at, evenly from all. [default: all, 300]",
        ),
    ] = None,
    steps_: StepsOption = STORY.steps,
    workers: WorkersOption = None,
) -> None:
    """Fit rival stories of the collapse, and weigh them.

    Each has a search of its own, and looks at what those of the others found and at the set that ships, as far as it
    leaves their parameters free.
    """
    from experiments import targets
    from experiments.calibration import ensemble, priors
    from experiments.calibration import stories as rivals
    from experiments.calibration.calibrate import best_of_search
    from experiments.calibration.journal import Journal
    from experiments.output import OutputFolder
    from experiments.runs.executor import Executor

    record = targets.load()
    wanted = [target for target in record if target.role == "fit"]
    plan = Plan(search_runs=runs, waves=waves, wave_runs=wave_runs, set_size=number, scale=scale, steps=steps_)
    journals, found, told = {}, {"shipped": ensemble.load()}, {}
    try:
        with Executor(workers, kept=out) as started:  # once for all stories: a start takes as long as many simulations
            for story, what in rivals.STORIES.items():
                base = _base(story)
                free = rivals.priors_of(story, priors.load().without(base.differences()))
                journal = Journal(out / story, base, free, wanted)
                with _at_work(journal, plan, workers, what, started) as (run, progress):
                    found[story] = best_of_search(journal, plan, run, progress, rivals.SHARED)
                journals[story] = journal
            for story, journal in journals.items():
                what = rivals.STORIES[story]
                others = rivals.of_the_others(found, story, journal.priors, elsewhere)
                fit, _ = _fit(journal, plan, workers, what, elsewhere=others, started=started)
                histories = _histories(
                    journal.base.replace(scale=scale),
                    fit.sets(),
                    workers,
                    f"{what} 2021",
                    f"the same command goes on from {out}",
                    started,
                )
                told[story] = rivals.Told(fit, ensemble.read_off(histories, record))
    except KeyboardInterrupt:  # while the workers start
        raise _interrupted(f"the same command goes on from {out}") from None
    table = rivals.compare(told, record)
    with OutputFolder(out) as folder:
        folder.table("stories.csv", table)
    screen = console()
    screen.print(PlainTable("Rival stories, fitted to the record up to the end of 2020", table))
    for line in rivals.conclusion(table):
        screen.print(line, highlight=False, soft_wrap=True)


def contested(
    out: OutOption = Path("out/contested"),
    runs: RunsOption = CONTESTED.search_runs,
    waves: WavesOption = CONTESTED.waves,
    wave_runs: WaveRunsOption = CONTESTED.wave_runs,
    scale: ScaleOption = CONTESTED.scale,
    workers: WorkersOption = None,
) -> None:
    """Fit the contested history; find what is never true at once."""
    from experiments import targets
    from experiments.calibration import contested as rival
    from experiments.calibration import priors
    from experiments.calibration.journal import Journal
    from experiments.calibration.misfit import Rows

    rows = rival.rows()
    base = _base("default")
    journal = Journal(out, base, priors.load().untied(), rows, periods=base.periods)
    plan = Plan(search_runs=runs, waves=waves, wave_runs=wave_runs, scale=scale)
    found, _ = _fit(journal, plan, workers, what="contested history:")
    names = [target.id for target in targets.contested()]
    simulated = journal.simulated()
    pairs = rival.together(Rows(tuple(rows)), simulated, names)
    rival.keep(pairs, found.sets()[0], out)
    screen = console()
    screen.print(PlainTable("The contested history, fitted", found.table()))
    for line in rival.contradictions(pairs):
        screen.print(line, highlight=False, soft_wrap=True)
    at_once = rival.most_at_once(Rows(tuple(rows)), simulated, names)
    screen.print(f"most at once in one of {len(simulated)} simulations: {', '.join(at_once)}", highlight=False)
    screen.print(f"results in {out}; the best parameters are the scenario {out}/guancha.toml", highlight=False)


def validate(
    set_file: Annotated[
        Path | None,
        typer.Option("--parameter-sets", metavar="FILE", help="A CSV of parameter sets. [default: those that ship]"),
    ] = None,
    number: Annotated[
        int, typer.Option("--number", parser=whole(2), metavar="N", help="Sets to run, evenly from all.")
    ] = 100,
    scale: Annotated[str, typer.Option("--scale", metavar="PEOPLE", help="Real people per row.")] = "1000",
    scenario: ScenarioOption = "default",
    workers: WorkersOption = None,
    out: OutOption = Path("out/validate"),
) -> None:
    """Hold the fitted set against 2021, which it has not seen."""
    from experiments import targets
    from experiments.calibration import ensemble, selection, validation
    from experiments.output import OutputFolder

    record = targets.load()
    base = _base(scenario, scale)
    sets = ensemble.some(ensemble.load(set_file or ensemble.SHIPPED), number)
    fixed = [name for name in base.differences() if name in sets[0]]
    if fixed:
        raise ensemble.SetError(
            f"scenario = '{scenario}' fixes {', '.join(fixed)}, as the sets do; allowed: one that leaves them free"
        )
    with OutputFolder(out) as folder:
        runs = _histories(base, sets, workers)
        report = validation.report(record, ensemble.read_off(runs, record))
        risks = selection.selection(runs)
        folder.table("validation.csv", report)
        folder.table("selection.csv", risks)
    screen = console()
    screen.print(PlainTable("The record beside the fitted set: failing rows first", report[PRINTED]))
    for line in validation.summary(report):
        screen.print(line, highlight=False)
    screen.print(PlainTable("Own risks in the general plan, over the set: who joins, stays, leaves", risks))
    screen.print(f"results in {out}", highlight=False)


def draw_bands(folder: "OutputFolder", compared: Any) -> None:
    """Write medians and bands of the acceptable set over the record."""
    from experiments import figures
    from experiments.calibration import ensemble

    runs = _histories(_base("default", BANDS_SCALE), ensemble.some(ensemble.load(), BANDS_SETS), None)
    quantiles = ensemble.bands(runs)
    title = f"{len(runs)} parameter sets fitted to the record up to the end of 2020: median, 50 and 90 % bands"
    folder.table("bands.csv", quantiles)
    folder.table("fitted_bands.csv", ensemble.condensed(quantiles))
    folder.picture("bands.png", figures.history_figure(quantiles, compared, title))


def _histories(
    base: "Scenario",
    sets: list[dict[str, float]],
    workers: int | None,
    what: str = "histories",
    interrupted: str = "nothing was written",
    started: "Executor | None" = None,
) -> list["History"]:
    """The history of each parameter set, with a bar."""
    from experiments.calibration import ensemble
    from experiments.runs.executor import Executor

    try:
        with steps() as report, nullcontext(started) if started else Executor(workers) as run:
            return ensemble.histories(base, sets, run, lambda done, of: report(what, done, of, ""))
    except KeyboardInterrupt:
        raise _interrupted(interrupted) from None
