"""Builds the people from the census and the distributions of their traits, and draws their fate.

Person i is a pure function of (seed, i): a smaller scale keeps the same first people and adds more, and one more
person changes nobody else.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from agents import luck, rules
from agents.compute.compiled import compiled, compiled_inline, compiled_with_arrays
from agents.compute.threads import BLOCK, over_blocks
from agents.population import (
    CHRONICALLY_ILL,
    DIE,
    FALL_ILL,
    FRAILTY_UNIT,
    LOG_UNIT,
    LOW_CREDIT,
    MALE,
    NEVER,
    NO_RATE,
    SIGNS,
    SIGNS_APPEAR,
    UNAWARE,
    Columns,
    Fate,
    Population,
    empty_columns,
    from_log,
)
from model.calendar import MONTHS
from model.health import Chain, Health, chain_of, fate_of, first_boundary, health_of, period_of_age, starts_with_signs
from model.pool import MOST_PERIODS, Pool
from model.scenario import Scenario
from model.tables import AGES

MOST_EVENTS = MOST_PERIODS + 60
"""More than one person can meet: at most one a period, a few age boundaries and one death."""
BATCH = 512
"""People who are made together: what they are drawn from fits into the first cache."""
LEVELS = 65_536
"""Steps in which a trait's distribution is stored: one of 65,536 quantiles."""
_QUANTILE = (np.arange(LEVELS) + 0.5) / LEVELS
NORMAL = ndtri(_QUANTILE)
"""The standard normal distribution at each of them."""
OLDEST_MONTHS = 12 * 100

ADULT = 18
"""Years: children are enrolled by a parent."""
PARENTS_AGE = 30
"""Years between a parent and a child: assumed."""
TYPICAL_AGE = 30
"""Years: the age at which people hear as readily as `adoption_sd` says."""


class Uptake(NamedTuple):
    """How likely people are, by age at the launch, to use the app and to be potential members."""

    children: float
    full_from: float
    full_until: float
    halving: float
    old: float


def uptake_of(scenario: Scenario) -> Uptake:
    """The uptake of a scenario."""
    return Uptake(
        scenario.uptake_children,
        scenario.uptake_from,
        scenario.uptake_until,
        scenario.uptake_halving,
        scenario.uptake_old,
    )


def relative_uptake(uptake: Uptake, years: NDArray[np.float64], oldest: float) -> NDArray[np.float64]:
    """Chance to be a potential member, relative to people around thirty, at these ages; same shape.

    Children: a constant. Then a line up to 1, a plateau, and a fall by half every so many years to what remains.
    Nobody is of the age `oldest` or older, in years: they can never join a plan.
    """
    rising = np.interp(years, [ADULT - 2, uptake.full_from], [uptake.children, 1.0])
    after = np.maximum(0.0, years - uptake.full_until)
    falling = uptake.old + (1 - uptake.old) * 0.5 ** (after / uptake.halving)
    return np.where(years < oldest, np.minimum(rising, falling), 0.0)


