"""summary(module, input_shape): a table of every layer's output shape and parameter count.

The second tutorial prints one. Next: ../optim/.
"""

from __future__ import annotations

from typing import Any

from minigan.nn.module import Module
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
    for path, layer in leaves:
        _watch(layer, path, rows)
    try:
        with no_grad():
            module.eval()
            module(inputs)
    finally:
        for _, layer in leaves:
            del vars(layer)["forward"]
        for each, mode in modes:
            each.training = mode
    total = sum(p.numel() for p in module.parameters())
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    size = sum(p.data.nbytes for p in module.parameters()) / 2**20
    width = max([len(name) for name, _, _ in rows] + [len("Layer (type)")]) + 2
    line = "-" * (width + 40)
    table = [f"{'Layer (type)':<{width}}{'Output shape':<22}{'Parameters':>12}", line]
    table += [f"{name:<{width}}{shape:<22}{count:>12,}" for name, shape, count in rows]
    table += [line, f"Parameters: {total:,} ({trained:,} trained), {size:.2f} MiB"]
    return "\n".join(table)


def _watch(layer: Module, path: str, rows: list[tuple[str, str, int]]) -> None:
    """Note the shape of whatever this layer returns."""
    forward = layer.forward

    def noted(*inputs: Any, **named_inputs: Any) -> Tensor:
        y: Tensor = forward(*inputs, **named_inputs)
        count = sum(p.numel() for p in layer.parameters())
        shape = str(("N", *y.shape[1:])).replace("'", "")
        rows.append((f"{path} ({type(layer).__name__})", shape, count))
        return y

    vars(layer)["forward"] = noted  # found before the class's own
