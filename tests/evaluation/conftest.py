"""What the tests of scores and of neighbors need: distances in one block, and in many."""

import pytest

from minigan.evaluation import neighbors


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    """Run a test with all distances at once, and again a row or three at a time."""
    if request.param == "many blocks":
        monkeypatch.setattr(neighbors, "BLOCK_ELEMENTS", 100)
