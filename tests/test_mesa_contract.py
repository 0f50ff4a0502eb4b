"""The model is a Mesa model like any other: Mesa's own tools work on it unchanged."""

import copy
import multiprocessing
import pickle
from collections.abc import Iterator
from typing import Any

import mesa
import numpy as np
import pandas as pd
import pytest
from xiang_hu_bao import PLAN_NAMES

from agents.insurer import Insurer
from agents.platform import Platform
from agents.regulator import Regulator
from model import measures
from model.model import MutualAidModel
from model.scenario import PARAMETERS, Scenario

ROWS_1000: dict[str, Any] = {"scale": 220_000, "periods": 12}


def _run(**changes: Any) -> MutualAidModel:
    model = MutualAidModel(**(ROWS_1000 | changes))
    model.run_model()
    return model


def _collected(model: MutualAidModel) -> pd.DataFrame:
    return model.datacollector.get_model_vars_dataframe()


def test_one_row_a_period_and_reporters_equal_history() -> None:
    model = _run()
    frame, history = _collected(model), model.history
    assert len(frame) == model.scenario.periods == model.period
    for plan in PLAN_NAMES:
        rows = history[history["plan"] == plan]
        for name in measures.MEASURES:
            np.testing.assert_array_equal(frame[f"{plan}_{name}"], rows[name], err_msg=f"{plan}_{name}")
    for name in ("members", "recipients"):
        total = history.groupby("period", sort=False)[name].sum()
        np.testing.assert_allclose(frame[f"total_{name}"], total)


def test_before_the_first_step_nothing_is_collected() -> None:
    model = MutualAidModel(**ROWS_1000)
    assert _collected(model).empty
    assert model.history.empty


def test_no_reporter_hides_a_parameter() -> None:
    reporters = set(MutualAidModel(**ROWS_1000).datacollector.model_reporters)
    of_batch_run = {"RunId", "iteration", "Step"}
    assert not set(PARAMETERS) & (reporters | set(measures.MEASURES) | of_batch_run)
    assert not reporters & of_batch_run


@pytest.fixture
def start_method() -> Iterator[None]:
    """Mesa's batch_run makes `spawn` the way in which this whole process starts others."""
    before = multiprocessing.get_start_method(allow_none=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.usefixtures("start_method")
@pytest.mark.parametrize("processes", [1, 2])
def test_batch_run_equals_direct_runs(processes: int) -> None:
    swept = [0.0, 0.2]
    rows = mesa.batch_run(
        MutualAidModel,
        ROWS_1000 | {"habit": swept},
        rng=[1, 2],
        number_processes=processes,
        data_collection_period=1,
        display_progress=False,
    )
    batch = pd.DataFrame(rows)
    assert len(batch) == 2 * len(swept) * ROWS_1000["periods"]
    assert sorted(batch["habit"].unique()) == swept
    for _, run in batch.groupby(["habit", "rng"]):
        direct = _collected(_run(rng=int(run["rng"].iloc[0]), habit=float(run["habit"].iloc[0])))
        run = run.sort_values("Step")[list(direct.columns)].reset_index(drop=True)
        pd.testing.assert_frame_equal(run, direct, check_dtype=False)


@pytest.mark.parametrize("driver", ["crowd", "agents"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_go_on_alike(copied: Any, driver: str) -> None:
    model = MutualAidModel(**ROWS_1000, driver=driver)
    for _ in range(5):
        model.step()
    twin = copied(model)
    model.run_model()
    assert twin.period == 5
    twin.run_model()
    pd.testing.assert_frame_equal(twin.history, model.history)
    pd.testing.assert_frame_equal(_collected(twin), _collected(model))


def test_one_platform_one_insurer_one_regulator() -> None:
    by_type = MutualAidModel(**ROWS_1000).agents_by_type
    assert {kind: len(agents) for kind, agents in by_type.items()} == {Platform: 1, Insurer: 1, Regulator: 1}


def test_a_seed_may_be_a_string() -> None:
    pd.testing.assert_frame_equal(_run(rng="42").history, _run(rng=42).history)
    assert not _run(rng=42).history.equals(_run(rng=43).history)


def test_models_side_by_side_do_not_meet() -> None:
    alone = [_run(rng=seed).history for seed in (1, 2)]
    together = [MutualAidModel(**ROWS_1000, rng=seed) for seed in (1, 2)]
    while together[0].running:
        for model in together:
            model.step()
    for model, history in zip(together, alone, strict=True):
        pd.testing.assert_frame_equal(model.history, history)


def test_a_scenario_is_frozen() -> None:
    model = MutualAidModel(**ROWS_1000)
    for scenario in (Scenario(), model.scenario):
        with pytest.raises(AttributeError, match=r"scenario\.replace"):
            scenario.fee_rate = 0.2


def test_the_page_is_an_element_that_renders() -> None:
    import solara

    from experiments.page import app

    _, context = solara.render(app.Page(), handle_error=False)
    context.close()
