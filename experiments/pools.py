"""Pools read back as tables, and a commented starting point for one's own."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd

from experiments.output import OutputError
from model import pool as pools
from model import pool_file
from model.calendar import HALF_MONTHS_PER_YEAR
from model.plans import Plan, plans
from model.pool import Pool
from model.scenario import Scenario, declared_in

START = Path(__file__).parent / "data" / "pool"
"""The files of a commented starting point."""


def start(folder: Path) -> list[Path]:
    """Write a commented starting point into a folder that is new or empty; returns its files.

    Raises:
        OutputError: if the folder has files, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(f"folder = '{folder}' has files in it; allowed: a new folder, or an empty one")
        made = []
        for file in sorted(START.iterdir()):
            made.append(folder / file.name)
            made[-1].write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"folder = '{folder}' cannot be written ({error.strerror}); allowed: a new folder") from None
    return made


def named() -> list[tuple[str, str]]:
    """Name of each pool that ships, and a line on it."""
    return [(name, pools.load(name).rules.why) for name in pools.named()]


def facts(pool: Pool) -> list[str]:
    """What holds for the whole pool, in lines."""
    rules, calendar = pool.rules, pool.calendar
    scenario = Scenario(pool=pool)
    own = [name for name in rules.parameters if name in declared_in(pool).parameters]
    return [
        f"{rules.name}: {rules.why}",
        f"launch {rules.launch}, end {rules.end}: {calendar.periods} settlements, {calendar.per_year} a year, "
        f"published on day {', '.join(map(str, calendar.publish_on))} of a month, "
        f"debited on day {', '.join(map(str, calendar.debit_on))}",
        f"money in {rules.currency.name}, shares in whole 1/{pool.minor}",
        f"{scenario.potential_population:,} potential members, {scenario.rows:,} rows of {scenario.scale:g}",
        f"kinds of illness: {', '.join(pool.kinds)}",
        f"{len(own)} parameters have values of this pool's own",
        "published record: none"
        if rules.record is None
        else f"published record: {rules.record.targets}, fitted to rows up to {rules.record.fitted_until}",
    ]


def _years(half_months: int) -> str:
    return f"{half_months / HALF_MONTHS_PER_YEAR:g}"


def _amount(value: float) -> str:
    return f"{value:,.10g}"


def _sharing(rules: pool_file.Sharing) -> str:
    if rules.rule == "age_bands":
        return f"age bands that begin at {', '.join(map(str, rules.bounds))}: each pays its own claims"
    if rules.rule == "risk_rated":
        return "in proportion to the expected claims cost of sex and age"
    if rules.rule == "smoothed":
        return f"cost averaged over {rules.over:g} days, {rules.reserve:g} days of it kept in reserve"
    return "equal"


def _of_plan(pool: Pool, plan: Plan, written: pool_file.Plan) -> Iterator[tuple[date, str, str]]:
    """Day, rule and what it says, of a plan."""
    opens, rules = plan.opens, pool.rules
    ends = "" if written.ages.ends is None else f"; membership ends at {written.ages.ends:g}"
    yield opens, "ages", f"{_years(plan.youngest)} to below {_years(plan.oldest)} years{ends}"
    yield (
        opens,
        "health",
        {"any": "all", "well": "without chronic illness", "chronic": "with a chronic illness"}[written.health],
    )
    for day, share in plan.screening.items():
        yield max(day, opens), "questionnaire", f"asks about {share:.4g} of warning signs"
    for day, wait in plan.wait.items():
        exempt = f", but for {', '.join(written.exempt_from_wait)}" if written.exempt_from_wait else ""
        yield max(day, opens), "wait", f"{wait} settlements{exempt if wait else ''}"
    for day, fee in plan.fee.items():
        yield max(day, opens), "fee", f"{100 * fee:.4g} % of aid"
    for day, amount in plan.case_fee.items():
        if amount:
            yield max(day, opens), "fee", f"{_amount(amount)} a claim"
    for day, amount in plan.entry_fee.items():
        if amount:
            yield max(day, opens), "entry fee", _amount(amount)
    for day, stay in plan.minimum_stay.items():
        if stay:
            yield max(day, opens), "minimum stay", f"{stay} settlements"
    if plan.wait_on_return != plan.wait:
        for day, wait in plan.wait_on_return.items():
            yield max(day, opens), "wait on return", f"{wait} settlements"
    yield opens, "sharing", _sharing(written.sharing)
    for day, cap in plan.case_cap.items():
        if cap < 1e12:
            yield max(day, opens), "cap on a case", f"{_amount(cap)} a member"
    scenario = Scenario(pool=pool)
    for row in pool.benefit_rows(written):
        ages = f" from {row.age_from:g}" if row.age_from else ""
        ages += f" below {row.age_below:g}" if row.age_below < pool_file.LIFELONG_YEARS else ""
        day = max(row.from_ or opens, opens)
        yield day, f"benefit, {row.kind}{ages}", _amount(scenario.number(row.amount))
    for transfer in written.transfers:
        asked = "with" if transfer.underwriting else "without"
        yield opens, "transfer", f"at {transfer.at_age:g} to {transfer.to}, {asked} the questionnaire"
    for gate in rules.gates:
        if gate.plan == plan.name and scenario.switch(gate.active):
            yield opens, "gate", f"closed to those with {gate.trait.replace('_', ' ')}"
            yield gate.until, "gate", "open to all"
    for yearly in rules.caps:
        if yearly.plan == plan.name:
            says = f"{_amount(scenario.number(yearly.per_member))} a member in {yearly.year or 'every year'}"
            day = opens if yearly.year is None else date(yearly.year, 1, 1)
            yield day, "cap on a year", f"{says}; {yearly.excess} bears the rest"
    for insured in rules.reinsurance:
        if insured.plan == plan.name:
            above, rate = _amount(scenario.number(insured.above)), 100 * scenario.number(insured.premium_rate)
            yield opens, "reinsurance", f"what a settlement costs above {above} a member, for {rate:.4g} % of aid"
    for subsidy in rules.subsidies:
        if subsidy.plan == plan.name:
            what = f"the first {subsidy.first_shares} shares of {subsidy.year}, if joined by {subsidy.joined_by}"
            yield date(subsidy.year, 1, 1), "subsidy", what


def rules_by_date(pool: Pool) -> pd.DataFrame:
    """Every rule with the day from which it holds, plan by plan, then what happened around the pool."""
    scenario = Scenario(pool=pool)
    lines = []
    for plan, written in zip(plans(scenario), pool.rules.plans, strict=True):
        found = sorted(_of_plan(pool, plan, written), key=lambda line: line[0])
        lines += [(plan.name, day.isoformat(), rule, says) for day, rule, says in found]
    around: list[tuple[date, str, str]] = [(event.day, event.kind, event.what) for event in pool.rules.events]
    for slow in pool.rules.slowdowns:
        review, put_off = scenario.number(slow.review), scenario.number(slow.filing)
        says = f"reviews at {100 * review:.4g} %, {100 * put_off:.4g} % of claims put off, until {slow.until}"
        around.append((slow.from_, "slowdown", says))
    for limit in pool.rules.review_limits:
        says = f"at most {_amount(scenario.number(limit.claims))} claims are reviewed a settlement"
        around.append((pool.rules.launch, "review limit", f"{says}, until {limit.until}"))
    lines += [("all", day.isoformat(), rule, says) for day, rule, says in sorted(around)]
    return pd.DataFrame(lines, columns=["plan", "from", "rule", "says"])
