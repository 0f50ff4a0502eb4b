"""Scenario: every parameter once, with its default, unit, bounds and source.

A scenario is fixed when it is made: `replace` gives a changed copy, nothing is ever mutated. Values marked "fitted" are
one member of the acceptable set (`docs/calibration.md`); "assumed" ones have no source; the others name theirs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from mesa.experimental.scenarios import Scenario as MesaScenario

from model import calendar
from model.errors import UserError
from model.files import find, plain, read_toml, shown, suggest

SCENARIOS = Path(__file__).parent / "scenarios"
LONGEST_CHAIN = 20
"""Scenarios that build on one another by `base`."""
DEFAULT_SEED = 1
NO_LIMIT = 1e12
"""More claims than there are people."""


class ScenarioError(UserError):
    """A scenario that cannot be: one line naming the key, the value and what is allowed."""


@dataclass(frozen=True)
class Par:
    """What a parameter means, in which unit, within which bounds, and who says so."""

    label: str
    unit: str
    low: float
    high: float
    source: str = "assumed"
    raises: str = ""
    """A measure of the whole history that more of it raises, by theory or by rule; `plan.measure` for one plan."""
    lowers: str = ""
    """A measure that more of it lowers."""
    decides: bool = False
    """Whether people's decisions read it (`agents/decisions.py`)."""


