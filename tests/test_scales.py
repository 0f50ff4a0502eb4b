"""Scale does not change the answer."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from benchmarks.scales import headlines

ERROR_RATE = 1e-3


@pytest.fixture(scope="module")
def runs():
    return headlines(1_000, True, range(1, 7)), headlines(10_000, True, range(101, 119))


def test_one_row_for_a_thousand_and_for_ten_thousand_people_say_the_same(runs):
    # Welch's test of each of six headline figures, at 1e-3 over all six.
    assert (ttest_ind(*runs, equal_var=False).pvalue > ERROR_RATE / 6).all()


def test_the_test_could_tell_a_change_of_a_third(runs):
    standard_error = np.sqrt(sum(some.var(axis=0, ddof=1) / len(some) for some in runs))
    assert (standard_error / runs[0].mean(axis=0) < 1 / 3 / 4).all()
