"""The walk: from the roots, such as a loss, back to all that they were made from.

`walk` takes one step for each rule, and says what the rule has added where. `backward` and `grad`
go to its end without looking; who wants to look, such as graph/steps.py, stops at each.

Next: fused.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minigan.backend import backend_of
from minigan.distributed.communicator import ranks
from minigan.engine.hooks import heard
from minigan.engine.node import Array, Node, owner
from minigan.engine.recording import check_finite, set_grad_enabled, this_thread

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Table: TypeAlias = "dict[int, Tensor]"  # from a tensor's creation number to its gradient so far
Addition: TypeAlias = "tuple[Tensor, Tensor, Tensor]"  # an input, what it was given, and the sum
Step: TypeAlias = "tuple[Tensor, Tensor, list[Addition]]"  # y, all of dL/dy, what its rule added


def backward(
    y: Tensor,
    gradient: Tensor | Array | None,
    retain_graph: bool,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> Iterator[Step]:
    """Walk from y to all its leaves, and then add to each leaf's `.grad` what has arrived there.

    With `inputs`, to those leaves alone. A number without a gradient is a loss, a mean over rows of
    a batch; where ranks share these, it is a part of the mean over all rows, of this weight.
    """
    seed = seed_of(y, gradient)
    if gradient is None and ranks().size > 1:
        seed = seed * ranks().weight
    table: Table = {}
    wanted = None if inputs is None else _leaves_among(inputs)
    leaves = yield from walk([y], [seed], wanted, retain_graph, table)
    given: list[Array] = [owner(seed.array)]
    for leaf in leaves:
        g = table.get(leaf.order)
        if g is None:
            continue
        if leaf.grad is not None:
            leaf.grad = leaf.grad + g
            continue
        # Two leaves of `a + b` receive one array, and a leaf of a sum one number for all its
        # places. Each gets memory of its own, or clipping one in place would clip others.
        memory = owner(g.array)
        if memory.size != g.array.size or any(memory is other for other in given):
            g = g.clone()
        given.append(owner(g.array))
        leaf.grad = g


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """d(outputs)/d(inputs), weighted by `grad_outputs`; no `.grad` is touched.

    One gradient per input, of its shape. With `create_graph` the gradients can themselves be
    differentiated. An input that the outputs do not depend on is an error, or None with
    `allow_unused`. Only what leads to `inputs` is computed: a gradient penalty with respect to an
    image does not cost the gradients of the weights. (`only_inputs` is torch's: always True.)
    """
    if not only_inputs:
        raise ValueError("grad is for its inputs only; backward() also fills the .grad of leaves")
    roots = [outputs] if isinstance(outputs, Node) else list(outputs)
    wanted = [inputs] if isinstance(inputs, Node) else list(inputs)
    weights: Sequence[Tensor | None]
    if grad_outputs is None or isinstance(grad_outputs, Node):
        weights = [grad_outputs] * len(roots)
    else:
        weights = grad_outputs
    for x in wanted:
        if not x.requires_grad:
            raise RuntimeError(f"an input of shape {x.shape} does not require grad")
    retain = create_graph if retain_graph is None else retain_graph
    seeds = [seed_of(y, g) for y, g in zip(roots, weights, strict=True)]
    table: Table = {}
    to_the_end(walk(roots, seeds, {x.order for x in wanted}, retain, table), create_graph)
    found = tuple(table.get(x.order) for x in wanted)
    if not allow_unused and any(g is None for g in found):
        shape = wanted[[g is None for g in found].index(True)].shape
        raise RuntimeError(f"the outputs do not depend on an input of shape {shape}")
    return found


def to_the_end(walk: Iterator[Step], create_graph: bool) -> None:
    """Take all steps of a walk; with `create_graph`, what the rules compute is recorded as well."""
    with set_grad_enabled(create_graph):
        deque(walk, maxlen=0)  # keeps no step: a gradient's memory goes as soon as it has been used


def walk(
    roots: Sequence[Tensor],
    seeds: Sequence[Tensor],
    wanted: set[int] | None,
    retain_graph: bool,
    table: Table,
) -> Generator[Step, None, list[Tensor]]:
    """Carry gradients from the roots towards the leaves (or only towards the `wanted` tensors).

    Fills the table and returns the leaves. The table belongs to this walk alone: a rule may call
    `grad` while it is under way. Whoever takes a step also says, around it, whether what the rule
    computes is recorded: between two steps other code runs, and decides that for itself.

    Why an order is needed at all: in `b = a + a; c = b + b` two gradients arrive at b, and b's
    rule may run only when both are there. An op's inputs exist before its output does, so going
    through the tensors from the youngest to the oldest visits every user of b before b itself.
    """
    made, leaves = _history(roots)
    useful = None if wanted is None else _leading_to(wanted, made)
    for y, seed in zip(roots, seeds, strict=True):
        _accumulate(table, y, seed)
    for y in reversed(made):
        op = y.op
        assert op is not None
        if useful is not None and y.order not in useful:
            continue
        g = table.pop(y.order, None)  # unless it is asked for, let its memory go
        if g is None:
            continue
        if y.hooks:
            g = heard(y, g)
        if wanted is not None and y.order in wanted:
            table[y.order] = g
        op.check_unchanged(y)
        yield y, g, _apply_rule(y, g, useful, table)
        if not retain_graph:
            op.inputs, op.freed = (), True
    _show_to_leaves(leaves, table)
    return leaves


def _leaves_among(inputs: Tensor | Sequence[Tensor]) -> set[int]:
    """The creation numbers of what shall get a gradient."""
    listed = [inputs] if isinstance(inputs, Node) else list(inputs)
    for x in listed:
        if x.op is not None:
            raise ValueError(
                f"backward: an input of shape {x.shape} was computed, by {x.op.name}, and only "
                "leaves have a .grad; use grad() for it"
            )
    return {x.order for x in listed}


def _apply_rule(y: Tensor, g: Tensor, useful: set[int] | None, table: Table) -> list[Addition]:
    """Run the rule of the op that made y, and add what it returns to its inputs' gradients."""
    op = y.op
    assert op is not None
    needs: Sequence[bool] = op.tracked
    if useful is not None:
        needs = [t and x.order in useful for x, t in zip(op.inputs, needs, strict=True)]
    added: list[Addition] = []
    for x, need, gx in zip(op.inputs, needs, op.backward(g, y, needs), strict=True):
        if need and gx is not None:
            if this_thread.detect_anomaly:
                check_finite(gx, f"a gradient made by {op.name} for shape {x.shape}")
            gx = op.fit(gx, x)
            added.append((x, gx, _accumulate(table, x, gx)))
    return added


def _show_to_leaves(leaves: Sequence[Tensor], table: Table) -> None:
    for leaf in leaves:
        if leaf.hooks and leaf.order in table:
            table[leaf.order] = heard(leaf, table[leaf.order])


def _history(roots: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """All tensors that the roots were made from, oldest first: those made by ops, and leaves."""
    found: dict[int, Tensor] = {}
    waiting = list(roots)
    while waiting:
        y = waiting.pop()
        if y.order in found:
            continue
        found[y.order] = y
        if y.op is not None and not y.op.freed:
            waiting.extend([x for x, t in zip(y.op.inputs, y.op.tracked, strict=True) if t])
    in_order = [found[order] for order in sorted(found)]
    return [y for y in in_order if y.op is not None], [y for y in in_order if y.op is None]


def _leading_to(wanted: set[int], made: Sequence[Tensor]) -> set[int]:
    """The creation numbers of the wanted tensors and of every tensor that depends on one.

    What a freed op depended on is no longer known. It counts, so that the walk complains there.
    """
    useful = set(wanted)
    for y in made:
        assert y.op is not None
        if y.op.freed or any(
            t and x.order in useful for x, t in zip(y.op.inputs, y.op.tracked, strict=True)
        ):
            useful.add(y.order)
    return useful


def _accumulate(table: Table, x: Tensor, g: Tensor) -> Tensor:
    earlier = table.get(x.order)
    table[x.order] = total = g if earlier is None else earlier + g
    return total


def seed_of(y: Tensor, gradient: Tensor | Array | None) -> Tensor:
    """The gradient to start from: given, or 1 for a single number."""
    if not y.requires_grad:
        raise RuntimeError(
            "this tensor does not depend on anything that requires grad, so it has no gradient"
        )
    if gradient is None:
        if y.numel() != 1:
            raise RuntimeError(
                f"backward of a tensor of shape {y.shape} needs a gradient of that shape; "
                "only a single number can do without"
            )
        return y.like(backend_of(y.array).xp.ones_like(y.array))
    g: Any = gradient
    if not isinstance(gradient, Node):
        g = y.like(backend_of(y.array).asarray(gradient))
    if g.shape != y.shape:
        raise RuntimeError(f"the gradient has shape {g.shape}, the tensor has shape {y.shape}")
    return g.to(y.dtype)
