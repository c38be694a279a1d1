"""One thread: the models of these tests are small, and two threads only wait for each other.

And the houses of Ames, as those tests see them that ask for no others.
"""

import pytest
import torch

from ml.houses import files
from ml.houses.tables import HouseTables
from ml.schema import InputSchema

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data() -> HouseTables:
    return HouseTables.read()


@pytest.fixture(scope="module")
def schema(data: HouseTables) -> InputSchema:
    return files.schema(data.files.train)
