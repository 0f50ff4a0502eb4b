"""Small worlds made by hand: a few people whose every attribute is given, in a scenario with everything else off."""

import dataclasses
import re
from typing import Any

import numpy as np
from xiang_hu_bao import KINDS, PLACES, calendar

from agents.population import (
    CHRONICALLY_ILL,
    CONCEALED,
    FALL_ILL,
    FRAILTY_UNIT,
    LOG_UNIT,
    LOW_CREDIT,
    MALE,
    NEVER,
    NO_RATE,
    SIGNS,
    SIGNS_APPEAR,
    SIGNS_PASS,
    Fate,
    Population,
    empty_columns,
)
from model.health import Health, chain_of, health_of
from model.model import MutualAidModel
from model.policy import of_text
from model.scenario import Scenario
from model.synthesis import foretell

OFF = {
    "scale": 1,
    "potential_population": 1_000,
    "mortality_multiplier": 0.0,
    "information": 0.0,
    "signs_weight": 0.0,
    "join_temperature": 0.0,
    "stay_temperature": 0.0,
    "concealment": 0.0,
    "joining_hassle": 0.0,
    "launch_advertising": 0.0,
    "advertising": 0.0,
    "word_of_mouth": 0.0,
    "door_rush": 0.0,
    "reconsideration": 0.0,
    "return_rate": 0.0,
    "habit": 0.0,
    "salience": 0.0,
    "level_salience": 0.0,
    "contagion": 0.0,
    "news_attention": 0.0,
    "regulator_impact": 0.0,
    "scandal_impact": 0.0,
    "rival_closure_impact": 0.0,
    "refusal_impact": 0.0,
    "trust_recovery": 0.0,
    "fee_rate": 0.0,
    "insurance_fee_rate": 0.0,
    "wait_periods": 0,
    "case_cap": 1e6,
    "cancer_case_cap": 1e6,
    "yearly_cap": 1e6,
    "credit_gate": False,
    "filing_share": 1.0,
    "seniors_filing_share": 1.0,
    "lag_months": 0.0,
    "concealment_found": 0.0,
    "terms_refusal": 0.0,
    "review_periods": 0,
    "review_start": 1e9,
    "review_limit": 1e12,
    "covid_review": 1.0,
    "covid_filing": 0.0,
    "insurer_loading": 1e6,
    "closing": False,
    "expected_claims": False,
}
"""Nothing moves anybody, every claim is filed, granted and paid in the period of the illness."""

PERSON = {
    "count": 1,
    "born": "1990-01",
    "sex": "F",
    "frailty": 1.0,
    "markup": 1.0,
    "in": "unaware",
    "joined": "2018-10-P2",
    "signs": False,
    "concealed": False,
    "chronic": False,
    "low_credit": False,
    "hears": "never",
    "looks": "never",
}
"""A person of whom nothing else is said. `markup`: willingness to pay over perceived expected claims; `hears`, `looks`:
never, always (as soon as anything calls for it), or a rate relative to others."""

EVENTS = {"ill": FALL_ILL, "signs appear": SIGNS_APPEAR, "signs pass": SIGNS_PASS}


def world(
    people: list[dict[str, Any]], changes: dict[str, Any], driver: str = "crowd", policy: str = ""
) -> MutualAidModel:
    """A model with these people, each as `PERSON` but for what is given, in a scenario `OFF` but for `changes`.

    `policy` is the text of a policy file.

    Two changes are not parameters: `incidence` is the risk of illness of everybody, per person-year (by default that of
    the table), and `illness` is the kind that every illness has (by default `other`: no cancer and no accident).
    """
    changes = dict(changes)
    flat = changes.pop("incidence", None), changes.pop("illness", "other")
    scenario = Scenario(**OFF | changes)
    if policy:
        scenario = scenario.with_policies([of_text("worked", policy)])
    made = [PERSON | person for person in people for _ in range(person.get("count", 1))]
    unknown = {key for person in made for key in person} - {*PERSON, "events"}
    if unknown:
        raise KeyError(f"a person has no {unknown}")
    tables = _health(health_of(scenario), *flat)
    return MutualAidModel(scenario, population=_population(made, scenario), health=tables, driver=driver)


def _health(tables: Health, incidence: float | None, kind: str) -> Health:
    if incidence is not None:
        # No warning signs: who is well falls ill at this rate.
        everybody = np.full_like(tables.incidence, incidence)
        tables = dataclasses.replace(tables, incidence=everybody, leaving=everybody, blue=np.ones_like(everybody))
    kinds = np.zeros_like(tables.kinds)
    kinds[..., KINDS.index(kind)] = 1.0
    return dataclasses.replace(tables, kinds=kinds)


def _rate(how: str | float) -> int:
    return {"never": NO_RATE, "always": 32767}[how] if isinstance(how, str) else round(np.log(how) * LOG_UNIT)


def _population(made: list[dict[str, Any]], scenario: Scenario) -> Population:
    columns = empty_columns(len(made))
    for row, person in enumerate(made):
        year, month = map(int, re.fullmatch(r"(\d{4})-(\d{2})", person["born"]).groups())
        columns.birth_month[row] = 12 * (year - 1900) + month - 1
        columns.frailty[row] = round(person["frailty"] * FRAILTY_UNIT)
        columns.premium[row] = round(np.log(person["markup"]) * LOG_UNIT)
        columns.adoption[row] = _rate(person["hears"])
        columns.attention[row] = _rate(person["looks"])
        columns.body[row] = (
            MALE * (person["sex"] == "M") | CHRONICALLY_ILL * person["chronic"] | LOW_CREDIT * person["low_credit"]
        )
        place = PLACES.index(person["in"])
        member = person["in"] in {"general", "seniors", "chronic"}
        columns.joined[row] = calendar.parse_label(person["joined"]) if member else NEVER
        columns.status[row] = place | SIGNS * person["signs"] | CONCEALED * person["concealed"]
        # A person is called as soon as the intensity of their place is above zero, or never.
        never = (person["looks"] if member else person["hears"]) == "never"
        columns.clock[row] = np.inf if never else 1e-12
    columns.signs[:] = columns.illness[:] = columns.death[:] = NEVER
    return Population(columns, _fate(made, columns, scenario), scenario.scale)


def _fate(made: list[dict[str, Any]], columns: Any, scenario: Scenario) -> Fate:
    """The given events and everybody's sixtieth birthday, sorted by period and row."""
    nobody_ill = dataclasses.replace(
        health_of(scenario),
        leaving=np.zeros((2, 106)),
        mortality=np.zeros((2, 106)),
        prevalence=np.zeros((2, 106)),
        signs_exit=1e-12,
    )
    chain = chain_of(nobody_ill, scenario)
    birthdays = foretell(columns, chain)
    when = np.repeat(np.arange(scenario.periods), np.diff(birthdays.start))
    events = list(zip(when, birthdays.row, birthdays.event, strict=True))
    for row, person in enumerate(made):
        for period, event in person.get("events", {}).items():
            events.append((calendar.parse_label(period), row, EVENTS[event]))
            if event == "ill":
                columns.illness[row] = calendar.parse_label(period)
    events.sort(key=lambda event: event[:2])
    start = np.searchsorted([event[0] for event in events], np.arange(scenario.periods + 1))
    return Fate(
        start.astype(np.int64),
        np.array([event[1] for event in events], dtype=np.uint32),
        np.array([event[2] for event in events], dtype=np.uint8),
    )
