"""The report of a result folder: one HTML file with its pictures inside, to be read on a phone, printed or sent."""

import base64
import io
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from experiments.documentation import value_shown
from experiments.pictures import draw, kept
from experiments.reproduce import cell, inside_counts, record_table, year_table
from experiments.style import BLUE, VERMILION, quiet_fonts
from model import scenario as scenarios
from model.events import events_of
from model.files import shown
from model.scenario import Scenario

DPI = 110
RUN, SWEEP = "run.json", "study.json"
LONG = 30
"""Characters from which on a cell is broken into lines."""
MOST_LINES = 200
"""Lines of a table in the report."""


@dataclass(frozen=True)
class Table:
    """A table with its title, and sentences above it."""

    title: str
    columns: list[str]
    rows: list[list[dict[str, str]]]
    lines: list[str]


def table(title: str, frame: pd.DataFrame, lines: Iterable[str] = ()) -> Table:
    """A data frame as the report shows it; numbers stand to the right, and what is outside a band is marked."""
    rows = [
        [{"text": cell(value), "kind": _kind(value)} for value in row]
        for row in frame.head(MOST_LINES).itertuples(index=False)
    ]
    more = [f"The first {MOST_LINES} of {len(frame)} lines."] if len(frame) > MOST_LINES else []
    return Table(title, [str(name).replace("_", " ") for name in frame], rows, [*lines, *more])


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.number):
        return "number"
    return "long" if len(str(value)) > LONG else "text"


def inline(figure: Figure) -> str:
    """A picture as text that stands in the page."""
    content = io.BytesIO()
    with quiet_fonts():
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return base64.b64encode(content.getvalue()).decode()


def of_folder(folder: Path) -> str:
    """The report of a folder that `run`, `reproduce`, `figures` or `sweep` has written, as HTML.

    Raises:
        UserError: if it has no results, or damaged ones, or those of an older version.
    """
    return _page(**(_of_sweep(folder) if (folder / SWEEP).exists() else _of_run(folder)))


def _page(**content: Any) -> str:
    loader = PackageLoader("experiments", "pictures")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("report.html").render(accent=BLUE, alert=VERMILION, **content)


def _of_run(folder: Path) -> dict[str, Any]:
    found = kept.read(folder)
    summary, scenario, frames = found.summary, found.scenario, found.frames
    pool = scenario.pool
    history = frames["history"]
    paragraphs = [
        {"name": "Pool", "text": f"{pool.name}: {pool.rules.why}" if pool.rules.why else pool.name},
        {"name": "Simulated", "text": draw.caption_of(summary)},
    ]
    paragraphs += [{"name": f"Policy {each.name}", "text": each.why} for each in pool.policies]
    if not summary["finished"]:
        paragraphs.append({"name": "Interrupted", "text": f"The run ends after {summary['periods']} settlements."})
    tables = [_differences(scenario)]
    targets = frames.get("targets", pd.DataFrame())
    if len(targets):
        title = "The published record beside the simulation, headline rows first"
        until = pool.rules.record.fitted_until if pool.rules.record else None
        tables.append(table(title, record_table(targets), inside_counts(targets, until)))
    if len(history):
        tables.append(table("Year by year", year_table(history, pool.rules.currency.name)))
    fitted = kept.fitted(scenario)
    drawn = draw.pictures(frames if fitted is None else frames | {"fitted": fitted}, summary, pool, events_of(scenario))
    return {
        "title": f"{pool.name}, scenario {Path(summary['scenario']).stem}",
        "question": _question(summary["scenario"]),
        "paragraphs": paragraphs,
        "tables": tables,
        "pictures": [{"name": name, "content": inline(figure)} for name, figure in drawn.items()],
        "command": _command(summary, "reproduce" if len(targets) else "run"),
        "made_with": _made_with(summary.get("versions", {})),
    }


def _question(name: str) -> str:
    """What a scenario was made to ask."""
    if name in scenarios.named():
        return scenarios.why(name)
    return f"The scenario of {Path(name).name}."