class Scenario(MesaScenario):  # type: ignore[misc]
    """All parameters of a run; see `docs/parameters.md` for the table."""

    # People
    potential_population: Annotated[
        int, Par("people who could hear of the plans", "people", 1_000, 1_400_000_000, "fitted", raises="members")
    ] = 229_400_000
    scale: Annotated[float, Par("real people per row", "people", 1, 10_000_000)] = 20
    frailty_sd: Annotated[float, Par("spread of own risk around age and sex (sd of ln)", "1", 0, 1.5, "fitted")] = (
        0.5926
    )
    premium_median: Annotated[
        float,
        Par(
            "median premium over fair value that people would pay",
            "share of fair value",
            -0.9,
            10,
            "fitted",
            raises="members",
        ),
    ] = 1.914
    premium_sd: Annotated[float, Par("spread of ln(1 + premium)", "1", 0, 2, "fitted")] = 1.061
    premium_risk_correlation: Annotated[
        float,
        Par(
            "correlation of premium with frailty; below 0 entry is advantageous",
            "1",
            -1,
            1,
            "sign disputed: Fang et al. SSRN 3781998 (advantageous), Chen et al. EFM 2023 (adverse); size fitted",
            raises="member_mean_risk",
        ),
    ] = 0.1594
    adoption_sd: Annotated[float, Par("spread of how readily people hear (sd of ln)", "1", 0, 2, "fitted")] = 1.05
    adoption_age_slope: Annotated[
        float,
        Par(
            "how much less readily people hear for every ten years of age (ln)",
            "1",
            -1,
            3,
            "the first members were younger than those who came in 2019 (the record); size fitted",
        ),
    ] = 0.3278
    attention_sd: Annotated[
        float, Par("spread of how readily members notice a bill (sd of ln)", "1", 0, 2, "fitted")
    ] = 1.394
    inert_share: Annotated[
        float,
        Par(
            "members who never look",
            "share",
            0,
            0.999,
            "Dahl & Forbes: 16-22 % (literature.md, inertia); fitted",
            lowers="noticed",
        ),
    ] = 0.1779
    low_credit_share: Annotated[
        float, Par("people below the credit gate of 650", "share", 0, 1, "fitted", lowers="general.members")
    ] = 0.4328
    chronic_prevalence_40: Annotated[
        float,
        Par(
            "chronic illness that the general questionnaire bars, at 40",
            "share",
            0,
            0.5,
            "fitted",
            raises="chronic.members",
        ),
    ] = 0.01516

    # Who could join, by age
    uptake_children: Annotated[
        float,
        Par(
            "children whom a parent could enrol, relative to people around thirty",
            "relative chance",
            0,
            1,
            "12 % of the first members had enrolled children (the record); size fitted",
            lowers="member_mean_age",
        ),
    ] = 0.04827
    uptake_from: Annotated[
        float,
        Par("age from which people are as likely to be potential members as at thirty", "years", 17, 30, "fitted"),
    ] = 18.99
    uptake_until: Annotated[
        float, Par("age up to which they are", "years", 30, 50, "fitted", raises="member_mean_age")
    ] = 38.06
    uptake_halving: Annotated[
        float,
        Par("years of age in which that halves from then on", "years", 0.5, 40, "fitted", raises="member_mean_age"),
    ] = 2.231
    uptake_old: Annotated[
        float,
        Par("what remains of it at old age", "relative chance", 0, 1, "fitted", raises="member_mean_age"),
    ] = 0.3157

    # Health
    incidence_multiplier: Annotated[float, Par("all illness risks times this", "1", 0, 10, raises="claims_filed")] = 1.0
    thyroid_multiplier: Annotated[
        float, Par("thyroid cancers now over the registries of 2013-2017", "1", 0, 10, "fitted", raises="claims_filed")
    ] = 2.805
    early_cancer_share: Annotated[
        float, Par("other cancers found at an early, mild stage", "share", 0, 0.9, "fitted", lowers="seniors.aid_yuan")
    ] = 0.2553
    accident_share: Annotated[
        float, Par("critical illness caused by accident (no wait)", "share", 0, 0.5, raises="general.claims_filed")
    ] = 0.005
    blue_share: Annotated[
        float, Par("illness that strikes without warning signs", "share", 0.001, 1, "fitted", lowers="turned_away")
    ] = 0.3517
    true_alarm_share: Annotated[
        float, Par("warning signs that end in illness", "share", 0.01, 1, lowers="turned_away")
    ] = 0.3
    signs_months: Annotated[
        float, Par("mean duration of warning signs", "months", 0.5, 60, "fitted", raises="turned_away")
    ] = 29.88
    mortality_multiplier: Annotated[float, Par("other-cause mortality times this", "1", 0, 10, raises="died")] = 1.0

    # What a person knows and decides
    information: Annotated[
        float,
        Par(
            "how much people know of their own risk",
            "0 none, 1 all",
            0,
            1,
            "fitted",
            raises="member_mean_risk",
            decides=True,
        ),
    ] = 0.1719
    signs_weight: Annotated[
        float, Par("share of the risk in warning signs that people perceive", "share", 0, 1, "fitted", decides=True)
    ] = 0.5387
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
        float, Par("noise of the choice to join (0: cut-off rule)", "ln price", 0, 5, "fitted", decides=True)
    ] = 0.9848
    stay_temperature: Annotated[
        float, Par("noise of the choice to stay (0: cut-off rule)", "ln price", 0, 5, "fitted", decides=True)
    ] = 0.7104
    concealment: Annotated[
        float, Par("people with signs who conceal them when asked", "share", 0, 1, lowers="turned_away", decides=True)
    ] = 0.1
    joining_hassle: Annotated[
        float,
        Par(
            "effort and doubt in joining, as a yearly price",
            "yuan/year",
            0,
            5_000,
            "size fitted; hassle and inattention: Covered California (literature.md, inertia)",
            lowers="joined",
            decides=True,
        ),
    ] = 60.51
    advertised_price: Annotated[
        float,
        Par(
            "yearly cost that people expect before the first settlement",
            "yuan/year",
            0,
            1e7,
            "fitted",
            lowers="general.joined",
        ),
    ] = 17.16
    seniors_advertised_price: Annotated[
        float, Par("the same in the seniors' plan", "yuan/year", 0, 1e7, "fitted", lowers="seniors.joined")
    ] = 239.4
    price_memory: Annotated[
        float, Par("weight of the last bill in the expected price", "share per period", 0.001, 1, "fitted")
    ] = 0.6239

    # Hearing, noticing, coming back
    launch_advertising: Annotated[
        float, Par("hearing at the launch campaign", "per person-period", 0, 500, "fitted", raises="members")
    ] = 0.09581
    launch_weeks: Annotated[
        float, Par("mean length of the launch campaign", "weeks", 0.5, 52, "fitted", raises="members")
    ] = 3.688
    advertising: Annotated[
        float, Par("hearing by standing advertisement", "per person-period", 0, 500, "fitted", raises="considered")
    ] = 0.02376
    word_of_mouth: Annotated[
        float,
        Par(
            "hearing from members, per share of people who are members",
            "per person-period",
            0,
            500,
            "fitted",
            raises="considered",
        ),
    ] = 0.009514
    door_rush: Annotated[
        float,
        Par(
            "how fast those before a closed door (gate, unopened plan) come when it opens",
            "per period",
            0,
            500,
            "fitted",
            raises="considered",
        ),
    ] = 0.1684
    door_weeks: Annotated[float, Par("mean length of that rush", "weeks", 0.5, 52, "fitted", raises="considered")] = (
        21.32
    )
    reconsideration: Annotated[
        float, Par("how often those outside think again", "per person-period", 0, 500, "fitted", raises="considered")
    ] = 0.01149
    return_rate: Annotated[
        float, Par("how often those who left think again", "per person-period", 0, 500, "fitted", raises="considered")
    ] = 0.0036
    habit: Annotated[
        float,
        Par(
            "how often members look at a bill by habit",
            "per bill",
            0,
            500,
            "5 % a year switch at a constant premium (Buchmueller & Feldstein); size fitted",
            raises="noticed",
        ),
    ] = 0.02326
    habituation: Annotated[
        float,
        Par(
            "weight of the last bill in what members are used to pay",
            "share per bill",
            0,
            1,
            "fitted",
            lowers="noticed",
        ),
    ] = 0.106
    salience: Annotated[
        float,
        Par(
            "extra attention per yuan by which recent bills exceed the usual one",
            "per yuan",
            0,
            100,
            "fitted",
            raises="noticed",
        ),
    ] = 0.009073
    level_salience: Annotated[
        float,
        Par(
            "extra attention per yuan of recent bills, however long they have been so",
            "per yuan",
            0,
            100,
            "fitted",
            raises="noticed",
        ),
    ] = 0.003294
    contagion: Annotated[
        float,
        Par(
            "extra attention per share of members who left lately: members hear from those who left",
            "per share per period",
            0,
            100,
            "fitted",
            raises="noticed",
        ),
    ] = 0.1298
    news_attention: Annotated[
        float, Par("extra attention per unit of bad news", "per unit", 0, 100, "fitted", raises="noticed")
    ] = 2.026
    news_weeks: Annotated[
        float, Par("mean length of the talk about bad news", "weeks", 0.01, 52, "fitted", raises="noticed")
    ] = 5.028

    # Trust
    regulator_impact: Annotated[
        float, Par("trust lost by a statement of the regulator", "share", 0, 1, "fitted", lowers="trust")
    ] = 0.007921
    scandal_impact: Annotated[
        float, Par("trust lost by the scandal of November 2020", "share", 0, 1, "fitted", lowers="trust")
    ] = 0.05073
    rival_closure_impact: Annotated[
        float, Par("trust lost by the closure of a rival", "share", 0, 1, "fitted", lowers="trust")
    ] = 0.05073
    refusal_impact: Annotated[
        float, Par("trust lost per share of claims refused, per period", "share", 0, 1, lowers="trust")
    ] = 0.02
    trust_recovery: Annotated[
        float, Par("return of lost trust", "share per period", 0, 1, "fitted", raises="trust")
    ] = 0.0007235

    # Plans
    fee_rate: Annotated[
        float,
        Par("management fee on aid, from December 2018", "share of aid", 0, 0.5, "plan rules: 8 %", raises="fee_yuan"),
    ] = 0.08
    insurance_fee_rate: Annotated[
        float, Par("the same in the insurance phase", "share of aid", 0, 0.5, "plan rules: 10 %", raises="fee_yuan")
    ] = 0.10
    wait_periods: Annotated[
        int, Par("waiting period before cover", "half-months", 0, 24, "plan rules: 90 days", lowers="claims_filed")
    ] = 6
    case_cap: Annotated[
        float,
        Par("cap on a member's share per case, general plan", "yuan", 0.001, 1e6, "plan rules", lowers="platform_yuan"),
    ] = 0.1
    cancer_case_cap: Annotated[
        float, Par("the same in the cancer plans", "yuan", 0.001, 1e6, "plan rules", lowers="platform_yuan")
    ] = 1.0
    yearly_cap: Annotated[
        float,
        Par("cap on the general plan's shares of 2019", "yuan/year", 0, 1e6, "plan rules: 188", lowers="platform_yuan"),
    ] = 188.0
    benefit_young: Annotated[float, Par("benefit to age 39", "yuan", 1, 1e7, "plan rules", raises="aid_yuan")] = (
        300_000.0
    )
    benefit_old: Annotated[
        float, Par("benefit from age 40, and of the seniors' plan", "yuan", 1, 1e7, "plan rules", raises="aid_yuan")
    ] = 100_000.0
    benefit_mild: Annotated[
        float,
        Par(
            "benefit of mild cancers",
            "yuan",
            0,
            1e7,
            "plan rules (seniors); thyroid from 2019-05-01",
            raises="aid_yuan",
        ),
    ] = 50_000.0
    credit_gate: Annotated[
        bool, Par("credit gate until 2019-03-22", "yes or no", 0, 1, "plan rules", lowers="general.members")
    ] = True
    seniors_screening: Annotated[
        float,
        Par(
            "signs that the seniors' looser questionnaire asks about",
            "share",
            0,
            1,
            "fitted",
            raises="seniors.turned_away",
        ),
    ] = 0.8617

    # Claims
    filing_share: Annotated[
        float, Par("illnesses of those covered that become claims", "share", 0, 1, "fitted", raises="claims_filed")
    ] = 0.4232
    seniors_filing_share: Annotated[
        float, Par("the same in the seniors' plan", "share", 0, 1, "fitted", raises="seniors.claims_filed")
    ] = 0.9579
    lag_months: Annotated[
        float,
        Par(
            "mean time from diagnosis to filing",
            "months",
            0,
            5,
            "claims due within 180 days; mean fitted",
            lowers="claims_filed",
        ),
    ] = 2.168
    concealment_found: Annotated[
        float, Par("concealed signs found out at the review", "share", 0, 1, raises="claims_refused")
    ] = 0.6
    terms_refusal: Annotated[
        float, Par("claims that do not meet the terms", "share", 0, 1, raises="claims_refused")
    ] = 0.05
    review_periods: Annotated[
        int,
        Par(
            "least time from filing to publication",
            "half-months",
            0,
            12,
            "field review, then 3 days of public objection; length fitted",
            raises="claims_waiting",
        ),
    ] = 1
    review_start: Annotated[
        float,
        Par(
            "claims the platform can review at the launch",
            "claims per period",
            0,
            1e12,
            "fitted",
            lowers="claims_waiting",
        ),
    ] = 0.5034
    review_limit: Annotated[
        float,
        Par(
            "claims it can review at most until it extends its reviews in September 2019",
            "claims per period",
            1,
            NO_LIMIT,
            "a step in the counts of recipients; size fitted",
            lowers="claims_waiting",
        ),
    ] = 841.5
    review_growth: Annotated[
        float,
        Par(
            "most by which review capacity grows or shrinks",
            "share per period",
            0.001,
            5,
            "fitted",
            lowers="claims_waiting",
        ),
    ] = 0.6505
    review_clearing: Annotated[
        float,
        Par(
            "periods over which the platform spreads a backlog of claims",
            "half-months",
            0.5,
            100,
            "fitted",
            raises="claims_waiting",
        ),
    ] = 4.087
    covid_review: Annotated[
        float, Par("review capacity from February to April 2020", "share", 0, 1, "field checks stopped; size fitted")
    ] = 0.7009
    covid_filing: Annotated[
        float,
        Par(
            "claims put off each period in those months",
            "share",
            0,
            0.95,
            "fewer diagnoses; size fitted",
            raises="owed_yuan",
        ),
    ] = 0.2418

    # The alternative and the end
    insurer_loading: Annotated[
        float,
        Par("loading of the insurer's premium over fair value", "share of fair value", -0.9, 1e6, raises="members"),
    ] = 1.0
    takeover_loading: Annotated[
        float,
        Par("the same for the cover offered at the closing", "share of fair value", -0.9, 1e6, lowers="taken_over"),
    ] = 2.01
    closing: Annotated[
        bool, Par("the closing of January 2022", "yes or no", 0, 1, "announced 2021-12-28", raises="platform_yuan")
    ] = True

    # How it is computed
    expected_claims: Annotated[bool, Par("settle expected claims instead of the sampled cases", "yes or no", 0, 1)] = (
        True
    )
    periods: Annotated[int, Par("settlements to simulate", "half-months", 1, 140, "2018-10-P2 to 2022-01-P2: 79")] = (
        calendar.PERIODS
    )

    def __init__(self, *, rng: int | str | None = None, **values: Any) -> None:
        """Check every value.

        Args:
            rng: the seed; `None` takes the default seed, which `run.json` records.
            values: parameters that differ from their defaults.

        Raises:
            ScenarioError: for an unknown name, a wrong type, a value out of bounds or a contradiction.
        """
        values.pop("_scenario_id", None)
        checked = {name: _check(name, value) for name, value in values.items()}
        super().__init__(rng=_check_seed(rng), **checked)
        self._check_together()

    def _check_together(self) -> None:
        rows = self.potential_population / self.scale
        if rows < 100:
            raise ScenarioError(
                f"scale = {self.scale:g} leaves {rows:.0f} rows of {self.potential_population:,} people; "
                f"at least 100 are needed, so at most scale = {self.potential_population // 100}"
            )
        if self.benefit_mild > min(self.benefit_young, self.benefit_old):
            raise ScenarioError(
                f"benefit_mild = {self.benefit_mild:g} contradicts benefit_old = {self.benefit_old:g}: "
                "a mild case is paid at most what a severe one is"
            )
        if self.wait_periods >= self.periods:
            raise ScenarioError(
                f"wait_periods = {self.wait_periods} contradicts periods = {self.periods}: "
                "the waiting period must end before the run does"
            )

    @property
    def rows(self) -> int:
        """Rows of the population."""
        return round(self.potential_population / self.scale)

    @property
    def seed(self) -> int:
        """The seed of every draw."""
        return int(self.rng)

    def values(self) -> dict[str, Any]:
        """Every parameter with its value, in the order of declaration."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def differences(self) -> dict[str, Any]:
        """The parameters that differ from the default scenario."""
        defaults = type(self)._scenario_defaults
        return {name: value for name, value in self.values().items() if value != defaults[name]}

    def replace(self, *, rng: int | str | None = None, **changes: Any) -> "Scenario":
        """A copy with these values; the seed stays unless `rng` is given."""
        return type(self)(rng=self.rng if rng is None else rng, **(self.values() | changes))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse changes to parameters once made."""
        if name in PARAMETERS:
            raise AttributeError(f"a scenario is fixed; use scenario.replace({name}={value!r})")
        super().__setattr__(name, value)


