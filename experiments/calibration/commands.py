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
    PoolOption,
    ScenarioOption,
    WorkersOption,
    console,
    misfit_steps,
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
    from model.pool import Pool
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
    pool: PoolOption = None,
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
    """Fit the parameters to the first part of the record."""
    from experiments import targets
    from experiments.calibration import priors, recovery
    from experiments.calibration.journal import Journal
    from experiments.output import write_table

    base = _base(scenario, pool=pool)
    record = targets.load(targets_file, base.pool, "a calibration")
    chosen = priors.load(priors_file or priors.PRIORS, base.pool).only(parameter).without(base.differences())
    wanted = targets.only([t for t in record if t.role == "fit"], list(dict.fromkeys(row or [])))
    if not wanted:
        raise targets.TargetError(f"targets = '{targets_file}' has no row to fit; allowed: some with role = 'fit'")
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


def _pool(scenario: str, pool: str | None, needs_record: str) -> "Pool":
    """The pool of a scenario, if it has a record.

    Raises:
        TargetError: says what needs one.
    """
    from experiments import targets
    from model.scenario import load

    found: Pool = load(scenario, pool).pool
    targets.needed_record(found, needs_record)
    return found


def _base(scenario: str, scale: str | None = None, pool: str | None = None) -> "Scenario":
    """A scenario with expected claims, as everything here is simulated."""
    return scenario_from(scenario, scale, None, None, pool).replace(expected_claims=True)


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
        int, typer.Option("--number", parser=whole(2), metavar="N", help="Parameter sets of each story run to the end.")
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
    pool: PoolOption = None,
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

    of_pool = _pool("default", pool, "fitting rival stories")
    record = targets.load(pool=of_pool)
    wanted = [target for target in record if target.role == "fit"]
    plan = Plan(search_runs=runs, waves=waves, wave_runs=wave_runs, set_size=number, scale=scale, steps=steps_)
    journals, found, told = {}, {"shipped": ensemble.load(pool=of_pool)} if ensemble.is_of(of_pool) else {}, {}
    try:
        with Executor(workers, kept=out) as started:  # once for all stories: a start takes as long as many simulations
            for story, what in rivals.STORIES.items():
                base = _base(story, pool=pool)
                free = rivals.priors_of(story, priors.load(pool=of_pool).without(base.differences()))
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
                    f"{what} to the end",
                    f"the same command goes on from {out}",
                    started,
                )
                told[story] = rivals.Told(fit, ensemble.read_off(histories, record, of_pool))
    except KeyboardInterrupt:  # while the workers start
        raise _interrupted(f"the same command goes on from {out}") from None
    table = rivals.compare(told, record, of_pool)
    with OutputFolder(out) as folder:
        folder.table("stories.csv", table)
    screen = console()
    screen.print(PlainTable(f"Rival stories, fitted to the record{_until(of_pool)}", table))
    for line in rivals.conclusion(table):
        screen.print(line, highlight=False, soft_wrap=True)


def contested(
    out: OutOption = Path("out/contested"),
    runs: RunsOption = CONTESTED.search_runs,
    waves: WavesOption = CONTESTED.waves,
    wave_runs: WaveRunsOption = CONTESTED.wave_runs,
    scale: ScaleOption = CONTESTED.scale,
    workers: WorkersOption = None,
    pool: PoolOption = None,
) -> None:
    """Fit the contested history; find what is never true at once."""
    from experiments import targets
    from experiments.calibration import contested as rival
    from experiments.calibration import priors
    from experiments.calibration.journal import Journal
    from experiments.calibration.misfit import Rows

    base = _base("default", pool=pool)
    rows = rival.rows(base.pool)
    journal = Journal(out, base, priors.load(pool=base.pool).untied(), rows, periods=base.periods)
    plan = Plan(search_runs=runs, waves=waves, wave_runs=wave_runs, scale=scale)
    found, _ = _fit(journal, plan, workers, what="contested history:")
    names = [target.id for target in targets.contested(base.pool)]
    simulated = journal.simulated()
    pairs = rival.together(Rows(tuple(rows), pool=base.pool), simulated, names)
    rival.keep(pairs, found.sets()[0], out)
    screen = console()
    screen.print(PlainTable("The contested history, fitted", found.table()))
    for line in rival.contradictions(pairs):
        screen.print(line, highlight=False, soft_wrap=True)
    at_once = rival.most_at_once(Rows(tuple(rows), pool=base.pool), simulated, names)
    screen.print(f"most at once in one of {len(simulated)} simulations: {', '.join(at_once)}", highlight=False)
    screen.print(f"results in {out}; the best parameters are the scenario {out}/contested.toml", highlight=False)


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
    pool: PoolOption = None,
    workers: WorkersOption = None,
    out: OutOption = Path("out/validate"),
) -> None:
    """Hold the fitted set against the rest of the record."""
    from experiments import targets
    from experiments.calibration import ensemble, selection, validation
    from experiments.output import OutputFolder

    record = targets.load(pool=_pool(scenario, pool, "a validation"))
    base = _base(scenario, scale, pool)
    sets = ensemble.some(ensemble.load(set_file or ensemble.SHIPPED, base.pool), number)
    fixed = [name for name in base.differences() if name in sets[0]]
    if fixed:
        raise ensemble.SetError(
            f"scenario = '{scenario}' fixes {', '.join(fixed)}, as the sets do; allowed: one that leaves them free"
        )
    with OutputFolder(out) as folder:
        runs = _histories(base, sets, workers)
        report = validation.report(record, ensemble.read_off(runs, record, base.pool), base.pool)
        risks = selection.selection(runs, base.pool)
        folder.table("validation.csv", report)
        folder.table("selection.csv", risks)
    screen = console()
    screen.print(PlainTable("The record beside the fitted set: failing rows first", report[PRINTED]))
    for line in validation.summary(report):
        screen.print(line, highlight=False)
    of_plan = base.pool.plan_labels[base.pool.plan_names[0]]
    screen.print(PlainTable(f"Own risks, {of_plan}, over the set: who joins, stays, leaves", risks))
    screen.print(f"results in {out}", highlight=False)


def _until(pool: "Pool") -> str:
    """Up to which day the record of a pool may be fitted, in words."""
    return f" up to {pool.rules.record.fitted_until}" if pool.rules.record else ""


def check_bands(pool: "Pool") -> None:
    """Refuse to draw bands for a pool to which no parameter sets that ship were fitted.

    Raises:
        SetError: says to which pool they were.
    """
    from experiments.calibration import ensemble

    ensemble.load(pool=pool)


def draw_bands(folder: "OutputFolder", compared: Any, pool: "Pool") -> None:
    """Write medians and bands of the acceptable set over the record of a pool."""
    from experiments import figures
    from experiments.calibration import ensemble

    base = _base("default", BANDS_SCALE, pool.key)
    runs = _histories(base, ensemble.some(ensemble.load(pool=pool), BANDS_SETS), None)
    quantiles = ensemble.bands(runs)
    title = f"{len(runs)} parameter sets fitted to the record{_until(base.pool)}: median, 50 and 90 % bands"
    folder.table("bands.csv", quantiles)
    folder.table("fitted_bands.csv", ensemble.condensed(quantiles))
    folder.picture("bands.png", figures.history_figure(quantiles, compared, title, pool))


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
