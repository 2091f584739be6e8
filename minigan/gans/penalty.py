"""How steep a critic is, and a penalty on slopes that are not 1.

A penalty is part of the critic's loss, so it is differentiated once more: to learn from it takes
second derivatives. Next: wgan_gp.py.
"""

from __future__ import annotations

from collections.abc import Callable

from minigan.tensor import Tensor, grad

EPS = 1e-12  # under the root of the norm, whose slope would be infinite at a gradient of 0


def squared_gradient_norms(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """‖∇ₓ f(x)‖² at each point x of (N, …), over all its numbers: (N,), differentiable.

    The gradient of the *sum* of all scores is each score's own, as no score depends on the point
    of another. create_graph records how it was computed: the penalty's derivative needs that.
    """
    x = points.detach().requires_grad_()
    (g,) = grad(critic(x).sum(), x, create_graph=True)  # (N, …)
    assert g is not None  # grad returns None for unused inputs only, and only if asked to
    return (g * g).sum(tuple(range(1, g.ndim)))  # (N, …) -> (N,)


def gradient_norms(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """‖∇ₓ f(x)‖ at each point x of (N, …): (N,), differentiable."""
    return (squared_gradient_norms(critic, points) + EPS).sqrt()


def slope_penalty(norms: Tensor) -> Tensor:
    """E[(‖∇ₓ f(x)‖ − 1)²], of the norms (N,) (Gulrajani et al. 2017, equation 3)."""
    return ((norms - 1) ** 2).mean()
