"""From measurements to the table of `README.md`: text alone, no measuring."""

import statistics
import textwrap
from typing import Any, NamedTuple

Results = dict[str, Any]
Sample = dict[str, Any]

LABELS = {
    "crowd": "**Crowd**",
    "numpy": "NumPy",
    "agents": "Mesa agents, `AgentSet.do`",
    "toy-numpy-coins": "NumPy, a draw a person and period",
    "toy-numpy-clocks": "NumPy, the crowd's clocks",
    "toy-mesa": "Mesa agents, `AgentSet.do`",
    "toy-agentpy": "AgentPy",
    "toy-mesa-frames": "mesa-frames",
    "toy-starsim": "Starsim",
    "toy-laser-core": "LASER core",
}
REAL = ("crowd", "numpy", "agents")
BASE_ROWS = 10_000
"""The size at which plain Mesa agents are the measure: the largest at which the real rules ran all periods."""
LEAST_GROWTH = 10_000_000
"""Bytes of growth below which bytes a person would be noise."""
MAIN_HEAD = (
    "Engine",
    "Rules",
    "People",
    "Threads",
    "Million people-periods a second",
    "Set-up, s",
    "Run, s",
    "Peak memory, MB",
    "Bytes a person",
    "× Mesa agents",
    "× NumPy",
    "× 1 thread",
    "Outcome",
)
LIMIT_HEAD = (
    "People",
    "Threads",
    "Bound, ms",
    "Pass with nobody due, ms",
    "of the bound",
    "Mean pass of a run, ms",
    "of the bound",
)


class Spread(NamedTuple):
    """Median and extremes of some runs."""

    median: float
    low: float
    high: float

    def text(self, unit: float = 1.0) -> str:
        """As in the table, in this unit."""
        if self.low == self.high:
            return short(self.median / unit)
        return f"{short(self.median / unit)} ({short(self.low / unit)}-{short(self.high / unit)})"


def spread(values: list[float]) -> Spread:
    """Of these values."""
    return Spread(statistics.median(values), min(values), max(values))


def short(value: float) -> str:
    """Three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def row(cells: Any) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(cells: tuple[str, ...]) -> list[str]:
    """The first two lines of a Markdown table."""
    return [row(cells), row("---" for _ in cells)]


def good(results: Results, engine: str, rows: int, threads: int = 1) -> list[Sample]:
    """The runs of this case that succeeded."""
    return [sample for sample in results["samples"].get(f"{engine}/{rows}/{threads}", []) if "error" not in sample]


def rate(results: Results, engine: str, rows: int, threads: int = 1) -> Spread | None:
    """People-periods a second."""
    samples = good(results, engine, rows, threads)
    return spread([rows * sample["periods"] / sample["run_s"] for sample in samples]) if samples else None


def ratio(over: Spread | None, under: Spread | None) -> str:
    """One median over another, as in the table."""
    return short(over.median / under.median) if over and under else "-"


def of_samples(samples: list[Sample], name: str) -> Spread:
    """The spread of one measured quantity."""
    return spread([sample[name] for sample in samples])


# The tables.


def main_row(results: Results, engine: str, rows: int, threads: int) -> str:
    """One case of the main table."""
    rules = "real" if engine in REAL else "toy"
    start = (LABELS[engine], rules, f"{rows:,}", threads)
    samples = good(results, engine, rows, threads)
    speed = rate(results, engine, rows, threads)
    if speed is None:
        error = results["samples"][f"{engine}/{rows}/{threads}"][0]["error"].replace("|", "/")
        return row([*start, f"did not run: {error}", *["-"] * (len(MAIN_HEAD) - 5)])
    mesa, numpy = ("agents", "numpy") if engine in REAL else ("toy-mesa", "toy-numpy-coins")
    grown = of_samples(samples, "grown_bytes").median
    return row(
        [
            *start,
            speed.text(1e6),
            of_samples(samples, "setup_s").text(),
            of_samples(samples, "run_s").text(),
            short(of_samples(samples, "peak_bytes").median / 1e6),
            short(grown / rows) if grown >= LEAST_GROWTH else "-",
            ratio(speed, rate(results, mesa, BASE_ROWS)),
            ratio(speed, rate(results, numpy, rows)),
            ratio(speed, rate(results, engine, rows)) if threads > 1 else "-",
            outcome(samples),
        ]
    )


def outcome(samples: list[Sample]) -> str:
    """What the runs found: the history's hash, or the share of members at the end."""
    if "history_sha256" in samples[0]:
        return ", ".join(f"`{found[:8]}`" for found in sorted({sample["history_sha256"] for sample in samples}))
    return f"{100 * statistics.median(sample['members_share'] for sample in samples):.1f} %"


def main_table(results: Results) -> list[str]:
    """Every engine at every size."""
    cases = [key.split("/") for key in results["samples"]]
    order = {engine: number for number, engine in enumerate(LABELS)}
    chosen = sorted((order[e], int(rows), int(threads), e) for e, rows, threads in cases if e in order)
    return [*head(MAIN_HEAD), *(main_row(results, engine, rows, threads) for _, rows, threads, engine in chosen)]


def bandwidth(results: Results, threads: int) -> float | None:
    """Bytes a second: the better of copying and reading."""
    key = f"memory/1000000000/{threads}"
    samples = [sample for sample in results["samples"].get(key, []) if "error" not in sample]
    if not samples:
        return None
    return max(of_samples(samples, name).median for name in ("copy_bytes_per_s", "read_bytes_per_s"))


def bandwidth_table(results: Results) -> list[str]:
    """What the memory gives."""
    lines = head(("Threads", "Copy, GB/s read plus written", "Read, GB/s"))
    for threads in (1, 2):
        samples = good(results, "memory", 1_000_000_000, threads)
        if samples:
            names = ("copy_bytes_per_s", "read_bytes_per_s")
            lines.append(row([threads, *(of_samples(samples, name).text(1e9) for name in names)]))
    return lines


def limit_table(results: Results) -> list[str]:
    """How near a pass comes to reading its two columns."""
    lines = head(LIMIT_HEAD)
    cases = sorted((int(k.split("/")[1]), int(k.split("/")[2])) for k in results["samples"] if k.startswith("pass/"))
    for rows, threads in cases:
        idle, runs = good(results, "pass", rows, threads), good(results, "crowd", rows, threads)
        speed = bandwidth(results, threads)
        if not idle or not runs or speed is None:
            continue
        bound = idle[0]["bytes_read"] / speed
        cells: list[str] = []
        for samples in (idle, runs):
            taken = of_samples(samples, "pass_s")
            cells += [taken.text(1e-3), f"{100 * bound / taken.median:.0f} %"]
        lines.append(row([f"{rows:,}", threads, short(bound * 1e3), *cells]))
    return lines


def earlier_table(results: Results) -> list[str]:
    """Whole histories beside an earlier commit."""
    lines = head(("Rows", "Before, s", "Now, s", "× before", "Now, ms a settlement"))
    for rows in sizes(results, "earlier"):
        if samples := good(results, "earlier", rows):
            names = ("before_s", "now_s", "ratio", "settlement_ms")
            lines.append(row([f"{rows:,}", *(of_samples(samples, name).text() for name in names)]))
    return lines


def sweep_table(results: Results) -> list[str]:
    """Sweeps of short runs beside a bare loop."""
    columns = ("Runs", "Loop, ms a run", "Sweep, ms a run", "Start, s", "of the loop once it runs", "with its start")
    lines = head(columns)
    for runs in sizes(results, "sweep"):
        if samples := good(results, "sweep", runs):
            times = [of_samples(samples, name).text(1e-3) for name in ("loop_run_s", "sweep_run_s")]
            rest = [of_samples(samples, name).text() for name in ("start_s", "running", "with_start")]
            lines.append(row([f"{runs:,}", *times, *rest]))
    return lines


# Whether results agree.


def hashes(results: Results, engines: tuple[str, ...], rows: int) -> set[str]:
    """The different histories that these engines wrote at this size."""
    found = set()
    for key, samples in results["samples"].items():
        engine, size, _ = key.split("/")
        if engine in engines and int(size) == rows:
            found |= {sample["history_sha256"] for sample in samples if "error" not in sample}
    return found


def sizes(results: Results, engine: str) -> list[int]:
    """Sizes at which this engine ran."""
    return sorted({int(key.split("/")[1]) for key in results["samples"] if key.startswith(f"{engine}/")})


def complete(results: Results, engine: str, rows: int) -> bool:
    """Whether this engine and the crowd ran equally long at this size."""
    ours, theirs = good(results, "crowd", rows), good(results, engine, rows)
    return bool(ours and theirs) and ours[0]["periods"] == theirs[0]["periods"]


def identical(results: Results) -> bool:
    """Whether the crowd wrote one history a size, whatever the threads; a size that did not run counts for neither."""
    return all(len(hashes(results, ("crowd",), rows)) <= 1 for rows in sizes(results, "crowd"))


