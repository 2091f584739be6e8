"""The layers, with torch's names, arguments, defaults and initial weights.

A layer owns parameters and checks shapes; what it computes stands in functional/.
Next: normalization.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from minigan import functional as F  # noqa: N812
from minigan.functional.checks import check_tensors
from minigan.functional.convolution import Pair, pair
from minigan.nn import init
from minigan.nn.allowance import memory
from minigan.nn.module import Module, Parameter
from minigan.random import Random
from minigan.tensor import Tensor


def _empty(*shape: int) -> Parameter:
    return Parameter(memory(*shape))


def _bias(count: int, fan_in: int) -> Parameter:
    """A bias as it begins: U(±1/√fan_in), as the weight; 0 beside a weight without inputs."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return init.uniform_(_empty(count), -bound, bound)


class Identity(Module):
    """What comes in goes out; any arguments are accepted, and ignored, as in torch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = x weightᵀ + bias: (…, in_features) -> (…, out_features)."""

    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, **lacking: Any
    ) -> None:
        super().__init__(**lacking)
        self.in_features, self.out_features = in_features, out_features
        # The memory order is (in, out): that is how the gradient comes out of its matrix product.
        self.weight = Parameter(memory(in_features, out_features).T)
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.bias = _bias(out_features, in_features) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"


class _Convolution(Module):
    """What Conv2d and ConvTranspose2d share: a kernel, a bias, and how they are printed."""

    weight: Parameter
    bias: Parameter | None
    output_padding: tuple[int, int] = (0, 0)

    def __init__(
        self,
        weight_shape: tuple[int, int],
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair | str,
        dilation: Pair,
        groups: int,
        bias: bool,
        padding_mode: str,
        lacking: Mapping[str, Any],
    ) -> None:
        super().__init__(**lacking)
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} and {out_channels} channels do not fall into "
                f"{groups} groups"
            )
        if padding_mode != "zeros":
            raise ValueError(f'{name}: only padding_mode="zeros" is supported, got {padding_mode}')
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = (
            pair(kernel_size),
            pair(stride),
            pair(dilation),
        )
        self.padding = padding if isinstance(padding, str) else pair(padding)
        # The memory order is (KH, KW, in, out), as the kernels of the backends want it.
        kernel = memory(*self.kernel_size, *reversed(weight_shape))
        self.weight = Parameter(kernel.transpose(3, 2, 0, 1))
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in, _ = init.fan_in_and_out(self.weight)
        self.bias = _bias(out_channels, fan_in) if bias else None

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0, 0):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        return ", ".join(parts)


class Conv2d(_Convolution):
    """Convolution of images: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (out_channels, in_channels / groups, KH, KW). See functional.conv2d for the sizes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        **lacking: Any,
    ) -> None:
        super().__init__(
            (out_channels, in_channels // max(groups, 1)),
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            lacking,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class ConvTranspose2d(_Convolution):
    """The adjoint of a convolution: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (in_channels, out_channels / groups, KH, KW). The sizes: functional.conv_transpose2d.
    """

    padding: tuple[int, int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        padding_mode: str = "zeros",
        **lacking: Any,
    ) -> None:
        self.output_padding = pair(output_padding)
        super().__init__(
            (in_channels, out_channels // max(groups, 1)),
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            lacking,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class Upsample(Module):
    """Images of another size, (N, C, H, W) -> (N, C, OH, OW): functional.interpolate."""

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        **lacking: Any,
    ) -> None:
        super().__init__(**lacking)
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, tuple | list):
            height, width = scale_factor
            self.scale_factor: Any = (float(height), float(width))
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor}, mode={self.mode!r}"
        return f"size={self.size}, mode={self.mode!r}"


class AvgPool2d(Module):
    """The mean of each window, (N, C, H, W) -> (N, C, OH, OW): functional.avg_pool2d."""

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.padding, self.ceil_mode = kernel_size, padding, ceil_mode
        self.stride = kernel_size if stride is None else stride
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class Maxout(Module):
    """The largest of `pieces` linear functions: (N, in_features) -> (N, out_features).

    A parameter has `pieces · out_features` rows: first piece 0 of every unit, then piece 1, ….
    torch has no such layer; weights begin as in Linear. See functional.maxout.
    """

    def __init__(self, in_features: int, out_features: int, pieces: int) -> None:
        if pieces < 1:
            raise ValueError(f"Maxout: a unit needs at least 1 piece, not {pieces}")
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        rows = pieces * out_features
        self.weight = init.kaiming_uniform_(_empty(rows, in_features), a=math.sqrt(5))
        self.bias = _bias(rows, in_features)

    def forward(self, input: Tensor) -> Tensor:
        return F.maxout(F.linear(input, self.weight, self.bias), self.pieces)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, pieces={self.pieces}"


class Flatten(Module):
    """(N, …) -> (N, everything else)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        check_tensors("Flatten", input)
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension in place of several: (N, C·H·W) -> (N, C, H, W)."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        check_tensors("Unflatten", input)
        at = self.dim % input.ndim
        return input.reshape(*input.shape[:at], *self.unflattened_size, *input.shape[at + 1 :])

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


# `inplace` is accepted and does nothing: see functional/activations.py.


class ReLU(Module):
    """max(x, 0)"""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where positive, else negative_slope · x"""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """x where positive, else alpha · (eˣ − 1)"""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Tanh(Module):
    """tanh x, from −1 to 1"""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ), from 0 to 1"""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Softplus(Module):
    """ln(1 + e^βx) / β"""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """eˣ / Σ eˣ along a dimension: functional.softmax, which also says what dim=None means."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """x − ln Σ eˣ along a dimension: functional.log_softmax."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class _Dropout(Module):
    """What Dropout and Dropout2d share: a probability, and where the coins come from."""

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Random | None = None
    ) -> None:
        if not 0 <= p <= 1:
            name = type(self).__name__
            raise ValueError(f"{name}: p is a probability from 0 to 1, not {p}")
        self.p, self.inplace, self.generator = p, inplace, generator

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each number is dropped with probability p and the rest divided by 1 − p."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)


class Dropout2d(_Dropout):
    """In training, each channel of each image (N, C, H, W) is dropped as a whole, or kept."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, generator=self.generator)


class Embedding(Module):
    """A learned row of `embedding_dim` numbers for each label: (…,) -> (…, embedding_dim)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, **lacking: Any) -> None:
        super().__init__(**lacking)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = init.normal_(_empty(num_embeddings, embedding_dim))

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"
