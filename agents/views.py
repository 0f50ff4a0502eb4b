"""Read-only views of rows: what is true of some people now, for pictures and for looking at single lives.

Nothing here writes a column. What a rule says is asked of the rule (`agents/decisions.py`), so that a view can never
disagree with what people do.
"""

import numpy as np
from numpy.typing import NDArray

from agents import decisions
from agents.compute.compiled import compiled
from agents.context import Context
from agents.population import Columns


@compiled
def _fill_risks(columns: Columns, rows: np.ndarray, context: Context, risk: np.ndarray) -> None:
    for k in range(rows.size):
        risk[k] = decisions.own_risk(columns, rows[k], context)


def own_risks(columns: Columns, rows: NDArray[np.int64], context: Context) -> NDArray[np.float64]:
    """Their own incidence per person-year, shape (rows,)."""
    risk = np.empty(rows.size)
    _fill_risks(columns, rows, context, risk)
    return risk
