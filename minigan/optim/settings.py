"""An optimizer's settings: what they may be, and torch's way to them.

Next: flat.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from minigan.tensor import Tensor

NOT_NEGATIVE = {
    "lr": "the learning rate",
    "initial_lr": "the initial learning rate",
    "alpha": "alpha",
    "momentum": "the momentum",
    "eps": "eps",
    "weight_decay": "the weight decay",
}


def check_not_negative(settings: Mapping[str, Any]) -> None:
    """Raise ValueError for what torch's constructors refuse: a rate below 0, or NaN."""
    for name, words in NOT_NEGATIVE.items():
        value = settings.get(name, 0)
        if not value >= 0:  # so that NaN, of which no comparison is true, does not pass
            wanted = "not be negative" if value < 0 else "be a number"
            raise ValueError(f"{words} must {wanted}, got {value}")


FUSED = "leave it out: a step here is one walk over memory already"
LACKING = {  # torch's arguments that no optimizer here has: what to do without them
    "amsgrad": "leave it out: this is Adam as its paper has it",
    "decoupled_weight_decay": "AdamW is not here; Adam's weight_decay adds to the gradient",
    "maximize": "minimize the negative of what should grow",
    "differentiable": "`formula` is an update that can be differentiated",
    "foreach": FUSED,
    "fused": FUSED,
    "capturable": "leave it out: a step on a GPU is recorded as it is",
}


class Settled(Protocol):
    """What a parameter group needs to know of an optimizer."""

    params: list[Tensor]

    def options(self) -> dict[str, Any]: ...

    def settings(self) -> dict[str, Any]: ...

    def check(self, settings: Mapping[str, Any]) -> None: ...


class ParameterGroup(MutableMapping[str, Any]):
    """The one entry of `optimizer.param_groups`: `group["lr"]` is `optimizer.lr`.

    It reads and writes the optimizer's attributes and keeps nothing itself. What is written is
    checked like the arguments of the constructor. `group["params"]` is for reading. torch lets one
    add keys; here a setting that no formula reads is a KeyError, since it is a slip of the pen.
    The one exception is `initial_lr`, which schedulers write: there it is once it was written.
    """

    def __init__(self, optimizer: Settled) -> None:
        self._optimizer = optimizer

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self._optimizer.params
        if name not in self:
            raise KeyError(self._unknown(name))
        return getattr(self._optimizer, name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "params":
            raise KeyError("the parameters of an optimizer stay the same: make a new optimizer")
        if name not in self and name != "initial_lr":
            raise KeyError(self._unknown(name))
        self._optimizer.check({**self._optimizer.options(), name: value})
        setattr(self._optimizer, name, value)

    def __delitem__(self, name: str) -> None:
        raise KeyError(f"{name} cannot be deleted: an optimizer needs all of its settings")

    def __iter__(self) -> Iterator[str]:
        return iter(("params", *self._optimizer.settings()))

    def __contains__(self, name: object) -> bool:
        return name == "params" or name in self._optimizer.settings()

    def __len__(self) -> int:
        return 1 + len(self._optimizer.settings())

    def __repr__(self) -> str:
        settings = ", ".join(f"{name!r}: {value!r}" for name, value in self.items())
        return f"{{{settings}}}"

    def _unknown(self, name: str) -> str:
        optimizer = self._optimizer
        names = ", ".join(optimizer.options())
        return f"{type(optimizer).__name__} has no setting {name!r}: it has {names}"
