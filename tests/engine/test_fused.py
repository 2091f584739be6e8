"""Tests of a fused op: fast by hand, and defined by a formula."""

import numpy as np

import minigan as mg
from minigan.tensor import FusedOp, Tensor
from minigan.testing import check_gradients


def leaf(backend, *shape, seed=0, dtype=np.float64):
    data = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return Tensor(data, requires_grad=True, backend=backend)


class Square(FusedOp):
    """y = x²"""

    def formula(self, x):
        self.differentiated = True
        return x * x

    def forward(self, x):
        return x * x

    def backward_arrays(self, g, y):
        return (2 * g * self.inputs[0].array,)


def test_fused_op_runs_its_arrays_or_differentiates_its_formula(backend):
    x, op = leaf(backend, 3), Square()
    y = op(x)
    mg.grad(y.sum(), x, retain_graph=True)
    assert not hasattr(op, "differentiated")
    (g,) = mg.grad(y.sum(), x, create_graph=True)
    assert op.differentiated
    (second,) = mg.grad(g.sum(), x)
    assert second.tolist() == [2, 2, 2]
    check_gradients(lambda x: Square()(x.exp()).exp(), [x], 3, backend=backend)
