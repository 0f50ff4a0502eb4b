"""A cluster, and a sweep without interruption, that the tests of sweeps share."""

import pytest
from small_studies import quick

from experiments.sweeps import engine
from experiments.sweeps.engine import sweep


@pytest.fixture(scope="session")
def cluster():
    """A Dask cluster of two workers, to which sweeps connect by its address."""
    with engine._cluster(2, None) as client:
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
