"""What a member says of themselves, by hand."""

import pytest
from hand_made import world

from agents.member import Member


def member(**person):
    """The only member of a world, after its first settlement (21 October 2018)."""
    model = world([person], {"incidence": 0.001}, "agents")
    model.step()
    (one,) = model.agents_by_type[Member]
    return one


def test_a_member_of_the_general_plan():
    # Born in April 1980: 38 years and 13 half-months in the second half of October 2018.
    one = member(**{"in": "general"}, born="1980-04", sex="M", frailty=1.5)
    assert (one.row, one.place, one.plan) == (0, "general", 0)
    assert one.age == pytest.approx(38 + 13 / 24)
    assert one.age_in_half_months == 38 * 24 + 13
    assert one.frailty == 1.5
    assert not one.has_signs
    assert one.body == 1
    assert one.own_risk == pytest.approx(0.0015)


def test_someone_outside_with_signs_a_chronic_illness_and_a_low_score():
    one = member(signs=True, chronic=True, low_credit=True)
    assert (one.place, one.plan) == ("unaware", -1)
    assert one.has_signs
    assert one.body == 2 + 4
    # With signs the risk is that of signs: 24 half-months x the chance that they end x that they end in illness.
    health = one.model.health
    assert one.own_risk == pytest.approx(24 * health.signs_exit * health.true_alarm)


@pytest.mark.parametrize(("place", "plan"), [("seniors", 1), ("chronic", 2), ("left", -1), ("out", -1)])
def test_a_plan_is_a_place_of_members(place, plan):
    one = member(**{"in": place}, born="1955-01" if place == "seniors" else "1980-01")
    assert (one.place, one.plan) == (place, plan)
