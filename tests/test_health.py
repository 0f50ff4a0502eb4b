"""Tables, and the chain that brings signs and illness."""

import numpy as np
import pytest
from xiang_hu_bao import KINDS, POOL, calendar

from agents.population import DIE, FALL_ILL, FRAILTY_UNIT, MALE, NEVER, SIGNS, SIGNS_APPEAR, SIGNS_PASS
from model.health import chain_of, health_of
from model.scenario import Scenario
from model.synthesis import _log_level, foretell, synthesize
from model.tables import SEXES

FLAT = Scenario(scale=440, frailty_sd=0.0, mortality_multiplier=0.0, incidence_multiplier=3.0)
"""Some 450,000 people of average frailty."""


@pytest.fixture(scope="module")
def people():
    return synthesize(FLAT)


@pytest.mark.parametrize(
    ("sex", "age", "per_thousand"),
    [("M", 30, 0.812), ("M", 39, 2.081), ("M", 59, 13.713), ("F", 30, 0.882), ("F", 40, 2.758), ("F", 60, 10.086)],
)
def test_the_loader_reads_the_published_incidence(sex, age, per_thousand):
    rates = POOL.column(POOL.rules.tables.incidence)
    assert rates[SEXES.index(sex), age] == pytest.approx(per_thousand / 1000)


def test_the_mean_expected_benefit_of_the_census_is_the_published_derivation():
    # 360.8 yuan per member-year at 0-59, 300,000 to 39 and 100,000 from 40 on: docs/literature.md.
    rates = POOL.column(POOL.rules.tables.incidence)[:, :60]
    census = POOL.column(POOL.rules.tables.population)[:, :60]
    benefit = np.where(np.arange(60) < 40, 300_000, 100_000)
    assert (rates * census * benefit).sum() / census.sum() == pytest.approx(360.8, abs=0.5)


def test_kinds_of_illness_are_probabilities():
    kinds = health_of(Scenario()).kinds
    assert kinds.shape == (2, 106, len(KINDS))
    assert kinds.min() >= 0
    np.testing.assert_allclose(kinds.sum(axis=-1), 1)


def test_cancers_leave_room_for_other_illness():
    # Of the critical illness that is no accident, at most 95 % is cancer: with half of it accidents, 47.5 %.
    scenario = Scenario(accident_share=0.5, thyroid_multiplier=0.0)
    kinds = health_of(scenario).kinds
    cancers = kinds[..., 1] + kinds[..., 2]
    assert cancers.max() == pytest.approx(0.475)
    np.testing.assert_allclose(kinds[..., 4], 0.5)
    np.testing.assert_allclose(kinds[..., 2], scenario.early_cancer_share * cancers)
    assert kinds[..., 3].max() == 0


def test_incidence_scales_with_the_multiplier():
    np.testing.assert_allclose(
        health_of(Scenario(incidence_multiplier=2.5)).incidence, 2.5 * health_of(Scenario()).incidence
    )


def expected_ill(columns, scenario, periods):
    """Sum over people of the table's incidence over the run, for average frailty and no deaths."""
    h = health_of(scenario)
    sex = columns.body & MALE
    total = np.zeros(columns.status.size)
    for period in range(periods):
        age = (calendar.half_month(period) - 2 * columns.birth_month.astype(int)) // 24
        total += h.incidence[sex, age] / 24
    return -np.expm1(-total)


def test_as_many_fall_ill_as_the_table_says(people):
    # Whatever share passes through signs, incidence in the long run is the table's: five standard errors (6e-7).
    chance = expected_ill(people.columns, FLAT, calendar.periods)
    got = (people.columns.illness != NEVER).sum()
    error = np.sqrt((chance * (1 - chance)).sum())
    # Illness that signs announced comes a little early or late where incidence does not grow evenly: 1 %.
    assert abs(got - chance.sum()) < 5 * error + 0.01 * chance.sum()


def test_the_share_with_signs_is_steady(people):
    # The chain starts in its steady state for each age.
    columns, fate = people.columns, people.fate
    first = int(((columns.status & SIGNS) != 0).sum())
    appear = np.add.reduceat(fate.event == SIGNS_APPEAR, fate.start[:-1])
    gone = np.add.reduceat(fate.event == SIGNS_PASS, fate.start[:-1])
    # Of the illnesses, those that did not strike out of the blue end somebody's signs.
    ill = np.add.reduceat(fate.event == FALL_ILL, fate.start[:-1]) * (1 - FLAT.blue_share)
    year = slice(0, 24)
    change = appear[year].sum() - gone[year].sum() - ill[year].sum()
    turnover = appear[year].sum()
    # People grow a year older, and incidence rises by at most 11.4 % with a year of age (slope of the table).
    assert abs(change) < 5 * np.sqrt(2 * turnover) + 0.114 * first
    assert turnover > 0.2 * first


def test_illness_out_of_the_blue_has_its_share():
    scenario = FLAT.replace(blue_share=1.0)
    people = synthesize(scenario)
    assert (people.columns.signs == NEVER).all()
    assert set(np.unique(people.fate.event)) <= {FALL_ILL, 5}


