"""Scenario: a pool and every parameter once, with its default, unit, bounds and source.

A scenario is fixed when it is made: `replace` gives a changed copy, nothing is ever mutated. Values marked "fitted" are
one member of the acceptable set (`docs/calibration.md`); "assumed" ones have no source; the others name theirs.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from mesa.experimental.scenarios import Scenario as MesaScenario

from model import policy
from model import pool as pools
from model.calendar import Calendar
from model.errors import UserError
from model.files import find, plain, read_toml, shown, suggest
from model.parameters import Par
from model.policy import Policy
from model.pool import Pool
from model.tables import AGES

if TYPE_CHECKING:
    from datetime import date

SCENARIOS = Path(__file__).parent / "scenarios"
MOST_YEARS = 100
"""Nobody is older at the launch."""
LONGEST_CHAIN = 20
"""Scenarios that build on one another by `base`."""
DEFAULT_SEED = 1
NO_LIMIT = 1e12
"""More claims than there are people."""


class ScenarioError(UserError):
    """A scenario that cannot be: one line naming the key, the value and what is allowed."""


class Scenario(MesaScenario):  # type: ignore[misc]
    """All parameters of a run of a pool; see `docs/parameters.md` for the table.

    Declared here are those that every pool has, with neutral values; the pool gives its own values and declares what
    its rules refer to.

    Args:
        pool: the pool, its name or its folder; the default pool if none is given.
        rng: the seed; `None` takes the default seed, 1, which `run.json` records.
        values: parameters by name that differ from their defaults, in the units of `docs/parameters.md`.

    Raises:
        ScenarioError: for an unknown name, a wrong type, a value out of bounds or a contradiction.
        PoolError: for a pool that does not exist or contradicts itself.

    Example:
        from model import Scenario

        base = Scenario(pool="teaching", scale=100, rng=7)
        blind = base.replace(information=0.0, signs_weight=0.0)
    """

    # People
    potential_population: Annotated[
        int, Par("people who could hear of the plans", "people", 1000, 1400000000, raises="members", at_launch=True)
    ] = 1_000_000
    scale: Annotated[float, Par("real people per row", "people", 1, 10000000, at_launch=True)] = 1.0
    frailty_sd: Annotated[
        float, Par("spread of own risk around age and sex (sd of ln)", "1", 0, 1.5, at_launch=True)
    ] = 0.6
    premium_median: Annotated[
        float,
        Par(
            "median premium over fair value that people would pay",
            "share of fair value",
            -0.9,
            10,
            raises="members",
            at_launch=True,
        ),
    ] = 1.0
    premium_sd: Annotated[float, Par("spread of ln(1 + premium)", "1", 0, 2, at_launch=True)] = 1.0
    premium_risk_correlation: Annotated[
        float,
        Par(
            "correlation of premium with frailty; below 0 entry is advantageous",
            "1",
            -1,
            1,
            raises="member_mean_risk",
            at_launch=True,
        ),
    ] = 0.0
    adoption_sd: Annotated[float, Par("spread of how readily people hear (sd of ln)", "1", 0, 2, at_launch=True)] = 1.0
    adoption_age_slope: Annotated[
        float, Par("how much less readily people hear for every ten years of age (ln)", "1", -1, 3, at_launch=True)
    ] = 0.0
    attention_sd: Annotated[
        float, Par("spread of how readily members notice a bill (sd of ln)", "1", 0, 2, at_launch=True)
    ] = 1.0
    group_share: Annotated[
        float,
        Par(
            "people whom a group, such as an employer, enrols: without a choice, nor leave to go",
            "share",
            0,
            1,
            raises="members",
            decides=True,
        ),
    ] = 0.0
    inert_share: Annotated[
        float, Par("members who never look", "share", 0, 0.999, lowers="noticed", at_launch=True)
    ] = 0.2
    low_credit_share: Annotated[float, Par("people below the credit gate", "share", 0, 1, at_launch=True)] = 0.0
    chronic_prevalence_40: Annotated[
        float, Par("chronic illness of which questionnaires ask, at 40", "share", 0, 0.5, at_launch=True)
    ] = 0.0

    # Who could join, by age
    uptake_children: Annotated[
        float,
        Par(
            "children whom a parent could enrol, relative to people around thirty",
            "relative chance",
            0,
            1,
            lowers="member_mean_age",
            at_launch=True,
        ),
    ] = 1.0
    uptake_from: Annotated[
        float,
        Par(
            "age from which people are as likely to be potential members as at thirty", "years", 17, 30, at_launch=True
        ),
    ] = 18.0
    uptake_until: Annotated[
        float, Par("age up to which they are", "years", 30, 50, raises="member_mean_age", at_launch=True)
    ] = 50.0
    uptake_halving: Annotated[
        float,
        Par(
            "years of age in which that halves from then on", "years", 0.5, 40, raises="member_mean_age", at_launch=True
        ),
    ] = 40.0
    uptake_old: Annotated[
        float, Par("what remains of it at old age", "relative chance", 0, 1, raises="member_mean_age", at_launch=True)
    ] = 1.0

    # Health
    incidence_multiplier: Annotated[
        float, Par("all illness risks times this", "1", 0, 10, raises="claims_filed", at_launch=True)
    ] = 1.0
    blue_share: Annotated[
        float,
        Par("illness that strikes without warning signs", "share", 0.001, 1, lowers="turned_away", at_launch=True),
    ] = 0.35
    true_alarm_share: Annotated[
        float, Par("warning signs that end in illness", "share", 0.01, 1, lowers="turned_away", at_launch=True)
    ] = 0.3
    signs_months: Annotated[
        float, Par("mean duration of warning signs", "months", 0.5, 60, raises="turned_away", at_launch=True)
    ] = 24.0
    mortality_multiplier: Annotated[
        float, Par("other-cause mortality times this", "1", 0, 10, raises="died", at_launch=True)
    ] = 1.0

    # What a person knows and decides
    information: Annotated[
        float,
        Par("how much people know of their own risk", "0 none, 1 all", 0, 1, raises="member_mean_risk", decides=True),
    ] = 0.3
    signs_weight: Annotated[
        float, Par("share of the risk in warning signs that people perceive", "share", 0, 1, decides=True)
    ] = 0.5
    entry_knowledge: Annotated[
        float,
        Par("share of it that counts when they consider joining", "share", 0, 1, raises="turned_away", decides=True),
    ] = 1.0
    exit_knowledge: Annotated[
        float,
        Par(
            "share of it that counts when they consider leaving", "share", 0, 1, lowers="leaver_mean_risk", decides=True
        ),
    ] = 1.0
    join_temperature: Annotated[
        float, Par("noise of the choice to join (0: cut-off rule)", "ln price", 0, 5, decides=True)
    ] = 1.0
    stay_temperature: Annotated[
        float, Par("noise of the choice to stay (0: cut-off rule)", "ln price", 0, 5, decides=True)
    ] = 0.7
    concealment: Annotated[
        float, Par("people with signs who conceal them when asked", "share", 0, 1, lowers="turned_away", decides=True)
    ] = 0.1
    joining_hassle: Annotated[
        float,
        Par("effort and doubt in joining, as a yearly price", "money/year", 0, 5000, lowers="joined", decides=True),
    ] = 0.0
    price_memory: Annotated[
        float, Par("weight of the last bill in the expected price", "share per period", 0.001, 1)
    ] = 0.5

    # Hearing, noticing, coming back
    launch_advertising: Annotated[
        float, Par("hearing at the launch campaign", "per person-period", 0, 500, raises="members")
    ] = 0.1
    launch_weeks: Annotated[float, Par("mean length of the launch campaign", "weeks", 0.5, 52, raises="members")] = 4.0
    advertising: Annotated[
        float, Par("hearing by standing advertisement", "per person-period", 0, 500, raises="considered")
    ] = 0.02
    word_of_mouth: Annotated[
        float,
        Par(
            "hearing from members, per share of people who are members",
            "per person-period",
            0,
            500,
            raises="considered",
        ),
    ] = 0.02
    door_rush: Annotated[
        float,
        Par(
            "how fast those before a closed door (gate, unopened plan) come when it opens",
            "per period",
            0,
            500,
            raises="considered",
        ),
    ] = 0.1
    door_weeks: Annotated[float, Par("mean length of that rush", "weeks", 0.5, 52, raises="considered")] = 8.0
    reconsideration: Annotated[
        float, Par("how often those outside think again", "per person-period", 0, 500, raises="considered")
    ] = 0.01
    return_rate: Annotated[
        float, Par("how often those who left think again", "per person-period", 0, 500, raises="considered")
    ] = 0.005
    habit: Annotated[float, Par("how often members look at a bill by habit", "per bill", 0, 500, raises="noticed")] = (
        0.02
    )
    habituation: Annotated[
        float, Par("weight of the last bill in what members are used to pay", "share per bill", 0, 1, lowers="noticed")
    ] = 0.1
    salience: Annotated[
        float,
        Par(
            "extra attention per unit of money by which recent bills exceed the usual one",
            "per unit of money",
            0,
            100,
            raises="noticed",
        ),
    ] = 0.0
    level_salience: Annotated[
        float,
        Par(
            "extra attention per unit of money of recent bills, however long they have been so",
            "per unit of money",
            0,
            100,
            raises="noticed",
        ),
    ] = 0.0
    contagion: Annotated[
        float,
        Par(
            "extra attention per share of members who left lately: members hear from those who left",
            "per share per period",
            0,
            100,
            raises="noticed",
        ),
    ] = 0.1
    news_attention: Annotated[
        float, Par("extra attention per unit of bad news", "per unit", 0, 100, raises="noticed")
    ] = 2.0
    news_weeks: Annotated[float, Par("mean length of the talk about bad news", "weeks", 0.01, 52, raises="noticed")] = (
        5.0
    )

    # Trust
    regulator_impact: Annotated[
        float, Par("trust lost by a statement of the regulator", "share", 0, 1, lowers="trust")
    ] = 0.05
    scandal_impact: Annotated[float, Par("trust lost by a scandal", "share", 0, 1, lowers="trust")] = 0.05
    rival_closure_impact: Annotated[
        float, Par("trust lost by the closure of a rival", "share", 0, 1, lowers="trust")
    ] = 0.05
    refusal_impact: Annotated[
        float, Par("trust lost per share of claims refused, per period", "share", 0, 1, lowers="trust")
    ] = 0.02
    trust_recovery: Annotated[float, Par("return of lost trust", "share per period", 0, 1, raises="trust")] = 0.001

    # Claims
    lag_months: Annotated[float, Par("mean time from diagnosis to filing", "months", 0, 5, lowers="claims_filed")] = 2.0
    concealment_found: Annotated[
        float, Par("concealed signs found out at the review", "share", 0, 1, raises="claims_refused")
    ] = 0.6
    terms_refusal: Annotated[
        float, Par("claims that do not meet the terms", "share", 0, 1, raises="claims_refused")
    ] = 0.05
    review_periods: Annotated[
        int, Par("least time from filing to publication", "periods", 0, 12, raises="claims_waiting")
    ] = 1
    review_start: Annotated[
        float,
        Par(
            "claims the platform can review at the launch",
            "claims per period",
            0,
            1000000000000.0,
            lowers="claims_waiting",
            at_launch=True,
        ),
    ] = 100.0
    review_growth: Annotated[
        float,
        Par("most by which review capacity grows or shrinks", "share per period", 0.001, 5, lowers="claims_waiting"),
    ] = 0.5
    review_clearing: Annotated[
        float,
        Par(
            "periods over which the platform spreads a backlog of claims", "periods", 0.5, 100, raises="claims_waiting"
        ),
    ] = 4.0

    # The alternative and the end
    insurer_loading: Annotated[
        float,
        Par(
            "loading of the insurer's premium over fair value", "share of fair value", -0.9, 1000000.0, raises="members"
        ),
    ] = 1.0
    takeover_loading: Annotated[
        float,
        Par(
            "the same for the cover offered at the closing", "share of fair value", -0.9, 1000000.0, lowers="taken_over"
        ),
    ] = 1.0
    closing: Annotated[
        bool, Par("the closing of the pool, if its record has one", "yes or no", 0, 1, raises="platform_paid")
    ] = True

    # How it is computed
    expected_claims: Annotated[
        bool, Par("settle expected claims instead of the sampled cases", "yes or no", 0, 1, at_launch=True)
    ] = True
    periods: Annotated[int, Par("settlements to simulate", "periods", 1, pools.MOST_PERIODS, at_launch=True)] = 79

    def __init__(self, *, pool: Pool | str | None = None, rng: int | str | None = None, **values: Any) -> None:
        """Check every value.

        Args:
            pool: the pool, its name or its folder; the default pool if none is given.
            rng: the seed; `None` takes the default seed, which `run.json` records.
            values: parameters that differ from their defaults.

        Raises:
            ScenarioError: for an unknown name, a wrong type, a value out of bounds or a contradiction.
            PoolError: for a pool that does not exist or contradicts itself.
        """
        values.pop("_scenario_id", None)
        chosen = pools.default() if pool is None else pools.load(pool)
        declared = declared_in(chosen)
        checked = {name: _check(declared, name, value) for name, value in values.items()}
        super().__init__(rng=_check_seed(rng), **(declared.defaults | checked))
        self.__dict__["pool"] = chosen
        self.parameters = declared.parameters
        self._check_together()

    def _check_together(self) -> None:
        rows = self.potential_population / self.scale
        if rows < 100:
            raise ScenarioError(
                f"scale = {self.scale:g} leaves {rows:.0f} rows of {self.potential_population:,} people; "
                f"at least 100 are needed, so at most scale = {self.potential_population // 100}"
            )
        for order in self.pool.rules.orders:
            lower = getattr(self, order.lower)
            name = min(order.upper, key=lambda upper: getattr(self, upper))
            if lower > getattr(self, name):
                raise ScenarioError(
                    f"{order.lower} = {lower:g} contradicts {name} = {getattr(self, name):g}: {order.why}"
                )
        calendar = self.calendar
        if self.closing and self.pool.closing_day is not None and self.periods > calendar.periods:
            raise ScenarioError(
                f"periods = {self.periods} is beyond the end of the pool, which closes with settlement "
                f"{calendar.periods}; allowed: up to {calendar.periods}, or more with closing = false"
            )
        if self.periods > self.longest:
            raise ScenarioError(
                f"periods = {self.periods} takes people who are {self.oldest:g} at the launch beyond the tables, "
                f"which end at {AGES - 1} years; allowed: up to {self.longest}"
            )
        for plan in self.pool.rules.plans:
            for wait in plan.wait.values():
                periods = self.periods_of(wait)
                if periods >= self.periods:
                    name = wait[1:] if isinstance(wait, str) and wait.startswith("$") else f"plans.{plan.name}.wait"
                    raise ScenarioError(
                        f"{name} = {periods} contradicts periods = {self.periods}: "
                        "the waiting period must end before the run does"
                    )

    @property
    def oldest(self) -> float:
        """Age of the oldest people at the launch, years."""
        return float(min(MOST_YEARS, max(plan.ages.below for plan in self.pool.rules.plans)))

    @property
    def longest(self) -> int:
        """Most periods for which the tables have everybody's age, closing aside."""
        return min(pools.MOST_PERIODS, int((AGES - 1 - self.oldest) * self.calendar.per_year))

    @property
    def calendar(self) -> Calendar:
        """When the pool settles."""
        pool: Pool = self.pool
        return pool.calendar

    def number(self, value: float | str) -> float:
        """A number of the pool's rules, or the parameter that it names.

        Args:
            value: a number, or "$parameter".

        Returns:
            The number, in the unit of the rule.
        """
        return float(getattr(self, value[1:])) if isinstance(value, str) else value

    def switch(self, value: bool | str) -> bool:
        """A switch of the pool's rules; one that names a number is off where that number is no limit.

        Args:
            value: true, false, or "$parameter".

        Returns:
            Whether it is on.
        """
        named = getattr(self, value[1:]) if isinstance(value, str) else value
        return named if isinstance(named, bool) else named < NO_LIMIT

    def periods_of(self, value: float | str) -> int:
        """A duration of the pool's rules in periods: a number of days, or the parameter in periods that it names.

        Args:
            value: days, or "$parameter" in periods.

        Returns:
            Whole periods.
        """
        if isinstance(value, str):
            return int(getattr(self, value[1:]))
        return round(value / self.calendar.days_per_period)

    @property
    def rows(self) -> int:
        """Rows of the population."""
        return round(self.potential_population / self.scale)

    @property
    def seed(self) -> int:
        """The seed of every draw."""
        return int(self.rng)

    def values(self) -> dict[str, Any]:
        """Every parameter with its value, in the order of declaration.

        Returns:
            Name -> value, in the unit of the parameter (`docs/parameters.md`).
        """
        return {name: getattr(self, name) for name in self.parameters}

    def differences(self) -> dict[str, Any]:
        """The parameters that differ from the pool's own values.

        Returns:
            Name -> value here.
        """
        defaults = declared_in(self.pool).defaults
        return {name: value for name, value in self.values().items() if value != defaults[name]}

    def with_policies(self, policies: Iterable[Policy | str]) -> "Scenario":
        """A copy under these policies, applied in this order after those that its pool has.

        Args:
            policies: names of policies that ship, files, or policies. Those without a date change its values now;
                those with one do so during the run.

        Returns:
            A scenario; this one stays as it is.

        Raises:
            UserError: for a policy that does not exist, or does not fit the pool.
        """
        chosen = policy.load_all(policies)
        if not chosen:
            return self
        pool = self.pool.with_policies(chosen)
        values = self.values()
        if values["periods"] == self.calendar.periods:
            values["periods"] = pool.calendar.periods
        for each in chosen:
            if each.day is None:
                values |= each.changed(values)
        made = type(self)(pool=pool, rng=self.rng, **values)
        made.amendments()  # says what is wrong with a dated one
        return made

    def amendments(self) -> "list[tuple[date, Scenario]]":
        """What dated policies make of the scenario, each with the day from which it holds, in order.

        Returns:
            Day and scenario, in the order of days.

        Raises:
            UserError: for a policy that changes what people are made with.
        """
        values, made = self.values(), []
        fixed = fixed_at_launch(self.pool)
        for day in self.pool.amendments:
            for each in self.pool.policies:
                if each.day == day:
                    for name in each.parameters:
                        if name in fixed:
                            raise policy.PolicyError(
                                f"policy {shown(each.name)}: parameters.{name} cannot change on a day; "
                                "allowed: a policy without from"
                            )
                    values |= each.changed(values)
            made.append((day, type(self)(pool=self.pool.as_of(day), rng=self.rng, **values)))
        return made

    def replace(self, *, rng: int | str | None = None, **changes: Any) -> "Scenario":
        """A copy with these values; the seed stays unless `rng` is given, the pool unless `pool` is.

        Args:
            rng: the seed; this one's if none is given.
            changes: parameters by name, and `pool`.

        Returns:
            A scenario; this one stays as it is.
        """
        kept = {} if "pool" in changes else self.values() | {"pool": self.pool}
        return type(self)(rng=self.rng if rng is None else rng, **(kept | changes))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse changes to parameters once made."""
        if name == "pool" or name in self.__dict__.get("parameters", ()):
            raise AttributeError(f"a scenario is fixed; use scenario.replace({name}={value!r})")
        super().__setattr__(name, value)


class Declared(NamedTuple):
    """The parameters of a pool's scenarios, in the order of declaration: those of every pool first."""

    parameters: dict[str, Par]
    types: dict[str, type]
    defaults: dict[str, Any]
    """The values that they have unless a scenario says otherwise."""


