"""Every parameter is alive: changing it changes the history, and in the direction that it declares.

With common random numbers: the same people and the same draws at both values.
"""

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from xiang_hu_bao import PLAN_NAMES

from experiments.calibration import priors
from model.measures import MEASURES
from model.model import MutualAidModel
from model.scenario import PARAMETERS, TYPES, Scenario

SCALE = 20_000
STEP = 1.5
"""A parameter is multiplied by this, as far as its bounds allow, but for those whose effect needs more."""
FAR = {
    "scale": 30_000,
    "accident_share": 0.5,
    "uptake_children": 0.5,
    "adoption_age_slope": 0.5,
    "level_salience": 0.02,
    "contagion": 3.0,
    "review_limit": 300.0,
    "premium_risk_correlation": 0.5,
    "information": 0.5,
    "entry_knowledge": 0.0,
    "exit_knowledge": 0.0,
    "mortality_multiplier": 3.0,
    "advertised_price": 300.0,
    "seniors_advertised_price": 2_000.0,
    "launch_advertising": 0.3,
    "launch_weeks": 12.0,
    "door_rush": 1.0,
    "door_weeks": 40.0,
    "scandal_impact": 0.3,
    "insurance_fee_rate": 0.5,
    # Caps that bind.
    "case_cap": 0.001,
    "cancer_case_cap": 0.001,
    "yearly_cap": 5.0,
    "review_periods": 5,
    "seniors_screening": 0.0,
    "group_share": 0.3,
    "review_start": 100.0,
    "review_clearing": 10.0,
    "covid_filing": 0.9,
    "covid_review": 1.0,
    "periods": 60,
}


UNSEEN = {"price_memory": 0.001, "salience": 0.0, "level_salience": 0.0}
"""With these hardly anybody sees a bill."""
NEEDS = {"insurance_fee_rate": {"review_periods": 0, "lag_months": 0.0, "review_start": 100.0, **UNSEEN}}
"""What else must be so that a parameter matters: aid in the insurance phase, in which few claims were paid,
and nobody who leaves because of it."""


@cache
def history(name: str = "scale", value: float | None = None, needed_by: str = "") -> pd.DataFrame:
    changes = {"scale": SCALE} | NEEDS.get(needed_by or name, {}) | ({} if value is None else {name: value})
    return MutualAidModel(Scenario(**changes)).run()


def changed(name: str) -> float:
    """Another allowed value of a parameter."""
    par, now = PARAMETERS[name], Scenario().values()[name]
    if TYPES[name] is bool:
        return not now
    return TYPES[name](FAR.get(name, min(par.high, max(par.low, STEP * now))))


def over_the_history(rows: pd.DataFrame, measure: str) -> float:
    """A flow summed over the history, the mean of anything else; `plan.measure` for one plan."""
    plan, _, name = measure.rpartition(".")
    values = rows.loc[rows["plan"].isin([plan] if plan else PLAN_NAMES), name]
    return float(values.sum() if MEASURES[name].kind == "flow" else values.mean())


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_changes_the_history_in_the_direction_that_it_declares(name):
    par, before, after = PARAMETERS[name], Scenario().values()[name], changed(name)
    assert after != before
    base = history(needed_by=name if name in NEEDS else "")
    assert not history(name, after).equals(base)
    up = 1 if after > before else -1
    for measure, sign in ((par.raises, 1), (par.lowers, -1)):
        if measure:
            effect = over_the_history(history(name, after), measure) - over_the_history(base, measure)
            assert up * sign * effect > 0, f"{name} = {after:g}: {measure} by {effect:g}"


def test_a_parameter_declares_one_measure_that_exists():
    declared = {name: par.raises or par.lowers for name, par in PARAMETERS.items() if par.raises or par.lowers}
    assert len(declared) >= 50
    for name, measure in declared.items():
        assert not (PARAMETERS[name].raises and PARAMETERS[name].lowers), name
        plan, _, of = measure.rpartition(".")
        assert of in MEASURES, name
        assert plan in {"", *PLAN_NAMES}, name


def test_a_source_that_names_a_file_names_one_of_the_repository():
    sources = [par.source for par in PARAMETERS.values()] + [prior.source for prior in priors.load().fitted]
    cited = {match for source in sources for match in re.findall(r"([\w./-]+\.md)(?:, ([\w ]+))?", source)}
    assert len(cited) >= 5
    docs = Path(__file__).parents[1] / "docs"
    for file, section in cited:
        text = (docs / file).read_text(encoding="utf-8")
        assert not section or f"## {section}\n" in text, f"{file} has no section '{section}'"
