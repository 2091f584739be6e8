"""summary(module, input_shape): a table of every layer's output shape and parameter count.

The second tutorial prints one. Next: allowance.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from minigan.nn.module import Module, RemovableHandle
from minigan.tensor import Tensor, no_grad

Row = tuple[str, str, int]  # what a layer is called, the shape that it returns, its parameters


def summary(module: Module, input_shape: tuple[int, ...], *, batch_size: int = 2) -> str:
    """The table as text, for one input of `input_shape` (without the batch dimension).

    The module runs once on zeros, in eval mode, so that its running statistics stay as they are.
    """
    first = next(module.parameters(), None)
    zeros = Tensor([0.0], backend=first.backend if first is not None else "numpy")
    inputs = zeros.to(first.dtype if first is not None else "float32").expand(
        (batch_size, *input_shape)
    )
    modes = [(m, m.training) for m in module.modules()]
    try:
        with no_grad(), noted_layers(module) as rows:
            module.eval()
            module(inputs)
    finally:
        for each, mode in modes:
            each.training = mode
    total = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    size = sum(p.array.nbytes for p in module.parameters()) / 2**20
    end = f"Parameters: {total:,} ({trained:,} trained), {size:.2f} MiB"
    return "\n".join([*table_of(rows), end])


def table_of(rows: list[Row]) -> list[str]:
    """The lines of a table, with a head and a line below the rows."""
    width = max([len(name) for name, _, _ in rows] + [len("Layer (type)")]) + 2
    line = "-" * (width + 40)
    head = f"{'Layer (type)':<{width}}{'Output shape':<22}{'Parameters':>12}"
    body = [f"{name:<{width}}{shape:<22}{count:>12,}" for name, shape, count in rows]
    return [head, line, *body, line]


@contextmanager
def noted_layers(module: Module) -> Iterator[list[Row]]:
    """Inside, a row for each call of a layer that has no layers of its own, as calls come."""
    rows: list[Row] = []
    with ExitStack() as watches:
        for path, layer in module.named_modules():
            if not list(layer.children()):
                watches.enter_context(_watch(layer, path, rows))
        yield rows


def _watch(layer: Module, path: str, rows: list[Row]) -> RemovableHandle:
    """Note the shape of whatever this layer returns, until the handle is removed."""

    def note(layer: Module, inputs: tuple[Any, ...], y: Any) -> None:
        count = sum(p.numel() for p in layer.parameters())
        shape = str(("N", *y.shape[1:])).replace("'", "") if isinstance(y, Tensor) else ""
        rows.append((f"{path} ({type(layer).__name__})", shape, count))

    return layer.register_forward_hook(note)
