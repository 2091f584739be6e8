"""torch's names of the places where arrays live: "cpu" is NumPy, "cuda" is CuPy's GPU.

Next: layout.py.
"""

from __future__ import annotations

from typing import Any

from minigan.backend import Backend

_BACKENDS = {"numpy": "numpy", "cpu": "numpy", "cupy": "cupy", "cuda": "cupy"}


class Device(str):
    """A place by torch's name, "cpu" or "cuda:0": `.type` is the word, `.index` the number."""

    __slots__ = ()

    def __new__(cls, type: str | int, index: int | None = None) -> Device:
        name = f"cuda:{type}" if isinstance(type, int) else str(type)
        if backend_named(name) is None:
            raise ValueError(f'a device is "cpu", "cuda" or "cuda:0", not {name!r}')
        return str.__new__(cls, name if index is None else f"{name}:{index}")

    @property
    def type(self) -> str:
        return self.partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        number = self.partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"


def backend_named(where: Any) -> str | Backend | None:
    """What `get_backend` takes for "cpu", "cuda:0" or "numpy"; None if it is no place at all."""
    if isinstance(where, Backend):
        return where
    if not isinstance(where, str):
        return None
    name, _, number = where.partition(":")
    return _BACKENDS.get(name) if number.isdecimal() or not number else None


def device_of(backend: Backend) -> Device:
    """torch's name of where a backend's arrays live."""
    return Device("cpu" if backend.name == "numpy" else "cuda:0")
