"""replicates = "auto": rounds until the differences, or without common random numbers the means, are known."""

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from small_studies import quick
from xiang_hu_bao import SUMMARIES

from experiments.sweeps import engine
from experiments.sweeps.design import Design
from experiments.sweeps.engine import Shard, sweep
from experiments.sweeps.results import Results
from experiments.sweeps.store import Store, Unit
from experiments.sweeps.study import FIRST_REPLICATES

SPREAD = [0.0, 0.02, 0.2, 5.0]
"""How much a difference from point 0 varies, as a share: known at once, soon, late, and never."""


def auto(**changes):
    values = {"design": Design("grid", {"fee_rate": [0.08, 0.0, 0.16, 0.3]}), "replicates": "auto"}
    return quick(**(values | {"tolerance": 0.05, "most_replicates": 20} | changes))


def play(store, unit):
    """Write what runs of a unit might say: luck moves all points alike by half, the rest varies by `SPREAD`."""
    summaries = []
    for replicate in range(unit.first, unit.end):
        luck = np.random.default_rng(replicate).normal(1, 0.5)
        own = np.random.default_rng([replicate, unit.point]).normal(unit.point / 10, SPREAD[unit.point])
        summaries.append(dict.fromkeys(SUMMARIES, luck + own))
    keys = {"point": unit.point, "replicate": range(unit.first, unit.end)}
    store.keep_unit(unit, pa.Table.from_pandas(pd.DataFrame(keys)), summaries)


def ends(store):
    """The last replicate + 1 of each point."""
    return {unit.point: unit.end for unit in store.finished()}


def carry_out(study, folder, *, shard=None, luck=None):
    """Do the rounds of a study, some of the units at a time; returns the folder."""
    store = Store(folder)
    store.open(study)
    while units := engine.missing(study.work, store.finished(), store.failed(), shard or Shard(), SUMMARIES):
        for unit in luck.sample(units, luck.randint(1, len(units))) if luck else units:
            play(store, unit)
    return store


def test_differences_decide_where_random_numbers_are_common(tmp_path):
    store = carry_out(auto(), tmp_path)
    found = ends(store)
    assert found[1] == FIRST_REPLICATES  # each of its means is known to a third only
    assert FIRST_REPLICATES < found[2] <= found[3] == 20
    assert found[0] == 20  # as many as the point with the most
    assert not Results(tmp_path).missing


def test_the_verdict_that_is_printed_is_the_one_that_decides(tmp_path):
    carry_out(auto(most_replicates=12), tmp_path)
    judged = Results(tmp_path).replicate_verdicts(0).groupby("point")
    assert judged["enough"].all().to_dict() == {1: True, 2: False, 3: False}
    assert judged["pairs"].max().to_dict() == {1: FIRST_REPLICATES, 2: 12, 3: 12}


def test_means_decide_without_common_random_numbers(tmp_path):
    assert set(ends(carry_out(auto(common_luck=False), tmp_path)).values()) == {20}


def test_a_single_point_is_judged_by_its_means(tmp_path):
    alone = auto(design=Design("list", {"fee_rate": [0.08]}))
    assert alone.work.baseline is None
    assert ends(carry_out(alone, tmp_path)) == {0: 20}


@pytest.mark.parametrize("seed", range(8))
def test_which_unit_is_ready_first_does_not_matter(tmp_path, seed):
    whole = carry_out(auto(), tmp_path / "whole")
    some = carry_out(auto(), tmp_path / "some", luck=random.Random(seed))
    assert list(some.finished()) == list(whole.finished())


def test_shards_run_the_baseline_too_and_are_together_the_whole(tmp_path):
    whole = carry_out(auto(), tmp_path / "whole")
    shards = [tmp_path / f"shard-{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(shards, start=1):
        carry_out(auto(), folder, shard=Shard(number, 3))
    assert set(ends(Store(shards[1]))) == {0, 1}
    together = Results(*shards)
    assert list(together.finished) == list(whole.finished())
    assert not together.missing


def test_a_lost_round_of_the_baseline_is_run_again(tmp_path):
    store = carry_out(auto(), tmp_path)
    lost = next(unit for unit in store.finished() if unit.point == 0 and unit.first)
    before = list(store.finished())
    store.finished()[lost].unlink()
    assert engine.missing(auto().work, store.finished(), {}, Shard(), SUMMARIES) == [lost]
    assert list(carry_out(auto(), tmp_path).finished()) == before


def test_a_baseline_that_fails_ends_the_sweep(tmp_path):
    store = Store(tmp_path)
    store.open(auto())
    first = Unit(0, 0, FIRST_REPLICATES)
    store.set_aside(first, "ValueError", "")
    for point in (1, 2, 3):
        play(store, Unit(point, 0, FIRST_REPLICATES))
    assert engine.missing(auto().work, store.finished(), store.failed(), Shard(), SUMMARIES) == []
    store.forget_failures(lambda unit: unit.point == 0)
    assert engine.missing(auto().work, store.finished(), store.failed(), Shard(), SUMMARIES) == [first]


def test_a_sweep_ends_when_its_differences_are_known(address, tmp_path):
    asked = auto(
        design=Design("grid", {"fee_rate": [0.08, 0.0801]}),
        tolerance=0.02,
        most_replicates=12,
        scale=200_000,
        parameters={"expected_claims": True, "periods": 40},
    )
    assert sweep(asked, tmp_path, scheduler=address) == 0
    found = Results(tmp_path)
    assert found.replicate_verdicts(0)["enough"].all() or found.runs == 24
    assert not found.missing
