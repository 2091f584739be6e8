"""What the tests of all pictures need: to read one that was written."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pixels_of():
    def read(path):
        with Image.open(path) as image:
            return np.asarray(image)

    return read