def _differences(scenario: Scenario) -> Table:
    """What differs from the pool's own values."""
    defaults = Scenario(pool=scenario.pool.without_policies).values()
    columns = ["parameter", "what it is", "here", "the pool's own", "unit"]
    lines = []
    for name, value in scenario.values().items():
        if value != defaults[name]:
            par = scenario.parameters[name]
            lines.append([name, par.label, value_shown(value), value_shown(defaults[name]), par.unit])
    frame = pd.DataFrame(lines, columns=columns)
    none = [] if lines else ["Every parameter has the pool's own value."]
    return table("What differs from the pool's own values", frame, none)


def _command(summary: Mapping[str, Any], command: str) -> str:
    """The command that makes the run again."""
    words = ["mutualaid", command, "--pool", summary["pool"]["name"], "--scenario", summary["scenario"]]
    for policy in summary["policies"]:
        words += ["--policy", policy]
    words += ["--scale", f"{summary['scale']:.12g}", "--seed", str(summary["seed"])]
    for name, value in summary.get("set", {}).items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else format(value, '.17g')}"]
    return shlex.join(words)


def _made_with(versions: Mapping[str, str]) -> str:
    return "Made with " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "." if versions else ""


def _of_sweep(folder: Path) -> dict[str, Any]:
    from experiments.sweeps.figures import study_figure
    from experiments.sweeps.results import Results

    results = Results(folder)
    study = results.content
    if not results.finished:
        raise kept.KeptError(f"{shown(str(folder))} has no results yet; mutualaid sweep makes them")
    verdicts = results.verdicts
    keys = ["point", *results.design.names]
    means = verdicts.pivot(index=keys, columns="summary", values="mean")[list(results.outcomes)].reset_index()
    tables = [table("Means over the replicates at each point", means)]
    reference = results.baseline()
    apart = results.differences(reference)
    if len(apart):
        of_point = f"point {reference} ({results.named(reference)})"
        tables.append(table(f"Paired differences from {of_point}, with 95 % intervals", apart))
    told = (
        []
        if not (results.missing or results.failed)
        else [f"{len(results.missing)} units are missing, {len(results.failed)} failed."]
    )
    runs = f"{results.runs} runs at {results.design.number} points of scenario {study['scenario']}, scale "
    return {
        "title": f"Study: {folder.name}",
        "question": study["question"],
        "paragraphs": [
            {"name": "Expected, written before running", "text": study["expectation"]},
            {"name": "Whether it held", "text": _held(results, apart, reference)},
            {"name": "Simulated", "text": " ".join([f"{runs}1:{study['scale']:,g}, seed {study['seed']}.", *told])},
        ],
        "tables": tables,
        "pictures": [{"name": "summaries over the design", "content": inline(study_figure(results, reference))}],
        "command": f"# the study, as a file: study.toml\n{_toml(study)}\n# and the command\nmutualaid sweep study.toml",
        "made_with": f"Model {results.stores[0].made_with()['model']}.",
    }


def _held(results: Any, apart: pd.DataFrame, reference: int) -> str:
    """What moved with the design: the expectation is prose, so the report lays the evidence beside it."""
    if apart.empty:
        return "Nothing is compared in pairs in this study; the table of means is the evidence."
    lines = []
    for name, summary in results.outcomes.items():
        rows = apart[apart["summary"] == name]
        up, down = int((rows["low"] > 0).sum()), int((rows["high"] < 0).sum())
        if len(rows):
            lines.append(f"{summary.label}: up at {up}, down at {down} of {len(rows)} points")
    return (
        f"Against point {reference} ({results.named(reference)}), with 95 % intervals that leave out zero: "
        f"{'; '.join(lines)}. Hold this against the expectation above."
    )


def _toml(study: Mapping[str, Any]) -> str:
    """A study as the file that makes it."""
    design = study["design"]
    plain = {key: value for key, value in study.items() if key not in {"design", "parameters", "base"}}
    plain["pool"] = study["pool"]["name"]
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items() if value is not None]
    if study.get("parameters"):
        lines += ["", "[parameters]", *(f"{key} = {json.dumps(value)}" for key, value in study["parameters"].items())]
    rest = {key: value for key, value in design.items() if key != "parameters" and value is not None}
    lines += ["", "[design]", *(f"{key} = {json.dumps(value)}" for key, value in rest.items())]
    lines += ["", "[design.parameters]", *(f"{key} = {_value(value)}" for key, value in design["parameters"].items())]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
