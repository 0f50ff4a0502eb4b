"""Incidence and mortality tables, and when signs, illness and death come.

Critical illness has three states: well, warning signs (known to the person alone), ill. Of the incidence of age
and sex times frailty, a share strikes out of the blue; the rest passes through signs that last for months, and
some signs are false alarms. The chain moves once a half-month at most:

    well -> signs or ill   with probability 1 - exp(-frailty x leaving / 24)
    signs -> ill or well   with probability 1 - exp(-1 / (2 x signs_months))

`leaving` is such that incidence over all who are not ill yet is frailty times the table: signs appear at the rate at
which people fall ill at the age when those signs will end. The same chain gives everybody's incidence given what is
known of them now, so sampled and expected claims agree.
"""

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import luck
from agents.compute.compiled import compiled_inline
from agents.population import DIE, FALL_ILL, NEVER, SIGNS_APPEAR, SIGNS_PASS, TURN_SIXTY
from model.scenario import Scenario

DATA = Path(__file__).parent / "data"
AGES = 106
"""Single years of age, 0 to 105."""
SEXES = ("F", "M")
HALF_MONTHS_PER_YEAR = 24
SIXTY = 60 * HALF_MONTHS_PER_YEAR

KINDS = ("other", "cancer", "early cancer", "mild thyroid cancer", "accident")
OTHER, CANCER, EARLY_CANCER, THYROID, ACCIDENT = range(5)


@cache
def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def table(name: str, value: str, **where: str) -> NDArray[np.float64]:
    """A column of a data file by sex and single age, shape (2, 106), females first.

    Age bands are spread evenly over their years; ages beyond the table take its last value.
    """
    result = np.full((2, AGES), np.nan)
    for row in _rows(name):
        if any(row[key] != wanted for key, wanted in where.items()):
            continue
        first = int(row.get("age") or row["age_lo"])
        last = int(row.get("age") or row["age_hi"])
        result[SEXES.index(row["sex"]), first : last + 1] = float(row[value])
    for sex in range(2):
        known = np.flatnonzero(~np.isnan(result[sex]))
        result[sex] = np.interp(np.arange(AGES), known, result[sex, known])
    result.setflags(write=False)
    return result


@dataclass(frozen=True)
class Health:
    """Risks by sex and age, shape (2, 106), and the constants of the chain."""

    incidence: NDArray[np.float64]
    """Critical illness per person-year."""
    kinds: NDArray[np.float64]
    """Probability of each of `KINDS`, given illness, shape (2, 106, 5)."""
    mortality: NDArray[np.float64]
    """Deaths from other causes per person-year."""
    prevalence: NDArray[np.float64]
    """Odds of having warning signs, for frailty 1."""
    leaving: NDArray[np.float64]
    """Leaving the state without signs, per person-year of frailty 1."""
    blue: NDArray[np.float64]
    """Share of those who leave it that fall ill at once, out of the blue."""
    signs_exit: float
    """Probability per half-month that signs end."""
    true_alarm: float
    """Share of signs that end in illness."""

    @property
    def well_risk(self) -> NDArray[np.float64]:
        """Incidence of a person without signs and with frailty 1, per person-year, shape (2, 106)."""
        return self.leaving * self.blue

    @property
    def signs_risk(self) -> float:
        """Incidence of a person with signs, per person-year."""
        return HALF_MONTHS_PER_YEAR * self.signs_exit * self.true_alarm


