"""Clipping: gradients that are too long, or too large, are made smaller before an optimizer's step.

    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), max_norm=1.0)
    optimizer.step()

Next: utils.py.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator

from minigan.backend.layout import as_line, is_dense
from minigan.distributed.communicator import ranks
from minigan.tensor import Tensor, no_grad


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶)) for all gradients g as one vector; returns ‖g‖.

    All shrink by one factor, so the step keeps its direction (Pascanu et al. 2013, algorithm 1).
    `norm_type` is the p of Σ|g|ᵖ, or infinity for the largest |g|. Parameters without a gradient
    are skipped. The result is a tensor where the gradients are, and nothing is read from there,
    unless `error_if_nonfinite` asks for a RuntimeError if the norm is infinite or NaN.
    """
    _check_limit("max_norm", max_norm)
    if not norm_type > 0:
        raise ValueError(f"a norm needs a norm_type above 0, or infinity, not {norm_type}")
    gradients = _gradients("clip_grad_norm_", parameters)
    if not gradients:
        return Tensor(0.0)
    arrays = [g.array for g in gradients]
    lines = [as_line(a) if is_dense(a) else a.reshape(-1) for a in arrays]
    line = Tensor.of(ranks().all_sum(gradients[0].backend.concatenate(lines)))
    total = line.abs().amax() if norm_type == math.inf else line.norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"the gradients' norm of order {norm_type} is {total.item()}, so they cannot be "
            "clipped; nothing was changed"
        )
    # A factor of 1 is multiplied by, too: to ask whether it is 1 would be to wait for the GPU.
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for g in gradients:
        g *= factor
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """g ← max(−clip_value, min(g, clip_value)), number by number: the direction may change."""
    _check_limit("clip_value", clip_value)
    gradients, us = _gradients("clip_grad_value_", parameters), ranks()
    for g, whole in zip(gradients, us.all_sums([g.array for g in gradients]), strict=True):
        if us.size > 1:  # the optimizer adds up what the ranks have: each keeps an equal share
            g.copy_(g.like(whole.clip(-clip_value, clip_value) / us.size))
        else:
            g.clamp_(-clip_value, clip_value)


def _check_limit(name: str, limit: float) -> None:
    if not limit >= 0:  # so that NaN does not pass
        raise ValueError(f"{name} must be a number of at least 0, got {limit}")


def _gradients(function: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients that there are."""
    wanted = f"{function} takes a tensor or a list of them, such as network.parameters()"
    if not isinstance(parameters, Iterable):
        raise TypeError(f"{wanted}, not a {type(parameters).__name__}")
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if isinstance(parameters, Iterator) and not listed:
        warnings.warn(f"{function}: this iterator is used up, so nothing is clipped", stacklevel=4)
    for i, p in enumerate(listed):
        if not isinstance(p, Tensor):
            raise TypeError(f"{wanted}; item {i} is a {type(p).__name__}")
    return [p.grad for p in listed if p.grad is not None]
