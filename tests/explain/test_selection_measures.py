"""Measures of selection in worlds whose answers are known."""

import numpy as np
import pytest

from experiments.explain import selection
from experiments.page.demand import demand
from experiments.page.worlds import Watched
from model.scenario import Scenario


def people(risk, member, price=None):
    """Men and women of two ages; an illness costs 1."""
    number = np.arange(len(risk))
    risk = np.asarray(risk, dtype=float)
    worth = risk if price is None else np.asarray(price, dtype=float)
    member = np.asarray(member, dtype=bool)
    return selection.People(worth, risk.copy(), risk, 30 + 10 * (number % 2), number % 4 < 2, member)


def test_cover_that_follows_age_only_is_no_private_information():
    """The old are ill more often and join more often; given age, cover says nothing."""
    random = np.random.default_rng(7)
    old = np.arange(20_000) % 2 == 1
    risk = np.where(old, 3.0, 1.0) * random.gamma(4, size=old.size)
    member = random.random(old.size) < np.where(old, 0.8, 0.2)
    test = selection.correlation(people(risk, member))
    assert abs(test.coefficient) < 4 * test.error
    assert test.error == pytest.approx(0.5 / np.sqrt(old.size * 0.16), rel=0.1)  # spread of the risk over that of cover


@pytest.mark.parametrize("sick_join", [True, False])
def test_the_sign_tells_adverse_from_advantageous_entry(sick_join):
    risk = np.tile(np.repeat([1.0, 3.0], 4), 50)
    member = (risk > 2) == sick_join
    member[:8] = ~member[:8]
    test = selection.correlation(people(risk, member))
    # In every cell 49 of 50 pairs follow the rule: a gap of (3 - 1) x (49 - 1) / 50, over the mean of 2.
    assert test.coefficient == pytest.approx((1 if sick_join else -1) * 0.96)


def test_the_triangle_of_two_types_by_hand():
    """Costs 1 and 0.2, worth 1.2 and 0.4: the healthy never pay the mean of 0.6, though each would gain 0.2."""
    costs = np.tile([1.0, 0.2], 50)
    assert selection.triangle(people(costs, costs > 0.5, costs + 0.2)) == pytest.approx((0.5, 1.0, 0.1))


def test_no_triangle_where_everybody_would_pay_the_mean():
    costs = np.tile([1.0, 0.8], 50)
    assert selection.triangle(people(costs, costs > 0, costs + 0.2)) == pytest.approx((1.0, 1.0, 0.0))


def test_one_price_does_not_part_people_who_would_pay_the_same():
    """Two would pay 10 and cost 0 and 30: at no price does the first come alone, and both cost 15 on average."""
    assert selection.triangle(people([0.0, 30.0], [True, True], [10.0, 10.0])) == pytest.approx((0.0, 0.0, 0.0))


def test_the_curves_are_means_of_those_who_would_pay():
    costs = [4.0, 3.0, 2.0, 1.0]
    found = selection.curves(people(costs, [True] * 4, [8.0, 6.0, 4.0, 2.0]), points=2)
    assert found.share.tolist() == [0.5, 1.0]
    assert found.price.tolist() == [6.0, 2.0]
    assert found.average.tolist() == [3.5, 2.5]
    assert found.marginal.tolist() == [3.5, 1.5]


def test_the_command_writes_tables_and_a_picture_of_a_day(typed, tmp_path):
    options = ("--pool", "teaching", "--scale", "50", "--out", str(tmp_path))
    code, out, _ = typed("selection", *options, "--on", "2021-06-30")
    assert code == 0
    assert "2021-06" in out
    assert {file.name for file in tmp_path.iterdir()} >= {"selection.png", "summary.csv", "deciles.csv", "groups.csv"}
    code, _, err = typed("selection", *options, "--on", "2051-06-30")
    assert code == 2
    assert "--on 2051-06-30 is not allowed: 2020-01-" in err
    code, _, err = typed("selection", *options, "--plan", "none")
    assert code == 2
    assert "--plan none" in err


def test_loss_coverage_and_deciles():
    risk = np.repeat(np.arange(1.0, 11), 10)
    everybody = people(risk, risk > 5)
    assert selection.loss_coverage(everybody) == pytest.approx(40 / 55)
    table = selection.deciles(everybody)
    assert table["members, %"].tolist() == [0.0] * 5 + [100.0] * 5
    assert table["cost, a year"].tolist() == pytest.approx(np.arange(1.0, 11))
    assert selection.groups(everybody).iloc[:, 2:].to_numpy().sum() == risk.size


@pytest.mark.parametrize("pool", ["teaching", "xiang_hu_bao"])
def test_the_page_shows_the_same_people(pool):
    world = Watched(Scenario(pool=pool, scale=10 if pool == "teaching" else 100_000))
    for _ in range(6):
        world.step()
    curves, seen = demand(world), selection.people_of(world, 10_000)
    assert curves is not None
    assert curves.people == seen.price.size
    assert curves.members == pytest.approx(100 * seen.member.mean())
    assert curves.average[-1] == pytest.approx(seen.cost.mean())
