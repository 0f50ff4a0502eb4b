"""Questions asked of the model: reproduce the record, compare with theory, look at it on a page.

from experiments import Design, Results, Study, sweep
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

_FOUND, _WANTED = find_spec("model"), Path(__file__).resolve().parents[1] / "model"
if _FOUND is None or Path(_FOUND.origin or "").resolve() != _WANTED / "__init__.py":
    # As `model/clash.py`, which cannot be had from here.
    raise ImportError(
        f"the name 'model' stands for {_FOUND and _FOUND.origin}, and mutualaid needs {_WANTED}: "
        "rename your own file, or install mutualaid in an environment of its own"
    )

from model.lazy import exports  # noqa: E402 - ours, as was just found

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
