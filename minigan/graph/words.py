"""Words: what a tensor, a rule and a gradient are called, in pictures and in sentences.

Next: steps.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from minigan.engine.node import Node
from minigan.engine.op import Op
from minigan.tensor import Tensor

Names: TypeAlias = dict[int, str]  # from a tensor's creation number to its name
FEW = 4  # numbers in a row are shown; of more, the shape and the norm


def names_of(names: Any) -> Names:
    """The names in a module, or in a dictionary of tensors and modules: {"D": net} gives "D.bias".

    Raises TypeError for anything else.
    """
    return {x.order: name for name, x in _named(names)}


def _named(names: Any) -> Iterator[tuple[str, Tensor]]:
    if names is None:
        return
    if hasattr(names, "named_parameters"):
        yield from names.named_parameters()
        return
    if not isinstance(names, Mapping):
        raise TypeError(
            f"names are a module, or a dictionary of tensors and modules, not a "
            f'{type(names).__name__}; of a GAN, write {{"G": gan.generator, "D": …}}'
        )
    for name, thing in names.items():
        if isinstance(thing, Tensor):
            yield name, thing
        elif hasattr(thing, "named_parameters"):
            yield from ((f"{name}.{path}", x) for path, x in thing.named_parameters())
        else:
            raise TypeError(f"{name!r} names a {type(thing).__name__}, not a tensor or a module")


def called(x: Any, names: Names) -> str:
    """What an input of an op is called: its name, or else its shape; a plain number is itself."""
    if not isinstance(x, Node):
        return _short(x)
    return names.get(x.order) or str(x.array.shape)


def about(x: Tensor) -> str:
    """Type and shape, and the numbers themselves if they are few."""
    shape = f" {x.shape}" if x.ndim else ""
    return f"{x.dtype}{shape} = {numbers(x)}" if are_few(x) else f"{x.dtype}{shape}"


def size(g: Tensor) -> str:
    """A gradient: its numbers if they are few, or else its shape and its norm √Σg²."""
    return numbers(g) if are_few(g) else f"{g.shape} of norm {norm(g):.3g}"


def are_few(x: Tensor) -> bool:
    return x.ndim < 2 and x.numel() <= FEW


def norm(*tensors: Tensor) -> float:
    """√Σg² over all numbers of some tensors, in float64."""
    return float(np.sqrt(sum(float((x.numpy().astype(np.float64) ** 2).sum()) for x in tensors)))


def numbers(x: Tensor) -> str:
    """A number, or a few in a row: 36, or [3, 4]."""
    said = [f"{value:.6g}" for value in x.numpy().ravel().tolist()]
    return f"[{', '.join(said)}]" if x.ndim else said[0]


def rule_of(op: Op) -> str:
    """The formula and its derivatives, as the first line of the op's docstring has them."""
    return inspect.cleandoc(type(op).__doc__ or "").partition("\n")[0]


def settings_of(op: Op) -> list[str]:
    """The inputs that are no tensors, by the names that `forward` gives them: "b = 2"."""
    names = [name.removeprefix("d") for name in op.derivatives]
    return [
        f"{name} = {_short(x)}"
        for name, x in zip(names, op.inputs, strict=False)
        if not isinstance(x, Node) and x is not None
    ]


def _short(x: Any) -> str:
    text = f"{x:.6g}" if isinstance(x, float) else str(x)
    return text if len(text) <= 20 else f"{text[:19]}…"
