"""tensorboardX, with minigan's tensors: whoever has it installed can write for TensorBoard.

Next: ../testing/gradients.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigan.errors import UserError
from minigan.tensor import Tensor


class SummaryWriter:
    """tensorboardX's SummaryWriter: tensors among the arguments of its methods become arrays."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            import tensorboardX  # here, for not everybody has it
        except ImportError:
            raise UserError(
                'SummaryWriter needs tensorboardX: pip install "minigan[tensorboard]"'
            ) from None
        self._writer = tensorboardX.SummaryWriter(*arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self._writer, name)
        if not callable(found):
            return found
        return lambda *values, **named: found(
            *map(_plain, values), **{key: _plain(value) for key, value in named.items()}
        )

    def add_graph(self, model: Any, *inputs: Any, **options: Any) -> None:
        raise UserError("there is no graph of a module to draw: print(model), or summary(model, …)")

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
