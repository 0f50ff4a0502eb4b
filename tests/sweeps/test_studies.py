"""Studies and designs: what a small file asks for, and which mistakes it can hold."""

import numpy as np
import pandas as pd
import pytest
from small_studies import quick, written

from experiments.sweeps import study
from experiments.sweeps.design import Design, StudyError
from model.errors import UserError
from model.measures import MEASURES

SMALLEST = """
question = "does the fee matter?"
expectation = "little"
scale = 20000
replicates = 3
seed = 5
[design]
kind = "grid"
[design.parameters]
fee_rate = [0.04, 0.08, 0.12]
"""


class TestStudies:
    def test_the_smallest_study_reads(self, tmp_path):
        found = study.load(written(tmp_path, SMALLEST))
        assert found.points == [{"fee_rate": 0.04}, {"fee_rate": 0.08}, {"fee_rate": 0.12}]
        assert [found.seed_of(point, 2) for point in range(3)] == [7, 7, 7]
        assert found.scenario_of(1, 0).fee_rate == 0.08
        assert found.scenario_of(1, 0).scale == 20_000
        assert found.measures == tuple(MEASURES)
        same = study.Study(
            "is this the same?",
            "yes",
            Design("grid", {"fee_rate": [0.04, 0.08, 0.12]}),
            replicates=3,
            seed=5,
        )
        assert same.digest() == found.digest()

    def test_every_study_that_ships_can_be_read(self):
        names = sorted(file.stem for file in study.STUDIES.glob("*.toml"))
        assert {"collapse", "fee_and_wait", "sensitivity", "size"} <= set(names)
        for name in names:
            assert study.load(name).points

    def test_luck_of_its_own_for_every_run_if_told_so(self):
        found = quick(common_luck=False)
        seeds = {found.seed_of(point, replicate) for point in range(6) for replicate in range(2)}
        assert len(seeds) == 12
        assert found.seed_of(3, 1) == quick(common_luck=False).seed_of(3, 1)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('question = "does the fee matter?"', "", "question is missing"),
            ('expectation = "little"', 'expectation = ""', "expectation = '' is not allowed: a sentence"),
            ("replicates = 3", "replicates = 0", "replicates = 0 is not allowed: a whole number of at least 1"),
            ("replicates = 3", "replicates = 100000000000", "make 300,000,000,000 runs; allowed: 10,000,000"),
            ("replicates = 3", "replicats = 3", "unknown key 'replicats' in study .*; did you mean 'replicates'?"),
            ("seed = 5", "seed = -1", "seed = -1 is not allowed"),
            ("seed = 5", "scenario = 3", "scenario = 3 is not allowed: a name or a file"),
            ("seed = 5", 'measures = ["left", "left"]', "names a measure twice"),
            ("[design]", "[parameters]\nrng = 3\n[design]", "unknown parameter 'rng' in .parameters."),
            ("fee_rate = [0.04, 0.08, 0.12]", f"fee_rate = [{10**400}]", "more than 64 bits"),
            ("seed = 5", "measures = 3", "measures = 3 is not allowed: a list of measures"),
            ("seed = 5", "measures = [3]", "unknown measure 3 in measures"),
            ("scale = 20000", "scale = true", "scale = True is not allowed"),
            ("scale = 20000", 'scale = "a"', "scale = 'a' is not a number"),
            ("seed = 5", 'measures = ["membrs"]', "unknown measure 'membrs' in measures; did you mean 'members'?"),
            ('kind = "grid"', 'kind = "gird"', r"kind = 'gird' in \[design\]; did you mean 'grid'"),
            ('kind = "grid"', 'kind = "sobol"\nsize = 8', r"fee_rate = .* is not a range"),
            ('kind = "grid"', 'kind = "morris"', "size = 0 in .* is not allowed: a whole number of at least 2"),
            (
                "fee_rate = [0.04, 0.08, 0.12]",
                "fee_rat = [0.04]",
                "unknown parameter 'fee_rat'.*did you mean 'fee_rate'",
            ),
            (
                "fee_rate = [0.04, 0.08, 0.12]",
                "fee_rate = [0.04, 9]",
                "fee_rate = 9 is out of bounds; allowed: 0 to 0.5",
            ),
            ("fee_rate = [0.04, 0.08, 0.12]", "fee_rate = [0.1, 0.1]", "fee_rate = .* names a value twice"),
            ("fee_rate = [0.04, 0.08, 0.12]", 'fee_rate = [0.1, "0.10"]', "fee_rate = .* names a value twice"),
            ("fee_rate = [0.04, 0.08, 0.12]", "fee_rate = []", "fee_rate = .* is not a list"),
            ("[design]", "[parameters]\nfee_rate = 0.1\n[design]", "fee_rate is set twice"),
            ("[design]", "[design", "cannot be read as TOML"),
        ],
    )
    def test_mistakes_are_one_line(self, tmp_path, old, new, message):
        assert old in SMALLEST
        with pytest.raises(UserError, match=message) as caught:
            study.load(written(tmp_path, SMALLEST.replace(old, new)))
        assert "\n" not in str(caught.value)

    def test_the_order_of_parameters_decides_the_points_and_so_the_digest(self):
        one, other = (
            {"wait_periods": [2, 6], "fee_rate": [0.0, 0.1]},
            {"fee_rate": [0.0, 0.1], "wait_periods": [2, 6]},
        )
        assert quick(design=Design("grid", one)).digest() != quick(design=Design("grid", other)).digest()

    def test_equal_values_written_differently_are_the_same_study(self):
        one, other = (Design("grid", {"fee_rate": values}) for values in ([0, 0.08], [0.0, 0.08]))
        assert quick(design=one).digest() == quick(design=other, scale=500_000.0).digest()

    def test_a_range_never_leaves_its_bounds(self):
        for low in (0.011, 0.3, 1.7):
            design = Design("one_at_a_time", {"news_weeks": {"low": low, "log": True}}, size=7)
            assert max(point["news_weeks"] for point in design.points(1)) <= 52

    def test_an_unknown_study_is_refused(self):
        with pytest.raises(
            StudyError, match=r"study = 'colapse' is neither a file nor one of .*did you mean 'collapse'"
        ):
            study.load("colapse")


