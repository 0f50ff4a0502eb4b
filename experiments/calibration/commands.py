"""The commands `calibrate` and `validate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.console import (
    INTERRUPTED,
    OutOption,
    ScenarioOption,
    WorkersOption,
    console,
    misfit_steps,
    plain_table,
    scenario_from,
    steps,
)

if TYPE_CHECKING:
    from experiments.output import OutputFolder

PRINTED = ["id", "published", "low", "high", "q05", "median", "q95", "held", "crps", "crps_last", "crps_trend"]
"""Columns of the held-out test on the screen; the file has all."""
BANDS_SETS, BANDS_SCALE = 100, "1000"
"""Parameter sets, and real people per row, of the bands."""


def calibrate(
    out: Annotated[Path, typer.Option("--out", help="Folder of the calibration; the same command goes on.")] = Path(
        "out/calibrate"
    ),
    runs: Annotated[int, typer.Option("--runs", min=1, help="Simulations of the search.")] = 2_100,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Time after which the search ends.")] = None,
    waves: Annotated[int, typer.Option("--waves", min=1, help="Waves of the posterior.")] = 8,
    wave_runs: Annotated[int, typer.Option("--wave-runs", min=10, help="Simulations a wave.")] = 600,
    seed: Annotated[int, typer.Option("--seed", min=1, help="The seed of search and walk.")] = 1,
    workers: WorkersOption = None,
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

    base = scenario_from(scenario, None, None, None).replace(expected_claims=True)
    chosen = priors.load(priors_file or priors.PRIORS).only(parameter).without(base.differences())
    wanted = targets.only([t for t in targets.load(targets_file or targets.RECORD) if t.role == "fit"], row)
    plan = Plan(search_runs=runs, minutes=minutes, waves=waves, wave_runs=wave_runs, seed=seed)
    journal = Journal(out, base, chosen, wanted)
    journal.open({"seed": plan.seed, "scale": plan.scale})
    screen = console()
    with steps() as report, processes(workers) as pool:
        try:
            found = fit(journal, plan, pool, misfit_steps(report))
            again = recovery.recover(journal, found, recover, plan.scale, pool) if recover else None
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            screen.print(f"interrupted; the same command goes on from {out}", highlight=False)
            raise typer.Exit(INTERRUPTED) from None
    keep(found, plan, out)
    screen.print(plain_table("The rows that were fitted", found.table()))
    screen.print(plain_table("What the record can tell of each parameter", found.identifiability()))
    if again is not None:
        again.to_csv(out / "recovery.csv", index=False, lineterminator="\n", float_format="%.6g")
        share = again["inside"].mean()
        screen.print(
            f"{recover} made records: 90 % intervals hold the true value in {share:.1%} of {len(again)} cases",
            highlight=False,
        )
    inside = found.table()["inside"]
    screen.print(
        f"{int(inside.sum())} of {len(inside)} fitted rows inside in the median; results in {out}", highlight=False
    )


def validate(
    set_file: Annotated[Path | None, typer.Option("--set", help="Parameter sets; those that ship by default.")] = None,
    number: Annotated[int, typer.Option("--number", min=2, help="Sets to run, best first.")] = 100,
    scale: Annotated[str, typer.Option("--scale", help="Real people per row.")] = "1000",
    scenario: ScenarioOption = "default",
    workers: WorkersOption = None,
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
    screen = console()
    screen.print(plain_table("The record beside the fitted set: failing rows first", report[PRINTED]))
    for line in validation.summary(report):
        screen.print(line, highlight=False)
    screen.print(f"results in {out}", highlight=False)


def draw_bands(folder: "OutputFolder", compared: Any) -> None:
    """Write medians and bands of the acceptable set over the record."""
    from experiments import figures
    from experiments.calibration import ensemble

    runs = _ensemble("default", BANDS_SCALE, None, BANDS_SETS, None)
    quantiles = ensemble.bands(runs)
    title = f"{len(runs)} parameter sets fitted to the record up to the end of 2020: median, 50 and 90 % bands"
    folder.table("bands.csv", quantiles)
    folder.picture("bands.png", figures.history_figure(quantiles, compared, title))


def _ensemble(scenario: str, scale: str, file: Path | None, number: int, workers: int | None) -> list[Any]:
    """Histories of the acceptable set, with expected claims."""
    from experiments.calibration import ensemble
    from experiments.calibration.journal import workers as processes

    sets = ensemble.load(file or ensemble.SHIPPED)[:number]
    base = scenario_from(scenario, scale, None, None).replace(expected_claims=True)
    with steps() as report, processes(workers) as pool:
        return ensemble.histories(base, sets, pool, lambda done, of: report("histories", done, of, ""))
