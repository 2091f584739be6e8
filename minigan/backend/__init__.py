"""Where arrays live and how the heavy kernels run: all that the rest of minigan sees of it.

Next: interface.py, the list of kernels; then layout.py and numpy/__init__.py.
"""

from __future__ import annotations

import copyreg
import functools
from typing import Any

import numpy as np

from minigan.backend.interface import AdamStep, Backend, Window
from minigan.backend.numpy.arrays import LARGE, NumpyBackend
from minigan.backend.numpy.compiler.trace import Symbol
from minigan.backend.numpy.process import prepare_process
from minigan.backend.numpy.replay.kernels import WatchedBackend
from minigan.backend.numpy.replay.watched import Watched
from minigan.errors import UserError

__all__ = [
    "AdamStep",
    "Backend",
    "Window",
    "automatic_backend",
    "backend_of",
    "get_backend",
    "prepare_process",
    "get_num_threads",
    "set_num_threads",
]

_numpy = NumpyBackend()
# A formula that is being compiled sees symbols, for which NumPy's functions work as for arrays.
_of_type: dict[type, Backend] = {np.ndarray: _numpy, np.memmap: _numpy, Symbol: _numpy}
_of_type[Watched] = WatchedBackend(_numpy, LARGE)  # a step that is being recorded


def _by_name(backend: Backend) -> tuple[Any, ...]:
    """For copy and pickle: there is one backend of a name in a process, and never a second."""
    return get_backend, (backend.name,)


copyreg.pickle(NumpyBackend, _by_name)


@functools.cache
def _cupy() -> Backend:
    from minigan.backend.cupy.arrays import CupyBackend  # here, for not everybody has CuPy

    copyreg.pickle(CupyBackend, _by_name)
    backend = CupyBackend()
    _of_type[backend.xp.ndarray] = backend
    return backend


def get_backend(name: str | Backend = "numpy") -> Backend:
    """The backend called "numpy" or "cupy"; "auto" is CuPy where it works.

    Raises UserError, one line with the cause and the fix, if CuPy is asked for and cannot run.
    """
    if isinstance(name, Backend):
        return name
    if name == "numpy":
        return _numpy
    if name == "cupy":
        return _cupy()
    if name == "auto":
        backend, _ = automatic_backend()
        return backend
    raise UserError(f'unknown backend "{name}": choose numpy, cupy or auto')


def automatic_backend() -> tuple[Backend, str]:
    """What "auto" stands for: CuPy where it works, else NumPy; and what to say of that choice."""
    try:
        return _cupy(), "backend: cupy"
    except UserError as error:
        return _numpy, f"backend: numpy ({error})"


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


def get_num_threads() -> int:
    """How many threads the NumPy backend uses."""
    return _numpy.threads.count


def set_num_threads(count: int) -> None:
    """Let the NumPy backend, matrix products included, use this many threads."""
    _numpy.threads.set_count(count)