def health_of(scenario: Scenario) -> Health:
    """The tables and the chain of a scenario; sources in `model/data/README.md`."""
    critical = table("ci_incidence.csv", "incidence_per_person_year", table="CI4_2020_28dis")
    thyroid = scenario.thyroid_multiplier * table("cancer_incidence.csv", "thyroid_incidence_per_person_year")
    cancer = table("cancer_incidence.csv", "incidence_per_person_year")
    cancer = cancer - table("cancer_incidence.csv", "thyroid_incidence_per_person_year")
    # The table of 2020 leaves early thyroid cancer out, so it comes on top.
    incidence = critical + thyroid
    kinds = np.empty((2, AGES, len(KINDS)))
    kinds[..., THYROID] = thyroid / incidence
    kinds[..., ACCIDENT] = scenario.accident_share * critical / incidence
    cancers = np.minimum(cancer, 0.95 * (1 - scenario.accident_share) * critical) / incidence
    kinds[..., CANCER] = (1 - scenario.early_cancer_share) * cancers
    kinds[..., EARLY_CANCER] = scenario.early_cancer_share * cancers
    kinds[..., OTHER] = 1 - kinds[..., 1:].sum(axis=-1)
    critical_share = table("ci_share_of_deaths.csv", "k_share_of_deaths_due_to_CI")
    deaths = table("mortality_2020.csv", "death_rate_per_person_year")
    incidence = incidence * scenario.incidence_multiplier
    signs_exit = -math.expm1(-1 / (2 * scenario.signs_months))
    duration = 1 / (HALF_MONTHS_PER_YEAR * signs_exit)
    ages = np.arange(AGES)
    later = np.stack([np.interp(ages + duration, ages, of_sex) for of_sex in incidence])
    out_of_the_blue = scenario.blue_share * incidence
    through_signs = (1 - scenario.blue_share) / scenario.true_alarm_share
    leaving = out_of_the_blue + through_signs * later
    prevalence = through_signs * incidence * duration
    return Health(
        incidence=incidence,
        kinds=kinds,
        mortality=deaths * (1 - critical_share) * scenario.mortality_multiplier,
        prevalence=prevalence,
        # The table counts all who are not ill; those with signs are not there to leave.
        leaving=leaving * (1 + prevalence),
        # Where nobody falls ill nobody leaves, and the share does not matter.
        blue=np.divide(out_of_the_blue, leaving, out=np.ones_like(leaving), where=leaving > 0),
        signs_exit=signs_exit,
        true_alarm=scenario.true_alarm_share,
    )


class Chain(NamedTuple):
    """The health chain in the form that compiled code takes."""

    seed: int
    periods: int
    half_month: int
    """Of period 0, so that age in half-months = half_month - 2 x birth_month."""
    signs_at_launch: NDArray[np.float64]
    """Odds of having signs at frailty 1, shape (2, 106)."""
    leaving_hazard: NDArray[np.float64]
    """Summed hazard from birth to each half-month of age, shape (2, 24 x 106 + 1)."""
    death_hazard: NDArray[np.float64]
    blue: NDArray[np.float64]
    signs_exit: float
    true_alarm: float


def chain_of(health: Health, seed: int, periods: int, half_month: int) -> Chain:
    """The chain of these tables, for a run that starts at this half-month."""
    return Chain(
        seed,
        periods,
        half_month,
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
def _first_event(hazard: np.ndarray, age: int, start: int, periods: int, rate: float, u: float) -> int:
    """The period of the first event from `start` on at `rate` times this hazard, or never within the run.

    It comes when the summed hazard reaches an exponential variate, -ln(u) / rate.
    """
    if start >= periods or u + rate * (hazard[age + periods] - hazard[age + start]) < 1.0:
        return NEVER  # exp(-x) > 1 - x, so most need no logarithm
    threshold = -math.log(u) / rate
    for period in range(start, periods):
        if hazard[age + period + 1] - hazard[age + start] >= threshold:
            return period
    return NEVER


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
    room for one event a period and two more.
    """
    age = chain.half_month - 2 * birth_month
    periods = chain.periods
    u = luck.draw(chain.seed, luck.DEATH, person, 0)
    death = _first_event(chain.death_hazard[sex], age, 0, periods, 1.0, u)
    end = min(death, periods)
    sixty = SIXTY - age
    events = 0
    start = 0
    transition = 1
    ill = False
    while not ill:
        u = luck.draw(chain.seed, luck.HEALTH, person, transition)
        to = luck.draw(chain.seed, luck.HEALTH, person, transition + 1)
        transition += 2
        if signs:
            # A geometric number of half-months, none where they end in the first one after they appeared.
            start += int(min(math.log(u) / math.log1p(-chain.signs_exit), NEVER))
            ill = to < chain.true_alarm
        else:
            start = _first_event(chain.leaving_hazard[sex], age, start, periods, frailty, u)
            ill = start < end and to < chain.blue[sex, (age + start) // 24]
        if start >= end:
            ill = False
            break
        if 0 < sixty <= start:
            when[events], what[events] = sixty, TURN_SIXTY
            events += 1
            sixty = 0
        when[events] = start
        what[events] = FALL_ILL if ill else (SIGNS_PASS if signs else SIGNS_APPEAR)
        events += 1
        signs = not signs
        start += 1
    if not ill and 0 < sixty < end:
        when[events], what[events] = sixty, TURN_SIXTY
        events += 1
    if not ill and death < periods:
        when[events], what[events] = death, DIE
        events += 1
    return events
