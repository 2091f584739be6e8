"""summary(module, input_shape): a table of every layer's output shape and parameter count.

The second tutorial prints one. Next: allowance.py.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from minigan.nn.module import Module, RemovableHandle
from minigan.tensor import Tensor, no_grad


def summary(module: Module, input_shape: tuple[int, ...], *, batch_size: int = 2) -> str:
    """The table as text, for one input of `input_shape` (without the batch dimension).

    The module runs once on zeros, in eval mode, so that its running statistics stay as they are.
    """
    first = next(module.parameters(), None)
    zeros = Tensor([0.0], backend=first.backend if first is not None else "numpy")
    inputs = zeros.to(first.dtype if first is not None else "float32").expand(
        (batch_size, *input_shape)
    )
    rows: list[tuple[str, str, int]] = []
    modes = [(m, m.training) for m in module.modules()]
    leaves = [(path, m) for path, m in module.named_modules() if not list(m.children())]
    try:
        with ExitStack() as watches, no_grad():
            for path, layer in leaves:
                watches.enter_context(_watch(layer, path, rows))
            module.eval()
            module(inputs)
    finally:
        for each, mode in modes:
            each.training = mode
    total = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    size = sum(p.array.nbytes for p in module.parameters()) / 2**20
    width = max([len(name) for name, _, _ in rows] + [len("Layer (type)")]) + 2
    line = "-" * (width + 40)
    table = [f"{'Layer (type)':<{width}}{'Output shape':<22}{'Parameters':>12}", line]
    table += [f"{name:<{width}}{shape:<22}{count:>12,}" for name, shape, count in rows]
    table += [line, f"Parameters: {total:,} ({trained:,} trained), {size:.2f} MiB"]
    return "\n".join(table)


def _watch(layer: Module, path: str, rows: list[tuple[str, str, int]]) -> RemovableHandle:
    """Note the shape of whatever this layer returns, until the handle is removed."""

    def note(layer: Module, inputs: tuple[Any, ...], y: Tensor) -> None:
        count = sum(p.numel() for p in layer.parameters())
        shape = str(("N", *y.shape[1:])).replace("'", "")
        rows.append((f"{path} ({type(layer).__name__})", shape, count))

    return layer.register_forward_hook(note)
