"""What a pool file may say: values, tables and rules, each checked strictly.

Where a rule is a parameter that a scenario may change, it is written `"$name"`.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agents.population import MOST_PLANS
from model.calendar import HALF_MONTHS_PER_YEAR
from model.checked import Checked
from model.errors import UserError
from model.files import shown

EVERY_KIND = "all"
LIFELONG_YEARS = 130


class PoolError(UserError):
    """A pool that cannot be: one line naming the file, the key, the value and what is allowed."""


# Values that a rule may have.


def _number(value: object) -> float | str:
    """A number, or the name of a parameter."""
    if isinstance(value, str) and re.fullmatch(r"\$[a-z][a-z0-9_]*", value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError('allowed: a number, or a parameter such as "$fee_rate"')
    return float(value)


def _between(low: float, high: float) -> Callable[[float | str], float | str]:
    def check(value: float | str) -> float | str:
        if not isinstance(value, str) and not low <= value <= high:
            raise ValueError(f"allowed: {low:g} to {high:g}")
        return value

    return check


def _switch(value: object) -> bool | str:
    """Yes, no, or the name of a parameter."""
    if isinstance(value, bool) or (isinstance(value, str) and value.startswith("$")):
        return value
    raise ValueError('allowed: true, false, or a parameter such as "$closing"')


def _duration(value: object) -> float | str:
    """A parameter in periods, or days: `90 days`, `2 months`."""
    if isinstance(value, str):
        if value.startswith("$"):
            return value
        found = re.fullmatch(r"(\d{1,4}(?:\.\d+)?) (day|month|year)s?", value)
        if found:
            return float(found[1]) * {"day": 1.0, "month": 365.25 / 12, "year": 365.25}[found[2]]
    raise ValueError('allowed: a time such as "90 days" or "2 months", or a parameter in periods such as "$wait"')


def _age(value: object) -> float:
    """Years, or a text such as `30 days`."""
    if isinstance(value, str) and not value.startswith("$"):
        value = cast("float", _duration(value)) / 365.25
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LIFELONG_YEARS:
        raise ValueError(f'allowed: an age of 0 to {LIFELONG_YEARS} years, or a text such as "30 days"')
    return float(value)


def _day(value: object) -> date:
    """A date, without a time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("allowed: a date such as 2030-01-31")


def _dated(of: Callable[[Any], Any]) -> Callable[[object], dict[date, Any]]:
    """A value, or a table of values by the day from which each holds."""

    def check(value: object) -> dict[date, Any]:
        if not isinstance(value, Mapping):
            return {date.min: of(value)}
        if not value:
            raise ValueError("allowed: a value, or a table of dates such as { 2030-01-31 = 0.1 }")
        made = {}
        for key, entry in value.items():
            try:
                day = date.fromisoformat(key)
            except (TypeError, ValueError):
                raise ValueError(f"{shown(key)} in it is no date; allowed: dates such as 2030-01-31") from None
            made[day] = of(entry)
        return dict(sorted(made.items()))

    return check


def _share(value: object) -> float | str:
    return _between(0, 1)(_number(value))


def _amount(value: object) -> float | str:
    return _between(0, 1e12)(_number(value))


type Dated = dict[date, Any]
Day = Annotated[date, BeforeValidator(_day)]
Number = Annotated[float | str, BeforeValidator(_number)]
Share = Annotated[float | str, BeforeValidator(_share)]
Amount = Annotated[float | str, BeforeValidator(_amount)]
Switch = Annotated[bool | str, BeforeValidator(_switch)]
Age = Annotated[float, BeforeValidator(_age)]
DatedShare = Annotated[Dated, BeforeValidator(_dated(_share))]
DatedAmount = Annotated[Dated, BeforeValidator(_dated(_amount))]
DatedDuration = Annotated[Dated, BeforeValidator(_dated(_duration))]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", value):
        raise ValueError("allowed: a short name of small letters, digits and _")
    return value


Name = Annotated[str, AfterValidator(_name)]
Words = Annotated[str, Field(min_length=1, max_length=500)]


class Currency(Checked):
    """What money is counted in."""

    name: Words
    minor_units: int = Field(default=100, ge=1, le=10_000)
    """Smallest units in one: shares are whole ones."""


class Rhythm(Checked):
    """When shares are published and debited, by day of the month."""

    per_year: int = 24
    publish_on: list[int]
    debit_on: list[int]


