"""Rival stories and their weights."""

import numpy as np
import pandas as pd
import pytest

from experiments import targets
from experiments.calibration import ensemble, priors, stories
from experiments.calibration.calibrate import Fit
from experiments.calibration.misfit import Rows
from model.scenario import Scenario
from model.scenario import load as load_scenario


class TestStories:
    record = targets.load()
    fitted = tuple(target for target in record if target.role == "fit")

    def told(self, shift, spread=0.2):
        """A story whose set misses every row by about so many half bands."""
        rows = Rows(self.fitted)
        generator = np.random.default_rng(4)

        def simulated(chosen):
            half = np.array([0.5 * (target.high - target.low) for target in chosen])
            published = np.array([target.value for target in chosen])
            return published + half * (shift + spread * generator.standard_normal((40, len(chosen))))

        chosen = priors.load().only(["salience", "habit"])
        points = generator.random((40, 2))
        fit = Fit(chosen, rows, points, simulated(self.fitted), np.full(len(self.fitted), 0.1), None)
        return stories.Told(fit, simulated(self.record))

    def test_the_nearer_story_has_the_weight(self):
        table = stories.compare({"default": self.told(0.1), "maturation": self.told(1.5)}, self.record)
        assert table["story"].to_list() == ["all together", "maturation only"]
        assert table["weight_fit"].sum() == pytest.approx(1)
        assert table["weight_fit"][0] > 0.99
        assert table["weight_validate"][0] > 0.9
        assert table["fit_inside"][0] == f"{len(self.fitted)} of {len(self.fitted)}"
        assert (table["weight_fit_low"] <= table["weight_fit"]).all()
        assert (table["weight_fit"] <= table["weight_fit_high"]).all()
        said = stories.conclusion(table)
        assert "favour 'all together'" in said[0]
        assert "excluded (weight below 0.01): maturation only" in said[0]

    def test_a_story_is_not_excluded_by_an_unfinished_search(self):
        """A story 5 worse than maturation, which it can be like: weights have to be e^-5 smaller to exclude."""
        table = pd.DataFrame(
            {
                "story": ["maturation only", "adverse exit", "all together"],
                "misfit_best": [20.0, 25.0, 23.0],
                "weight_fit": [0.995, 0.004, 0.001],
                "weight_validate": [0.995, 0.004, 0.001],
            }
        )
        for column in ("weight_fit", "weight_validate"):
            table[f"{column}_low"] = table[f"{column}_high"] = table[column]
        said = stories.conclusion(table)
        assert "best misfits are up to 5.0 worse than those" in said[0]
        assert said[1].endswith("excluded (weight below 6.7e-05): none")
        assert said[2].endswith("excluded (weight below 0.01): adverse exit, all together")

    def test_equal_stories_share_the_weight(self):
        one = self.told(0.3)
        table = stories.compare({"default": one, "adverse_exit": one}, self.record)
        assert table["weight_fit"].to_list() == [0.5, 0.5]
        assert "excluded (weight below 0.01): none" in stories.conclusion(table)[0]

    def test_a_set_that_may_be_by_luck_near_or_far_excludes_nothing(self):
        """Two sets of one good member among twenty: which story is better depends on whether that one is drawn."""
        table = stories.compare({"default": self.told(0.3, 1.5), "maturation": self.told(0.3, 1.5)}, self.record)
        assert table["weight_fit_low"].min() < 0.2
        assert table["weight_fit_high"].max() > 0.8

    def test_the_likelihood_of_a_set_by_hand(self):
        """Two members whose log likelihoods are -1 and -3."""
        assert stories.unlikely(np.array([1.0, 3.0])) == pytest.approx(-np.log((np.exp(-1) + np.exp(-3)) / 2))

    def test_advantageous_entry_is_not_adverse(self):
        free = priors.load()
        narrowed = stories.priors_of("advantageous_entry", free)
        ends = {prior.name: prior.high for prior in narrowed.fitted}
        assert ends.pop("premium_risk_correlation") == 0.0
        assert ends.items() <= {prior.name: prior.high for prior in free.fitted}.items()
        assert stories.priors_of("adverse_entry", free) == free

    def test_weights_by_hand(self):
        assert stories.weights(np.array([1.0, 1.0 + np.log(3.0)])) == pytest.approx([0.75, 0.25])

    def test_a_story_sees_what_others_found_as_far_as_its_parameters_are_free(self):
        values = Scenario().values()
        found = {"default": [values], "trust_and_news": [values | {"filing_share": 0.5, "regulator_impact": 0.0}]}
        chosen = priors.load().only(["filing_share", "regulator_impact"])
        points = stories.of_the_others(found, "default", chosen)
        assert points.shape == (1, 2)
        parameters = chosen.parameters(points[0])
        assert parameters["filing_share"] == pytest.approx(0.5)
        lowest = {prior.name: prior.low for prior in chosen.fitted}["regulator_impact"]
        assert parameters["regulator_impact"] == pytest.approx(lowest, rel=0.02)

    def test_every_story_is_a_scenario_and_leaves_something_to_fit(self):
        for name in stories.STORIES:
            base = load_scenario(name)
            left = set(priors.load().without(base.differences()).names)
            assert len(left) > 30
            assert {"filing_share", "potential_population", "review_growth"} <= left
            assert ("regulator_impact" in left) == (name in ("trust_and_news", "default"))


def test_a_story_looks_at_no_more_than_the_points_that_it_is_told_to():
    some = priors.load()
    sets = ensemble.load()
    found = {"shipped": sets[:60], "maturation": sets[60:80], "default": sets[80:]}
    every = stories.of_the_others(found, "maturation", some)
    few = stories.of_the_others(found, "maturation", some, 5)
    assert every.shape == (80, len(some.names))
    assert few.shape == (5, len(some.names))
    assert (few == every[[0, 20, 40, 59, 79]]).all()
