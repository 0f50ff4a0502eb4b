"""Sharing rules: who divides which claims, by hand and in a whole model."""

import mesa
import numpy as np
import pytest

from agents.platform import PlanRules, Platform, PlatformRules, Terms
from agents.sharing import AgeBands, EqualShares
from model.model import MutualAidModel
from model.scenario import Scenario

BANDS = AgeBands((30, 40, 50))


def platform(sharing, **promises):
    plan = PlanRules("general", advertised_price=100.0, sharing=sharing, **promises)
    rules = PlatformRules((plan,), 24, 100, 1900, 10.0, 1.0, 1.0, price_memory=0.5, habituation=0.1)
    made = Platform(mesa.Model(), rules)
    made.begin_settlement(2020)
    return made


def cells(**by_birth_year):
    """Numbers of women by year of birth, {y1990: 10}, shape (2, 120)."""
    table = np.zeros((2, 120))
    for year, number in by_birth_year.items():
        table[0, int(year[1:]) - 1900] = number
    return table


def settle(made, members, claims, **rest):
    """A settlement of claims of 300,000 yuan."""
    members = members.astype(np.int64)
    return made.settle(
        0,
        number=int(members.sum()),
        members=members,
        scale=1.0,
        benefits=[300_000.0],
        approved=[float(claims.sum())],
        approved_by_cell=claims[np.newaxis],
        terms=Terms(fee_rate=0.0),
        **rest,
    )


def test_the_band_is_the_age_attained_in_the_year_of_the_settlement():
    groups = BANDS.groups(2020 - 1900)
    of = {born: groups[0, born - 1900] for born in (2019, 1991, 1990, 1981, 1980, 1971, 1970, 1950)}
    assert of == {2019: 0, 1991: 0, 1990: 1, 1981: 1, 1980: 2, 1971: 2, 1970: 3, 1950: 3}
    assert (groups[0] == groups[1]).all()
    assert BANDS.number == 4


def test_each_band_pays_its_own_claims():
    # 1,000 of 25, 500 of 45: one claim of the young is 300 yuan each; two of the old are 1,200.
    done = settle(platform(BANDS), cells(y1995=1000, y1975=500), cells(y1995=1, y1975=2))
    assert [part.share for part in done.parts] == [300_00, 0, 1200_00, 0]
    assert done.shares[0, 1995 - 1900] == 300_00
    assert done.shares[1, 1975 - 1900] == 1200_00
    assert done.whole.collected == 900_000_00
    assert done.mean_share == 600_00


def test_equal_shares_divide_the_same_claims_among_all():
    done = settle(platform(EqualShares()), cells(y1995=1000, y1975=500), cells(y1995=1, y1975=2))
    assert [part.share for part in done.parts] == [600_00]
    assert (done.shares == 600_00).all()


def test_every_band_carries_what_its_own_rounding_leaves():
    made = platform(BANDS)
    first = settle(made, cells(y1995=7, y1975=11), cells(y1995=1, y1975=1))
    # 300,000 yuan among 7: 42,857.14 each, 2 fen short; among 11: 27,272.73 each, 3 fen over.
    assert [part.share for part in first.parts] == [42_857_14, 0, 27_272_73, 0]
    assert [part.carry for part in first.parts] == [-2, 0, 3, 0]
    second = settle(made, cells(y1995=7, y1975=11), cells(y1995=1, y1975=1))
    assert [part.carry for part in second.parts] == [-4 + 7, 0, 6 - 11, 0]


def test_what_members_expect_follows_the_bills_of_their_own_band():
    made = platform(BANDS)
    made.publish([settle(made, cells(y1995=1000, y1975=500), cells(y1995=1, y1975=2))])
    # Half of the old price (100 yuan) and half of 24 times the bill.
    young, old = made.price_table[0, 0, [1995 - 1900, 1975 - 1900]]
    assert (young, old) == (50 + 0.5 * 24 * 300, 50 + 0.5 * 24 * 1200)
    assert made.expected_price[0] == 50 + 0.5 * 24 * 600


def test_the_yearly_cap_counts_the_bills_of_a_band():
    made = platform(BANDS, yearly_cap=400.0, capped_in=2020)
    made.publish([settle(made, cells(y1995=1000, y1975=500), cells(y1995=1, y1975=0))])
    done = settle(made, cells(y1995=1000, y1975=500), cells(y1995=1, y1975=1))
    # The young have paid 300 of 400 yuan; 600 is asked of the old.
    assert [part.share for part in done.parts] == [100_00, 0, 400_00, 0]
    assert done.whole.subsidy == 200_000_00 + 100_000_00


def test_shares_of_those_who_joined_early_are_waived_in_their_band():
    made = platform(BANDS, waived_shares=1, waived_in=2020)
    early = cells(y1995=10, y1975=5).astype(np.int64)
    done = settle(made, cells(y1995=1000, y1975=500), cells(y1995=1, y1975=2), early=early)
    assert done.waived == 10 * 300_00 + 5 * 1200_00


@pytest.mark.parametrize("bounds", [(40, 30), (0, 30), (30, 30), (30, 120)])
def test_bounds_that_make_no_bands_are_refused(bounds):
    with pytest.raises(ValueError, match="rising ages between 1 and 119"):
        AgeBands(bounds)


def test_a_plan_that_does_not_exist_cannot_share():
    with pytest.raises(ValueError, match="general, seniors, chronic"):
        MutualAidModel(Scenario(scale=500_000), sharing={"junior": BANDS})


def test_age_bands_in_a_whole_history_keep_the_old_away():
    few = {"scale": 50_000, "periods": 60}
    equal, banded = MutualAidModel(Scenario(**few)), MutualAidModel(Scenario(**few), sharing={"general": BANDS})
    for model in (equal, banded):
        model.run()
        fen = model.report.series
        money = 100 * (fen("collected") + fen("platform_paid") - fen("benefits_paid") - fen("fee"))
        carried = np.diff(100 * fen("carry"), prepend=0.0)
        np.testing.assert_allclose(money, carried, atol=1e-3)
        assert sum(model.ledger.balances.values()) == 0
    age = [model.report.last("member_mean_age", 0) for model in (equal, banded)]
    assert age[1] < age[0] - 0.2
    # The general plan alone is banded; before the first bill nothing differs.
    assert (equal.report.series("members", 0)[:4] == banded.report.series("members", 0)[:4]).all()
