"""Variable(tensor): before torch 0.4 only such a wrapper had a gradient; now it is the tensor.

Next: ../utils/__init__.py.
"""

from __future__ import annotations

import warnings

from minigan.tensor import Tensor


class _IsTensor(type):
    def __call__(
        cls, data: Tensor, requires_grad: bool = False, volatile: bool | None = None
    ) -> Tensor:
        if volatile is not None:
            warnings.warn(
                "volatile was removed from torch 0.4: write `with torch.no_grad():`", stacklevel=2
            )
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, Tensor)


class Variable(metaclass=_IsTensor):
    """The same numbers in the same memory, as a leaf: as in torch, its history is left behind."""
