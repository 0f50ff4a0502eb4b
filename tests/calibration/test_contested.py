"""The contested history: what cannot hold together."""

import numpy as np
import pytest

from experiments.calibration import contested
from experiments.calibration.misfit import Rows
from experiments.simulated import MEASURED, Simulated


class TestContested:
    def test_its_rows_can_be_read_off_a_history(self, small_history):
        record = Simulated.of(small_history)
        found = {t.id: MEASURED[t.measure](record, t) for t in contested.rows()}
        assert all(np.isfinite(list(found.values())))
        general = small_history[small_history["date"].str.startswith("2020")]
        collected = general.groupby("date")["collected"].sum()
        assert found["guancha_float_2020"] == pytest.approx(collected.mean())
        last = small_history[small_history["date"] == "2021-12-21"]
        assert found["guancha_pending_close"] == pytest.approx(last["outstanding"].sum())
        assert found["guancha_migration"] == small_history["taken_over"].sum() > 0

    def test_rows_that_no_simulation_has_together_are_named(self):
        chosen = [target for target in contested.rows() if target.id.startswith("guancha_share")]
        rows = Rows(tuple(chosen))
        middle = np.array([target.value for target in chosen])
        # 2019 and 2020 each alone, never together; 2021 never.
        simulated = np.array([[middle[0], 1.0, 1.0], [1.0, middle[1], 1.0]])
        found = contested.together(rows, simulated, rows.names)
        said = contested.contradictions(found)
        assert said == [
            "reached by no simulation: guancha_share_2021",
            "in no simulation together: guancha_share_2019 and guancha_share_2020 "
            f"(nearest: {found['nearest'].to_list()[3]:.1f} half bands)",
        ]
        assert contested.most_at_once(rows, simulated, rows.names) == ["guancha_share_2019"]
        alone = found[found["second"] == ""].set_index("first")
        assert alone["simulations"].to_list() == [1, 1, 0]
        assert alone.at["guancha_share_2019", "nearest"] == 0
