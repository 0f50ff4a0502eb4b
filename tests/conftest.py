"""What the tests share: small scenarios and histories that are simulated once."""

from typing import TYPE_CHECKING

import pytest

from model.model import MutualAidModel
from model.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

SMALL = 2_000
"""Real people per row: 110,000 rows."""


@pytest.fixture(scope="session")
def small_model() -> MutualAidModel:
    """The default scenario at a small scale, run to its end. Not to be changed."""
    model = MutualAidModel(Scenario(scale=SMALL))
    model.run()
    return model


@pytest.fixture(scope="session")
def small_history(small_model: MutualAidModel) -> "pd.DataFrame":
    """Its history."""
    return small_model.history
