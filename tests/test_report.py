"""The report of a run and the phases of a period."""

import numpy as np
import pandas as pd
import pytest
from xiang_hu_bao import PLAN_NAMES

from model.model import MutualAidModel
from model.phases import phase, phases_of
from model.scenario import Scenario

FEW = Scenario(scale=200_000, periods=30)


@pytest.fixture(scope="module")
def model():
    model = MutualAidModel(FEW)
    model.run()
    return model


def test_cohorts_add_up_to_members_and_recipients(model):
    cohorts, history = model.report.by_birth_year(), model.history
    for what in ("members", "recipients"):
        sums = cohorts.groupby(["period", "plan"])[what].sum()
        known = history.set_index(["period", "plan"])[what]
        np.testing.assert_allclose(sums.reindex(known.index).fillna(0), known, rtol=1e-12)
    women = cohorts[cohorts["sex"] == "female"].groupby(["period", "plan"])["recipients"].sum()
    known = history.set_index(["period", "plan"])["recipients_female"]
    np.testing.assert_allclose(women.reindex(known.index).fillna(0), known, rtol=1e-12)
    assert set(cohorts["plan"]) <= set(PLAN_NAMES)
    assert cohorts["birth_year"].between(1918, 2019).all()


def test_before_the_first_period_the_report_is_empty():
    model = MutualAidModel(FEW)
    assert model.history.empty
    assert model.report.by_birth_year().empty
    assert list(model.report.by_birth_year().columns) == list(pd.DataFrame(model.report.by_birth_year()).columns)


def test_outstanding_claims_are_reported_or_not(model):
    history = model.history
    np.testing.assert_allclose(history["outstanding"], history["outstanding_reported"] + history["outstanding_ibnr"])
    assert min(history["outstanding_ibnr"].max(), history["outstanding_reported"].max()) > 0


def test_the_model_describes_its_phases_and_how_long_they_took(model):
    fresh = MutualAidModel(FEW)
    titles = list(phases_of(MutualAidModel).values())
    assert fresh.describe().splitlines() == [f"{n}. {title}" for n, title in enumerate(titles, start=1)]
    for line, title in zip(model.describe().splitlines(), titles, strict=True):
        assert title in line
        assert line.endswith(" ms")
    assert titles[1] == "hear and join, notice and leave"


def test_a_subclass_adds_a_phase_or_replaces_one():
    class Taxed(MutualAidModel):
        taxed = 0

        @phase("pay a tax")
        def tax(self):
            self.taxed += 1

        @phase("settle, then tax")
        def settle(self, reviewed):
            settlements = super().settle(reviewed)
            self.tax()
            return settlements

    model = Taxed(FEW.replace(periods=8))
    model.run()
    assert model.taxed == 8
    assert list(phases_of(Taxed).values())[-1] == "pay a tax"
    assert "settle, then tax" in model.describe()


def test_what_is_collected_before_the_first_step_is_zero():
    model = MutualAidModel(FEW)
    model.datacollector.collect(model)
    model.step()
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["total_members"].tolist() == [0, model.report.series("members")[0]]
