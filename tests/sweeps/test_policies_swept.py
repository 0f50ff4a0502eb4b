"""Studies over policies and rules of the pool."""

import pandas as pd
import pytest

from experiments.sweeps.design import StudyError
from experiments.sweeps.engine import sweep
from experiments.sweeps.figures import study_figure
from experiments.sweeps.results import Results
from experiments.sweeps.study import from_content
from model.errors import UserError
from model.model import MutualAidModel
from model.policy import of_rule

BASE = {"question": "which?", "expectation": "none", "scale": 500_000, "replicates": 2}


def study(parameters, kind="grid", **rest):
    return from_content(BASE | rest | {"design": {"kind": kind, "parameters": parameters}}, "mine")


def test_a_point_is_a_scenario_under_its_policy_and_rules():
    swept = study(
        {"policy": ["none", "age_bands+entry_fee"], "pool": {"plans": {"general": {"fee": [0.0, 0.2]}}}, "habit": [0.1]}
    )
    assert swept.design.names == ["policy", "pool.plans.general.fee", "habit"]
    assert len(swept.points) == 4
    plain, banded = swept.scenario_of(0, 0), swept.scenario_of(3, 1)
    assert [each.name for each in plain.pool.policies] == ["plans.general.fee = 0.0"]
    assert [each.name for each in banded.pool.policies] == ["age_bands", "entry_fee", "plans.general.fee = 0.2"]
    assert banded.habit == 0.1
    assert banded.seed == 2
    assert banded.pool.rules.plans[0].fee == dict.fromkeys(banded.pool.rules.plans[0].fee, 0.2)
    assert swept.values_at(3) == {"policy": "age_bands+entry_fee", "pool.plans.general.fee": 0.2, "habit": 0.1}
    # Dated in the pool, so that the scenario has no single value of it.
    assert swept.content()["base"]["policy"] == "none"
    assert swept.content()["base"]["pool.plans.general.fee"] is None
    assert swept.digest() != study({"policy": ["none", "age_bands"], "habit": [0.1]}).digest()


def test_a_sweep_over_policies_is_run_kept_and_read(tmp_path):
    swept = study({"policy": ["none", "entry_fee"], "pool": {"plans": {"all": {"minimum_stay": ["1 day", "1 year"]}}}})
    sweep(swept, tmp_path, workers=2)
    results = Results(tmp_path)
    assert not results.missing
    runs = results.summaries
    assert list(runs["policy"].unique()) == ["none", "entry_fee"]
    last = runs[(runs["policy"] == "entry_fee") & (runs["pool.plans.all.minimum_stay"] == "1 year")]
    alone = MutualAidModel(swept.scenario_of(3, 1)).simulate().series("members").max()
    assert last.iloc[1]["peak_members"] == alone
    assert results.baseline("policy=entry_fee,pool.plans.all.minimum_stay=1 year") == 3
    assert results.baseline() == 0
    assert results.named(3) == "policy = entry_fee, pool.plans.all.minimum_stay = 1 year"
    apart = results.differences(0)
    assert set(apart["point"]) == {1, 2, 3}
    assert study_figure(results).axes
    results.export(tmp_path / "all.csv")
    assert set(pd.read_csv(tmp_path / "all.csv")["policy"]) == {"none", "entry_fee"}


@pytest.mark.parametrize(
    ("parameters", "kind", "said"),
    [
        ({"policy": ["none", "entry_fees"]}, "grid", "did you mean 'entry_fee'"),
        ({"policy": {"low": 0}}, "sobol", "policy in [design.parameters] has no range"),
        ({"policy": "entry_fee"}, "grid", "is not a list"),
        ({"pool": {"plans": {"genral": {"fee": [0.1]}}}}, "grid", "did you mean 'general'"),
        ({"pool": {"plans": {"general": {"fee": [2]}}}}, "grid", "plans.general.fee = 2; allowed: 0 to 1"),
        ({"pool": [1]}, "grid", "unknown parameter 'pool'"),
    ],
)
def test_a_study_of_a_policy_that_cannot_be_is_refused_in_one_line(parameters, kind, said):
    with pytest.raises(UserError) as refused:
        study(parameters, kind, **({"replicates": 1} if kind == "grid" else {}))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rule_needs_a_dotted_path():
    with pytest.raises(UserError, match=r"pool\.fee is not allowed"):
        of_rule("fee", 0.1)
    assert issubclass(StudyError, UserError)
