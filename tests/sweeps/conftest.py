"""A cluster, and a sweep without interruption, that the tests of sweeps share."""

import logging

import dask
import pytest
from distributed import Client, LocalCluster
from small_studies import quick

from experiments.runs.cluster import SETTINGS
from experiments.sweeps.engine import sweep


@pytest.fixture(scope="session")
def cluster():
    """A Dask cluster of two workers, to which sweeps connect by its address, without a key."""
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


@pytest.fixture(scope="session")
def whole(address, tmp_path_factory):
    """The folder of the quick study, swept without interruption. Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    assert sweep(quick(), folder, scheduler=address) == 0
    return folder
