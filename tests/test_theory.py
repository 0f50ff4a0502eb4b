"""The textbook's closed forms, run through the same rules and settlement."""

import json

import pytest

from experiments.theory import CASES, RUNS, checks, explanations


@pytest.mark.parametrize("which", RUNS)
def test_the_simulator_meets_the_closed_form(which):
    failed = [check for check in checks(which) if not check.holds]
    assert not failed


def test_every_closed_form_is_explained():
    common, *each = explanations()
    assert "mean cost" in common
    for which, sentence in zip(RUNS, each, strict=True):
        assert sentence.startswith(which.split("_")[0] + ": ")


def test_every_case_is_run():
    """Three are exact decompositions, which `tests/explain/test_decomposition.py` runs."""
    cases = set(json.loads(CASES.read_text(encoding="utf-8")))
    assert cases == {*RUNS, "V14_conservation", "V16_kitagawa", "V17_shapley3"}
