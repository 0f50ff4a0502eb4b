"""Incidence and mortality tables, and when signs, illness and death come.

Critical illness has three states: well, warning signs (known to the person alone), ill. Of the incidence of age
and sex times frailty, a share strikes out of the blue; the rest passes through signs that last for months, and
some signs are false alarms. The chain moves once a period at most; in a pool that settles n times a year:

    well -> signs or ill   with probability 1 - exp(-frailty x leaving / n)
    signs -> ill or well   with probability 1 - exp(-12 / (n x signs_months))

`leaving` is such that incidence over all who are not ill yet is frailty times the table: signs appear at the rate at
which people fall ill at the age when those signs will end. The same chain gives everybody's incidence given what is
known of them now, so sampled and expected claims agree.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck
from agents.compute.compiled import compiled_inline
from agents.population import DIE, FALL_ILL, NEVER, REACH_AGE, SIGNS_APPEAR, SIGNS_PASS
from model.calendar import HALF_MONTHS_PER_YEAR
from model.scenario import Scenario
from model.tables import AGES


@dataclass(frozen=True)
class Health:
    """Risks by sex and age, shape (2, 106), and the constants of the chain."""

    incidence: NDArray[np.float64]
    """Critical illness per person-year."""
    kinds: NDArray[np.float64]
    """Probability of each kind of illness, given illness, shape (2, 106, kinds)."""
    mortality: NDArray[np.float64]
    """Deaths from other causes per person-year."""
    prevalence: NDArray[np.float64]
    """Odds of having warning signs, for frailty 1."""
    leaving: NDArray[np.float64]
    """Leaving the state without signs, per person-year of frailty 1."""
    blue: NDArray[np.float64]
    """Share of those who leave it that fall ill at once, out of the blue."""
    signs_exit: float
    """Probability per period that signs end."""
    true_alarm: float
    """Share of signs that end in illness."""
    per_year: int
    """Periods a year."""

    @property
    def well_risk(self) -> NDArray[np.float64]:
        """Incidence of a person without signs and with frailty 1, per person-year, shape (2, 106)."""
        return self.leaving * self.blue

    @property
    def signs_risk(self) -> float:
        """Incidence of a person with signs, per person-year."""
        return self.per_year * self.signs_exit * self.true_alarm


def kinds_of(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Incidence per person-year, shape (2, 106), and the probability of each kind of illness, shape (2, 106, kinds)."""
    pool = scenario.pool
    table = pool.column(pool.rules.tables.incidence)
    given = pool.rules.kinds
    rates = {
        number: scenario.number(kind.times) * pool.column(kind.rate)
        for number, kind in enumerate(given)
        if kind.rate is not None
    }
    incidence = table
    for number, rate in rates.items():
        if given[number].on_top:
            incidence = incidence + rate
    of_table = [kind.share for kind in given if kind.share is not None and not kind.part_of]
    left = 1 - sum(scenario.number(share) for share in of_table)
    kinds = np.zeros((*table.shape, len(given)))

    def chance(of: NDArray[np.float64]) -> NDArray[np.float64]:
        # Where nobody falls ill the kind does not matter.
        return np.asarray(np.divide(of, incidence, out=np.zeros_like(incidence), where=incidence > 0))

    for number, kind in enumerate(given):
        if kind.on_top:
            kinds[..., number] = chance(rates[number])
        elif number in rates:
            kinds[..., number] = chance(np.minimum(rates[number], kind.most * left * table))
        elif kind.share is not None and not kind.part_of:
            kinds[..., number] = chance(scenario.number(kind.share) * table)
    for number, kind in enumerate(given):
        if kind.part_of and kind.share is not None:
            whole, share = pool.kinds.index(kind.part_of), scenario.number(kind.share)
            kinds[..., number] = share * kinds[..., whole]
            kinds[..., whole] = (1 - share) * kinds[..., whole]
    kinds[..., 0] = 1 - kinds[..., 1:].sum(axis=-1)
    return incidence, kinds


def health_of(scenario: Scenario) -> Health:
    """The tables and the chain of a scenario."""
    pool, tables = scenario.pool, scenario.pool.rules.tables
    per_year, per_month = scenario.calendar.per_year, scenario.calendar.per_month
    incidence, kinds = kinds_of(scenario)
    deaths = pool.column(tables.mortality)
    if tables.critical_share_of_deaths is not None:
        deaths = deaths * (1 - pool.column(tables.critical_share_of_deaths))
    incidence = incidence * scenario.incidence_multiplier
    signs_exit = -math.expm1(-1 / (per_month * scenario.signs_months))
    duration = 1 / (per_year * signs_exit)
    ages = np.arange(AGES)
    later = np.stack([np.interp(ages + duration, ages, of_sex) for of_sex in incidence])
    out_of_the_blue = scenario.blue_share * incidence
    through_signs = (1 - scenario.blue_share) / scenario.true_alarm_share
    leaving = out_of_the_blue + through_signs * later
    prevalence = through_signs * incidence * duration
    return Health(
        incidence=incidence,
        kinds=kinds,
        mortality=deaths * scenario.mortality_multiplier,
        prevalence=prevalence,
        # The table counts all who are not ill; those with signs are not there to leave.
        leaving=leaving * (1 + prevalence),
        # Where nobody falls ill nobody leaves, and the share does not matter.
        blue=np.divide(out_of_the_blue, leaving, out=np.ones_like(leaving), where=leaving > 0),
        signs_exit=signs_exit,
        true_alarm=scenario.true_alarm_share,
        per_year=per_year,
    )


