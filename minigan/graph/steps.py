"""Steps: `backward`, with a stop after each rule.

    for step in steps(loss, names=net):
        print(step)

Nothing is computed here. It is the walk that `backward` itself goes to the end, engine/walk.py: the
same rules in the same order with the same results, to the last bit. Next: boxes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from minigan.engine.op import Op
from minigan.engine.recording import set_grad_enabled
from minigan.engine.walk import Addition, backward
from minigan.graph.words import Names, called, names_of, rule_of, size
from minigan.tensor import Array, Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """One rule has run. Printed, it says which, with which g, and what it has added where.

    op: whose rule it was; `inputs` are what it was applied to, and y what came out.
    g: dL/dy, which was complete, because all users of y came before.
    added: for each input with a gradient, the input, what it was given, and the sum so far.
    """

    number: int  # from 1
    op: Op
    inputs: tuple[Any, ...]
    y: Tensor
    g: Tensor
    added: list[Addition]
    names: Names

    def __str__(self) -> str:
        made_from = ", ".join(called(x, self.names) for x in self.inputs)
        lines = [
            f"{self.number}. {called(self.y, self.names)} = {self.op.name}({made_from})",
            f"   rule: {rule_of(self.op)}",
            f"   g = dL/d{called(self.y, self.names)} = {size(self.g)}",
        ]
        for _, group in groupby(self.added, lambda addition: addition[0].order):
            same = list(group)  # b · b gives b two gradients
            x, _, total = same[-1]
            given = " + ".join(size(gx) for _, gx, _ in same)
            lines.append(f"   adds {given} to dL/d{called(x, self.names)}, now {size(total)}")
        return "\n".join(lines)


def steps(
    y: Tensor,
    gradient: Tensor | Array | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    names: Any = None,
) -> Iterator[Step]:
    """Walk from y to its leaves as `y.backward(…)` does, and stop after each rule.

    After the last step the leaves have their `.grad`. Who leaves the loop before it has freed a
    part of the graph and changed no `.grad`: make the loss anew, or pass `retain_graph=True`.
    """
    known = names_of(names)
    walk = backward(y, gradient, create_graph if retain_graph is None else retain_graph)
    number = 0
    while True:
        with set_grad_enabled(create_graph):  # for the rule, and not for the loop around it
            step = next(walk, None)
        if step is None:
            return
        made, g, added = step
        assert made.op is not None
        number += 1
        yield Step(number, made.op, made.op.inputs, made, g, added, known)
