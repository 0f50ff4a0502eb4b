"""Printed tables: at any width every number stands in them whole."""

import io
import re

import pandas as pd
import pytest
from rich.console import Console
from xiang_hu_bao import HEADLINES

from experiments import targets
from experiments.console import PlainTable
from experiments.reproduce import cell, record_table, year_table
from experiments.simulated import Simulated


def printed(table: PlainTable, width: int) -> str:
    text = io.StringIO()
    screen = Console(file=text, width=width, markup=False, highlight=False)
    screen.print(table)
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 122, 140])
def test_the_headline_table_can_be_read_at_any_width(small_history, width):
    compared = targets.compare(Simulated.of(small_history), targets.load())
    table = record_table(compared)
    out = printed(PlainTable("The record", table), width)
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    words = set(re.findall(r"[\w.,:-]+", out))
    for name in ("published", "simulated"):
        for value in table[name]:
            assert set(value.split()) <= words, value
    for band in table["accepted band"]:
        assert set(band.replace("..", "").split()) <= words, band
    # The six headline rows can be told apart: their names are whole from 80 columns on.
    if width >= 80:
        assert set(HEADLINES) <= words
        first = out.split("general_share_2020")[0]
        assert "inside?" in first  # on the same table


def test_a_table_breaks_into_several_before_it_cuts_a_number():
    frame = pd.DataFrame(
        {
            "point": [0, 1],
            "a name of many words": [1234.5678, 0.00001],
            **{f"column {n}": [1.5e6, 2e9] for n in range(12)},
        }
    )
    out = printed(PlainTable("wide", frame), 50)
    assert max(map(len, out.splitlines())) <= 50
    for column in frame:
        for value in frame[column]:
            assert re.search(rf"(?<![\d.]){re.escape(cell(value))}(?![\d.])", out), (column, value)
    assert out.count("point") == len(PlainTable("wide", frame).blocks(50)[0]) > 1


def test_text_of_users_is_no_markup():
    frame = pd.DataFrame({"what": ["[/b]", "[yuan/year]"]})
    out = printed(PlainTable("does [/b] cost [yuan/year]?", frame), 80)
    assert "does [/b] cost [yuan/year]?" in " ".join(out.split())
    assert "[yuan/year]" in out.splitlines()[-2]


def test_a_year_is_a_line_a_plan(small_history):
    table = year_table(small_history, "yuan")
    assert len(table) == 5 * 3
    general = table[(table["year"] == "2020") & (table["plan"] == "general")].iloc[0]
    rows = small_history[(small_history["plan"] == "general") & small_history["date"].str.startswith("2020")]
    assert general["members at the end"] == rows["members"].iloc[-1]
    assert general["share (yuan a member)"] == pytest.approx(rows["share"].sum())
    assert general["recipients"] == pytest.approx(rows["recipients"].sum())