def fixed_at_launch(pool: Pool) -> set[str]:
    """Parameters that people and their health are made with, so that no dated policy can change them."""
    of_kinds = {name for where, name in pool.references() if where.startswith("kinds.")}
    return of_kinds | {name for name, par in declared_in(pool).parameters.items() if par.at_launch}


def _declared() -> dict[str, tuple[type, Par]]:
    hints = get_type_hints(Scenario, include_extras=True)
    declared = {name: get_args(hint)[:2] for name, hint in hints.items() if get_origin(hint) is Annotated}
    return {name: (kind, par) for name, (kind, par) in declared.items()}


OF_EVERY_POOL = _declared()
"""Name -> type and declaration of the parameters that every pool has."""


@cache
def declared_in(pool: Pool) -> Declared:
    """The parameters that scenarios of a pool have.

    Raises:
        PoolError: for a declaration that lacks something, or a rule that names no parameter.
        ScenarioError: for a value of the pool that is not allowed.
    """
    parameters, types, values = pools.parameters(pool, OF_EVERY_POOL, Scenario._scenario_defaults)
    declared = Declared(parameters, types, values)
    try:
        checked = {name: _check(declared, name, values[name]) for name in parameters}
    except ScenarioError as error:
        raise pools.PoolError(f"{plain(pool.key)}/pool.toml: parameters.{error}") from None
    for each in pool.policies:
        if each.day is None:
            changed = each.changed(checked)
            try:
                checked |= {name: _check(declared, name, value) for name, value in changed.items()}
            except ScenarioError as error:
                raise policy.PolicyError(f"policy {shown(each.name)}: parameters.{error}") from None
    return declared._replace(defaults=checked)


SEED_HINT = "; the seed is set by --seed, by `seed = 1` at the top of a scenario file, or by rng=1 in Python"


def unknown(name: str, known: Iterable[str]) -> ScenarioError:
    """What to say of a parameter that does not exist."""
    hint = SEED_HINT if name in {"seed", "rng"} else suggest(name, known)
    return ScenarioError(f"unknown parameter {shown(name)}{hint}")


def _check(declared: Declared, name: str, value: Any) -> Any:
    """The value in its own type, if it is allowed."""
    if name not in declared.parameters:
        raise unknown(name, declared.parameters)
    par, kind = declared.parameters[name], declared.types[name]
    allowed = f"{par.low:g} to {par.high:g} ({par.unit})"
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        key = str(value).strip().lower()
        if key not in words:
            raise ScenarioError(f"{name} = {shown(value)} is not allowed: true or false")
        return words[key]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    except OverflowError:
        number = math.inf
    if math.isnan(number) and not isinstance(value, float):
        raise ScenarioError(f"{name} = {shown(value)} is not a number; allowed: {allowed}")
    if not math.isfinite(number) or not par.low <= number <= par.high:
        raise ScenarioError(f"{name} = {plain(value)} is out of bounds; allowed: {allowed}")
    if kind is int and number != int(number):
        raise ScenarioError(f"{name} = {plain(value)} is not a whole number; allowed: {allowed}")
    return kind(number)


def _check_seed(seed: int | str | None) -> int:
    if seed is None:
        return DEFAULT_SEED
    whole = not isinstance(seed, bool) and (not isinstance(seed, float) or seed.is_integer())
    try:
        number = int(seed) if whole else -1
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < 2**63:
        raise ScenarioError(f"seed = {shown(seed)} is not allowed: a whole number from 0 to 2^63 - 1")
    return number


def named() -> list[str]:
    """Names of the scenarios that come with the simulator."""
    return ["default", *sorted(file.stem for file in SCENARIOS.glob("*.toml"))]


def why(name: str) -> str:
    """The sentence that says why a named scenario exists."""
    if name == "default":
        return "The history as the record tells it."
    return str(read_toml(SCENARIOS / f"{name}.toml", "scenario", ScenarioError)["why"])


def load(name: str, pool: Pool | str | None = None) -> Scenario:
    """A scenario by its name, or from a TOML file.

    A file holds `why` (a sentence) and a table `parameters`; it may build on another with `base = "name"`, and name its
    `pool`.

    Args:
        name: of a scenario that ships, or a file.
        pool: the pool that it is run with; that of the file, or the default pool, if none is given.

    Raises:
        ScenarioError: if there is no such scenario, or it is unreadable or contradicts itself.
    """
    if pool is None:
        return _load(name, (), None)
    chosen = pools.load(pool)
    return _load(name, (), chosen.without_policies).with_policies(chosen.policies)


