"""Is the graph being recorded? One answer per thread, and the ways to change it.

Next: op.py.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from typing import Any

from minigan.backend import backend_of
from minigan.engine.node import Node


class ThisThread(threading.local):
    """What ops look at, each time that they run."""

    recording = True  # note the inputs, so that gradients can find their way back
    detect_anomaly = False  # look at every number for NaN and infinity


this_thread = ThisThread()


class _Recording(ContextDecorator):
    """Record the graph, or do not, inside a `with` block or a decorated function."""

    def __new__(cls, mode: Any = None) -> Any:
        """`@no_grad` means `@no_grad()`."""
        return cls()(mode) if callable(mode) else super().__new__(cls)  # type: ignore[call-arg]

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.outer: list[bool] = []

    def __enter__(self) -> None:
        self.outer.append(this_thread.recording)
        this_thread.recording = self.mode

    def __exit__(self, *error: object) -> None:
        this_thread.recording = self.outer.pop()

    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):  # its body runs after the call has returned
            raise TypeError(f"{function.__name__} is a generator: write the block inside it")
        return super().__call__(function)

    def _recreate_cm(self) -> Any:
        return type(self)(self.mode)  # a decorated function may be running in two threads


class no_grad(_Recording):  # noqa: N801  (torch's name)
    """Compute without recording: for sampling, for optimizers, for anything not to be learned."""

    def __init__(self, mode: bool = False) -> None:
        super().__init__(mode)


class enable_grad(_Recording):  # noqa: N801
    """Record again, inside a `no_grad` block."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__(mode)


class set_grad_enabled(_Recording):  # noqa: N801
    """Record the graph from here on, or do not; or only in a block or a decorated function."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.before = this_thread.recording
        this_thread.recording = mode

    def __exit__(self, *error: object) -> None:
        this_thread.recording = self.before

    def __call__(self, function: Any) -> Any:
        this_thread.recording = self.before  # only the function was meant
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations on this thread are being recorded."""
    return this_thread.recording


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first op whose result, or whose gradient, holds a NaN or an infinity.

    It looks at every number that is made, and on a GPU it waits for each: for finding a fault.
    """
    outer, this_thread.detect_anomaly = this_thread.detect_anomaly, True
    try:
        yield
    finally:
        this_thread.detect_anomaly = outer


def check_finite(x: Node, what: str) -> None:
    """Raise FloatingPointError, saying what x is, if it holds NaN or infinity."""
    if x.array.dtype.kind == "f" and not bool(backend_of(x.array).xp.isfinite(x.array).all()):
        raise FloatingPointError(f"{what} holds NaN or infinity")