def age_weights(pool: Pool, uptake: Uptake) -> NDArray[np.float64]:
    """Weight of each sex and age in months at the launch, shape (2, 1200), sum 1."""
    months = np.arange(OLDEST_MONTHS)
    tables, calendar = pool.rules.tables, pool.calendar
    census_month = MONTHS * (tables.census.year - calendar.first_birth_year) + tables.census.month - 1
    years = (months + census_month - calendar.launch_month) // 12
    census = pool.column(tables.population)[:, np.clip(years, 0, AGES - 1)]
    oldest = max(plan.ages.below for plan in pool.rules.plans)
    if tables.uptake is None:
        chance: NDArray[np.float64] = relative_uptake(uptake, months / 12, oldest)
    else:
        by_age = pool.column(tables.uptake)[:, np.minimum(months // 12, AGES - 1)]
        chance = np.where(months / 12 < oldest, by_age, 0.0)
    weights = census * chance
    return np.asarray(weights / weights.sum())


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Walker's table: draws from a discrete distribution with one look-up (Vose 1991)."""
    keep, other = weights / weights.sum() * weights.size, np.arange(weights.size)
    _fill_alias_table(keep, other, np.empty(weights.size, dtype=np.int64), np.empty(weights.size, dtype=np.int64))
    return keep, other


@compiled
def _fill_alias_table(keep: np.ndarray, other: np.ndarray, small: np.ndarray, large: np.ndarray) -> None:
    """Let the largest cells fill up the small ones; `small` and `large` are room for the cells of either kind."""
    smaller, larger = 0, 0
    for cell in range(keep.size):
        if keep[cell] < 1.0:
            small[smaller] = cell
            smaller += 1
        else:
            large[larger] = cell
            larger += 1
    while smaller > 0 and larger > 0:
        smaller -= 1
        low, high = small[smaller], large[larger - 1]
        other[low] = high
        keep[high] -= 1.0 - keep[low]
        if keep[high] < 1.0:
            larger -= 1
            small[smaller] = high
            smaller += 1
    for k in range(smaller):
        keep[small[k]] = 1.0
    for k in range(larger):
        keep[large[k]] = 1.0


def hears_as_at(months: NDArray[np.int64]) -> NDArray[np.float64]:
    """The age in years at which someone of this age hears of things: a child hears through a parent; same shape."""
    years = months / 12
    return np.where(years < ADULT, years + PARENTS_AGE, years)


@lru_cache(maxsize=8)
def adoption_by_age(slope: float) -> NDArray[np.int16]:
    """What age adds to how readily people hear, as ln in 1/2048, by age in months, shape (1200,)."""
    decades = (hears_as_at(np.arange(OLDEST_MONTHS)) - TYPICAL_AGE) / 10
    return _fixed(np.round(np.clip(-slope * decades, -7, 7) * LOG_UNIT).astype(np.int16))


def chronic_prevalence(at_forty: float) -> NDArray[np.float64]:
    """Share with a chronic illness of which questionnaires ask, by age in years, shape (106,).

    Doubles every eleven years of age, to half of people at most: assumed, the slope is that of critical illness.
    """
    return np.asarray(np.minimum(0.5, at_forty * 2.0 ** ((np.arange(AGES) - 40) / 11)))


@lru_cache(maxsize=8)
def frailty_levels(spread: float) -> NDArray[np.uint16]:
    """Log-normal frailty with mean 1 at each quantile, in 1/4096."""
    frailty = np.exp(spread * NORMAL - spread**2 / 2)
    levels = np.clip(np.round(frailty / frailty.mean() * FRAILTY_UNIT), 1, LEVELS - 1)
    return _fixed(levels.astype(np.uint16))


@lru_cache(maxsize=8)
def log_levels(spread: float, never: float = 0.0) -> NDArray[np.int16]:
    """A log-normal rate with median 1 at each quantile, as ln in 1/2048; the lowest share `never` has no rate.

    The others keep the whole distribution among themselves.
    """
    levels = np.clip(np.round(spread * _normal_above(never) * LOG_UNIT), NO_RATE + 1, -NO_RATE - 1)
    levels[: np.searchsorted(_QUANTILE, never)] = NO_RATE
    return _fixed(levels.astype(np.int16))


@lru_cache(maxsize=8)
def _normal_above(share: float) -> NDArray[np.float64]:
    """The standard normal distribution spread over the quantiles from this share on."""
    return _fixed(ndtri(np.clip((_QUANTILE - share) / (1 - share), 0.5 / LEVELS, 1)))


def _fixed[A: NDArray[Any]](array: A) -> A:
    """An array that nobody writes to, because runs share it."""
    array.setflags(write=False)
    return array


@compiled
def _log_level(value: float) -> int:
    return max(NO_RATE + 1, min(-NO_RATE - 1, math.floor(value * LOG_UNIT + 0.5)))


class Recipe(NamedTuple):
    """What people are made from, in the form that compiled code takes."""

    seed: int
    launch_month: int
    """As a month of birth."""
    keep: NDArray[np.float64]
    other: NDArray[np.int64]
    """Alias table over sex and age in months."""
    chronic: NDArray[np.float64]
    low_credit: float
    frailty: NDArray[np.uint16]
    normal: NDArray[np.float64]
    """Frailty and the standard normal distribution at each quantile."""
    premium_median: float
    """ln(1 + premium)."""
    premium_sd: float
    premium_risk_correlation: float
    adoption: NDArray[np.int16]
    attention: NDArray[np.int16]
    """ln of the rates at each quantile, in 1/2048."""
    adoption_by_age: NDArray[np.int16]
    """What age in months adds to the first of them, shape (1200,)."""


@lru_cache(maxsize=8)
def _who(pool: Pool, uptake: Uptake) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The alias table over sex and age in months."""
    return alias_table(age_weights(pool, uptake).ravel())


def recipe(scenario: Scenario) -> Recipe:
    """The recipe of a scenario."""
    keep, other = _who(scenario.pool, uptake_of(scenario))
    return Recipe(
        scenario.seed,
        scenario.calendar.launch_month,
        keep,
        other,
        chronic_prevalence(scenario.chronic_prevalence_40),
        scenario.low_credit_share,
        frailty_levels(scenario.frailty_sd),
        NORMAL,
        float(np.log1p(scenario.premium_median)),
        scenario.premium_sd,
        scenario.premium_risk_correlation,
        log_levels(scenario.adoption_sd),
        log_levels(scenario.attention_sd, never=scenario.inert_share),
        adoption_by_age(scenario.adoption_age_slope),
    )


@compiled_inline
def _quantile(word: np.uint64, part: int) -> Any:
    """One of the four 16-bit parts of a random word. Unsigned: Numba then does not look after negative indices."""
    return (word >> np.uint64(16 * part)) & np.uint64(0xFFFF)


class Draws(NamedTuple):
    """What a batch of people is drawn from, shape (BATCH,) each. Side by side, the draws become vector instructions."""

    row: NDArray[np.uint64]
    body: NDArray[np.uint64]
    other: NDArray[np.float64]
    """For the alias table."""
    traits: NDArray[np.uint64]
    patience: NDArray[np.float64]
    signs: NDArray[np.float64]
    """Whether they have signs at the launch."""


def _empty_draws() -> Draws:
    return Draws._make(np.empty(BATCH, dtype=t) for t in ("u8", "u8", "f8", "u8", "f8", "f8"))


@compiled
def _draw(draws: Draws, first: int, size: int, recipe: Recipe, chain: Chain) -> None:
    """All that is drawn for the `size` people from row `first` on."""
    rows, seed = draws.row[:size], recipe.seed
    for k in range(size):
        rows[k] = first + k
    luck.bits_into(seed, luck.BODY, rows, 0, draws.body)
    luck.draw_into(seed, luck.BODY, rows, 1, draws.other)
    luck.bits_into(seed, luck.TRAITS, rows, 0, draws.traits)
    luck.draw_into(seed, luck.CLOCK, rows, 0, draws.patience)
    luck.draw_into(chain.seed, luck.HEALTH, rows, 0, draws.signs)
    for k in range(size):
        draws.patience[k] = rules.patience(draws.patience[k])


@compiled_inline
def _make_body(columns: Columns, row: int, recipe: Recipe, word: np.uint64, u: float) -> None:
    """Sex, age, chronic illness and credit score."""
    cells = np.uint64(recipe.keep.size)
    cell = ((word >> np.uint64(32)) * cells) >> np.uint64(32)
    # Choices by value and not by jump: half of the jumps would be foreseen wrongly.
    cell = np.uint64(recipe.other[cell]) if u >= recipe.keep[cell] else cell
    sex, months = cell // np.uint64(OLDEST_MONTHS), cell % np.uint64(OLDEST_MONTHS)
    columns.birth_month[row] = recipe.launch_month - np.int64(months)
    chronic = CHRONICALLY_ILL if _quantile(word, 0) < recipe.chronic[months // np.uint64(12)] * LEVELS else 0
    low_credit = LOW_CREDIT if _quantile(word, 1) < recipe.low_credit * LEVELS else 0
    columns.body[row] = np.int64(sex) | chronic | low_credit


@compiled_inline
def _give_traits(columns: Columns, row: int, recipe: Recipe, word: np.uint64) -> None:
    """Frailty, premium, adoption and attention."""
    quantile = _quantile(word, 0)
    columns.frailty[row] = recipe.frailty[quantile]
    shared = recipe.premium_risk_correlation
    z = shared * recipe.normal[quantile] + np.sqrt(1.0 - shared * shared) * recipe.normal[_quantile(word, 1)]
    columns.premium[row] = _log_level(recipe.premium_median + recipe.premium_sd * z)
    months = np.uint64(recipe.launch_month - np.int64(columns.birth_month[row]))
    adoption = np.int64(recipe.adoption[_quantile(word, 2)]) + recipe.adoption_by_age[months]
    columns.adoption[row] = max(NO_RATE + 1, min(-NO_RATE - 1, adoption))
    columns.attention[row] = recipe.attention[_quantile(word, 3)]


@compiled_inline
def _begin(columns: Columns, row: int, chain: Chain, patience: float, u: float) -> None:
    """Where they stand at the launch: outside, with or without signs, and with a first clock."""
    sex, frailty = columns.body[row] & MALE, columns.frailty[row] / FRAILTY_UNIT
    signs = SIGNS if starts_with_signs(chain, sex, columns.birth_month[row], frailty, u) else 0
    columns.status[row] = UNAWARE | signs
    columns.joined[row] = NEVER
    columns.clock[row] = rules.next_notice(0.0, from_log(columns.adoption[row]), patience)


@compiled_inline
def _fate_of_row(columns: Columns, row: int, chain: Chain, when: np.ndarray, what: np.ndarray) -> int:
    """The events of a row's life; see `fate_of`."""
    sex = columns.body[row] & MALE
    birth_month = columns.birth_month[row]
    frailty = columns.frailty[row] / FRAILTY_UNIT
    signs = (columns.status[row] & SIGNS) != 0
    return fate_of(chain, row, sex, birth_month, frailty, signs, when, what)


@compiled
def _make(columns: Columns, first: int, last: int, recipe: Recipe, chain: Chain, draws: Draws) -> None:
    """Make the people of a block."""
    for start in range(first, last, BATCH):
        size = min(BATCH, last - start)
        _draw(draws, start, size, recipe, chain)
        for k in range(size):
            _make_body(columns, draws.row[k], recipe, draws.body[k], draws.other[k])
        for k in range(size):
            _give_traits(columns, draws.row[k], recipe, draws.traits[k])
        for k in range(size):
            _begin(columns, draws.row[k], chain, draws.patience[k], draws.signs[k])


@compiled_with_arrays
def _foretell(columns: Columns, first: int, last: int, chain: Chain, counts: np.ndarray) -> None:
    """Enter the fate of a block's rows in their columns and count events by period into `counts`."""
    when, what = np.empty(MOST_EVENTS, dtype=np.int64), np.empty(MOST_EVENTS, dtype=np.uint8)
    for row in range(first, last):
        columns.signs[row] = 0 if columns.status[row] & SIGNS else NEVER
        columns.illness[row] = NEVER
        columns.death[row] = NEVER
        for k in range(_fate_of_row(columns, row, chain, when, what)):
            counts[when[k]] += 1
            if what[k] == FALL_ILL:
                columns.illness[row] = when[k]
            elif what[k] == DIE:
                columns.death[row] = when[k]
            elif what[k] == SIGNS_APPEAR and columns.signs[row] == NEVER:
                columns.signs[row] = when[k]


@compiled_inline
def _is_uneventful(columns: Columns, row: int, chain: Chain) -> bool:
    """Whether nothing happens to a person: no signs, illness or death, and no age boundary."""
    nothing = columns.signs[row] == NEVER and columns.illness[row] == NEVER and columns.death[row] == NEVER
    age = chain.half_month - 2 * columns.birth_month[row]
    boundary = first_boundary(chain, age)
    grows = boundary < chain.boundaries.size and period_of_age(chain, age, boundary) < chain.periods
    return nothing and not grows


@compiled_with_arrays
def _schedule(columns: Columns, first: int, last: int, chain: Chain, places: np.ndarray, fate: Fate) -> None:
    """Write the events of a block's rows; `places`, shape (periods,), are the next free places by period."""
    when, what = np.empty(MOST_EVENTS, dtype=np.int64), np.empty(MOST_EVENTS, dtype=np.uint8)
    for row in range(first, last):
        if _is_uneventful(columns, row, chain):
            continue
        for k in range(_fate_of_row(columns, row, chain, when, what)):
            place = places[when[k]]
            fate.row[place] = row
            fate.event[place] = what[k]
            places[when[k]] += 1


def foretell(columns: Columns, chain: Chain) -> Fate:
    """The fate of people whose bodies and traits are made: fills its columns and sorts its events by period."""
    people = columns.status.size
    counts = np.zeros((-(-people // BLOCK), chain.periods), dtype=np.int64)
    over_blocks(people, lambda first, last, _: _foretell(columns, first, last, chain, counts[first // BLOCK]))
    start = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    places = start[:-1] + np.cumsum(counts, axis=0) - counts
    fate = Fate(start, np.empty(start[-1], dtype=np.uint32), np.empty(start[-1], dtype=np.uint8))
    over_blocks(people, lambda first, last, _: _schedule(columns, first, last, chain, places[first // BLOCK], fate))
    return fate


def synthesize(scenario: Scenario, health: Health | None = None) -> Population:
    """The potential members of a scenario and their fate, by its own health tables or by others."""
    columns = empty_columns(scenario.rows)
    chain = chain_of(health or health_of(scenario), scenario)
    made_of = recipe(scenario)
    over_blocks(scenario.rows, lambda first, last, _: _make(columns, first, last, made_of, chain, _empty_draws()))
    return Population(columns, foretell(columns, chain), scenario.scale)
