"""Who joins and who leaves, over a set of histories."""

import pandas as pd
import pytest

from experiments.calibration.ensemble import History
from experiments.calibration.selection import selection


def history(leaver_risk):
    """Two settlements a year; 30 members of risk 1 and 10 outside of risk 5 at the end of each."""
    rows = []
    for year in ("2018", "2019", "2020", "2021"):
        for day, joined, joiner_risk, left in (("-06-07", 10, 2.0, 0), ("-12-21", 30, 4.0, 5)):
            rows.append(
                {
                    "plan": "general",
                    "date": year + day,
                    "members": 30,
                    "member_mean_risk": 1.0,
                    "nonmembers": 10,
                    "nonmember_mean_risk": 5.0,
                    "joined": joined,
                    "joiner_mean_risk": joiner_risk,
                    "left": left,
                    "leaver_mean_risk": leaver_risk if left else float("nan"),
                }
            )
    return History(pd.DataFrame(rows), {})


def test_ratios_by_hand():
    table = selection([history(0.5), history(1.5)]).set_index(["year", "ratio"])
    # 30 of risk 1 and 10 of risk 5: 2 on average.
    assert table.loc[("2020", "members / eligible"), "median"] == pytest.approx(0.5)
    # 10 of risk 2 and 30 of risk 4, 3.5 on average, beside 5.
    assert table.loc[("2020", "joiners / outside"), "median"] == pytest.approx(0.7)
    assert table.loc[("2021", "leavers / members"), "median"] == pytest.approx(1.0)
    assert table.loc[("2021", "leavers / members"), "above_one"] == 0.5
    assert table.loc[("2020", "members / eligible"), "above_one"] == 0.0


def test_a_year_in_which_nobody_left_has_no_leavers():
    nobody = History(history(0.5).table.assign(left=0), {})
    assert "leavers / members" not in set(selection([nobody])["ratio"])
    assert "leavers / members" in set(selection([nobody, history(0.5)])["ratio"])
