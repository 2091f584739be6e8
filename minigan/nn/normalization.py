"""The layers that normalize: batch norm, instance norm, layer norm.

They differ in what is averaged over: functional/normalization.py. Next: losses.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan import functional as F  # noqa: N812
from minigan.functional.checks import check_tensors
from minigan.nn import init
from minigan.nn.allowance import memory
from minigan.nn.module import Buffer, Module, Parameter
from minigan.tensor import Tensor


class _Norm(Module):
    """What batch norm and instance norm share: a scale and a shift, and running statistics."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer | None
    running_var: Buffer | None
    num_batches_tracked: Buffer | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        **lacking: Any,
    ) -> None:
        super().__init__(**lacking)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = init.ones_(Parameter(memory(num_features))) if affine else None
        self.bias = init.zeros_(Parameter(memory(num_features))) if affine and bias else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.array(0, np.int64))

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    """Batch normalization of each channel (Ioffe and Szegedy 2015).

    The second argument is eps, the third is momentum, as in torch: `BatchNorm1d(n, 0.8)` sets
    eps. Running statistics move by `momentum` towards the batch's; with momentum=None they are
    the plain mean over all batches so far.
    """

    dimensions: tuple[int, ...]

    def forward(self, input: Tensor) -> Tensor:
        check_tensors(type(self).__name__, input)
        if input.ndim not in self.dimensions or input.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}({self.num_features}): expected "
                f"{' or '.join(f'{n}' for n in self.dimensions)} dimensions with "
                f"{self.num_features} channels in the second, got shape {input.shape}"
            )
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if momentum is None:  # the n-th batch weighs 1/n
                momentum = 1 / self.num_batches_tracked.array.astype(input.dtype)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum if momentum is not None else 0.0,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L)."""

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images (N, C, H, W)."""

    dimensions = (4,)


class InstanceNorm2d(_Norm):
    """Each channel of each image by its own mean and variance (Ulyanov, Vedaldi, Lempitsky 2016).

    (N, C, H, W) or (C, H, W). Unlike batch norm it begins without scale, shift and statistics,
    and without statistics it does the same in training and in eval mode.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        **lacking: Any,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias=bias, **lacking
        )

    def forward(self, input: Tensor) -> Tensor:
        check_tensors("InstanceNorm2d", input)
        if input.ndim not in (3, 4) or input.shape[-3] != self.num_features:
            raise ValueError(
                f"InstanceNorm2d({self.num_features}): images are (N, {self.num_features}, H, W) "
                f"or ({self.num_features}, H, W), got shape {input.shape}"
            )
        y = F.instance_norm(
            input if input.ndim == 4 else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return y if input.ndim == 4 else y.squeeze(0)


class LayerNorm(Module):
    """Each sample by the mean and variance of its last dimensions (Ba, Kiros and Hinton 2016).

    `normalized_shape` is the size of these dimensions: a number, or several.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        **lacking: Any,
    ) -> None:
        super().__init__(**lacking)
        sizes = [normalized_shape] if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape, self.eps = tuple(sizes), eps
        self.elementwise_affine = elementwise_affine
        self.weight = self.bias = None
        if elementwise_affine:
            self.weight = init.ones_(Parameter(memory(*self.normalized_shape)))
            if bias:
                self.bias = init.zeros_(Parameter(memory(*self.normalized_shape)))

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )
