"""The pictures of a run, from data frames only."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure

from experiments.explain import accounting
from experiments.explain.figures import waterfall_figure
from experiments.figures import history_figure
from experiments.pictures.kept import FITTED_SCALE, FITTED_SETS
from experiments.pictures.watched import AGE_CLASS, BASES, DECILES
from experiments.style import GROUP_COLOURS, GROUP_DASHES, RAMP, money_unit, people_unit, plain, plan_colours
from model.pool import Pool
from model.pool_file import Event

RECENT = 6
"""Settlements over which the risk of those who join and leave is averaged: few people do in one."""
COLUMNS = 2
PUBLISHED = "Circles: published figures, each with its accepted band (targets.csv of the pool)."
FITTED = f"Shaded: middle 90 % of {FITTED_SETS} fitted parameter sets, each at 1:{FITTED_SCALE:,}."


def caption_of(summary: Mapping[str, Any]) -> str:
    """What was simulated, under every picture: n, scale, seed, scenario, pool.

    Args:
        summary: as `run.json` has it.
    """
    changed = ", ".join(f"{name} = {value:g}" for name, value in summary.get("set", {}).items())
    policies = " and ".join(Path(name).stem for name in summary.get("policies", []))
    scenario = summary["scenario"] + f" under {policies}" * bool(policies) + f" with {changed}" * bool(changed)
    return (
        f"n = {summary['rows']:,} rows, scale 1:{summary['scale']:,g}, seed {summary['seed']}, scenario {scenario}, "
        f"pool {summary['pool']['name']}, {summary['periods']} settlements."
    )


def _under(figure: Figure, caption: str) -> None:
    """The caption below a picture, as wide as it is."""
    figure.supxlabel(textwrap.fill(caption, round(14 * figure.get_figwidth())), fontsize=8, x=0.01, ha="left")


def _panels(number: int, title: str, width: float, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Axes in two columns; those that are not needed are hidden."""
    columns = min(COLUMNS, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(width * columns, 1.1 + height * rows), layout="constrained")
    figure.suptitle(title, fontsize=13, x=0.01, ha="left", parse_math=False)
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for axis in axes[number:]:
        axis.set_visible(False)
    return figure, axes[:number]


def _key(figure: Figure, axis: Axes) -> None:
    """The names of what an axis shows, in a line below the title."""
    title = figure.get_suptitle()
    figure.suptitle(f"{title}\n", fontsize=13, x=0.01, ha="left", parse_math=False)
    below = 1 - 0.27 / figure.get_figheight()
    lines, names = axis.get_legend_handles_labels()
    figure.legend(lines, names, loc="upper left", bbox_to_anchor=(0.0, below), ncols=6, fontsize=9, frameon=False)


def _recent_mean(rows: pd.DataFrame, risk: str, number: str) -> pd.Series:
    """Mean risk of all who joined or left in the last settlements; nan where nobody did."""
    total = (rows[risk].fillna(0.0) * rows[number]).rolling(RECENT, min_periods=1).sum()
    people = rows[number].rolling(RECENT, min_periods=1).sum()
    return total / people.where(people > 0)


def risk_figure(history: pd.DataFrame, pool: Pool, caption: str) -> Figure:
    """Mean own risk of members, joiners, leavers and people of the same ages outside, a panel a plan.

    Args:
        history: a row a settlement and plan.
        pool: whose history it is.
        caption: what was simulated.
    """
    plans = [plan for plan in pool.plan_names if (history[history["plan"] == plan]["members"] > 0).any()]
    width = 6.5 if len(plans) > 1 else 9.0
    figure, axes = _panels(len(plans), "Own risk of who stays, comes, goes, and stays outside", width, 3.6, sharex=True)
    plain(axes)
    short = pool.calendar.periods < 5 * pool.calendar.per_year
    for axis, plan in zip(axes, plans, strict=True):
        rows = history[history["plan"] == plan]
        rows = rows[(rows["members"] > 0).cummax()]
        means = {
            "members": rows["member_mean_risk"],
            "joiners": _recent_mean(rows, "joiner_mean_risk", "joined"),
            "leavers": _recent_mean(rows, "leaver_mean_risk", "left"),
            "outsiders": rows["nonmember_mean_risk"],
        }
        for who, values in means.items():
            days, colour = pd.to_datetime(rows["date"]), GROUP_COLOURS[who]
            axis.plot(days, 1e3 * values, label=who, color=colour, ls=GROUP_DASHES[who], lw=1.8)
        axis.set_ylim(bottom=0)
        axis.set_title(pool.plan_labels[plan], loc="left", fontsize=10)
        axis.set_ylabel("critical illnesses\nper 1,000 people and year", fontsize=9)
        axis.set_xlabel("day of publication", fontsize=9)
        axis.xaxis.set_major_locator(mdates.MonthLocator(bymonth=(1, 7) if short else (1,)))  # type: ignore[no-untyped-call]
        axis.xaxis.set_major_formatter(mdates.DateFormatter("%b %Y" if short else "%Y"))  # type: ignore[no-untyped-call]
        axis.tick_params(labelbottom=True)
    _key(figure, axes[0])
    of_flows = (
        f"Joiners and leavers: all of the last {RECENT} settlements. Outsiders: people of eligible age in no plan."
    )
    _under(figure, f"{of_flows} {caption}")
    return figure


def pyramid_figure(pyramid: pd.DataFrame, pool: Pool, caption: str) -> Figure:
    """Members by age class, women to the left and men to the right, plans beside each other, at four dates.

    Args:
        pyramid: as `watched.pyramid` makes it.
        pool: whose members they are.
        caption: what was simulated.
    """
    days = sorted(pyramid["date"].unique())
    figure, axes = _panels(len(days), "Members by age and sex", 5.5, 3.6, sharex=True, sharey=True)
    plain(axes)
    most = pyramid.groupby(["date", "sex", "age"])["members"].sum().max()
    unit, name = people_unit(most)
    colours = plan_colours(pool.plan_names)
    for axis, day in zip(axes, days, strict=True):
        ends: dict[tuple[str, int], float] = {}
        for plan in pool.plan_names:
            rows = pyramid[(pyramid["date"] == day) & (pyramid["plan"] == plan)]
            for sex, sign in (("female", -1), ("male", 1)):
                of_sex = rows[rows["sex"] == sex]
                base = [ends.get((sex, age), 0.0) for age in of_sex["age"]]
                width = sign * unit * of_sex["members"].to_numpy()
                label = pool.plan_labels[plan] if sex == "female" else None
                style: dict[str, Any] = {
                    "height": 0.9 * AGE_CLASS,
                    "align": "edge",
                    "color": colours[plan],
                    "edgecolor": "white",
                }
                axis.barh(of_sex["age"], width, left=base, label=label, linewidth=0.4, **style)
                ends |= {(sex, age): start + more for age, start, more in zip(of_sex["age"], base, width, strict=True)}
        axis.axvline(0, color="black", lw=0.8)
        axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axis.set_title(f"settlement published on {day}", loc="left", fontsize=10)
        axis.set_xlabel(f"{name} in an age class: women left, men right", fontsize=9)
        axis.set_ylabel("age (years)", fontsize=9)
        axis.tick_params(labelbottom=True, labelleft=True)
    _key(figure, axes[-1])
    _under(figure, f"Classes of {AGE_CLASS} years, by year of birth. {caption}")
    return figure


def survival_figure(survival: pd.DataFrame, caption: str) -> Figure:
    """Share of those who joined who have not left by their own decision, by decile of their risk at joining.

    Args:
        survival: as `watched.survival_of` makes it.
        caption: what was simulated.
    """
    figure, axes = _panels(
        len(BASES), "How long members stay, by decile of their risk at joining", 6.0, 4.2, sharey=True
    )
    plain(axes)
    shades = colormaps[RAMP](np.linspace(0.0, 0.95, DECILES))
    for axis, (basis, words) in zip(axes, BASES.items(), strict=True):
        rows = survival[survival["basis"] == basis]
        for decile in range(1, DECILES + 1):
            those = rows[rows["decile"] == decile]
            axis.step(those["years"], 100 * those["staying"], where="post", color=shades[decile - 1], lw=1.6)
            if decile in {1, DECILES}:
                end = those.iloc[-1]
                text = "lowest risk" if decile == 1 else "highest risk"
                axis.annotate(
                    text,
                    (end["years"], 100 * end["staying"]),
                    xytext=(-4, 5),
                    textcoords="offset points",
                    ha="right",
                    fontsize=8,
                )
        axis.set_title(f"by {words}", loc="left", fontsize=10)
        axis.set_xlabel("years since joining", fontsize=9)
        axis.set_ylim(0, 103)
    axes[0].set_ylabel("members who have not left by their own decision (%)", fontsize=9)
    norm = BoundaryNorm(np.arange(0.5, DECILES + 1), DECILES)
    colours = ScalarMappable(norm, colormaps[RAMP].resampled(DECILES))
    figure.colorbar(colours, ax=axes, label="decile of risk, 1 the lowest", ticks=range(1, DECILES + 1))
    people = survival[survival["basis"] == "own"].groupby("decile")["people"].first().sum()
    method = "Kaplan-Meier; illness, death, an age limit and the end of the run end the watch. First memberships only:"
    _under(figure, f"{method} {people:,.0f} rows. {caption}")
    return figure