def _load(name: str, seen: tuple[str, ...], pool: Pool | None) -> Scenario:
    if name == "default":
        return Scenario(pool=pool)
    file = find(name, SCENARIOS, "scenario", ScenarioError, "default")
    if str(file) in seen:
        raise ScenarioError(f"base = {shown(name)} contradicts itself: {shown(' -> '.join((*seen, str(file))))}")
    if len(seen) == LONGEST_CHAIN:
        raise ScenarioError(f"base = {shown(name)} is the end of a chain of {len(seen)}; allowed: {LONGEST_CHAIN - 1}")
    content = read_toml(file, "scenario", ScenarioError)
    of_file = f"in scenario {shown(name)}"
    known = declared_in(pool or pools.default()).parameters
    for key in content:
        if key not in {"why", "base", "seed", "pool", "parameters"}:
            hint = "put it under [parameters]" if key in known else "allowed: why, base, seed, pool, parameters"
            raise ScenarioError(f"unknown key {shown(key)} {of_file}: {hint}")
    examples = {"why": "What if nobody looked at the bill?", "base": "no_gate", "pool": "teaching"}
    for key, example in examples.items():
        if not isinstance(content.get(key, example), str):
            raise ScenarioError(f'{key} = {shown(content[key])} {of_file} is not a text, such as "{example}"')
    if "why" not in content:
        raise ScenarioError(f"why is missing {of_file}: a sentence that says what it is for")
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ScenarioError(f"parameters = {shown(parameters)} {of_file} is not a table")
    if pool is None and "pool" in content:
        pool = pools.load(content["pool"])
    base = _load(content.get("base", "default"), (*seen, str(file)), pool)
    return with_values(base, parameters, content.get("seed"))


def with_values(base: Scenario, values: Mapping[str, Any], seed: int | str | None = None) -> Scenario:
    """A copy of a scenario with these parameters, named by a user, and this seed if one is given.

    Raises:
        ScenarioError: for an unknown name or a value that is not allowed.
    """
    for name in values:
        if name not in base.parameters:
            raise unknown(name, base.parameters)
    return base.replace(rng=seed, **values)


PARAMETERS, TYPES, _ = declared_in(pools.default())
"""Name -> what it means, and its type, in the default pool."""
