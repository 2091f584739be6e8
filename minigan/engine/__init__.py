"""The engine: how a result knows what it was computed from, and how a gradient finds its way back.

In the order of ideas, each file on what stands before it:

    node.py         an array, and the op that made it
    recording.py    whether ops note what they did: no_grad and its kin
    op.py           a formula and its derivatives
    hooks.py        whoever wants to see a gradient on its way
    walk.py         backward and grad: from a loss to all that it was made from
    fused.py        an op that is fast by hand, and defined by a formula
    arithmetic.py   the ops themselves: products and sums, roots and logarithms
    shape.py        ... and those that only move numbers about

Whoever has read the first five has understood automatic differentiation.
"""
