"""Sensitivity: indices of functions that are known, and the command."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from small_studies import quick, typed, written
from xiang_hu_bao import SUMMARIES

from experiments.sweeps import sensitivity
from experiments.sweeps.design import Design, StudyError


class Made:
    """Results of a function that is known, in place of a sweep's."""

    def __init__(self, design, function):
        self.design, self.content = design, {"seed": 1}
        self.missing = self.failed = []
        self.outcomes = SUMMARIES
        values = function(design.shares(1))
        self._table = pd.DataFrame(dict.fromkeys(SUMMARIES, values)).assign(point=range(len(values)))

    @property
    def summaries(self):
        return self._table


class TestSensitivity:
    ranges: ClassVar = {"salience": {}, "habit": {}, "fee_rate": {}}

    def test_indices_of_a_sum_are_the_shares_of_its_parts(self):
        """x + 2 y + 3 z: shares of the variance 1/14, 4/14, 9/14, alone and together."""
        design = Design("saltelli", self.ranges, size=512)
        found = sensitivity.indices(Made(design, lambda x: x @ [1.0, 2.0, 3.0]))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        for name, share in zip(self.ranges, (1 / 14, 4 / 14, 9 / 14), strict=True):
            assert one.at[name, "first"] == pytest.approx(share, abs=0.03)
            assert one.at[name, "total"] == pytest.approx(share, abs=0.03)

    def test_what_matters_only_together_has_no_first_index(self):
        """(x - 1/2) (y - 1/2): neither explains anything alone, each everything with the other."""
        design = Design("saltelli", self.ranges, size=512)
        found = sensitivity.indices(Made(design, lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5)))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        assert one["first"].abs().max() < 0.1
        assert one.at["salience", "total"] == pytest.approx(1, abs=0.1)
        assert one.at["fee_rate", "total"] == pytest.approx(0, abs=1e-9)

    def test_indices_are_the_same_every_time_and_missing_where_a_figure_is(self):
        design = Design("saltelli", self.ranges, size=8)
        made = Made(design, lambda x: np.exp(3 * x).sum(axis=1))
        pd.testing.assert_frame_equal(sensitivity.indices(made), sensitivity.indices(made))
        made._table.loc[3, "selection"] = np.nan
        assert set(sensitivity.indices(made)["summary"]) == {*SUMMARIES} - {"selection"}
        assert set(sensitivity.screening(Made(Design("morris", self.ranges, size=10), lambda x: x[:, 0]))["summary"])

    def test_wide_intervals_are_not_called_settled(self):
        few, many = (
            sensitivity.indices(Made(Design("saltelli", self.ranges, size=size), lambda x: np.exp(3 * x).sum(axis=1)))
            for size in (8, 2048)
        )
        assert not few["settled"].any()
        assert many["settled"].all()
        assert "have NOT settled" in sensitivity.verdict(few)
        assert "have settled" in sensitivity.verdict(many)

    def test_screening_finds_the_slope_and_no_interaction_of_a_line(self):
        found = sensitivity.screening(Made(Design("morris", self.ranges, size=10), lambda x: x @ [1.0, -2.0, 0.0]))
        one = found[found["summary"] == "share_2020"].set_index("parameter")
        assert one["mu_star"].to_list() == pytest.approx([1, 2, 0])
        assert one["sigma"].to_list() == pytest.approx([0, 0, 0], abs=1e-9)

    def test_a_study_without_ranges_is_refused(self):
        with pytest.raises(StudyError, match=r"kind = 'grid' in \[design\] has no ranges"):
            sensitivity.designs(quick())

    @pytest.mark.slow
    def test_the_command_samples_thrice_and_writes_its_results(self, address, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        file = written(
            tmp_path,
            """
            question = "which matters?"
            expectation = "the wait"
            scale = 1000000
            measures = ["members"]
            [parameters]
            expected_claims = true
            periods = 54
            [design]
            kind = "saltelli"
            size = 4
            [design.parameters]
            fee_rate = {}
            filing_share = {low = 0.1}
            """,
        )
        assert typed(monkeypatch, "sensitivity", str(file), "--scheduler", address, "--out", "here") == 0
        made = {name.name for name in (tmp_path / "here").iterdir()}
        assert {"curves.csv", "morris.csv", "sobol.csv", "sensitivity.png", "morris", "saltelli"} <= made
        assert "settled" in capsys.readouterr().out
        curves = pd.read_csv(tmp_path / "here" / "curves.csv")
        assert len(curves) == 2 * sensitivity.CURVE_POINTS
        # More claims, higher shares, until so many leave that fewer are paid.
        assert curves.loc[curves["parameter"] == "filing_share", "share_2020"].iloc[:4].is_monotonic_increasing
