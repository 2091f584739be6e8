"""torch.nn.parallel: many GPUs' names for the one place where a module is.

Next: ../optim/__init__.py.
"""

from __future__ import annotations

from typing import Any

from minigan.compat.forward import forward
from minigan.nn.module import Module


class DataParallel(Module):
    """The module itself, called `module` within: names in a state dict begin so, as in torch."""

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        self.module = module

    def forward(self, *inputs: Any, **named_inputs: Any) -> Any:
        return self.module(*inputs, **named_inputs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """module(inputs), or module(*inputs) of a tuple."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


_INSTEAD = {"DistributedDataParallel": "there is one process: call the module itself"}
__getattr__ = forward("torch.nn.parallel", instead=_INSTEAD)
