"""Folds: a large graph with one box for each layer, or for each network.

An op does not know which layer it is of, but the names of the parameters say it. What reads
"D.model.0.weight" belongs to the layer D.model.0, and, if only the first two parts of a name are
looked at, to D.model. What reads no parameter belongs to a layer

    if it lies between two ops of that layer, or
    if it only passes on what the layer alone gives it, number by number, as an activation does.

A network that is used twice, on real images and on fakes, is two boxes. Next: layout.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from minigan.graph.boxes import Box, Graph, arrows_to, box_of, gradient_line, inputs_of
from minigan.graph.words import Names, about
from minigan.tensor import Tensor

COMFORTABLE = 30  # boxes: a graph of more is folded, if its names allow that

Layers = dict[int, str]  # from an op's result, by its creation number, to the name of its layer
Groups = dict[int, int]  # from a tensor to the oldest of those that share its box


def graph_of(tensors: Sequence[Tensor], names: Names, fold: int | None) -> Graph:
    """The boxes of some tensors, oldest first, folded by the first `fold` parts of the names.

    With 0 each tensor has its box. With None, nothing is folded that has few boxes, and of all
    others the deepest layers that are few enough.
    """
    deepest = max((name.count(".") for name in names.values()), default=0)
    for depth in [0, *range(deepest, 0, -1)] if fold is None else [fold]:
        layers = _layers(tensors, names, depth)
        groups = _groups(tensors, layers)
        hidden = _hidden(tensors, names, layers)
        if len(set(groups.values()) - hidden) <= COMFORTABLE:
            break
    return _graph(tensors, names, layers, groups, hidden)


def _layers(tensors: Sequence[Tensor], names: Names, depth: int) -> Layers:
    """To which layer each op's result belongs, for those that belong to one."""
    layers: Layers = {}
    for y in tensors:
        paths = {names.get(x.order, "").rpartition(".")[0] for x in inputs_of(y) if x.op is None}
        of = {".".join(path.split(".")[:depth]) for path in paths} - {""}
        if len(of) == 1:
            layers[y.order] = of.pop()
    _add_those_between(tensors, layers)
    _add_activations(tensors, layers)
    return layers


def _add_those_between(tensors: Sequence[Tensor], layers: Layers) -> None:
    before: dict[int, set[str]] = defaultdict(set)  # the layers that one meets first, upwards
    after: dict[int, set[str]] = defaultdict(set)  # ... and downwards
    for y in tensors:
        for x in inputs_of(y):
            before[y.order] |= {layers[x.order]} if x.order in layers else before[x.order]
    for y in reversed(tensors):
        for x in inputs_of(y):
            after[x.order] |= {layers[y.order]} if y.order in layers else after[y.order]
    for y in tensors:
        both = before[y.order] & after[y.order]
        if y.op is not None and y.order not in layers and len(both) == 1:
            layers[y.order] = both.pop()


def _add_activations(tensors: Sequence[Tensor], layers: Layers) -> None:
    uses = Counter(x.order for y in tensors for x in inputs_of(y))
    for y in tensors:
        if y.order in layers or len(inputs_of(y)) != 1:
            continue
        (x,) = inputs_of(y)
        if x.order in layers and uses[x.order] == 1 and x.shape == y.shape:
            layers[y.order] = layers[x.order]


def _groups(tensors: Sequence[Tensor], layers: Layers) -> Groups:
    """Who shares a box: neighbors of one layer.

    A box that an arrow left and, through others, came back to could not be drawn from top to
    bottom: it is opened, and what was in it belongs to no layer.
    """
    groups = {y.order: y.order for y in tensors}
    for y in tensors:
        for x in inputs_of(y):
            if y.order in layers and layers.get(x.order) == layers[y.order]:
                _join(groups, x.order, y.order)
    while circle := _sorted(tensors, groups)[1]:
        for order in [order for order, group in groups.items() if group in circle]:
            groups[order] = order
            layers.pop(order, None)
    return groups


def _join(groups: Groups, one: int, other: int) -> None:
    first, second = sorted((groups[one], groups[other]))
    for order, group in groups.items():
        if group == second:
            groups[order] = first


def _sorted(tensors: Sequence[Tensor], groups: Groups) -> tuple[list[int], set[int]]:
    """The groups, each after all that it was made from; and those of several tensors that cannot
    be put in order, because they wait for each other."""
    needs: dict[int, set[int]] = {group: set() for group in groups.values()}
    for y in tensors:
        needs[groups[y.order]] |= {groups[x.order] for x in inputs_of(y)} - {groups[y.order]}
    sorter = TopologicalSorter(needs)
    with suppress(CycleError):
        sorter.prepare()
    done: dict[int, None] = {}
    while sorter.is_active():
        ready = sorter.get_ready()
        done |= dict.fromkeys(ready)
        sorter.done(*ready)
    waiting = {group: others - set(done) for group, others in needs.items() if group not in done}
    while ends := waiting.keys() - set().union(*waiting.values()):  # nobody waits for these
        waiting = {group: waiting[group] for group in waiting if group not in ends}
    sizes = Counter(groups.values())
    return list(done), {group for group in waiting if sizes[group] > 1}


def _hidden(tensors: Sequence[Tensor], names: Names, layers: Layers) -> set[int]:
    """The parameters that nobody reads but ops of their own layer, in whose boxes they are told."""
    users = defaultdict(set)
    for y in tensors:
        for x in inputs_of(y):
            users[x.order].add(layers.get(y.order, ""))
    return {
        x.order
        for x in tensors
        if x.op is None
        and "" not in users[x.order]
        and all(_is_of(layer, x, names) for layer in users[x.order])
        and users[x.order]
    }


def _graph(
    tensors: Sequence[Tensor], names: Names, layers: Layers, groups: Groups, hidden: set[int]
) -> Graph:
    members = defaultdict(list)
    for x in tensors:
        members[groups[x.order]].append(x)
    order = [group for group in _sorted(tensors, groups)[0] if group not in hidden]
    boxes = [_box(members[group], names, layers) for group in order]
    places = {x.order: place for place, group in enumerate(order) for x in members[group]}
    arrows = [
        arrow._replace(label="") if boxes[arrow.target].kind == "layer" else arrow
        for y in tensors
        for arrow in arrows_to(y, places)
        if arrow.source != arrow.target
    ]
    return Graph(boxes, arrows)


def _box(tensors: Sequence[Tensor], names: Names, layers: Layers) -> Box:
    """The box of one tensor, or of those of one layer, which tells its ops and its parameters."""
    last = tensors[-1]
    if last.order not in layers:
        return box_of(last, names)
    ops = [y.op.name for y in tensors if y.op is not None]
    if len(ops) > 3:
        ops = [ops[0], f"… {len(ops) - 2} more …", ops[-1]]
    layer = layers[last.order]
    read = {x.order: x for y in tensors for x in inputs_of(y) if _is_of(layer, x, names)}
    count = sum(x.numel() for x in read.values())
    lines = (" → ".join(ops), f"{count:,} parameters", about(last))
    hint = "\n".join(f"{names[x.order]} {about(x)}" for x in read.values())
    return Box("layer", layer, lines, gradient_line(list(read.values())), hint)


def _is_of(layer: str, x: Tensor, names: Names) -> bool:
    """Whether x is a parameter of this layer, by its name."""
    return x.op is None and names.get(x.order, "").startswith(f"{layer}.")
