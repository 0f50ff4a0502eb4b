"""The record, read off a history that can be checked by hand."""

from datetime import date

import pandas as pd
import pytest

from agents.population import PLAN_NAMES
from experiments import targets
from experiments.simulated import MEASURED
from experiments.targets import Target, TargetError
from model import calendar


@pytest.fixture
def history() -> pd.DataFrame:
    """Share = number of the period, members = a million times that, in the general plan; nothing in the others."""
    rows = []
    for period in range(calendar.PERIODS):
        for plan in PLAN_NAMES:
            here = plan == "general"
            rows.append(
                {
                    "date": calendar.published(period).isoformat(),
                    "plan": plan,
                    "share_yuan": float(period * here),
                    "members": 1_000_000 * period * here,
                    "recipients": 10.0 * here,
                    "aid_yuan": 1e6 * here,
                    "member_mean_age": 30.0 if here else float("nan"),
                }
            )
    return pd.DataFrame(rows)


def read(history, measure, when, plan="general") -> float:
    target = Target("x", plan, measure, when, 1, "", 0, 2, "A", "fit", "", "")
    return float(targets.compare(history, [target])["simulated"].iloc[0])


def test_every_row_of_the_record_is_read(history):
    rows = targets.load()
    assert len(rows) == 51
    assert targets.compare(history, rows)["simulated"].notna().sum() >= 50  # nobody in the seniors' plan here
    assert [row.id for row in rows[:6]] == list(targets.HEADLINES)


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
    assert read(history, "aid", "2020", plan="all") == 24e6
    assert read(history, "aid_cumulative", "2018-11-07") == 2e6
    assert read(history, "member_mean_age", "2020-12", plan="all") == 30
    assert read(history, "net_exit_rate", "2021") == pytest.approx(-2e6, rel=1e-3)
    assert read(history, "largest_fall", "2020-12") == -1e6
    history.loc[history["date"] == "2020-12-07", "members"] -= 3_000_000
    assert read(history, "largest_fall", "2020-12") == 2e6
    history.loc[history["date"] < "2018-11-20", "recipients"] = 0.4  # less than one, as expected claims begin
    assert read(history, "share", "2018-first") == calendar.period_of(
        calendar.published(calendar.parse_label("2018-11-P2"))
    )


def test_members_between_two_publications_lie_on_a_monotone_curve_through_them(history):
    assert read(history, "members", "2018-11-07") == 1_000_000
    assert 1_000_000 < read(history, "members", "2018-11-14") < 2_000_000
    assert read(history, "members", "2018-10-18") == 0
    assert read(history, "members", "2022-03-01") == 78_000_000
    days = pd.to_datetime(history["date"]) - pd.Timestamp(calendar.LAUNCH)
    history["members"] = 1_000 * days.dt.days
    assert read(history, "members", "2018-11-14") == pytest.approx(1_000 * (date(2018, 11, 14) - calendar.LAUNCH).days)
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
        ("when", "soon", "when = 'soon' cannot be read for annual_share"),
        ("value", "many", "value = 'many' is not a number"),
    ],
)
def test_rows_that_are_refused(tmp_path, column, value, words):
    rows = pd.read_csv(targets.RECORD, dtype=str, keep_default_na=False)[:3]
    rows.loc[1, column] = value
    file = tmp_path / "targets.csv"
    rows.to_csv(file, index=False)
    with pytest.raises(TargetError) as error:
        targets.load(file)
    assert words in str(error.value)
    assert f"row '{rows.loc[1, 'id']}'" in str(error.value)


def test_a_missing_column_is_refused(tmp_path):
    file = tmp_path / "targets.csv"
    pd.read_csv(targets.RECORD).drop(columns="low").to_csv(file, index=False)
    with pytest.raises(TargetError, match="column 'low' is missing"):
        targets.load(file)


def test_the_contested_history_can_be_read_where_the_model_speaks_to_it():
    rows = pd.read_csv(targets.RECORD.with_name("targets_contested.csv"), dtype=str)
    assert set(rows["measure"]) <= set(MEASURED)
