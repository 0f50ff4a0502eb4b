"""Studies that are small enough for a test, and the command line in the test's own process."""

import sys

import pytest

from experiments import cli
from experiments.sweeps import study
from experiments.sweeps.design import Design


def quick(**changes):
    """Six points, two replicates, a fraction of a second each."""
    values = {
        "question": "what do fee and wait do?",
        "expectation": "little",
        "design": Design("grid", {"wait_periods": [2, 6, 10], "fee_rate": [0.0, 0.08]}),
        "scale": 500_000,
        "replicates": 2,
        "seed": 5,
        "measures": ("members", "joined", "share", "member_mean_risk"),
        "parameters": {"expected_claims": True, "periods": 30},
    }
    return study.Study(**(values | changes))


def written(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    return file


def typed(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mutualaid", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)
