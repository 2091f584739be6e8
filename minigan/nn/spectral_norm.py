"""Spectral normalization: a weight divided by the most that it can stretch a vector.

    W / σ(W),    σ(W) = max ‖W h‖ / ‖h‖ = uᵀ W v             (Miyato, Kataoka, Koyama, Yoshida 2018)

The layer is then 1-Lipschitz, and a critic made of such layers cannot become steep. u and v are the
first pair of singular vectors. The power iteration v ← Wᵀu, u ← W v, each made as long as 1, leads
there; as W moves little from step to step, one turn of it per step, going on from the last u, is
enough. u and v are taken as constants: dσ/dW = u vᵀ.

Next: summary.py.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minigan.nn import init
from minigan.nn.layers import ConvTranspose2d
from minigan.nn.module import Buffer, Module, Parameter
from minigan.tensor import Tensor, no_grad

SomeModule = TypeVar("SomeModule", bound=Module)


def spectral_norm(
    module: SomeModule,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> SomeModule:
    """Let the module compute with its weight divided by its spectral norm; returns the module.

    The parameter itself is called `weight_orig` from now on, its vectors, two buffers,
    `weight_u` and `weight_v`, as in torch's state dicts. `weight` is made of them before each
    forward pass; in training the vectors take `n_power_iterations` turns before, in eval mode none.

    A weight of more dimensions than 2 is taken as a matrix: one row for each place along `dim`,
    by default the outputs.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Parameter):
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}")
    if weight.ndim < 2:
        raise ValueError(f"spectral_norm: a matrix is needed, {name} has shape {weight.shape}")
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: at least 1 power iteration, not {n_power_iterations}")
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose2d) else 0
    rule = SpectralNorm(name, n_power_iterations, eps, dim)
    rows, columns = rule.matrix(weight).shape
    delattr(module, name)
    setattr(module, f"{name}_orig", weight)
    for ending, size in (("u", rows), ("v", columns)):
        random = init.normal_(weight.like(weight.backend.xp.empty(size, weight.dtype)))
        setattr(module, f"{name}_{ending}", Buffer(rule.unit(random)))
    setattr(module, name, weight.detach())
    # What is made anew before it is read is no state: a recording of a step need not compare it.
    module.renewed = (*getattr(module, "renewed", ()), name)
    module.register_forward_pre_hook(rule)
    return module


class SpectralNorm:
    """What is called before each forward pass of the module: it renews the weight."""

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        self.name, self.n_power_iterations, self.eps, self.dim = name, n_power_iterations, eps, dim

    def matrix(self, weight: Tensor) -> Tensor:
        """(…, O, …) -> (O, everything else)"""
        others = [axis for axis in range(weight.ndim) if axis != self.dim % weight.ndim]
        return weight.permute(self.dim, *others).flatten(1)

    def unit(self, x: Tensor) -> Tensor:
        """x / ‖x‖, or x / eps where that is shorter"""
        return x / x.norm().clamp(min=self.eps)

    def __call__(self, module: Module, inputs: tuple[Any, ...]) -> None:
        weight, u, v = (getattr(module, f"{self.name}_{ending}") for ending in ("orig", "u", "v"))
        matrix = self.matrix(weight)
        if module.training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(self.unit(matrix.T @ u.unsqueeze(1)).squeeze(1))
                    u.copy_(self.unit(matrix @ v.unsqueeze(1)).squeeze(1))
        # Copies, as the next forward pass moves the vectors: a critic sees two batches, and then
        # comes the one backward pass.
        column, row = v.detach().clone().unsqueeze(1), u.detach().clone().unsqueeze(0)
        sigma = row @ matrix @ column  # (1, O) (O, K) (K, 1) -> (1, 1)
        setattr(module, self.name, weight / sigma.reshape(()))
