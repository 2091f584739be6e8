"""torchsummary: `summary(model, size)` prints what minigan.nn.summary returns.

Next: tensorboardX.py.
"""

from __future__ import annotations

from typing import Any

from minigan import nn


def summary(
    model: nn.Module, input_size: tuple[int, ...], batch_size: int = -1, device: Any = "cuda"
) -> None:
    """Print the table of the layers for one input of this size, without its batch dimension."""
    print(nn.summary(model, tuple(input_size)))
