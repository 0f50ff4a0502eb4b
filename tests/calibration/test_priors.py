"""Priors: quantiles by hand, tied parameters, files that cannot be used."""

import numpy as np
import pytest

from experiments.calibration import priors
from model.scenario import PARAMETERS, Scenario


def toml(tmp_path, text):
    file = tmp_path / "priors.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_priors_that_ship_lie_within_the_bounds_of_their_parameters():
    chosen = priors.load()
    for prior in chosen.fitted:
        assert PARAMETERS[prior.name].low <= prior.low < prior.high <= PARAMETERS[prior.name].high
        assert prior.source


def test_a_point_of_the_cube_and_its_parameters_belong_together():
    chosen = priors.load()
    point = np.random.default_rng(1).uniform(0.01, 0.99, len(chosen.fitted))
    parameters = chosen.parameters(point)
    again = chosen.parameters(chosen.point(parameters))
    assert again == pytest.approx(parameters, rel=1e-6)
    assert parameters["rival_closure_impact"] == parameters["scandal_impact"]
    Scenario(**parameters)


@pytest.mark.parametrize(
    ("kind", "u", "value"), [("uniform", 0.25, 2.5), ("log_uniform", 0.5, 2.0), ("normal", 0.5, 3.0)]
)
def test_quantiles_of_a_prior_by_hand(kind, u, value):
    low, high = (1.0, 7.0) if kind == "uniform" else (1.0, 4.0) if kind == "log_uniform" else (0.0, 6.0)
    prior = priors.Prior("salience", kind, low, high, 3.0, 1.0, "")
    assert prior.value(u) == pytest.approx(value)
    assert prior.quantile(value) == pytest.approx(u)
    assert prior.quantile([low - 1.0, high + 1.0]) == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[saliense]\nkind='uniform'\nlow=0\nhigh=1",
            "unknown parameter 'saliense' in priors.toml; did you mean 'salience'?",
        ),
        ("[salience]\nkind='gamma'\nlow=0\nhigh=1", "kind = 'gamma' in the prior of salience"),
        ("[salience]\nkind='uniform'\nlow=0\nhigh=1000", "low = 0, high = 1000 in the prior of salience"),
        ("[salience]\nkind='uniform'\nlow=0", "high = None in the prior of salience in priors.toml is not a number"),
        ("[salience]\nkind='log_uniform'\nlow=0\nhigh=1", "a logarithmic prior needs more than 0"),
        ("[salience]\nsame_as='habit'", "same_as = 'habit' of salience in priors.toml is not a fitted parameter"),
        ("[salience", "cannot be read"),
        ("salience = 3", "salience = 3 in priors.toml is not a table"),
        ("", "parameters = [] are too few to fit; allowed: at least 2 with priors"),
    ],
)
def test_a_prior_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(priors.PriorError) as error:
        priors.load(toml(tmp_path, text))
    assert message in str(error.value)
