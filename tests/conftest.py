"""What the tests share: small scenarios and histories that are simulated once."""

import logging
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from experiments import cli
from experiments.runs.cluster import SETTINGS
from model.model import MutualAidModel
from model.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

SMALL = 2_000
"""Real people per row: some 100,000 rows."""


def pytest_sessionstart() -> None:
    """Hear Ctrl-C even if the shell began the tests in the background, deaf to it: some tests press it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def typed(capsys, monkeypatch, tmp_path):
    """Type the command inside this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mutualaid", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


@pytest.fixture
def interrupt_at(monkeypatch):
    """Press Ctrl-C when a model is about to simulate this period."""
    step = MutualAidModel.step

    def at(period: int) -> None:
        def interrupted(model: MutualAidModel) -> None:
            if model.period == period:
                raise KeyboardInterrupt
            step(model)

        monkeypatch.setattr(MutualAidModel, "step", interrupted)

    return at


@pytest.fixture(scope="session")
def cluster():
    """A Dask cluster of two workers, to which sweeps connect by its address, without a key."""
    import dask
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with (
        dask.config.set(SETTINGS),
        LocalCluster(n_workers=2, env={"NUMBA_NUM_THREADS": "1"}, silence_logs=logging.CRITICAL, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def address(cluster):
    return cluster.scheduler.address
