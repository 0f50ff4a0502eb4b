"""A sweep without interruption, that the tests of sweeps share."""

import pytest
from small_studies import quick

from experiments.sweeps.engine import sweep


@pytest.fixture(scope="session")
def whole(address, tmp_path_factory):
    """The folder of the quick study, swept without interruption. Not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    assert sweep(quick(), folder, scheduler=address) == 0
    return folder
