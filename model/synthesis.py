"""Builds the people from the census and the distributions of their traits, and draws their fate.

Person i is a pure function of (seed, i): a smaller scale keeps the same first people and adds more, and one more
person changes nobody else.
"""

import math
from functools import cache, lru_cache
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
from model import calendar
from model.health import AGES, SIXTY, Chain, Health, chain_of, fate_of, health_of, starts_with_signs, table
from model.scenario import Scenario

MOST_EVENTS = 500
"""More than one person can meet: at most one a period, one birthday and one death."""
BATCH = 512
"""People who are made together: what they are drawn from fits into the first cache."""
LEVELS = 65_536
"""Steps in which a trait's distribution is stored: one of 65,536 quantiles."""
_QUANTILE = (np.arange(LEVELS) + 0.5) / LEVELS
NORMAL = ndtri(_QUANTILE)
"""The standard normal distribution at each of them."""
CENSUS_MONTH = 12 * (2020 - 1900) + 10
"""November 2020."""
LAUNCH_MONTH = calendar.half_month(0) // 2
OLDEST_MONTHS = 12 * 100

APP_USE = (
    (0, 0.02),
    (6, 0.02),
    (16, 0.05),
    (20, 0.51),
    (25, 1.0),
    (34, 1.0),
    (39, 0.29),
    (45, 0.18),
    (55, 0.14),
    (62, 0.15),
    (70, 0.07),
    (80, 0.01),
    (100, 0.0),
)
"""Relative chance, by age at the launch, that someone uses the app and could hear of the plans: assumed, so that
members come out as young as reported (half born in the 1980s, a third in the 1990s, mean age 34.4)."""


def age_weights() -> NDArray[np.float64]:
    """Weight of each sex and age in months at the launch, shape (2, 1200), sum 1."""
    months = np.arange(OLDEST_MONTHS)
    years = (months + CENSUS_MONTH - LAUNCH_MONTH) // 12
    census = table("population_2020.csv", "population")[:, np.minimum(years, AGES - 1)]
    ages, use = zip(*APP_USE, strict=True)
    weights = census * np.interp(months / 12, ages, use)
    return np.asarray(weights / weights.sum())


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Walker's table: draws from a discrete distribution with one look-up (Vose 1991)."""
    size = weights.size
    keep = weights / weights.sum() * size
    other = np.arange(size)
    small = [i for i in range(size) if keep[i] < 1]
    large = [i for i in range(size) if keep[i] >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        other[low] = high
        keep[high] -= 1 - keep[low]
        if keep[high] < 1:
            small.append(large.pop())
    keep[small + large] = 1
    return keep, other


def chronic_prevalence(at_forty: float) -> NDArray[np.float64]:
    """Share with a chronic illness that the general questionnaire bars, by age in years, shape (106,).

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


@cache
def _who() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The alias table over sex and age in months: the same in all scenarios."""
    return alias_table(age_weights().ravel())


def recipe(scenario: Scenario) -> Recipe:
    """The recipe of a scenario."""
    keep, other = _who()
    return Recipe(
        scenario.seed,
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
    columns.birth_month[row] = LAUNCH_MONTH - np.int64(months)
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
    columns.adoption[row] = recipe.adoption[_quantile(word, 2)]
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
    """Whether nothing happens to a person: no signs, illness or death, and no sixtieth birthday."""
    nothing = columns.signs[row] == NEVER and columns.illness[row] == NEVER and columns.death[row] == NEVER
    sixty = SIXTY - (chain.half_month - 2 * columns.birth_month[row])
    return nothing and not 0 < sixty < chain.periods


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
    chain = chain_of(health or health_of(scenario), scenario.seed, scenario.periods, calendar.half_month(0))
    made_of = recipe(scenario)
    over_blocks(scenario.rows, lambda first, last, _: _make(columns, first, last, made_of, chain, _empty_draws()))
    return Population(columns, foretell(columns, chain), scenario.scale)