def _declared() -> tuple[dict[str, Par], dict[str, type]]:
    parameters, kinds = {}, {}
    for name, hint in get_type_hints(Scenario, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kinds[name], parameters[name] = get_args(hint)[:2]
    return parameters, kinds


PARAMETERS, TYPES = _declared()
"""Name -> what it means, and its type, in the order of declaration."""


SEED_HINT = "; the seed is set by --seed, by `seed = 1` at the top of a scenario file, or by rng=1 in Python"


def unknown(name: str) -> ScenarioError:
    """What to say of a parameter that does not exist."""
    hint = SEED_HINT if name in {"seed", "rng"} else suggest(name, PARAMETERS)
    return ScenarioError(f"unknown parameter {shown(name)}{hint}")


def _check(name: str, value: Any) -> Any:
    """The value in its own type, if it is allowed."""
    if name not in PARAMETERS:
        raise unknown(name)
    par, kind = PARAMETERS[name], TYPES[name]
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


def load(name: str) -> Scenario:
    """A scenario by its name, or from a TOML file.

    A file holds `why` (a sentence) and a table `parameters`; it may build on another with `base = "name"`.

    Raises:
        ScenarioError: if there is no such scenario, or it is unreadable or contradicts itself.
    """
    return _load(name, ())


def _load(name: str, seen: tuple[str, ...]) -> Scenario:
    if name == "default":
        return Scenario()
    file = find(name, SCENARIOS, "scenario", ScenarioError, "default")
    if str(file) in seen:
        raise ScenarioError(f"base = {shown(name)} contradicts itself: {shown(' -> '.join((*seen, str(file))))}")
    if len(seen) == LONGEST_CHAIN:
        raise ScenarioError(f"base = {shown(name)} is the end of a chain of {len(seen)}; allowed: {LONGEST_CHAIN - 1}")
    content = read_toml(file, "scenario", ScenarioError)
    of_file = f"in scenario {shown(name)}"
    for key in content:
        if key not in {"why", "base", "seed", "parameters"}:
            hint = "put it under [parameters]" if key in PARAMETERS else "allowed: why, base, seed, parameters"
            raise ScenarioError(f"unknown key {shown(key)} {of_file}: {hint}")
    for key, example in (("why", "What if nobody looked at the bill?"), ("base", "no_gate")):
        if not isinstance(content.get(key, example), str):
            raise ScenarioError(f'{key} = {shown(content[key])} {of_file} is not a text, such as "{example}"')
    if "why" not in content:
        raise ScenarioError(f"why is missing {of_file}: a sentence that says what it is for")
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ScenarioError(f"parameters = {shown(parameters)} {of_file} is not a table")
    base = _load(content.get("base", "default"), (*seen, str(file)))
    return with_values(base, parameters, content.get("seed"))


def with_values(base: Scenario, values: Mapping[str, Any], seed: int | str | None = None) -> Scenario:
    """A copy of a scenario with these parameters, named by a user, and this seed if one is given.

    Raises:
        ScenarioError: for an unknown name or a value that is not allowed.
    """
    for name in values:
        if name not in PARAMETERS:
            raise unknown(name)
    return base.replace(rng=seed, **values)
