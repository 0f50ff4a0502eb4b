"""Worked cases: small worlds in TOML files, with numbers that can be checked on paper, run by both drivers.

A file holds `[[case]]` tables: `name`; `change`, the parameters that differ from a world in which nothing happens
(`hand_made.OFF`); `policy`, the text of a policy file; `people`; and `expect`, which gives for a quantity its value
after each settlement named. What can be expected is in `observed`. `shared` at the top of a file holds for all of its
cases.
"""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made import world
from xiang_hu_bao import PLACES, PLAN_NAMES, calendar

from agents.population import PLACE_MASK
from model.measures import MEASURES

REASONS = (
    "shares",
    "shares paid for members",
    "excess over caps",
    "entry fees",
    "recovered from the reinsurer",
    "reinsurance premium",
    "aid",
    "fee",
    "aid after the closing",
)
"""Why money moves, in the ledger."""
FOLDER = Path(__file__).parent
CASES = [
    pytest.param(file, case | {"shared": file.get("shared", {})}, id=f"{path.stem}: {case['name']}")
    for path in sorted(FOLDER.glob("*.toml"))
    for file in [tomllib.loads(path.read_text(encoding="utf-8"))]
    for case in file["case"]
]


def observed(model: Any) -> dict[str, Any]:
    """What a case can expect after a settlement."""
    platform = model.platform
    seen = {
        f"{owner}.{name}": model.report.last(name, plan) for plan, owner in enumerate(PLAN_NAMES) for name in MEASURES
    }
    for plan, name in enumerate(PLAN_NAMES):
        seen |= {
            f"{name}.expected price": platform.expected_price[plan],
            f"{name}.usual bill": platform.usual_bill[plan],
            f"{name}.recent bill": platform.recent_bill[plan],
            f"{name}.bill rise": platform.bill_rise[plan],
        }
    # How much has called for attention since the launch: the chance to hear, think again or look is 1 - exp(-this).
    seen |= {f"intensity.{place}": reading for place, reading in zip(PLACES, model.readings, strict=True)}
    last = model.period - 1
    assert {transfer.reason for transfer in model.ledger.transfers} <= set(REASONS)
    for reason in REASONS:
        seen[f"paid in {reason}"] = model.ledger.total(reason, last) / 100
        seen[f"paid so far in {reason}"] = model.ledger.total(reason) / 100
    places = [PLACES[status & PLACE_MASK] for status in model.population.columns.status]
    return seen | {
        "trust": model.trust,
        "bad news": model.mood.bad_news,
        "leaving": model.mood.leaving,
        "review capacity": platform.capacity,
        "where people are": places,
        "regulator": len(model.regulator.statements),
    }


@pytest.mark.parametrize("driver", ["crowd", "agents"])
@pytest.mark.parametrize(("file", "case"), CASES)
def test_worked_case(file: dict[str, Any], case: dict[str, Any], driver: str) -> None:
    assert set(case) <= {"name", "change", "policy", "people", "expect", "shared"}, case.keys()
    assert set(case["shared"]) <= {"change", "people"}
    people = case.get("people", case["shared"].get("people"))
    model = world(people, case["shared"].get("change", {}) | case.get("change", {}), driver, case.get("policy", ""))
    labels = {label for values in case["expect"].values() for label in values}
    seen = {}
    for _ in range(max(calendar.parse_label(label) for label in labels) + 1):
        label = calendar.label(model.period)
        model.step()
        if label in labels:
            seen[label] = observed(model)
    wrong = [
        f"{quantity} {label}: {got}, by hand {wanted}"
        for quantity, values in case["expect"].items()
        for label, wanted in values.items()
        for got in [seen[label][quantity]]
        if not _same(got, wanted)
    ]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return got == wanted
    # Hand calculations are written to six digits or more.
    return bool(np.isclose(got, wanted, rtol=1e-6, atol=1e-9, equal_nan=True))
