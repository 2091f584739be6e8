"""Normalization: each channel, or each sample, is brought to one mean and one deviation.

Batch, instance and layer norm are one formula, `standardized`, over different axes of (N, C, H, W):
all but C; H and W; or all but N. Batch norm, which has to be fast, is also written by hand.

A batch may be shared by many processes. Batch norm's mean is then that of all its rows, and each
process gets it by adding up with the others; so its derivatives are those of the whole batch, too.

Next: losses.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from minigan.backend import backend_of
from minigan.distributed.communicator import ranks
from minigan.engine.all_sum import AllSum
from minigan.engine.fused import FusedOp
from minigan.engine.node import Array
from minigan.functional.checks import check_tensors
from minigan.tensor import Tensor


def standardized(
    x: Tensor, axes: Sequence[int], eps: float, mean: Callable[..., Tensor] = Tensor.mean
) -> Tensor:
    """(x − mean) / √(var + eps), both over these axes; var is the biased one (÷ m)."""
    from_mean = x - mean(x, axes, keepdim=True)
    variance = mean(from_mean * from_mean, axes, keepdim=True)
    return from_mean / (variance + eps).sqrt()


def mean_over_ranks(x: Tensor, axes: Sequence[int], keepdim: bool = False) -> Tensor:
    """x.mean over these axes and all ranks, if they have the rows of a batch between them."""
    if ranks().size == 1:
        return x.mean(axes, keepdim)
    total = AllSum()(x.sum(axes, keepdim))
    count = x.like(backend_of(x.array).xp.full(1, math.prod(x.shape[a] for a in axes), x.dtype))
    return total / AllSum()(count)


class BatchNorm(FusedOp):
    """x̂ = (x − mean) / √(var + eps),  y = w · x̂ + b, per channel (Ioffe and Szegedy 2015)

    dL/dx = w/√(var + eps) · (g − mean(g) − x̂ · mean(g · x̂)),  dL/dw = Σ g · x̂,  dL/db = Σ g

    x (N, C, …); w and b (C,), or b or both left out for 1 and 0. mean and var run over everything
    but C, and var is the biased one (÷ m). After the forward pass they are in `self.mean` and
    `self.var`, and m in `self.count`; where ranks share a batch, those of the whole batch.

    Where dL/dx comes from. Let s = 1/√(var + eps), so x̂ = (x − mean) · s, and let h = w · g, which
    is dL/dx̂. Of the m numbers in a channel, xⱼ reaches L in three ways:

        by itself:                 ∂x̂ⱼ/∂xⱼ = s                           gives s · hⱼ
        through the mean:          ∂mean/∂xⱼ = 1/m, ∂x̂ᵢ/∂mean = −s       gives −s · mean(h)
        through the variance:      ∂var/∂xⱼ = 2 (xⱼ − mean)/m,
                                   ∂x̂ᵢ/∂var = −½ s² x̂ᵢ                   gives −s · x̂ⱼ · mean(h · x̂)

    (var's own mean counts for nothing, because Σ (x − mean) = 0; and s² (xⱼ − mean) = s · x̂ⱼ.) The
    sum of the three is the formula above. In words: of h those parts are taken out that would only
    shift or stretch x, because the layer undoes a shift and a stretch. In eval mode mean and var
    are constants, and the first way is the only one.
    """

    mean: Array
    var: Array
    count: int | Array

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def formula(self, x: Tensor, w: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        others = [axis for axis in range(x.ndim) if axis != 1]
        return _scaled(standardized(x, others, self.eps, mean_over_ranks), w, b)

    def forward(self, x: Array, w: Array | None = None, b: Array | None = None) -> Array:
        backend = backend_of(x)
        each = backend.elementwise  # what follows the statistics is made of vectors: (C,)
        rows = channel_rows(x)  # (N, C, …) -> (M, C)
        self.mean, self.var, self.count = moments_over_ranks(rows)
        scale = each(inverse_deviation(self.eps), [self.var])
        if w is not None:
            scale = scale * w
        if b is None:
            shift = each(lambda mean, scale: -mean * scale, [self.mean, scale])
        else:
            shift = each(lambda b, mean, scale: b - mean * scale, [b, self.mean, scale])
        return from_channel_rows(backend.column_affine(rows, scale, shift), x.shape)

    def backward_arrays(self, g: Array, y: Array) -> tuple[Array | None, ...]:
        arrays = [x.array for x in self.inputs]
        x, w = arrays[0], arrays[1] if len(arrays) > 1 else None
        backend, count = backend_of(x), self.count
        each = backend.elementwise
        rows, g_rows = channel_rows(x), channel_rows(g)
        inv_std = each(inverse_deviation(self.eps), [self.var])
        gb = backend.column_sums(g_rows)
        gw = backend.column_products(g_rows, rows, self.mean) * inv_std
        # gx = scale · (g − gb/m − x̂ · gw/m), gathered as  g · scale + x · slope + shift
        # With x̂ = (x − mean) · inv_std, the last term is x · slope − mean · slope.
        # Every row of the batch was normalized by one mean and one variance, so the sums in it run
        # over the rows of all ranks. gw and gb stay this rank's: the optimizer will add them up.
        every_gw, every_gb = ranks().all_sums([gw, gb])
        scale = inv_std if w is None else inv_std * w
        slope = each(lambda a, s, gw: -a * s * gw / count, [scale, inv_std, every_gw])
        shift = each(
            lambda a, gb, mean, slope: -a * gb / count - mean * slope,
            [scale, every_gb, self.mean, slope],
        )
        gx = from_channel_rows(backend.column_affine(g_rows, scale, rows, slope, shift), x.shape)
        return (gx, gw, gb)[: len(arrays)]


def inverse_deviation(eps: float) -> Callable[[Array], Array]:
    """var ↦ 1 / √(var + eps)"""
    return lambda var: 1 / backend_of(var).xp.sqrt(var + eps)


def moments_over_ranks(rows: Array) -> tuple[Array, Array, int | Array]:
    """Mean, biased variance and number of the rows (M, C) of all ranks: (C,), (C,), m.

    Each rank has its own n, mean and var. As Chan, Golub and LeVeque (1979) join two samples,

        mean = Σ n · meanᵣ / m        var = Σ n · (varᵣ + (meanᵣ − mean)²) / m,        m = Σ n

    over the ranks r: exact for parts of any size, and nothing large is subtracted from its like.
    """
    backend, n = backend_of(rows), len(rows)
    if ranks().size == 1:
        return *backend.column_moments(rows), n
    own_mean, own_var = backend.column_moments(rows)
    own_count = backend.xp.full(1, n, rows.dtype)
    total, count = ranks().all_sums([n * own_mean, own_count])  # count stays on the GPU: (1,)
    mean = total / count
    from_mean = own_mean - mean
    return mean, ranks().all_sum(n * (own_var + from_mean * from_mean)) / count, count


def _scaled(y: Tensor, w: Tensor | None, b: Tensor | None) -> Tensor:
    """y · w + b, per channel of (N, C, …); either may be missing."""
    if w is not None:
        y = y * per_channel(w, y.ndim)
    return y if b is None else y + per_channel(b, y.ndim)


def per_channel(w: Tensor, ndim: int) -> Tensor:
    """(C,) -> (1, C, 1, …), of so many dimensions, to be broadcast against (N, C, …)."""
    return w.reshape(1, w.shape[0], *(1,) * (ndim - 2))


def channel_rows(x: Array) -> Array:
    """(N, C, …) -> (N·…, C), row after row in memory: no copy if x's channels lie last there."""
    last = (0, *range(2, x.ndim), 1)
    return backend_of(x).contiguous(x.transpose(last).reshape(-1, x.shape[1]))


def from_channel_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """(N·…, C) -> (N, C, …), with the channels last in memory."""
    n, channels, *spatial = shape
    first = (0, len(shape) - 1, *range(1, len(shape) - 1))
    return rows.reshape(n, *spatial, channels).transpose(first)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of (N, C, …) by the batch (training) or by running statistics.

    In training the running statistics, if given, move: running += momentum · (batch − running),
    where the batch's variance is the unbiased one (÷ (m − 1)). No images are normalized to none,
    and move nothing.
    """
    check_tensors("batch_norm", input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise ValueError(f"batch_norm: expected (N, C, …), got shape {input.shape}")
    _check_eps("batch_norm", eps, training)
    if not training and running_mean is not None and running_var is not None:
        return _by_running(input, running_mean, running_var, weight, bias, eps)
    if input.numel() // max(input.shape[1], 1) == 1 and training and ranks().size == 1:
        raise ValueError(
            f"batch_norm: training needs more than 1 value per channel, got shape {input.shape}"
        )
    if input.numel() == 0:
        return _scaled(input.clone(), weight, bias)
    op = BatchNorm(eps)
    if weight is not None:
        y = op(input, weight) if bias is None else op(input, weight, bias)
    else:
        y = _scaled(op(input), None, bias)
    if training and running_mean is not None and running_var is not None:
        _move(running_mean, op.mean, momentum)
        _move(running_var, op.var, momentum, op.count / (op.count - 1))
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each image (N, C, H, W) by itself, or by running statistics.

    y = w · (x − mean) / √(var + eps) + b, with mean and var over (H, W), per image and channel.
    The running statistics, if given, move towards the mean over the images of their means and
    unbiased variances. No images, or images without pixels, move nothing.
    """
    check_tensors("instance_norm", input, weight=weight, bias=bias)
    _check_eps("instance_norm", eps, use_input_stats)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError("instance_norm: without the input's statistics, running ones are due")
        return _by_running(input, running_mean, running_var, weight, bias, eps)
    places, axes = math.prod(input.shape[2:]), range(2, input.ndim)
    if places == 1:
        raise ValueError(
            f"instance_norm: more than 1 value per channel is needed, got shape {input.shape}"
        )
    if input.numel() == 0:
        return _scaled(input.clone(), weight, bias)
    if running_mean is not None and running_var is not None:
        x = input.detach()
        _move(running_mean, x.mean((0, *axes)).array, momentum)
        _move(running_var, x.var(tuple(axes)).mean(0).array, momentum)
    return _scaled(standardized(input, axes, eps), weight, bias)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each sample over its last dimensions, which have the shape `normalized_shape`.

    y = w · (x − mean) / √(var + eps) + b, where w and b are of that shape.
    """
    check_tensors("layer_norm", input, weight=weight, bias=bias)
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm: the input of shape {input.shape} must end in the dimensions {shape}"
        )
    y = standardized(input, range(input.ndim - len(shape), input.ndim), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _by_running(
    input: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    mean, var = per_channel(running_mean, input.ndim), per_channel(running_var, input.ndim)
    scale = 1 / (var + eps).sqrt()
    if weight is not None:
        scale = scale * per_channel(weight, input.ndim)
    y = (input - mean) * scale
    return y if bias is None else y + per_channel(bias, input.ndim)


def _move(
    running: Tensor, batch: Array, momentum: float | Array, factor: float | Array = 1
) -> None:
    """Let a running statistic follow that of a batch, times a factor."""
    old = running.array
    step = backend_of(old).elementwise(
        lambda old, batch: momentum * (batch * factor - old), [old, batch]
    )
    old += step
    running.mark_changed()


def _check_eps(name: str, eps: float, own_statistics: bool) -> None:
    """A channel in which all are equal has variance 0, and would be divided by √eps = 0."""
    if eps < 0 or eps == 0 and own_statistics:
        raise ValueError(f"{name}: eps must be positive, not {eps}")
