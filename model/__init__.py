"""The world the agents act in: time, people, health, plans, claims, money, and the model that steps them.

from model import MutualAidModel, Scenario

history = MutualAidModel(Scenario(scale=20_000), rng=7).run()
"""

from typing import TYPE_CHECKING

from model.clash import refuse_clash
from model.lazy import exports

refuse_clash("agents", __file__)

if TYPE_CHECKING:
    from model.errors import UserError
    from model.model import MutualAidModel
    from model.pool import Pool
    from model.scenario import Scenario

__all__ = ["MutualAidModel", "Pool", "Scenario", "UserError"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "MutualAidModel": "model.model",
        "Pool": "model.pool",
        "Scenario": "model.scenario",
        "UserError": "model.errors",
    },
)