def test_risk_given_signs_and_without_agree_with_what_happens(people):
    """Sampled illness matches the expected incidence given what is known of each person, by state."""
    columns, fate = people.columns, people.fate
    h = health_of(FLAT)
    with_signs = (columns.status & SIGNS) != 0
    alive = np.ones(len(people), dtype=bool)
    sex = columns.body & MALE
    expected, happened = np.zeros(2), np.zeros(2)
    for period in range(24):
        events = slice(fate.start[period], fate.start[period + 1])
        rows, what = fate.row[events], fate.event[events]
        age = (calendar.half_month(period) - 2 * columns.birth_month.astype(int)) // 24
        well = -np.expm1(-h.leaving[sex, age] / 24) * h.blue[sex, age]
        expected += [well[alive & ~with_signs].sum(), h.signs_risk / 24 * (alive & with_signs).sum()]
        ill = rows[what == FALL_ILL]
        happened += [(~with_signs[ill]).sum(), with_signs[ill].sum()]
        alive[ill] = False
        with_signs[rows[what == SIGNS_APPEAR]] = True
        with_signs[rows[what == SIGNS_PASS]] = False
    # Two Poisson counts, five standard errors each.
    assert (np.abs(happened - expected) < 5 * np.sqrt(expected)).all()
    assert happened.min() > 100


def test_one_more_person_changes_nobody_else():
    fewer = synthesize(Scenario(potential_population=10_000, scale=1))
    more = synthesize(Scenario(potential_population=10_001, scale=1))
    for name in fewer.columns._fields:
        one, other = getattr(fewer.columns, name), getattr(more.columns, name)
        np.testing.assert_array_equal(one, other[:10_000], err_msg=name)


def test_a_smaller_scale_keeps_the_same_first_people():
    few = synthesize(Scenario(scale=100_000)).columns
    many = synthesize(Scenario(scale=10_000)).columns
    for name in few._fields:
        one, other = getattr(few, name), getattr(many, name)
        np.testing.assert_array_equal(one, other[: one.size])


def test_traits_have_the_distributions_asked_for():
    # Some 198,000 people; five standard errors each.
    scenario = Scenario(scale=1_000, frailty_sd=0.5, premium_risk_correlation=-0.4, inert_share=0.25)
    columns = synthesize(scenario).columns
    size = columns.status.size
    log_frailty = np.log(columns.frailty / FRAILTY_UNIT)
    premium = columns.premium / 2048
    assert (columns.frailty / FRAILTY_UNIT).mean() == pytest.approx(1, abs=5 * 0.6 / np.sqrt(size))
    assert log_frailty.std() == pytest.approx(0.5, abs=0.005)
    assert premium.mean() == pytest.approx(np.log1p(scenario.premium_median), abs=5 * premium.std() / np.sqrt(size))
    assert np.corrcoef(log_frailty, premium)[0, 1] == pytest.approx(-0.4, abs=5 / np.sqrt(size))
    attentive = columns.attention[columns.attention != -32768] / 2048
    assert attentive.size / size == pytest.approx(0.75, abs=5 * 0.5 / np.sqrt(size))
    assert attentive.std() == pytest.approx(scenario.attention_sd, abs=0.01)


def test_a_stored_logarithm_stays_within_what_can_be_stored():
    # In steps of 1/2048; the lowest value of all means never.
    assert [_log_level(value) for value in (0.0, 1.0, -0.5, 15.9)] == [0, 2048, -1024, 32563]
    assert [_log_level(value) for value in (-100.0, 100.0)] == [-32767, 32767]


@pytest.mark.parametrize(("column", "event"), [("illness", FALL_ILL), ("death", DIE), ("signs", SIGNS_APPEAR)])
def test_the_columns_of_fate_are_the_periods_of_its_events(column, event):
    people = synthesize(Scenario(scale=20_000, mortality_multiplier=10.0, incidence_multiplier=10.0, signs_months=4.0))
    fate = people.fate
    when = np.repeat(np.arange(calendar.periods), np.diff(fate.start))
    first = np.full(len(people), NEVER)
    those = fate.event == event
    np.minimum.at(first, fate.row[those], when[those])
    if event == SIGNS_APPEAR:  # those who have signs from the launch on are told apart by period 0
        first[(people.columns.status & SIGNS) != 0] = 0
    assert those.sum() > 10
    np.testing.assert_array_equal(getattr(people.columns, column), first)


def test_fate_is_sorted_by_period_and_row(people):
    fate = people.fate
    assert fate.start[0] == 0
    assert fate.start[-1] == fate.row.size
    for period in range(calendar.periods):
        rows = fate.row[fate.start[period] : fate.start[period + 1]].astype(int)
        assert (np.diff(rows) >= 0).all()


def test_fate_does_not_depend_on_the_number_of_threads(people):
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = synthesize(FLAT)
    finally:
        numba.set_num_threads(threads)
    for one, other in zip((*people.columns, *people.fate), (*again.columns, *again.fate), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_young_turn_sixty_once_and_in_time(people):
    columns, fate = people.columns, people.fate
    period = np.repeat(np.arange(calendar.periods), np.diff(fate.start))
    turned = fate.event == 5
    rows = fate.row[turned]
    assert np.unique(rows).size == rows.size
    ages = calendar.half_month(0) + period[turned] - 2 * columns.birth_month[rows].astype(int)
    assert (ages == 60 * 24).all()
    assert (calendar.launch_month - columns.birth_month[rows] < 60 * 12).all()


def test_fate_can_be_foretold_again_for_the_same_people(people):
    chain = chain_of(health_of(FLAT), FLAT)
    again = foretell(people.columns, chain)
    np.testing.assert_array_equal(again.row, people.fate.row)
