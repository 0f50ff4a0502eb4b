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
    for (habit, seed), run in batch.groupby(["habit", "rng"]):
        direct = _collected(_run(rng=int(seed), habit=float(habit)))
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


class TestPage:
    """The interactive page, without a browser."""

    @pytest.fixture
    def app(self) -> Any:
        from experiments import app

        return app

    def test_page_renders_before_and_after_a_step(self, app: Any) -> None:
        import ipywidgets
        import solara

        for done in (0, 1, 3):
            model = app.PageModel(**app.FIXED | ROWS_1000)
            for _ in range(done):
                model.step()
            viz = app.SolaraViz(model, components=app.COMPONENTS, model_params=app.parameters(), name=app.TITLE)
            _, context = solara.render(viz, handle_error=False)
            assert len(context.find(ipywidgets.Image).widgets) == len(app.COMPONENTS) - 1
            context.close()

    def test_page_is_an_element(self, app: Any) -> None:
        import solara

        _, context = solara.render(app.page, handle_error=False)
        context.close()

    def test_step_and_reset(self, app: Any) -> None:
        import ipyvuetify
        import solara
        from mesa.visualization.solara_viz import ModelController, ModelCreator

        held = solara.reactive(app.PageModel(**app.FIXED))

        @solara.component
        def Sidebar() -> None:  # noqa: N802 - solara names components like classes
            values = solara.use_reactive({})
            ModelController(
                held,
                model_parameters=values,
                play_interval=solara.use_reactive(1),
                render_interval=solara.use_reactive(1),
                use_threads=solara.use_reactive(False),
            )
            ModelCreator(held, app.parameters(), model_parameters=values)

        _, context = solara.render(Sidebar(), handle_error=False)
        first = held.value

        def press(label: str) -> None:
            (button,) = (b for b in context.find(ipyvuetify.Btn).widgets if b.children[0] == label)
            button.click()

        press("Step")
        press("Step")
        assert first.period == 2
        (habit,) = (s for s in context.find(ipyvuetify.Slider).widgets if s.label == app.parameters()["habit"].label)
        habit.v_model = 0.3
        (seed,) = context.find(ipyvuetify.TextField).widgets
        seed.v_model = "7"
        seed.fire_event("focusout", None)
        press("Reset")
        scenario = held.value.scenario
        assert held.value is not first
        assert held.value.period == 0
        assert {name: getattr(scenario, name) for name in app.FIXED} == app.FIXED
        assert (scenario.habit, scenario.seed) == (0.3, 7)
        assert set(scenario.differences()) == {"scale", "habit"}
        press("Step")
        assert held.value.period == 1
        context.close()

    def test_sliders_start_from_the_default_scenario(self, app: Any) -> None:
        for name, value in app.parameters().items():
            if isinstance(value, app.Slider):
                par = PARAMETERS[name]
                assert par.low <= value.min <= value.value == getattr(Scenario(), name) <= value.max <= par.high

    def test_reset_changes_nothing_that_nobody_touched(self, app: Any) -> None:
        sliders = {name: value for name, value in app.parameters().items() if isinstance(value, app.Slider)}
        assert len(sliders) == len(app.SLIDERS)
        snapped = {}
        for name, slider in sliders.items():
            # A slider holds its lowest value plus a whole number of steps.
            steps = round((slider.value - slider.min) / slider.step)
            snapped[name] = slider.min + steps * slider.step
            assert snapped[name] == pytest.approx(slider.value, rel=0, abs=1e-9), name
        model = app.PageModel(**app.FIXED | snapped)
        assert set(model.scenario.differences()) == {"scale"}

    def test_a_seed_that_is_no_number_is_answered(self, app: Any) -> None:
        model = app.PageModel(rng="seven", **app.FIXED)
        assert "seven" in model.refused
        assert model.scenario.seed == Scenario().seed

    def test_recent_mean_weighs_by_people(self, app: Any) -> None:
        data = pd.DataFrame(
            {"general_left": [0, 0, 1, 3, 0], "general_leaver_mean_risk": [np.nan, np.nan, 4.0, 8.0, np.nan]}
        )
        np.testing.assert_allclose(app.recent_mean(data, "leaver", "left"), [np.nan, np.nan, 4, 7, 7])

    def test_key_numbers_sum_the_year(self, app: Any) -> None:
        model = app.PageModel(**app.FIXED)
        assert app.key_numbers(model) == {}
        for _ in range(24):
            model.step()
        numbers = app.key_numbers(model)
        history = model.history
        in_2019 = history["date"].str.startswith("2019") & (history["plan"] == "general")
        assert numbers["yuan: general plan's bill of 2019 so far"] == f"{history['share_yuan'][in_2019].sum():.2f}"
