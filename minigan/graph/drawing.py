"""Drawing: the graph behind a tensor, as a notebook, a browser or Graphviz shows it.

    draw(loss, names=net).save("loss.svg")

Next: ../functional/activations.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minigan.errors import UserError
from minigan.files import atomic_write
from minigan.graph.boxes import Graph, history
from minigan.graph.folds import graph_of
from minigan.graph.pictures import dot, svg
from minigan.graph.words import names_of
from minigan.tensor import Tensor

WRITERS = {".svg": svg, ".dot": dot}


class Drawing:
    """A graph that was drawn. A notebook shows it; `svg()` and `dot()` are its two texts."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def svg(self) -> str:
        """A picture, as text: a layout of our own, which needs no Graphviz."""
        return svg(self.graph)

    def dot(self) -> str:
        """The same graph in the language of Graphviz."""
        return dot(self.graph)

    def save(self, path: str | Path) -> None:
        """Save it as .svg or .dot, whole or not at all.

        Raises UserError for another ending.
        """
        path = Path(path)
        if path.suffix not in WRITERS:
            raise UserError(f"The name of {path} must end in {' or '.join(WRITERS)}")
        with atomic_write(path) as temporary:
            temporary.write_text(WRITERS[path.suffix](self.graph), encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        boxes, arrows = self.graph.boxes, self.graph.arrows
        return (
            f"Drawing({len(boxes)} boxes, {len(arrows)} arrows; .save('graph.svg') to look at it)"
        )


def draw(y: Tensor, names: Any = None, *, fold: int | None = None) -> Drawing:
    """Draw all that y was made from: ops, shapes, numbers where they are few, names.

    Call it before `backward`, or after one with `retain_graph=True`: then the gradients that
    leaves have, and others on which `retain_grad()` was called, are in the picture.

    `names` is a module, or a dictionary of tensors and modules: {"x": x, "D": gan.discriminator}.
    A large graph is folded, by default so far that it can be seen at once: `fold=3` makes a box of
    all that reads parameters whose names begin alike in three parts, such as "D.model.0.weight" and
    "D.model.0.bias"; `fold=1` makes one of each network; `fold=0` folds nothing.

    Raises RuntimeError if the graph has been freed.
    """
    return Drawing(graph_of(history(y), names_of(names), fold))