class Chain(NamedTuple):
    """The health chain in the form that compiled code takes."""

    seed: int
    periods: int
    half_month: int
    """Of period 0, so that age in half-months = half_month - 2 x birth_month."""
    step: int
    """Half-months in a period."""
    boundaries: NDArray[np.int64]
    """Ages in half-months at which membership of some plan ends, rising."""
    signs_at_launch: NDArray[np.float64]
    """Odds of having signs at frailty 1, shape (2, 106)."""
    leaving_hazard: NDArray[np.float64]
    """Summed hazard from birth to each half-month of age, shape (2, 24 x 106 + 1)."""
    death_hazard: NDArray[np.float64]
    blue: NDArray[np.float64]
    signs_exit: float
    true_alarm: float


def chain_of(health: Health, scenario: Scenario) -> Chain:
    """The chain of these tables, for a run of this scenario."""
    return Chain(
        scenario.seed,
        scenario.periods,
        scenario.calendar.half_month(0),
        scenario.calendar.half_months_per_period,
        np.array(scenario.pool.boundaries, dtype=np.int64),
        health.prevalence,
        _cumulative(health.leaving),
        _cumulative(health.mortality),
        health.blue,
        health.signs_exit,
        health.true_alarm,
    )


def _cumulative(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    per_half_month = np.repeat(rate, HALF_MONTHS_PER_YEAR, axis=1) / HALF_MONTHS_PER_YEAR
    return np.concatenate([np.zeros((2, 1)), np.cumsum(per_half_month, axis=1)], axis=1)


@compiled_inline
def _first_event(hazard: np.ndarray, age: int, step: int, start: int, periods: int, rate: float, u: float) -> int:
    """The period of the first event from `start` on at `rate` times this hazard, or never within the run.

    It comes when the summed hazard reaches an exponential variate, -ln(u) / rate.
    """
    if start >= periods or u + rate * (hazard[age + step * periods] - hazard[age + step * start]) < 1.0:
        return NEVER  # exp(-x) > 1 - x, so most need no logarithm
    threshold = -math.log(u) / rate
    for period in range(start, periods):
        if hazard[age + step * (period + 1)] - hazard[age + step * start] >= threshold:
            return period
    return NEVER


@compiled_inline
def first_boundary(chain: Chain, age: int) -> int:
    """The first age boundary that someone of this age has not reached."""
    boundary = 0
    while boundary < chain.boundaries.size and chain.boundaries[boundary] <= age:
        boundary += 1
    return boundary


@compiled_inline
def period_of_age(chain: Chain, age: int, boundary: int) -> int:
    """The period in which someone of this age at the launch reaches an age boundary."""
    return int((chain.boundaries[boundary] - age + chain.step - 1) // chain.step)


@compiled_inline
def starts_with_signs(chain: Chain, sex: int, birth_month: int, frailty: float, u: float) -> bool:
    """Whether a person has signs at the launch: the steady state of the chain at their age and frailty."""
    odds = frailty * chain.signs_at_launch[sex, (chain.half_month - 2 * birth_month) // 24]
    return bool(u * (1.0 + odds) < odds)


@compiled_inline
def fate_of(
    chain: Chain,
    person: int,
    sex: int,
    birth_month: int,
    frailty: float,
    signs: bool,
    when: np.ndarray,
    what: np.ndarray,
) -> int:
    """What happens to a person, whatever the pool does.

    Writes the events in order of time into `when` (periods) and `what`, and returns their number. Both must have
    room for one event a period, one for each age boundary and one more.
    """
    age = chain.half_month - 2 * birth_month
    periods = chain.periods
    u = luck.draw(chain.seed, luck.DEATH, person, 0)
    death = _first_event(chain.death_hazard[sex], age, chain.step, 0, periods, 1.0, u)
    end = min(death, periods)
    boundary = first_boundary(chain, age)
    events = 0
    start = 0
    transition = 1
    ill = False
    while not ill:
        u = luck.draw(chain.seed, luck.HEALTH, person, transition)
        to = luck.draw(chain.seed, luck.HEALTH, person, transition + 1)
        transition += 2
        if signs:
            # A geometric number of periods, none where they end in the first one after they appeared.
            start += int(min(math.log(u) / math.log1p(-chain.signs_exit), NEVER))
            ill = to < chain.true_alarm
        else:
            start = _first_event(chain.leaving_hazard[sex], age, chain.step, start, periods, frailty, u)
            ill = start < end and to < chain.blue[sex, (age + chain.step * start) // 24]
        if start >= end:
            ill = False
            break
        while boundary < chain.boundaries.size and period_of_age(chain, age, boundary) <= start:
            when[events], what[events] = period_of_age(chain, age, boundary), REACH_AGE
            events += 1
            boundary += 1
        when[events] = start
        what[events] = FALL_ILL if ill else (SIGNS_PASS if signs else SIGNS_APPEAR)
        events += 1
        signs = not signs
        start += 1
    while not ill and boundary < chain.boundaries.size and period_of_age(chain, age, boundary) < end:
        when[events], what[events] = period_of_age(chain, age, boundary), REACH_AGE
        events += 1
        boundary += 1
    if not ill and death < periods:
        when[events], what[events] = death, DIE
        events += 1
    return events
