"""The engine: how a result knows what it was computed from, and how a gradient finds its way back.

The idea, in the words of the field. A loss L, one number, is computed in steps, and y = f(a) is one
of them. The steps, and what each hands to the next, are the *computational graph*. How L depends on
a follows from how it depends on y; that is the *chain rule*:

    dL/da = dL/dy · J,        J[i, j] = ∂yᵢ/∂aⱼ

J is the step's *Jacobian*. For y = tanh a of a thousand numbers it has a million entries, all of
them 0 but for the diagonal: nobody builds it. Only its product with dL/dy is asked for, the
*vector-Jacobian product*, and that is what an op's derivative returns: g · (1 − y²) for tanh, where
g always stands for dL/dy. What L is, and how it is made of y, no rule needs to know.

Why backwards? Reverse mode, from L to the inputs, carries one gradient, of one number, and passes
each step once: it costs about as much again as each step itself did, for each input of the step
that needs a gradient, and brings the gradients of all weights. Forward mode, from an input on,
carries how everything changes with *one* number: a million weights would take a million passes. It
is the better one where there are few inputs and many outputs. A loss is the opposite case.

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
