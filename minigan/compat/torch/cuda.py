"""torch.cuda: a GPU is there if CuPy works.

Next: accelerator.py.
"""

from __future__ import annotations

from typing import Any

from minigan.backend import get_backend
from minigan.compat.forward import forward
from minigan.compat.torch import types
from minigan.errors import UserError
from minigan.random import manual_seed

# The types of tensors there: FloatTensor and the others.
_TYPES = {
    kind.__name__: types.TensorType(
        kind.__name__, (), {"dtype": kind.dtype, "place": "cupy", "__module__": __name__}
    )
    for kind in types.CPU_TYPES
}
globals().update(_TYPES)


def is_available() -> bool:
    """Whether CuPy is installed and finds a GPU that works."""
    try:
        get_backend("cupy")
    except UserError:
        return False
    return True


def device_count() -> int:
    """1 or 0: minigan uses one GPU."""
    return int(is_available())


def manual_seed_all(seed: int) -> None:
    """minigan's one seed is for all backends."""
    manual_seed(seed)


def current_device() -> int:
    return 0


def set_device(device: Any) -> None:
    """There is one: nothing to choose."""


def empty_cache() -> None:
    """The pool of memory looks after itself."""


def get_device_name(device: Any = None) -> str:
    return get_backend("cupy").name


__getattr__ = forward("torch.cuda", instead={"amp": "minigan computes in float32 and float64"})
