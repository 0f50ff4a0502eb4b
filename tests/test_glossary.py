"""The glossary: every name in it exists, every parameter and measure is in it, once, in both languages."""

import pkgutil
import re
from collections import Counter

import pytest

from experiments.documentation import glossary
from model.measures import MEASURES
from model.scenario import PARAMETERS

TERMS = glossary()


@pytest.mark.parametrize("name", [term["code"] for term in TERMS])
def test_a_name_of_the_glossary_exists(name):
    assert name in PARAMETERS or name in MEASURES or pkgutil.resolve_name(name) is not None


def test_every_parameter_and_measure_is_there_once():
    named = Counter(term["code"] for term in TERMS)
    assert {*PARAMETERS, *MEASURES} <= set(named)
    assert not [name for name, times in named.items() if times > 1]
    assert not [term for term, times in Counter(term["term"] for term in TERMS).items() if times > 1]


def test_every_term_is_in_both_languages_and_a_declared_unit_is_not_written_twice():
    for term in TERMS:
        assert term["term"], term
        assert re.search(r"[\u4e00-\u9fff]", term["chinese"]), term
    assert {term["code"]: term["unit"] for term in TERMS}["fee_rate"] == PARAMETERS["fee_rate"].unit