class Table(Checked):
    """A column of a table by sex and age."""

    file: Words
    column: Words
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows that have these values in these columns."""
    minus: str = ""
    """A column that is taken off."""


class Tables(Checked):
    """What is known of people by age."""

    population: Table
    census: Day
    """On which day the population was counted."""
    incidence: Table
    mortality: Table
    critical_share_of_deaths: Table | None = None
    """Deaths by the illnesses that are covered: they are taken off mortality."""
    uptake: Table | None = None
    """Relative chance to be a potential member; without it, the parameters `uptake_*` say it."""


class Kind(Checked):
    """A kind of illness. The first one is what the others leave of the incidence."""

    name: Words
    share: Share | None = None
    """Share of the table's incidence,"""
    rate: Table | None = None
    """or a rate of its own, per person-year,"""
    part_of: str = ""
    """or a share of another kind."""
    times: Number = 1.0
    """What `rate` is multiplied by."""
    on_top: bool = False
    """Whether `rate` comes on top of the incidence; otherwise it is a part of it."""
    most: float = Field(default=1.0, ge=0, le=1)
    """Most of the incidence left by kinds with a `share` that `rate` may take."""


class Ages(Checked):
    """Who may join, in years, and when membership ends."""

    from_: Age = Field(default=0.0, alias="from")
    below: Age = 100.0
    ends: Age | None = None
    """Age at which membership ends; without it, never."""


class Benefit(Checked):
    """An amount, from a day and an age on, for a kind of illness; later rows stand above earlier ones."""

    kind: Words
    amount: Amount
    from_: Annotated[date | None, BeforeValidator(lambda day: day and _day(day))] = Field(default=None, alias="from")
    age_from: Age = 0.0
    age_below: Age = 130.0


class Sharing(Checked):
    """How the members of a plan divide its claims."""

    rule: Literal["equal", "age_bands", "risk_rated", "smoothed"] = "equal"
    bounds: list[int] = Field(default_factory=list)
    """`age_bands`: the first age of each band but the youngest."""
    over: Annotated[float | None, BeforeValidator(lambda time: time and _duration(time))] = None
    """`smoothed`: the time over which cost is averaged,"""
    reserve: Annotated[float | None, BeforeValidator(lambda time: time and _duration(time))] = None
    """and the time for which the smoothed cost is to be kept in reserve."""

    @model_validator(mode="after")
    def _fits(self) -> "Sharing":
        needed = {"age_bands": {"bounds"}, "smoothed": {"over", "reserve"}}.get(self.rule, set())
        for name in ("bounds", "over", "reserve"):
            if (getattr(self, name) not in (None, [])) != (name in needed):
                said = "missing for" if name in needed else "not allowed for"
                raise ValueError(f"{name} is {said} rule = '{self.rule}'")
        if any(isinstance(time, str) for time in (self.over, self.reserve)):
            raise ValueError('allowed for over and reserve: a time such as "6 months"')
        return self


def _sharing(value: object) -> object:
    """The name of a rule stands for a table that holds nothing else."""
    return {"rule": value} if isinstance(value, str) else value


class Transfer(Checked):
    """Where members may go on when their plan ends for them."""

    at_age: Age
    to: Words
    underwriting: bool = False
    """Whether the questionnaire is put to them there."""


class Plan(Checked):
    """A plan: its rules, each from the day on that it holds."""

    name: Name
    label: str = ""
    opens: Day
    ages: Ages = Field(default_factory=lambda: Ages.model_validate({}))
    health: Literal["any", "well", "chronic"] = "any"
    """Whether people without or with a chronic illness may join, or all."""
    questionnaire: DatedShare = Field(default_factory=lambda: {date.min: 1.0})
    """Probability that warning signs are asked about."""
    wait: DatedDuration = Field(default_factory=lambda: {date.min: 0.0})
    exempt_from_wait: list[str] = Field(default_factory=list)
    """Kinds of illness that are covered at once."""
    fee: DatedShare = Field(default_factory=lambda: {date.min: 0.0})
    case_cap: DatedAmount = Field(default_factory=lambda: {date.min: math.inf})
    """Most that a member pays for one claim."""
    filing_share: Share = 1.0
    advertised_price: Amount
    """What members expect a year to cost before the first bill."""
    benefits: list[Benefit] | str
    sharing: Annotated[Sharing, BeforeValidator(_sharing)] = Field(default_factory=Sharing)
    """How members divide the claims: the name of a rule, or a table of it."""
    entry_fee: DatedAmount = Field(default_factory=lambda: {date.min: 0.0})
    """What joining costs once; it goes to the claims of the plan."""
    case_fee: DatedAmount = Field(default_factory=lambda: {date.min: 0.0})
    """Management fee on each claim, on top of `fee`."""
    minimum_stay: DatedDuration = Field(default_factory=lambda: {date.min: 0.0})
    """How long members may not leave after they have joined."""
    wait_on_return: DatedDuration = Field(default_factory=dict)
    """Waiting period of those who had been members before; without it, that of others."""
    transfers: list[Transfer] = Field(default_factory=list)


class Gate(Checked):
    """People with a trait may not join a plan, until a day."""

    plan: str
    trait: Literal["low_credit"]
    until: Day
    active: Switch = True


class Subsidy(Checked):
    """The platform pays the first shares of a year for those who joined early."""

    plan: str
    year: int
    joined_by: Day
    first_shares: int = Field(ge=1, le=24)


class Cap(Checked):
    """Most that a member pays in a year, and who bears the excess."""

    plan: str
    year: int | None = None
    """Without it, every year."""
    per_member: Amount
    excess: Literal["platform", "pool"] = "platform"
    """`pool`: the excess is carried to the next settlement."""


class Reinsurance(Checked):
    """A reinsurer pays what a settlement costs above a retention, against a premium."""

    plan: str
    above: Amount
    """The retention: what a settlement costs a member."""
    premium_rate: Share
    """Share of aid."""


class Event(Checked):
    """What happened around the pool: only that it did, and when; what it costs is a parameter of its kind."""

    day: Day
    kind: Literal["regulator", "scandal", "rival", "rule", "slowdown", "closing"]
    what: Words
    active: Switch = True


class Slowdown(Checked):
    """Settlements published in these days review less and see claims put off."""

    from_: Day = Field(alias="from")
    until: Day
    review: Share = 1.0
    """Share of the review capacity that can work."""
    filing: Share = 0.0
    """Share of the claims put off to the next period."""


class ReviewLimit(Checked):
    """Most claims that are reviewed a period, until a day."""

    until: Day
    claims: Amount


class Order(Checked):
    """Two parameters of which one may not exceed others."""

    lower: str
    upper: list[str]
    why: Words


class Outcome(Checked):
    """A figure that a run comes down to."""

    name: Name
    label: Words
    unit: str
    measure: Words
    plan: str
    when: Words
    short: str = ""


class Record(Checked):
    """What was published of the pool."""

    targets: Words
    contested: str = ""
    headlines: list[str] = Field(default_factory=list)
    fitted_until: Day
    """Last day that may be fitted."""
    uncontested_until: Day | None = None
    """Last day on which nobody contests the members that the record tells."""
    naive: str = ""
    """Table of what one would have said without a model: level, change a month, months ahead of a held-out row."""


class Declared(Checked):
    """A parameter of the pool, or other words for one that the simulator declares."""

    value: float | bool
    label: str | None = None
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    source: str | None = None
    raises: str | None = None
    lowers: str | None = None
    whole: bool = False


def _declared(value: object) -> object:
    """A bare value stands for a table that holds nothing else."""
    return {"value": value} if isinstance(value, int | float) else value


class Rules(Checked):
    """A whole pool file."""

    name: Words
    why: Words
    currency: Currency
    launch: Day
    end: Day
    settlement: Rhythm
    claims_due_within_days: int = Field(default=180, ge=0, le=720)
    """Claims are filed within this time of diagnosis."""
    tables: Tables
    kinds: list[Kind] = Field(default_factory=lambda: [Kind(name="illness")])
    plans: list[Plan] = Field(min_length=1, max_length=MOST_PLANS)
    gates: list[Gate] = Field(default_factory=list)
    subsidies: list[Subsidy] = Field(default_factory=list)
    caps: list[Cap] = Field(default_factory=list)
    reinsurance: list[Reinsurance] = Field(default_factory=list)
    events: list[Event] = Field(default_factory=list)
    slowdowns: list[Slowdown] = Field(default_factory=list)
    review_limits: list[ReviewLimit] = Field(default_factory=list)
    orders: list[Order] = Field(default_factory=list)
    outcomes: list[Outcome] = Field(default_factory=list)
    record: Record | None = None
    parameters: dict[str, Annotated[Declared, BeforeValidator(_declared)]] = Field(default_factory=dict)


def references_in(value: object, where: str) -> Iterator[tuple[str, str]]:
    """Where a parameter is named, and which."""
    if isinstance(value, str) and re.fullmatch(r"\$[a-z][a-z0-9_]*", value):
        yield where, value[1:]
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from references_in(entry, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            name = entry.get("name", number) if isinstance(entry, Mapping) else number
            yield from references_in(entry, f"{where}.{name}")


def tables_in(rules: Rules) -> Iterator[Table]:
    """Every table that the rules name."""
    tables = rules.tables
    for table in (
        tables.population,
        tables.incidence,
        tables.mortality,
        tables.critical_share_of_deaths,
        tables.uptake,
    ):
        if table is not None:
            yield table
    for kind in rules.kinds:
        if kind.rate is not None:
            yield kind.rate


def half_months(years: float) -> int:
    """An age in half-months, begun ones left out."""
    return int(years * HALF_MONTHS_PER_YEAR + 1e-9)
