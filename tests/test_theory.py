"""The textbook's closed forms, run through the same rules and settlement."""

import pytest

from experiments.theory import RUNS, checks, explanations


@pytest.mark.parametrize("which", RUNS)
def test_the_simulator_meets_the_closed_form(which):
    failed = [check for check in checks(which) if not check.holds]
    assert not failed


def test_every_closed_form_is_explained():
    common, *each = explanations()
    assert "mean cost" in common
    for which, sentence in zip(RUNS, each, strict=True):
        assert sentence.startswith(which.split("_")[0] + ": ")
