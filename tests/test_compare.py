"""Two scenarios beside each other: the same seeds, paired differences, and what the command says of them."""

import pandas as pd
import pytest
from xiang_hu_bao import SUMMARIES

from experiments.compare import compare
from experiments.simulated import Simulated
from experiments.sweeps.summaries import summarise
from model.model import MutualAidModel
from model.scenario import Scenario

SMALL = {"scale": 200_000}


def test_replicates_have_the_same_seeds_and_their_differences_are_paired():
    size = {"scale": 50_000}  # large enough for the fee to show in three pairs
    first, second = Scenario(rng=7, **size), Scenario(rng=99, fee_rate=0.5, **size)
    done = []
    table = compare(first, second, 3, lambda *progress: done.append(progress)).set_index("summary")
    runs = [
        [summarise(Simulated.of(MutualAidModel(scenario.replace(rng=7 + number)).run())) for number in range(3)]
        for scenario in (first, second)
    ]
    for name in SUMMARIES:
        a, b = (pd.Series([run[name] for run in those]) for those in runs)
        assert table.at[name, "mean_a"] == pytest.approx(a.mean())
        assert table.at[name, "mean_b"] == pytest.approx(b.mean())
        assert table.at[name, "difference"] == pytest.approx((b - a).mean())
        assert table.at[name, "pairs"] == 3
    assert table.at["share_2020", "clear"]
    assert done == [(number, 6) for number in range(7)]


def test_what_one_scenario_does_not_reach_is_no_pair():
    table = compare(Scenario(**SMALL), Scenario(periods=30, **SMALL), 2).set_index("summary")
    assert table.at["fall_2021", "pairs"] == 0
    assert not table.at["fall_2021", "clear"]
    assert table.at["share_2019", "pairs"] == 2


def test_a_scenario_does_not_differ_from_itself():
    table = compare(Scenario(**SMALL), Scenario(**SMALL), 2)
    assert (table[["difference", "low", "high"]] == 0).all().all()
    assert not table["clear"].any()


def test_the_command_says_what_was_compared(typed, tmp_path):
    code, out, _ = typed(
        "compare", "default", "no_gate", "--scale", "200000", "--seed", "3", "--replicates", "2", "--set", "habit=0.1",
        "--csv", "two.csv",
    )  # fmt: skip
    assert code == 0
    assert "A: default scenario, 1:200,000, seed 3 to 4, the same for both" in out
    assert "B: no_gate scenario with habit = 0.1, 1:200,000, seed 3 to 4, the same for both" in out
    written = pd.read_csv(tmp_path / "two.csv")
    assert written["summary"].to_list() == list(SUMMARIES)
    for name in SUMMARIES:
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("default", "no_gat"), "did you mean 'no_gate'?"),
        (("default", "default", "--set", "fee=1"), "unknown parameter 'fee'"),
        (("default", "default", "--replicates", "1"), "--replicates"),
        (("default", "default", "--scale", "200000", "--seed", str(2**63 - 1)), "seed = 9223372036854775808"),
        (("default",), "allowed: two scenarios, or policies alone"),
        ((), "names = nothing; allowed: --all"),
        (("entry_fees",), "did you mean 'entry_fee'?"),
    ],
)
def test_a_mistake_is_one_line(typed, arguments, words):
    code, out, err = typed("compare", *arguments)
    assert code == 2
    assert out == ""
    assert words in err
    assert err.strip().count("\n") == 0


def test_an_interruption_says_that_nothing_was_written(typed, interrupt_at):
    interrupt_at(3)
    code, out, _ = typed("compare", "default", "no_gate", "--scale", "200000", "--csv", "two.csv")
    assert code == 130
    assert "interrupted; nothing was written" in out
