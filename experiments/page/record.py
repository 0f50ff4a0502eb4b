"""What stands behind the curves: the published figures with their accepted bands, and the band of the fitted set."""

from functools import lru_cache

import pandas as pd

from experiments import targets
from experiments.figures import single
from experiments.pictures.kept import BANDS
from model.pool import DEFAULT, Pool

COLUMNS = ["plan", "measure", "day", "value", "low", "high", "source"]


@lru_cache(maxsize=16)
def published(pool: Pool) -> pd.DataFrame:
    """Published figures of single settlements and days: plan, measure, day (ISO), value, low, high, source."""
    if pool.rules.record is None:
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.DataFrame([vars(target) for target in targets.load(None, pool)])
    rows = pd.concat([single(rows, "members", pool), single(rows, "share", pool)], ignore_index=True)
    return rows.assign(day=[day.isoformat() for day in rows["day"]])[COLUMNS]


@lru_cache(maxsize=16)
def fitted(pool: Pool) -> pd.DataFrame:
    """The band of the fitted set, as in the file: plan, measure, date, q05, q50, q95; empty for other pools."""
    bands = pd.read_csv(BANDS)
    return bands if pool.key == DEFAULT else bands.iloc[:0]
