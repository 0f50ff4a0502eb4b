"""Distance from the record, in half bands."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from experiments import targets
from experiments.calibration.misfit import FREEDOM, GROUPS, WITHIN, Rows
from experiments.simulated import MEASURED

FIT = [target for target in targets.load() if target.role == "fit"]


def test_the_edge_of_a_band_is_one_half_band_away():
    rows = Rows(tuple(FIT))
    for edge, distance in (("low", -1.0), ("value", 0.0), ("high", 1.0)):
        found = rows.standardise(np.array([getattr(target, edge) for target in FIT]))
        for number, target in enumerate(FIT):
            symmetric = np.isclose(target.value**2, target.low * target.high, rtol=0.02)
            if edge == "value" or symmetric:
                assert found[number] == pytest.approx(distance, abs=0.1)
            else:
                assert np.sign(found[number]) == np.sign(distance)


def test_no_settlement_at_all_counts_as_far_away():
    rows = Rows(tuple(FIT[:1]))
    assert rows.standardise(np.array([np.nan]))[0] == rows.standardise(np.array([0.0]))[0] < -10


def test_misfit_grows_with_distance_and_shrinks_with_noise():
    rows = Rows(tuple(targets.only(FIT, ["general_share_2019", "aid_2020"])))
    misfit = rows.misfit
    far, near = np.array([2.0, 0.0]), np.array([1.0, 0.0])
    assert misfit(far) > misfit(near) > misfit(np.zeros(2)) == 0
    assert replace(rows, noise=np.ones(2)).misfit(far) < misfit(far)
    # One row out of reach costs no more than the tail: 1000 half bands against 10.
    assert misfit(np.array([1000.0, 0])) - misfit(np.array([10.0, 0])) == pytest.approx(5 * np.log(100), rel=0.01)


def test_a_band_holds_nine_tenths_of_what_may_be_true():
    assert stats.t.cdf(WITHIN, FREEDOM) == pytest.approx(0.95)


def test_rows_that_repeat_each_other_count_as_the_root_of_their_number():
    rows = Rows(tuple(FIT))
    weights = dict(zip(rows.names, rows.weights, strict=True))
    of_members = [name for name, group in zip(rows.names, rows.groups, strict=True) if group == ("members", "general")]
    assert len(of_members) > 15
    assert sum(weights[name] for name in of_members) == pytest.approx(len(of_members) ** 0.5)
    assert weights["chronic_members_2020-12-14"] == 1.0
    assert 15 < rows.weights.sum() < 30


def test_every_measure_of_the_record_has_a_group():
    assert len(Rows(tuple(targets.load())).groups) == len(targets.load())
    assert sorted(measure for group in GROUPS.values() for measure in group) == sorted(MEASURED)


def test_distances_may_be_from_another_record():
    rows, moved = Rows(tuple(FIT[:2])), Rows(tuple(FIT[:2]), np.array([0.5, -1.0]))
    simulated = np.array([30.0, 80.0])
    assert moved.standardise(simulated) == pytest.approx(rows.standardise(simulated) - [0.5, -1.0])
