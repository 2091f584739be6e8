"""Hooks: whoever wants to see a gradient on its way, or to change it.

    handle = x.register_hook(lambda g: 2 * g)    # everything before x now gets twice as much
    handle.remove()

A hook is called with the gradient of x once it is complete: when everything that was made from x
has added its part. What it returns, unless that is None, takes the gradient's place.

Next: walk.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from minigan.engine.node import Node

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def keep(g: Tensor) -> None:
    """The hook of `retain_grad`, which `heard` knows: the gradient is added to `x.grad`."""


def add_hook(x: Node, hook: Callable[..., Any]) -> Handle:
    own = partial(hook)  # an object of its own, for `remove` to find: a hook may come twice
    before = [each for each in x.hooks if each is not keep]
    x.hooks = (*before, own, *x.hooks[len(before) :])  # kept is what all the others have left
    return Handle(x, own)


class Handle:
    """What `register_hook` returns: `remove()`, or the end of a `with`, ends the calls."""

    def __init__(self, x: Node, hook: Callable[..., Any]) -> None:
        self.x, self.hook = x, hook

    def remove(self) -> None:
        """Call the hook no more. A second time changes nothing."""
        self.x.hooks = tuple(hook for hook in self.x.hooks if hook is not self.hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove()


def heard(x: Tensor, g: Tensor) -> Tensor:
    """The gradient of x, as its hooks leave it."""
    for hook in x.hooks:
        if hook is keep:
            x.grad = g.clone() if x.grad is None else x.grad + g
        elif (answer := hook(g)) is not None:
            if not isinstance(answer, Node) or answer.array.shape != g.shape:
                what = getattr(answer, "shape", type(answer).__name__)
                raise RuntimeError(
                    f"a hook of a tensor returns None, or a tensor to take the gradient's place, "
                    f"of its shape {g.shape}; this one returned {what}"
                )
            g = answer.to(g.dtype)  # type: ignore[attr-defined]
    return g
