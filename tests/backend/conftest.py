"""What the tests of the CuPy backend need: the backend, and the pretended GPU under it.

They run with --backend cupy-on-cpu (see ../cupy_on_cpu/README.md) or, on a GPU, with --backend
cupy; those that count what a GPU is asked for, with the former only.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from minigan.backend import get_backend


@pytest.fixture(scope="module")
def gpu(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.config.getoption("--backend") == "numpy":
        pytest.skip("about CuPy: run with --backend cupy-on-cpu, or on a GPU with --backend cupy")
    backend: Any = get_backend("cupy")
    before, backend.tf32 = backend.tf32, "none"  # a comparison in full precision
    yield backend
    backend.tf32 = before