def run_off_figure(runoff: pd.DataFrame, pool: Pool, caption: str) -> Figure:
    """The claims run-off triangle as a heat map: share of the aid for illnesses of one time granted by a later one.

    Args:
        runoff: as `watched.run_off` makes it.
        pool: whose claims they are.
        caption: what was simulated.
    """
    unit, money = runoff["unit"].iloc[0], pool.rules.currency.name
    share = runoff.assign(share=100 * runoff["granted"] / runoff["ultimate"])
    table = share.pivot(index="diagnosed", columns="delay", values="share")
    figure = Figure(figsize=(max(7.0, 2.6 + 0.62 * len(table.columns)), 1.8 + 0.36 * len(table)), layout="constrained")
    figure.suptitle("Claims run-off: aid granted so far, by time of diagnosis", fontsize=13, x=0.01, ha="left")
    axis: Axes = figure.subplots()
    values = table.to_numpy(dtype=np.float64)
    image = axis.imshow(values, cmap=RAMP, norm=Normalize(0, 100), aspect="auto")
    for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
        value = float(values[row, column])
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8, color=_on(value))
    ultimate = runoff.groupby("diagnosed")["ultimate"].first()
    scale, name = money_unit(ultimate.max(), money)
    labels = [f"{time}:  {_amount(scale * ultimate[time])}" for time in table.index]
    axis.set_yticks(range(len(table)), labels, fontsize=8)
    axis.set_xticks(range(len(table.columns)), table.columns, fontsize=8)
    axis.set_xlabel(f"delay from diagnosis to decision ({unit}s)", fontsize=9)
    axis.set_ylabel(f"{unit} of diagnosis:  aid in the end ({name})", fontsize=9)
    figure.colorbar(image, ax=axis, label="aid granted so far (% of the aid in the end)")
    _under(figure, f"Aid in the end: granted, and still owed when the run ends. All plans. {caption}")
    return figure


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _on(value: float) -> str:
    """Ink that can be read on the colour of a share in %."""
    return "white" if value < 50 else "black"


def cost_figure(settlements: pd.DataFrame, pool: Pool, caption: str) -> Figure | None:
    """What changed each plan's yearly cost per member, cause by cause; None of less than two whole years.

    Args:
        settlements: as `accounting.observe` makes it.
        pool: whose they are.
        caption: what was simulated.
    """
    per_year, money = pool.calendar.per_year, pool.rules.currency.name
    accounts = accounting.account(settlements, per_year)
    if accounts.empty:
        return None
    falls = accounting.waterfalls(accounts, settlements, per_year, pool.plan_labels, money)
    falls["outcome"] = falls["outcome"].str.replace("share of", "cost per member of")
    ends = "Diamonds: the yearly cost per member of a year and of the next. The steps add up to the change."
    return waterfall_figure(falls, f"{ends} {caption}")


def pictures(
    frames: Mapping[str, pd.DataFrame], summary: Mapping[str, Any], pool: Pool, events: Sequence[Event]
) -> dict[str, Figure]:
    """Every picture that can be drawn of a run, by the name of its file.

    Args:
        frames: by name: `history`, and of the others those there are: `targets`, `fitted`, `settlements`, `pyramid`,
            `survival`, `runoff`.
        summary: as `run.json` has it.
        pool: whose run it is.
        events: what is marked in the history.
    """
    caption = caption_of(summary)
    some = {name: frame for name, frame in frames.items() if len(frame)}
    drawn: dict[str, Figure | None] = {}
    if "history" in some:
        title = f"{pool.name}: members, shares and recipients" + (", simulated and as published" * ("targets" in some))
        targets, fitted = some.get("targets"), some.get("fitted")
        bands = [PUBLISHED] * (targets is not None) + [FITTED] * (fitted is not None)
        about = " ".join([*bands, caption])
        drawn["history"] = history_figure(some["history"], targets, title, pool, events, fitted, about)
        drawn["risk"] = risk_figure(some["history"], pool, caption)
    if "settlements" in some:
        drawn["cost"] = cost_figure(some["settlements"], pool, caption)
    if "pyramid" in some:
        drawn["pyramid"] = pyramid_figure(some["pyramid"], pool, caption)
    if "survival" in some:
        drawn["survival"] = survival_figure(some["survival"], caption)
    if "runoff" in some:
        drawn["runoff"] = run_off_figure(some["runoff"], pool, caption)
    return {name: figure for name, figure in drawn.items() if figure is not None}
