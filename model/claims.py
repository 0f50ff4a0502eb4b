"""Claims as a run-off table: diagnosis, filing after a reporting delay, the queue, review, and refusal.

The table holds open claims by filing period, plan, benefit class, outcome, sex and year of birth. Filing periods to
come hold claims incurred but not reported, earlier ones reported claims that wait for their review. Sampled claims are
those of the members who fell ill, a row standing for `scale` of them; expected claims are the risk of all who are
covered. Both go the same way from then on: first filed, first reviewed; claims filed in one settlement are decided in
the same proportion.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from agents import luck, rules
from agents.cohorts import COVERED, WELL_FRAILTY, WITH_SIGNS, Ages, first_waiting, months_in
from agents.compute.compiled import compiled
from agents.crowd.driver import Illness
from agents.population import BIRTH_YEARS, FRAILTY_UNIT, MALE, Columns
from model.cover import Cover
from model.health import Health
from model.plans import Plan
from model.scenario import Scenario

LAG_SHAPE = 4.0
"""Shape of the gamma distribution of the lag: assumed."""
GRANTED, REFUSED = range(2)
"""What the review will find: the fourth index of the table."""
_WHOLE = 1e-6
"""Room for rounding when whole claims are counted off."""


def lag_distribution(mean_months: float, longest: int, per_month: int = 2) -> NDArray[np.float64]:
    """Probability of filing 0, 1, .. `longest` periods after diagnosis, of which there are so many a month."""
    if mean_months == 0:
        return np.asarray(np.eye(longest + 1)[0])
    upper = gammainc(LAG_SHAPE, np.arange(1, longest + 2) * LAG_SHAPE / (per_month * mean_months))
    return np.asarray(np.diff(upper / upper[-1], prepend=0.0))


class Terms(NamedTuple):
    """What decides the course of a claim, in the form that compiled code takes."""

    seed: int
    scale: float
    filing_share: NDArray[np.float64]
    """Illnesses of those covered that become claims, by plan, shape (plans,)."""
    lags: NDArray[np.float64]
    """Probability of each lag in periods, shape (longest lag + 1,)."""
    detection: float
    terms_refusal: float


class Risk(NamedTuple):
    """Probability of critical illness within a period, shape (2, 106) each."""

    well: NDArray[np.float64]
    """Of a person without signs, per 1/4096 of frailty."""
    with_signs: NDArray[np.float64]


def terms_of(scenario: Scenario, plans: Sequence[Plan]) -> Terms:
    """The terms of a scenario."""
    return Terms(
        seed=scenario.seed,
        scale=scenario.scale,
        filing_share=np.array([plan.filing_share for plan in plans]),
        lags=lag_distribution(
            scenario.lag_months,
            round(scenario.pool.rules.claims_due_within_days / scenario.calendar.days_per_period),
            scenario.calendar.per_month,
        ),
        detection=scenario.concealment_found,
        terms_refusal=scenario.terms_refusal,
    )


def risk_of(health: Health) -> Risk:
    """The probabilities of this health chain: alive, and then ill."""
    alive = np.exp(-health.mortality / health.per_year)
    leaves = -np.expm1(-health.leaving / health.per_year)
    return Risk(alive * leaves * health.blue / FRAILTY_UNIT, alive * health.signs_exit * health.true_alarm)


class Sampled(NamedTuple):
    """Claims of single members, shape (claims,) each."""

    row: NDArray[np.int64]
    plan: NDArray[np.int64]
    lag: NDArray[np.int64]
    benefit_class: NDArray[np.int64]
    refused: NDArray[np.int64]
    sex: NDArray[np.int64]
    birth_month: NDArray[np.int64]


@compiled
def _pick(chances: np.ndarray, u: float) -> int:
    """The outcome that a draw falls on, for these probabilities."""
    for outcome in range(chances.size - 1):
        u -= chances[outcome]
        if u < 0.0:
            return outcome
    return chances.size - 1


@compiled
def _sample(
    columns: Columns,
    ill: Illness,
    kinds: np.ndarray,
    class_of: np.ndarray,
    exempt: np.ndarray,
    period: int,
    half_month: int,
    terms: Terms,
    claims: Sampled,
) -> int:
    """Enter those of the ill who will file in `claims`; returns their number."""
    filed = 0
    for k in range(ill.row.size):
        row, plan = ill.row[k], ill.plan[k]
        sex = columns.body[row] & MALE
        age = (half_month - 2 * columns.birth_month[row]) // 24
        kind = _pick(kinds[sex, age], luck.draw(terms.seed, luck.KIND, row, period))
        covered = exempt[plan, kind] or period >= ill.covered_from[k]
        u = luck.draw(terms.seed, luck.FILE, row, period)
        if class_of[plan, age, kind] < 0 or not rules.files_claim(covered, terms.filing_share[plan], u):
            continue
        u = luck.draw(terms.seed, luck.REVIEW, row, period)
        refused = rules.refused(ill.concealed[k], terms.detection, terms.terms_refusal, u)
        claims.row[filed] = row
        claims.plan[filed] = plan
        claims.lag[filed] = _pick(terms.lags, luck.draw(terms.seed, luck.LAG, row, period))
        claims.benefit_class[filed] = class_of[plan, age, kind]
        claims.refused[filed] = REFUSED if refused else GRANTED
        claims.sex[filed] = sex
        claims.birth_month[filed] = columns.birth_month[row]
        filed += 1
    return filed


def sampled_claims(
    columns: Columns, ill: Illness, health: Health, cover: Cover, period: int, half_month: int, terms: Terms
) -> Sampled:
    """The claims of the members who fell ill this period, in row order."""
    claims = Sampled._make(np.empty(ill.row.size, dtype=np.int64) for _ in Sampled._fields)
    filed = _sample(columns, ill, health.kinds, cover.class_of, cover.exempt, period, half_month, terms, claims)
    return Sampled._make(column[:filed] for column in claims)


@compiled
def _enter_sampled(
    claims: Sampled,
    period: int,
    half_month: int,
    scale: float,
    people: np.ndarray,
    half_months: np.ndarray,
    totals: np.ndarray,
) -> None:
    """Add single claims to the table."""
    for k in range(claims.plan.size):
        filing, plan, what = period + claims.lag[k], claims.plan[k], claims.benefit_class[k]
        outcome, birth_month = claims.refused[k], claims.birth_month[k]
        people[filing, plan, what, outcome, BIRTH_YEARS * claims.sex[k] + birth_month // 12] += scale
        half_months[filing, plan, what, outcome] += scale * (half_month - 2 * birth_month)
        totals[filing, plan, what, outcome] += scale


@compiled
def _expect(
    cohorts: np.ndarray,
    chance: np.ndarray,
    waiting_chance: np.ndarray,
    risk: Risk,
    half_month: int,
    ages: Ages,
    occupied: np.ndarray,
    new: np.ndarray,
    new_half_months: np.ndarray,
) -> None:
    """Add the illnesses of this period's exposure that are covered to `new`, in rows, and their ages.

    `new` is by plan, benefit class, honesty, sex and year of birth; ages are by plan, class and honesty.
    """
    plans = chance.shape[0]
    for plan in range(plans):
        if not occupied[plan]:
            continue
        for concealed in range(2):
            covered, waiting = COVERED + 2 * plan + concealed, first_waiting(plans) + 2 * plan + concealed
            for sex in range(cohorts.shape[1]):
                for month in range(*months_in(half_month, ages.youngest[plan], ages.ends[plan])):
                    frailty = cohorts[covered, sex, month, WELL_FRAILTY]
                    signs = cohorts[covered, sex, month, WITH_SIGNS]
                    waiting_frailty = cohorts[waiting, sex, month, WELL_FRAILTY]
                    waiting_signs = cohorts[waiting, sex, month, WITH_SIGNS]
                    if (frailty | signs | waiting_frailty | waiting_signs) == 0:
                        continue
                    age_in_half_months = half_month - 2 * month
                    age = min(max(0, age_in_half_months // 24), chance.shape[2] - 1)
                    ill = risk.well[sex, age] * frailty + risk.with_signs[sex, age] * signs
                    ill_waiting = risk.well[sex, age] * waiting_frailty + risk.with_signs[sex, age] * waiting_signs
                    for what in range(chance.shape[3]):
                        covers = ill * chance[plan, sex, age, what]
                        covers += ill_waiting * waiting_chance[plan, sex, age, what]
                        new[plan, what, concealed, sex, month // 12] += covers
                        new_half_months[plan, what, concealed] += covers * age_in_half_months


@compiled
def _spread(
    new: np.ndarray,
    new_half_months: np.ndarray,
    period: int,
    terms: Terms,
    people: np.ndarray,
    half_months: np.ndarray,
    totals: np.ndarray,
) -> None:
    """Enter the claims of covered illnesses by outcome and lag, and leave none in `new`.

    The arrays are those of `_expect` and of `Claims`, with sex and year of birth as one index, shape (.., cells).
    """
    honest = rules.refused_share(False, terms.detection, terms.terms_refusal)
    concealed = rules.refused_share(True, terms.detection, terms.terms_refusal)
    for plan in range(new.shape[0]):
        filed = terms.scale * terms.filing_share[plan]
        for what in range(new.shape[1]):
            illnesses, ages = new[plan, what], new_half_months[plan, what]
            if ages[0] + ages[1] == 0.0:
                continue
            granted, refused = 0.0, 0.0
            first, last = illnesses.shape[1], 0
            for cell in range(illnesses.shape[1]):
                of_honest, of_concealed = filed * illnesses[0, cell], filed * illnesses[1, cell]
                if of_honest + of_concealed > 0.0:
                    first, last = min(first, cell), cell + 1
                illnesses[GRANTED, cell] = of_honest * (1.0 - honest) + of_concealed * (1.0 - concealed)
                illnesses[REFUSED, cell] = of_honest * honest + of_concealed * concealed
                granted += illnesses[GRANTED, cell]
                refused += illnesses[REFUSED, cell]
            granted_ages = filed * (ages[0] * (1.0 - honest) + ages[1] * (1.0 - concealed))
            refused_ages = filed * (ages[0] * honest + ages[1] * concealed)
            for lag in range(terms.lags.size):
                share = terms.lags[lag]
                if share > 0.0:
                    _add(illnesses[:, first:last], share, people[period + lag, plan, what, :, first:last])
                    half_months[period + lag, plan, what, GRANTED] += granted_ages * share
                    half_months[period + lag, plan, what, REFUSED] += refused_ages * share
                    totals[period + lag, plan, what, GRANTED] += granted * share
                    totals[period + lag, plan, what, REFUSED] += refused * share
            illnesses[:] = 0.0
            ages[:] = 0.0


@compiled
def _add(claims: np.ndarray, share: float, to: np.ndarray) -> None:
    """Add a share of these claims to others, shape (outcomes, cells) each."""
    for outcome in range(claims.shape[0]):
        for cell in range(claims.shape[1]):
            to[outcome, cell] += claims[outcome, cell] * share


@compiled
def _take(
    people: np.ndarray,
    half_months: np.ndarray,
    totals: np.ndarray,
    share: float,
    whole: bool,
    taken: np.ndarray,
    taken_ages: np.ndarray,
    taken_totals: np.ndarray,
) -> None:
    """Take this share of the claims of one filing period out of the table, and add them to `taken`.

    The arrays are those of `Claims` as blocks: a block has one plan, class and outcome, shape (blocks, cells), and one
    total and summed age, shape (blocks,). As large a part of the ages goes as of a block's claims. Whole claims are
    counted off in proportion: every cell gives what makes the running total whole.
    """
    running, given = 0.0, 0.0
    for block in range(totals.size):
        if totals[block] <= 0.0:
            continue
        gone = 0.0
        for cell in range(people.shape[1]):
            if people[block, cell] > 0.0:
                part = people[block, cell] * share
                if whole:
                    running += people[block, cell]
                    upto = math.floor(running * share + _WHOLE)
                    part, given = upto - given, upto
                gone += part
                taken[block, cell] += part
                people[block, cell] = people[block, cell] - part if share < 1.0 else 0.0
        part = half_months[block] * (gone / totals[block])
        taken_ages[block] += part
        taken_totals[block] += gone
        half_months[block] = half_months[block] - part if share < 1.0 else 0.0
        totals[block] = totals[block] - gone if share < 1.0 else 0.0


@compiled
def _review(
    people: np.ndarray,
    half_months: np.ndarray,
    totals: np.ndarray,
    filings: tuple[int, int],
    capacity: float,
    whole: bool,
    taken: np.ndarray,
    taken_ages: np.ndarray,
    taken_totals: np.ndarray,
) -> int:
    """Decide claims in the order of filing until capacity is used up; returns the first filing period with any left.

    The arrays are those of `Claims` by filing period and block, `filings` the filing periods from and below.
    """
    left = capacity
    for filed in range(filings[0], filings[1]):
        size = totals[filed].sum()
        if size > 0.0:
            share = min(1.0, left / size)
            if share > 0.0:
                _take(people[filed], half_months[filed], totals[filed], share, whole, taken, taken_ages, taken_totals)
            left -= size
            if share < 1.0:
                return filed
    return max(filings[0], filings[1])


@compiled
def _sum_up(totals: np.ndarray, amounts: np.ndarray, filings: tuple[int, int, int], of: np.ndarray) -> None:
    """Add to `of` by plan: claims that wait, and money that will be granted to reported and to unreported claims."""
    oldest, period, last = filings
    for filed in range(oldest, last):
        for plan in range(totals.shape[1]):
            for what in range(totals.shape[2]):
                granted = totals[filed, plan, what, GRANTED]
                if filed <= period:
                    of[0, plan] += granted + totals[filed, plan, what, REFUSED]
                    of[1, plan] += granted * amounts[what]
                else:
                    of[2, plan] += granted * amounts[what]


class Decided(NamedTuple):
    """Claims decided in a period."""

    people: NDArray[np.float64]
    """By plan, benefit class, outcome, sex and year of birth, shape (plans, classes, 2, 2, 120)."""
    half_months: NDArray[np.float64]
    """Their summed age at diagnosis, in half-months, by plan, class and outcome, shape (plans, classes, 2)."""
    by_class: NDArray[np.float64]
    """Claims by plan, class and outcome, shape (plans, classes, 2)."""


class Outstanding(NamedTuple):
    """What is open after a review, by plan, shape (plans,) each."""

    waiting: NDArray[np.float64]
    """Claims filed and not decided."""
    reported: NDArray[np.float64]
    """Money that those of them will be granted that meet the terms (reported but not settled)."""
    unreported: NDArray[np.float64]
    """Money that claims will be granted that are incurred but not reported."""


class Claims:
    """The run-off table of a pool.

    Args:
        amounts: money a claim of each benefit class, shape (classes,).
        plans: how many plans there are.
        periods: how many periods are simulated.
        terms: what decides the course of a claim.
        expected: whether it holds expected claims; sampled ones stay whole numbers, if `terms.scale` is one.
    """

    def __init__(self, amounts: NDArray[np.float64], plans: int, periods: int, terms: Terms, *, expected: bool) -> None:
        self.amounts = amounts
        self.terms = terms
        self.whole = not expected and float(terms.scale).is_integer()
        self._blocks = (plans, amounts.size, 2)
        self._longest_lag = terms.lags.size - 1
        filings = periods + self._longest_lag + 2
        self.people = np.zeros((filings, *self._blocks, 2 * BIRTH_YEARS))
        """Open claims by filing period, plan, benefit class, outcome, and sex and year of birth."""
        self.half_months = np.zeros((filings, *self._blocks))
        """Their summed age at diagnosis, by filing period, plan, class and outcome."""
        self.totals = np.zeros((filings, *self._blocks))
        """Their number, by the same."""
        self._new = np.zeros((*self._blocks, 2, BIRTH_YEARS))
        self._new_half_months = np.zeros(self._blocks)
        self._oldest = 0
        """The first filing period that may hold a claim."""

    def expect(
        self,
        cohorts: NDArray[np.int64],
        ages: Ages,
        occupied: NDArray[np.bool_],
        cover: Cover,
        risk: Risk,
        period: int,
        half_month: int,
    ) -> None:
        """Take in the claims to be expected from this period's exposure, by outcome and lag."""
        new, summed = self._new, self._new_half_months
        _expect(cohorts, cover.chance, cover.waiting_chance, risk, half_month, ages, occupied, new, summed)
        by_cell = new.reshape(*self._blocks, -1)
        _spread(by_cell, summed, period, self.terms, self.people, self.half_months, self.totals)

    def enter(self, claims: Sampled, period: int, half_month: int) -> None:
        """Take in the claims of members who fell ill in this period."""
        _enter_sampled(claims, period, half_month, self.terms.scale, self.people, self.half_months, self.totals)

    def file(self, period: int, postponed: float) -> NDArray[np.float64]:
        """File the claims that are due; a share of them is put off to the next period.

        Returns claims filed by plan, shape (plans,).
        """
        if postponed > 0:
            people, ages, totals = self._by_block
            due, later = period, period + 1
            _take(
                people[due],
                ages[due],
                totals[due],
                postponed,
                self.whole,
                people[later],
                ages[later],
                totals[later],
            )
        return np.asarray(self.totals[period].sum(axis=(1, 2)))

    def awaiting(self, filed_by: int) -> tuple[float, float]:
        """Claims filed in this period, and those filed before it, that wait for a decision."""
        if filed_by < 0:
            return 0.0, 0.0
        return float(self.totals[filed_by].sum()), float(self.totals[self._oldest : filed_by].sum())

    def review(self, capacity: float, filed_by: int) -> Decided:
        """Decide claims in the order of filing, as many as capacity allows, of those filed by this period."""
        people, ages, totals = np.zeros(self.people.shape[1:]), np.zeros(self._blocks), np.zeros(self._blocks)
        blocks = totals.size
        self._oldest = _review(
            *self._by_block,
            (self._oldest, filed_by + 1),
            capacity,
            self.whole,
            people.reshape(blocks, -1),
            ages.reshape(-1),
            totals.reshape(-1),
        )
        return Decided(people.reshape(*self._blocks, 2, BIRTH_YEARS), ages, totals)

    def outstanding(self, period: int) -> Outstanding:
        """What is open after the review of this period."""
        sums = np.zeros((3, len(self.totals[0])))
        _sum_up(
            self.totals,
            self.amounts,
            (self._oldest, period, min(period + self._longest_lag + 2, len(self.totals))),
            sums,
        )
        return Outstanding(*sums)

    @property
    def _by_block(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The table, the ages and the totals with plan, class and outcome as one index."""
        filings, blocks = len(self.totals), self.totals[0].size
        return (
            self.people.reshape(filings, blocks, -1),
            self.half_months.reshape(filings, blocks),
            self.totals.reshape(filings, blocks),
        )
