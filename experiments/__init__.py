"""Questions asked of the model: reproduce the record, compare with theory, look at it on a page.

from experiments import Design, Results, Study, sweep
"""

from typing import TYPE_CHECKING

from model.lazy import exports

if TYPE_CHECKING:
    from experiments.runs.executor import Executor
    from experiments.sweeps.design import Design
    from experiments.sweeps.engine import sweep
    from experiments.sweeps.results import Results
    from experiments.sweeps.study import Study

__all__ = ["Design", "Executor", "Results", "Study", "sweep"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Design": "experiments.sweeps.design",
        "Executor": "experiments.runs.executor",
        "Results": "experiments.sweeps.results",
        "Study": "experiments.sweeps.study",
        "sweep": "experiments.sweeps.engine",
    },
)