class TestDesigns:
    def test_a_grid_has_every_combination_in_order(self):
        points = Design("grid", {"wait_periods": [0, 6], "fee_rate": [0.0, 0.1]}).points(1)
        assert [tuple(point.values()) for point in points] == [(0, 0.0), (0, 0.1), (6, 0.0), (6, 0.1)]

    def test_a_list_goes_through_its_columns_together(self):
        points = Design("list", {"wait_periods": [0, 6], "fee_rate": [0.0, 0.1]}).points(1)
        assert [tuple(point.values()) for point in points] == [(0, 0.0), (6, 0.1)]
        with pytest.raises(StudyError, match="different lengths"):
            Design("list", {"wait_periods": [0, 6], "fee_rate": [0.0]})

    @pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
    def test_samples_fill_the_ranges_evenly(self, kind):
        ranges = {"salience": {"low": 0.01, "high": 1, "log": True}, "wait_periods": {}}
        design = Design(kind, ranges, size=64)
        points = pd.DataFrame(design.points(3))
        assert design.number == len(points) == 64
        assert points["salience"].between(0.01, 1).all()
        # Half of the points below the middle of the range, which is in ratios.
        assert (points["salience"] < 0.1).sum() == 32
        assert points["wait_periods"].isin(range(25)).all()
        assert {points["wait_periods"].min(), points["wait_periods"].max()} == {0, 24}
        assert design.points(3) == design.points(3) != design.points(4)

    def test_saltelli_changes_one_column_at_a_time(self):
        design = Design("saltelli", {"salience": {}, "habit": {}, "fee_rate": {}}, size=8)
        blocks = design.shares(1).reshape(8, 5, 3)
        first, second = blocks[:, 0], blocks[:, 4]
        assert design.number == 40
        for column in range(3):
            changed = blocks[:, 1 + column]
            assert (changed[:, column] == second[:, column]).all()
            others = [other for other in range(3) if other != column]
            assert (changed[:, others] == first[:, others]).all()

    def test_morris_moves_one_parameter_a_step(self):
        shares = Design("morris", {"salience": {}, "habit": {}}, size=10).shares(1).reshape(10, 3, 2)
        assert ((np.diff(shares, axis=1) != 0).sum(axis=2) == 1).all()

    def test_one_at_a_time_leaves_the_others_alone(self):
        found = quick(design=Design("one_at_a_time", {"fee_rate": {}, "wait_periods": {"high": 10}}, size=3))
        assert found.points == [
            {"fee_rate": 0.0},
            {"fee_rate": 0.25},
            {"fee_rate": 0.5},
            {"wait_periods": 0},
            {"wait_periods": 5},
            {"wait_periods": 10},
        ]
        assert found.values_at(0) == {"fee_rate": 0.0, "wait_periods": 6}

    def test_bad_ranges_are_refused(self):
        for entry, message in (
            ({"low": 2, "high": 1}, "low = 2, high = 1 of fee_rate"),
            ({"hi": 1}, "unknown key 'hi' of fee_rate"),
            ({"low": 10**400}, "low of fee_rate .* is too large"),
            ({"low": "a"}, "low = 'a' of fee_rate"),
            ({"log": True}, "low = 0 of fee_rate .* must be above 0"),
        ):
            with pytest.raises(StudyError, match=message):
                Design("sobol", {"fee_rate": entry}, size=8)
        with pytest.raises(StudyError, match=r"size = 12 in .* is not a power of 2"):
            Design("sobol", {"fee_rate": {}}, size=12)
        with pytest.raises(StudyError, match="a yes or no has no range"):
            Design("sobol", {"closing": {}}, size=8)
