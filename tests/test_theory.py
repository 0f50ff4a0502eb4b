"""The textbook's closed forms, run through the same rules and settlement."""

import pytest

from experiments.theory import RUNS, checks


@pytest.mark.parametrize("which", RUNS)
def test_the_simulator_meets_the_closed_form(which):
    failed = [check for check in checks(which) if not check.holds]
    assert not failed
