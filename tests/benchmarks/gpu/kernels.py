"""What the kernels of one training step cost: time, memory traffic, arithmetic, share of the peak.

Every heavy operation goes through one of the backend's methods, so one step is played with these
watched. Each of the calls is then recorded many times over into a graph of its own and timed: in a
replayed step, too, no Python stands between two kernels. Its arrays may lie in the GPU's cache from
one repetition to the next, as they may in a small network's step.

What goes through none of them is not seen: biases that linear layers add, batch norm's running
statistics, random numbers. It is the difference between the calls and a replayed step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from minigan.backend.formula import twin
from minigan.errors import UserError

WATCHED = (
    "elementwise",
    "matmul",
    "sum",
    "column_sums",
    "column_products",
    "column_moments",
    "column_affine",
    "convolution",
    "transposed_convolution",
    "kernel_gradient",
    "adam",
)


class Call(NamedTuple):
    """One call of a method: what it is, how to repeat it, and the work that it cannot avoid."""

    name: str
    repeat: Callable[[], object]
    bytes: int  # each array read or written once
    flop: int  # multiplications and additions of products; others are not counted
    rounded: bool  # whether it is a product whose factors may be rounded to TF32


class Cost(NamedTuple):
    """What calls of one name and the same shapes cost, all together in a step."""

    name: str
    calls: int
    seconds: float  # of one call
    bytes: int
    flop: int
    rounded: bool

    @property
    def total(self) -> float:
        return self.calls * self.seconds


class Peak(NamedTuple):
    """The best that this card was seen to do."""

    copy: float  # bytes a second, those read and those written
    float32: float  # FLOP a second, in a large matrix product
    tf32: float


@contextmanager
def watched(backend: Any) -> Iterator[list[Call]]:
    """Inside, each call of a method is noted. What a method calls in turn is part of it."""
    calls: list[Call] = []
    busy = False

    def watch(method: str) -> Callable[..., Any]:
        function = getattr(backend, method)

        def noted(*arguments: Any) -> Any:
            nonlocal busy
            if busy:
                return function(*arguments)
            if method == "elementwise":  # an op that has run holds arrays, and is no plain formula
                arguments = (twin(arguments[0]), *arguments[1:])
            busy = True
            try:
                out = function(*arguments)
            finally:
                busy = False
            calls.append(
                Call(
                    _name(method, arguments, out),
                    lambda: function(*arguments),
                    _bytes(method, arguments, out),
                    _flop(method, arguments, out),
                    backend.tf32 == "all" or "conv" in method or method == "kernel_gradient",
                )
            )
            return out

        return noted

    for method in WATCHED:
        setattr(backend, method, watch(method))  # it hides the class's own method
    try:
        yield calls
    finally:
        for method in WATCHED:
            delattr(backend, method)


def costs(backend: Any, calls: list[Call], *, repeats: int) -> list[Cost]:
    """The dearest first."""
    by_name: dict[str, list[Call]] = {}
    for call in calls:
        by_name.setdefault(call.name, []).append(call)
    found = []
    for name, same in by_name.items():
        first = same[0]
        seconds = seconds_of(backend, first.repeat, repeats=repeats)
        found.append(Cost(name, len(same), seconds, first.bytes, first.flop, first.rounded))
    return sorted(found, key=lambda cost: -cost.total)


def peak_of(backend: Any, *, side: int, megabytes: int, repeats: int) -> Peak:
    """A copy of so many megabytes, and products of two matrices of side × side."""
    xp, before = backend.xp, backend.tf32
    source = xp.zeros(megabytes << 18, "float32")
    target, matrix = source.copy(), xp.ones((side, side), "float32")

    def copy() -> None:
        target[...] = source

    speed = 2 * source.nbytes / seconds_of(backend, copy, repeats=repeats)
    products = []
    for backend.tf32 in ("none", "all"):
        seconds = seconds_of(backend, lambda: backend.matmul(matrix, matrix), repeats=repeats)
        products.append(2 * side**3 / seconds)
    backend.tf32 = before
    return Peak(speed, *products)


def seconds_of(backend: Any, call: Callable[[], object], *, repeats: int) -> float:
    """Of one call, when the GPU repeats it without Python: the best of five replays.

    Raises UserError if it cannot be recorded.
    """

    def many() -> None:
        for _ in range(repeats):
            call()

    play = backend.compiled(many)
    cuda = backend.xp.cuda
    best = float("inf")
    for i in range(8):  # played twice, recorded, replayed
        start, end = cuda.Event(), cuda.Event()
        play()  # the GPU is busy with this until the one that is timed has been asked for
        start.record()
        play()
        end.record()
        end.synchronize()
        if i >= 3:
            best = min(best, cuda.get_elapsed_time(start, end) / 1e3 / repeats)
    if play.failed:
        raise UserError("it cannot be recorded, so its time without Python is not known")
    return best


# ---------------------------------------------------------------------------------------------


def _arrays(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [array for item in value for array in _arrays(item)]
    return [value] if hasattr(value, "nbytes") and hasattr(value, "data") else []


def _name(method: str, arguments: tuple[Any, ...], out: Any) -> str:
    """Its name and the shapes that it works on: "matmul 64×1024, 1024×784"."""
    if method == "adam":
        return f"Adam, {arguments[2].size:,} numbers"
    if method == "elementwise":
        owner = getattr(arguments[0], "__self__", None)
        method = "formula" if owner is None else type(owner).__name__
        arguments = (out,)
    shapes = ["×".join(map(str, array.shape)) or "1" for array in _arrays(arguments)]
    return f"{method} {', '.join(shapes)}"


def _bytes(method: str, arguments: tuple[Any, ...], out: Any) -> int:
    if method == "adam":  # gradients are read; weights and both moments are read and written
        return 7 * arguments[2].nbytes
    return sum(array.nbytes for array in _arrays(arguments) + _arrays(out))


def _flop(method: str, arguments: tuple[Any, ...], out: Any) -> int:
    if method == "matmul":
        return 2 * out.size * arguments[0].shape[-1]
    if method == "convolution":  # x, w (KH, KW, C, O) -> y
        return 2 * out.size * (arguments[1].size // arguments[1].shape[-1])
    if method == "transposed_convolution":  # g (…, O), w (KH, KW, C, O)
        return 2 * arguments[0].size * (arguments[1].size // arguments[1].shape[-1])
    if method == "kernel_gradient":  # g (…, O), x -> (KH, KW, C, O)
        return 2 * arguments[0].size * (out.size // out.shape[-1])
    return 0
