"""Where arrays live and how the heavy kernels run: all that the rest of minigan sees of it.

Next: interface.py, the list of kernels; then numpy_backend.py.
"""

from __future__ import annotations

import functools
from typing import Any

from minigan.backend.openblas import prepare

prepare()  # before the first import of NumPy, or it is too late

import numpy as np  # noqa: E402

from minigan.backend.interface import AdamStep, Backend, Window  # noqa: E402
from minigan.backend.numpy_backend import NumpyBackend  # noqa: E402
from minigan.errors import UserError  # noqa: E402

__all__ = ["AdamStep", "Backend", "Window", "backend_of", "get_backend", "set_num_threads"]

_numpy = NumpyBackend()
_of_type: dict[type, Backend] = {np.ndarray: _numpy, np.memmap: _numpy}


@functools.cache
def _cupy() -> Backend:
    from minigan.backend.cupy_backend import CupyBackend

    backend = CupyBackend()
    _of_type[backend.xp.ndarray] = backend
    return backend


def get_backend(name: str | Backend = "numpy") -> Backend:
    """The backend called "numpy" or "cupy"; "auto" is CuPy where it works, and says what it chose.

    Raises UserError, one line with the cause and the fix, if CuPy is asked for and cannot run.
    """
    if isinstance(name, Backend):
        return name
    if name == "numpy":
        return _numpy
    if name == "cupy":
        return _cupy()
    if name == "auto":
        try:
            backend: Backend = _cupy()
            print("backend: cupy")
        except UserError as error:
            print(f"backend: numpy ({error})")
            backend = _numpy
        return backend
    raise UserError(f'unknown backend "{name}": choose numpy, cupy or auto')


def backend_of(array: Any) -> Backend:
    """The backend that an array lives on."""
    try:
        return _of_type[type(array)]
    except KeyError:
        if isinstance(array, np.ndarray | np.generic):
            return _numpy
        if type(array).__module__.partition(".")[0] == "cupy":
            return _cupy()
        raise TypeError(f"not an array of a backend: {type(array).__name__}") from None


def set_num_threads(count: int) -> None:
    """Let the NumPy backend, matrix products included, use this many threads."""
    _numpy.threads.set_count(count)