def agreement(results: Results) -> str:
    """The same in words, and whether plain Mesa agents wrote it too."""
    checked = ", ".join(f"{rows:,}" for rows in sizes(results, "crowd") if hashes(results, ("crowd",), rows))
    answer = "yes" if identical(results) else "NO"
    text = f"- One history at each of {checked} people, with 1 and 2 threads and in every run: **{answer}**."
    for engine, sort in (("agents", "Mesa agents"), ("numpy", "the NumPy pass")):
        common = [rows for rows in sizes(results, engine) if complete(results, engine, rows)]
        if common:
            same = all(len(hashes(results, ("crowd", engine), rows)) == 1 for rows in common)
            checked = ", ".join(f"{rows:,}" for rows in common)
            text += f"\n- The same history from {sort} at {checked} people: **{'yes' if same else 'NO'}**."
    return text


# The page.


def listed(versions: dict[str, str]) -> str:
    """Names and versions in a line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "not installed"


def shortened(results: Results) -> str:
    """Which sizes of the real rules ran fewer periods, because they take so long."""
    ran = {rows: good(results, "agents", rows)[0]["periods"] for rows in sizes(results, "agents")}
    return " ".join(
        f"{rows:,} Mesa agents of the real rules ran the first {periods} periods only."
        for rows, periods in ran.items()
        if periods < max(ran.values())
    )


def decided(results: Results) -> str:
    """How many decide in a mean period, at the largest size that ran."""
    rows = max((rows for rows in sizes(results, "crowd") if good(results, "crowd", rows)), default=0)
    return f"{100 * good(results, 'crowd', rows)[0]['decided_share']:.1f} %" if rows else "-"


def wrapped(page: str) -> str:
    """The page with its paragraphs and list items, but not its tables, broken into lines of at most 120."""
    parts = []
    for part in filter(None, (part.strip() for part in page.split("\n\n"))):
        if part.startswith("- "):
            items = part.removeprefix("- ").split("\n- ")
            filled = (textwrap.fill(" ".join(["-", *item.split()]), 120, subsequent_indent="  ") for item in items)
            parts.append("\n".join(filled))
        else:
            parts.append(part if part.startswith(("|", "#")) else textwrap.fill(part, 120))
    return "\n\n".join(parts) + "\n"


def render(results: Results) -> str:
    """The whole page."""
    made = results["made_with"]
    machine = made["machine"]
    runs = min(len(samples) for samples in results["samples"].values())
    quick = " **A quick run: small sizes, too few runs to quote.**" if made["quick"] else ""
    page = f"""# Speed and memory

Written by `make bench` in one run on one machine.{quick}

- {results["started"]} to {results.get("finished", "now")}; load average at the start {results["load"]}
- {machine["cpu"]}, {machine["cores"]} cores, {machine["l3_cache"]} of third-level cache, {machine["memory_gb"]} GB of
  memory, {machine["system"]}
- ours: {listed(made["versions"])}
- the others: {listed(made["peer_versions"])}

Each number is the median (lowest-highest) of {runs} run{"s" if runs > 1 else ""}, each in a process of its own, gone
through in rounds. What is compiled is compiled before the clock starts. *Set-up* makes the people, *run* is all 79
periods with everything that they record. *Peak memory* is that of the whole process, libraries included; *bytes a
person* is what it grew by from before the people were made.

**Rules.** *Real*: the model of this project, all phases; with *NumPy* the pass over everybody is array expressions
(`numpy_pass.py`), with *Mesa agents* one agent a person decides and meets their fate. *Toy*: join, leave, fall ill and
settle in a dozen lines (`toy.py`), which each engine can express in its own idiom; **it does much less than the real
rules, so compare toy with toy**. The outcome of the real rules is the SHA-256 of `history.csv`, shortened; that of the
toy the share of members at the end, which agrees between engines but for luck.

**× Mesa agents**: speed over Mesa agents of the same rules at {BASE_ROWS:,} people. **× NumPy**: speed over NumPy with
the same rules at the same size (toy: a draw a person and period). **× 1 thread**: speed over one thread.
{shortened(results)}

{chr(10).join(main_table(results))}

## Short histories

Whole histories, set-up and data frame included, beside commit 02989e2 on one thread: pairs in turn in one run, with
equal rows and periods.

{chr(10).join(earlier_table(results))}

A sweep of runs of 19,810 rows, one process a core, beside the same runs in a bare loop on every core.

{chr(10).join(sweep_table(results))}

## Same results

{agreement(results)}

## How near the memory's limit

Every period, a pass must read status (1 byte) and clock (4 bytes) of everybody. The bound is the time to read just that
at the better of the two bandwidths below, measured on 1 GB; columns that fit into the cache can be read faster. The
passes of a run also carry out the decisions: {decided(results)} of all people decide in a mean period.

{chr(10).join(bandwidth_table(results))}

{chr(10).join(limit_table(results))}
"""
    return wrapped(page)
