"""The graph behind a tensor, to look at: drawn as a picture, and walked one rule at a time.

    draw(loss)                               a picture: inline in a notebook, SVG or DOT elsewhere
    for step in steps(loss): print(step)     backward, with a stop after each rule

Both take `names`, which says what the tensors are called: a module, whose parameters have names; or
a dictionary of tensors and modules, such as {"x": x, "D": gan.discriminator}. docs/graph.md goes
through a graph of three tensors by hand, by picture and by steps. Next: words.py.
"""

from minigan.graph.drawing import Drawing, draw
from minigan.graph.steps import Step, steps

__all__ = ["Drawing", "Step", "draw", "steps"]
