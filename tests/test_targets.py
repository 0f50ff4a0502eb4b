"""The record, read off a history that can be checked by hand."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from xiang_hu_bao import HEADLINES, PLAN_NAMES, RECORD, calendar

from experiments import targets
from experiments.simulated import MEASURED, Simulated
from experiments.targets import Target, TargetError
from model.model import MutualAidModel
from model.report import BornIn
from model.scenario import Scenario


@pytest.fixture
def history() -> pd.DataFrame:
    """Share = number of the period, members = a million times that, in the general plan; nothing in the others."""
    rows = []
    for period in range(calendar.periods):
        for plan in PLAN_NAMES:
            here = plan == "general"
            rows.append(
                {
                    "date": calendar.published(period).isoformat(),
                    "plan": plan,
                    "share": float(period * here),
                    "members": 1_000_000 * period * here,
                    "recipients": 10.0 * here,
                    "benefits_paid": 1e6 * here,
                    "platform_paid": 1e5 * here,
                    "outstanding": 7e5 * here,
                    "collected": 1e6 * here,
                    "taken_over": 0,
                    "member_mean_age": 30.0 if here else float("nan"),
                }
            )
    return pd.DataFrame(rows)


def read(history, measure, when, plan="general", born=None) -> float:
    target = Target("x", plan, measure, when, 1, "", 0, 2, "A", "fit", "", "")
    return float(targets.compare(Simulated.of(history, born), [target])["simulated"].iloc[0])


def test_every_row_of_the_record_is_read(history):
    rows = targets.load()
    assert len(rows) == 77
    read = targets.compare(Simulated.of(history), rows).set_index("id")["simulated"]
    born = [row.id for row in rows if "born" in row.measure or "male" in row.measure]
    assert set(read.index[read.isna()]) == {"seniors_settlement_first", *born}  # nobody in the seniors' plan here
    assert [row.id for row in rows[:6]] == list(HEADLINES)


def test_each_measure_by_hand(history):
    first_2019, last_2019 = calendar.parse_label("2019-01-P1"), calendar.parse_label("2019-12-P2")
    assert read(history, "annual_share", "2019") == sum(range(first_2019, last_2019 + 1))
    assert read(history, "share", "2019-01-P2") == first_2019 + 1
    assert read(history, "share_month", "2019-01") == 2 * first_2019 + 1
    assert read(history, "share", "2020-02..2020-04") == calendar.parse_label("2020-02-P1") + 2.5
    assert read(history, "recipients", "2019") == 240
    assert read(history, "recipients", "2019-07-P1") == 10
    assert read(history, "recipients_month", "2019-06") == 20
    assert read(history, "recipients_cumulative", "2018-12-31") == 50
    assert read(history, "benefits_paid", "2020", plan="all") == 24e6
    assert read(history, "benefits_paid_cumulative", "2018-11-07") == 2e6
    assert read(history, "member_mean_age", "2020-12", plan="all") == 30
    assert read(history, "net_exit_rate", "2021") == pytest.approx(-2e6, rel=1e-3)
    assert read(history, "largest_fall", "2020-12") == -1e6
    history.loc[history["date"] == "2020-12-07", "members"] -= 3_000_000
    assert read(history, "largest_fall", "2020-12") == 2e6
    history.loc[history["date"] < "2018-11-20", "recipients"] = 0.4  # less than one, as expected claims begin
    assert read(history, "share", "2018-first") == calendar.period_of(
        calendar.published(calendar.parse_label("2018-11-P2"))
    )


def test_extreme_shares_by_hand(history):
    assert read(history, "share_lowest", "2020-02..2020-04") == calendar.parse_label("2020-02-P1")
    assert read(history, "share_highest", "2020-02..2020-04") == calendar.parse_label("2020-04-P2")
    history.loc[history["date"] == "2020-03-07", "share"] = 0.0  # a settlement without claims is no low share
    assert read(history, "share_lowest", "2020-02..2020-04") == calendar.parse_label("2020-02-P1")
    assert math.isnan(read(history, "share_highest", "2018-01..2018-02"))


def test_what_the_platform_pays_from_a_day_on_by_hand(history):
    # Debited on 28 December, 14 and 28 January; published a week before each.
    assert read(history, "paid_by_platform_from", "2021-12-28") == 3 * 1e5 + 7e5
    assert read(history, "paid_by_platform_from", "2022-01-20") == 1e5 + 7e5
    assert math.isnan(read(history, "paid_by_platform_from", "2022-02-01"))


def test_years_of_birth_by_hand(history):
    members = np.zeros((calendar.periods, 3, 120), dtype=np.int64)
    members[:, 0, 80:90], members[:, 0, 90], members[:, 1, 50] = 2, 30, 50
    members[0] = 1
    recipients = np.zeros((calendar.periods, 3, 2, 120))
    recipients[:, 0, 1, 80], recipients[:, 0, 0, 70], recipients[:, 1, 0, 50] = 3.0, 1.0, 4.0
    born = BornIn(1900, members, recipients)
    assert read(history, "member_share_born", "2018-12:1980..1989", born=born) == 20 / 50
    assert read(history, "member_share_born", "2018-12:1990..1990", born=born) == 30 / 50
    assert read(history, "member_share_born", "2018-12:1980..1989", "all", born) == 20 / 100
    assert read(history, "member_share_born", "2018-10:1980..1989", born=born) == 10 / 120
    assert read(history, "recipient_share_born", "2019-11-27:1970..1979", born=born) == 1 / 4
    assert read(history, "recipient_share_born", "2019-11-27:1980..1999", "all", born) == 3 / 8
    assert read(history, "recipient_share_male", "2022-01-21", born=born) == 3 / 4
    assert math.isnan(read(history, "member_share_born", "2018-09:1980..1989", born=born))
    assert math.isnan(read(history, "member_share_born", "2018-12:1980..1989"))


def test_a_simulation_knows_who_was_born_when():
    report = MutualAidModel(Scenario(scale=100_000, periods=40)).simulate()
    asked = Target("x", "general", "member_share_born", "2019-12:1900..2019", 1, "", 0, 2, "A", "fit", "", "")
    measured = {"member_share_born": 1.0, "recipient_share_born": 1.0, "recipient_share_male": 0.5}
    for measure, expected in measured.items():
        when = asked.when if measure == "member_share_born" else "2020-01-21" + ":1900..2019" * ("born" in measure)
        found = MEASURED[measure](Simulated.of_report(report), replace(asked, measure=measure, when=when))
        assert found == pytest.approx(expected, abs=0.2 if "male" in measure else 1e-12)


def test_members_between_two_publications_lie_on_a_monotone_curve_through_them(history):
    assert read(history, "members", "2018-11-07") == 1_000_000
    assert 1_000_000 < read(history, "members", "2018-11-14") < 2_000_000
    assert read(history, "members", "2018-10-18") == 0
    assert read(history, "members", "2022-03-01") == 78_000_000
    days = pd.to_datetime(history["date"]) - pd.Timestamp(calendar.launch)
    history["members"] = 1_000 * days.dt.days
    assert read(history, "members", "2018-11-14") == pytest.approx(1_000 * (date(2018, 11, 14) - calendar.launch).days)
    history["members"] = 10_000_000
    assert 6_000_000 < read(history, "members", "2018-10-19") < read(history, "members", "2018-10-20") < 10_000_000
    assert read(history, "members", "2018-10-24") == 10_000_000


def test_a_figure_on_the_edge_of_its_band_is_inside():
    target = Target("x", "general", "share", "2019-01-P2", 1, "", 0.5, 2, "A", "fit", "", "")
    assert target.inside(0.5)
    assert target.inside(2)
    assert not target.inside(2.01)
    assert not target.inside(float("nan"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("measure", "mood", "measure = 'mood'; allowed: annual_share"),
        ("plan", "golden", "plan = 'golden'; allowed: general, seniors, chronic, all"),
        ("measure", "member_share_born", "when = '2020' cannot be read for member_share_born"),
        ("when", "soon", "when = 'soon' cannot be read for annual_share"),
        ("value", "many", "value = 'many' is not a number"),
    ],
)
def test_rows_that_are_refused(tmp_path, column, value, words):
    rows = pd.read_csv(RECORD, dtype=str, keep_default_na=False)[:3]
    rows.loc[1, column] = value
    file = tmp_path / "targets.csv"
    rows.to_csv(file, index=False)
    with pytest.raises(TargetError) as error:
        targets.load(file)
    assert words in str(error.value)
    assert f"row '{rows['id'].to_list()[1]}'" in str(error.value)


def test_a_missing_column_is_refused(tmp_path):
    file = tmp_path / "targets.csv"
    pd.read_csv(RECORD).drop(columns="low").to_csv(file, index=False)
    with pytest.raises(TargetError, match="column 'low' is missing"):
        targets.load(file)


def test_the_contested_history_can_be_read_where_the_model_speaks_to_it():
    rows = pd.read_csv(RECORD.with_name("targets_contested.csv"), dtype=str)
    assert set(rows["measure"]) <= set(MEASURED)
