"""From illness to payment: diagnosis, filing after a lag, the queue, review, and refusal.

A case stands for `people` real claims. Sampled cases are the members who fell ill; expected claims are the risk of
all who are covered, by plan, kind and age group, and go through the same lag, queue and review. Cases are reviewed
in the order in which they were filed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from agents import luck, rules
from agents.compiled import compiled
from agents.crowd import Illness
from agents.population import FRAILTY_UNIT, MALE, PLAN_NAMES, Columns
from agents.rolls import COVERED, STANDINGS, WAITING, WELL_FRAILTY, WITH_SIGNS
from model.health import ACCIDENT, Health

LONGEST_LAG = 12
"""Half-months: a claim is due within 180 days of diagnosis."""
LAG_SHAPE = 4.0
"""Shape of the gamma distribution of the lag: assumed."""
NO_PERSON = -1


class Cases(NamedTuple):
    """Claims at any stage, shape (cases,) each."""

    due: NDArray[np.int64]
    """Period in which the claim is filed."""
    row: NDArray[np.int64]
    """The claimant's row, -1 for expected claims."""
    plan: NDArray[np.int64]
    age: NDArray[np.float64]
    """Age at diagnosis, in years."""
    benefit: NDArray[np.float64]
    """Yuan a claim."""
    refused: NDArray[np.bool_]
    """What the review will find."""
    people: NDArray[np.float64]
    """Real claims: whole numbers where cases are sampled."""

    def only(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Cases":
        """Some of the cases."""
        return Cases._make(column[which] for column in self)


NO_CASES = Cases._make(
    np.empty(0, dtype=t) for t in ("int64", "int64", "int64", "float64", "float64", "bool", "float64")
)


def join(*parts: Cases) -> Cases:
    """All cases of these parts, in this order."""
    return Cases._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


class Terms(NamedTuple):
    """What decides the course of a claim this period, in the form that compiled code takes."""

    seed: int
    period: int
    half_month: int
    wait: int
    scale: float
    benefits: NDArray[np.float64]
    """Yuan by plan, age and kind, shape (plans, 106, 5)."""
    filing_share: NDArray[np.float64]
    lags: NDArray[np.float64]
    """Probability of each lag in half-months, shape (13,)."""
    detection: float
    terms_refusal: float


def lag_distribution(mean_months: float) -> NDArray[np.float64]:
    """Probability of filing 0, 1, .. 12 half-months after diagnosis, shape (13,)."""
    if mean_months == 0:
        return np.asarray(np.eye(LONGEST_LAG + 1)[0])
    upper = gammainc(LAG_SHAPE, np.arange(1, LONGEST_LAG + 2) * LAG_SHAPE / (2 * mean_months))
    return np.asarray(np.diff(upper / upper[-1], prepend=0.0))


@compiled
def _pick(chances: np.ndarray, u: float) -> int:
    """The outcome that a draw falls on, for these probabilities."""
    for outcome in range(chances.size - 1):
        u -= chances[outcome]
        if u < 0.0:
            return outcome
    return chances.size - 1


@compiled
def _fate_of_cases(columns: Columns, ill: Illness, kinds: np.ndarray, terms: Terms, cases: Cases) -> int:
    """Enter those of the ill who will file in `cases`; returns their number."""
    filed = 0
    for k in range(ill.row.size):
        row, plan = ill.row[k], ill.plan[k]
        sex = columns.body[row] & MALE
        months = (terms.half_month - 2 * columns.birth_month[row]) / 2
        age = int(months // 12)
        kind = _pick(kinds[sex, age], luck.draw(terms.seed, luck.KIND, row, terms.period))
        covered = kind == ACCIDENT or terms.period - ill.joined[k] >= terms.wait
        benefit = terms.benefits[plan, age, kind]
        u = luck.draw(terms.seed, luck.FILE, row, terms.period)
        if benefit <= 0.0 or not rules.files_claim(covered, terms.filing_share[plan], u):
            continue
        lag = _pick(terms.lags, luck.draw(terms.seed, luck.LAG, row, terms.period))
        u = luck.draw(terms.seed, luck.REVIEW, row, terms.period)
        cases.due[filed] = terms.period + lag
        cases.row[filed] = row
        cases.plan[filed] = plan
        cases.age[filed] = months / 12.0
        cases.benefit[filed] = benefit
        cases.refused[filed] = rules.refused(ill.concealed[k], terms.detection, terms.terms_refusal, u)
        cases.people[filed] = terms.scale
        filed += 1
    return filed


def sampled_cases(columns: Columns, ill: Illness, health: Health, terms: Terms) -> Cases:
    """The claims of the members who fell ill this period, in row order."""
    size = ill.row.size
    cases = Cases._make(np.empty(size, dtype=column.dtype) for column in NO_CASES)
    filed = _fate_of_cases(columns, ill, health.kinds, terms, cases)
    return cases.only(slice(filed))


@compiled
def _expected_claims(
    rolls: np.ndarray,
    standing: int,
    accidents: bool,
    well: np.ndarray,
    with_signs: np.ndarray,
    kinds: np.ndarray,
    ill: np.ndarray,
) -> None:
    """Add this period's covered illnesses to `ill`, by birth month and kind, shape (1440, 5), in rows.

    Of those in their waiting period, only accidents are covered, if the plan covers them at all.
    """
    for roll in range(COVERED + standing, rolls.shape[0] if accidents else WAITING, STANDINGS):
        for sex in range(rolls.shape[1]):
            for month in range(rolls.shape[2]):
                frailty, alarmed = rolls[roll, sex, month, WELL_FRAILTY], rolls[roll, sex, month, WITH_SIGNS]
                if frailty == 0 and alarmed == 0:
                    continue
                expected = well[sex, month] * frailty + with_signs[sex, month] * alarmed
                if roll < WAITING:
                    for kind in range(kinds.shape[2]):
                        ill[month, kind] += expected * kinds[sex, month, kind]
                else:
                    ill[month, ACCIDENT] += expected * kinds[sex, month, ACCIDENT]


def expected_cases(rolls: NDArray[np.int64], health: Health, terms: Terms) -> Cases:
    """The claims to be expected this period from all who are covered, spread over their lags.

    Reads the rolls as they stand before fate befalls anyone this period. One case gathers the claims of one plan,
    benefit, outcome and lag.
    """
    half_months = terms.half_month - 2 * np.arange(rolls.shape[2])
    ages = np.clip(half_months // 24, 0, health.incidence.shape[1] - 1)
    alive = np.exp(-health.mortality[:, ages] / 24)
    well = alive * -np.expm1(-health.leaving[:, ages] / 24) * health.blue[:, ages] / FRAILTY_UNIT
    with_signs = alive * health.signs_exit * health.true_alarm
    kinds = health.kinds[:, ages]
    parts = [NO_CASES]
    for plan in range(len(PLAN_NAMES)):
        levels, level_of = np.unique(terms.benefits[plan], return_inverse=True)
        level = level_of.reshape(terms.benefits[plan].shape)[ages].ravel()
        accidents = bool(terms.benefits[plan, :, ACCIDENT].any())
        for concealed in range(2):
            claims = np.zeros((ages.size, kinds.shape[2]))
            _expected_claims(rolls, 2 * plan + concealed, accidents, well, with_signs, kinds, claims)
            claims *= terms.scale * terms.filing_share[plan]
            number = np.bincount(level, claims.ravel(), levels.size)
            years = np.bincount(level, (claims * half_months[:, np.newaxis] / 24).ravel(), levels.size)
            paid = (levels > 0) & (number > 0)
            if not paid.any():
                continue
            chance = rules.refused_share(bool(concealed), terms.detection, terms.terms_refusal)
            age = years[paid] / number[paid]
            for refused, share in ((False, 1 - chance), (True, chance)):
                parts.append(_over_lags(plan, levels[paid], age, refused, number[paid] * share, terms))
    return join(*parts)


def _over_lags(
    plan: int,
    benefits: NDArray[np.float64],
    ages: NDArray[np.float64],
    refused: bool,
    people: NDArray[np.float64],
    terms: Terms,
) -> Cases:
    """Expected claims of one outcome by benefit, shape (benefits,) each, filed with every lag."""
    lags = np.arange(terms.lags.size)
    size = benefits.size * lags.size
    return Cases(
        terms.period + np.tile(lags, benefits.size),
        np.full(size, NO_PERSON),
        np.full(size, plan),
        np.repeat(ages, lags.size),
        np.repeat(benefits, lags.size),
        np.full(size, refused),
        np.outer(people, terms.lags).ravel(),
    )


class Docket:
    """The cases under way: diagnosed but not filed, and filed but not reviewed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.diagnosed = NO_CASES
        self.waiting = NO_CASES

    @property
    def owed(self) -> NDArray[np.float64]:
        """Yuan of aid that the cases under way will be granted, shape (plans,)."""
        cases = join(self.diagnosed, self.waiting)
        return np.bincount(cases.plan, cases.benefit * cases.people * ~cases.refused, len(PLAN_NAMES))

    def enter(self, cases: Cases) -> None:
        """Take in new diagnoses."""
        self.diagnosed = join(self.diagnosed, cases)

    def file(self, period: int, postponed: float) -> Cases:
        """The cases filed this period, which join the queue; a share of those due is put off to the next."""
        due = self.diagnosed.due <= period
        now, later = self.diagnosed.only(due), self.diagnosed.only(~due)
        if postponed > 0 and now.due.size:
            put_off = luck.draw_each(self.seed, luck.POSTPONE, now.row, period) < postponed
            expected = now.row == NO_PERSON
            put_off[expected] = True
            delayed = now.only(put_off)
            delayed = delayed._replace(
                due=np.full_like(delayed.due, period + 1),
                people=np.where(delayed.row == NO_PERSON, delayed.people * postponed, delayed.people),
            )
            part = now.only(expected)
            part = part._replace(people=part.people * (1 - postponed))
            now = join(now.only(~put_off), part)
            later = join(later, delayed)
        self.diagnosed = later
        # By row, so that the plans are mixed in the queue as people are.
        now = now.only(np.argsort(now.row, kind="stable"))
        self.waiting = join(self.waiting, now)
        return now

    def review(self, capacity: float, filed_by: int) -> Cases:
        """The cases decided this period: first filed, first reviewed, as many claims as capacity allows.

        Only cases filed by the period `filed_by` are ready. Expected claims of one period share what is left.
        """
        waiting = self.waiting
        _, cohort = np.unique(waiting.due, return_inverse=True)
        size = np.bincount(cohort, waiting.people)
        before_cohort = np.cumsum(size) - size
        before = np.cumsum(waiting.people) - waiting.people
        share = np.clip((capacity - before_cohort) / np.maximum(size, 1e-300), 0.0, 1.0)
        in_turn = np.clip(capacity - before, 0.0, waiting.people)
        decided = np.where(waiting.row == NO_PERSON, share[cohort] * waiting.people, in_turn)
        decided = decided * (waiting.due <= filed_by)
        done = self.waiting._replace(people=decided).only(decided > 0)
        rest = self.waiting.people - decided
        self.waiting = self.waiting._replace(people=rest).only(rest > 0)
        return done
