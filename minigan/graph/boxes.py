"""Boxes: the graph behind a tensor as what is drawn, one box for each tensor.

An op and its result share a box, because each op has one result. An arrow leads from an input to
what was made from it: dashed where no gradient comes back.

Next: folds.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minigan.graph.words import Names, about, are_few, norm, numbers, rule_of, settings_of
from minigan.tensor import Tensor


@dataclass(frozen=True)
class Box:
    """What is drawn for a tensor, or for the tensors of one layer."""

    kind: str  # "learned", "constant", "made" or "layer"
    title: str
    lines: tuple[str, ...] = ()
    gradient: str | None = None  # where one is kept
    hint: str = ""  # shown where the mouse rests


class Arrow(NamedTuple):
    """From the box of an input to the box of a result, by their places in the list of boxes."""

    source: int
    target: int
    label: str  # what the op calls this input, if it has several
    tracked: bool  # whether a gradient comes back along it


@dataclass(frozen=True)
class Graph:
    """Boxes, oldest first, so that every arrow leads from an earlier to a later one."""

    boxes: list[Box]
    arrows: list[Arrow] = field(default_factory=list)


def history(root: Tensor) -> list[Tensor]:
    """All tensors that the root was made from, and constants that took part, oldest first.

    Raises RuntimeError if a backward pass has freed what the root was made from.
    """
    if root.op is not None and root.op.freed:
        raise RuntimeError(
            f"the graph behind this {root.op.name} was freed by a backward pass; draw it before, "
            "or pass retain_graph=True to that"
        )
    found: dict[int, Tensor] = {}
    waiting = [root]
    while waiting:
        y = waiting.pop()
        if y.order not in found:
            found[y.order] = y
            waiting += inputs_of(y)
    return [found[order] for order in sorted(found)]


def inputs_of(y: Tensor) -> list[Tensor]:
    """The tensors that y was made from; none if it is a leaf, or its op has been freed."""
    return [] if y.op is None else [x for x in y.op.inputs if isinstance(x, Tensor)]


def box_of(x: Tensor, names: Names) -> Box:
    name = names.get(x.order)
    gradient = None if x.grad is None else gradient_line([x])
    if x.op is None:
        kind = "learned" if x.requires_grad or (name and "." in name) else "constant"
        title = name or ("leaf" if x.requires_grad else "constant")
        return Box(kind, title, (about(x),), gradient)
    title = f"{name} = {x.op.name}" if name else x.op.name
    freed = ["before it: freed"] if x.op.freed else []
    lines = (", ".join(settings_of(x.op)), about(x), *freed)
    return Box("made", title, tuple(line for line in lines if line), gradient, rule_of(x.op))


def gradient_line(tensors: Sequence[Tensor]) -> str | None:
    """The gradients that some tensors have kept: a few numbers, or the norm of them all."""
    kept = [x.grad for x in tensors if x.grad is not None]
    if not kept:
        return None
    if len(kept) == 1 and are_few(kept[0]):
        return f"gradient {numbers(kept[0])}"
    return f"‖gradient‖ {norm(*kept):.3g}"


def arrows_to(y: Tensor, places: dict[int, int]) -> list[Arrow]:
    """One arrow for each time that y's op reads a tensor; `places` are the boxes' by order."""
    if y.op is None or y.op.freed:
        return []
    letters = [name.removeprefix("d") for name in y.op.derivatives]
    if len(inputs_of(y)) < 2 or len(letters) < len(y.op.inputs):
        letters = [""] * len(y.op.inputs)
    return [
        Arrow(places[x.order], places[y.order], letter, tracked)
        for x, tracked, letter in zip(y.op.inputs, y.op.tracked, letters, strict=False)
        if isinstance(x, Tensor) and x.order in places
    ]
