"""Convolution, its adjoint and its kernel's gradient: one trilinear form, three derivatives.

Let x ⋆ w be the convolution of images x with a kernel w, and g any array of its output's shape.

    ⟨g, x ⋆ w⟩ = Σ over all places of g · x · w

is linear in each of the three. Its derivative in g is the Convolution x ⋆ w, in x the
TransposedConvolution of g with w, in w the KernelGradient of g with x. Differentiate any of these
again and another one of the three comes out: so each rule below is written with the other two,
and second and higher derivatives need no further code. (⟨a, b⟩ is Σ aᵢ bᵢ, and the *adjoint* of a
linear map A is the Aᵀ with ⟨A x, g⟩ = ⟨x, Aᵀ g⟩: ../engine/shape.py.)

Images are (N, C, H, W) and kernels (O, C, KH, KW) wherever one looks. In memory the channels lie
last: `_last` below is a view, and the backend's kernels take and return that order.

Next: resize.py.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from minigan.backend import Window, backend_of
from minigan.engine.node import Array
from minigan.engine.op import Op
from minigan.functional.checks import check_tensors, check_types
from minigan.tensor import Tensor, cat

Pair = int | tuple[int, int]


class Convolution(Op):
    """y = x ⋆ w        dL/dx = TransposedConvolution(g, w)        dL/dw = KernelGradient(g, x)

    x (N, C, H, W), w (O, C, KH, KW)  ->  y (N, O, OH, OW)
    """

    def __init__(self, window: Window) -> None:
        self.window = window

    def forward(self, x: Array, w: Array) -> Array:
        return _first(backend_of(x).convolution(_last(x), _kernel_last(w), self.window))

    def dx(self, g: Tensor, y: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return TransposedConvolution(self.window, _size(x))(g, w)

    def dw(self, g: Tensor, y: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return KernelGradient(self.window, _size(w))(g, x)


class TransposedConvolution(Op):
    """y = the adjoint of x ↦ x ⋆ w, at a        dL/da = g ⋆ w        dL/dw = KernelGradient(a, g)

    a (N, O, OH, OW), w (O, C, KH, KW)  ->  y (N, C, H, W), where (H, W) = size
    """

    def __init__(self, window: Window, size: tuple[int, int]) -> None:
        self.window, self.size = window, size

    def forward(self, a: Array, w: Array) -> Array:
        backend = backend_of(a)
        return _first(
            backend.transposed_convolution(_last(a), _kernel_last(w), self.window, self.size)
        )

    def da(self, g: Tensor, y: Tensor, a: Tensor, w: Tensor) -> Tensor:
        return _cut_to(a, Convolution(self.window)(g, w))

    def dw(self, g: Tensor, y: Tensor, a: Tensor, w: Tensor) -> Tensor:
        return KernelGradient(self.window, _size(w))(a, g)


class KernelGradient(Op):
    """y = the adjoint of w ↦ x ⋆ w, at a        dL/da = x ⋆ g   dL/dx = TransposedConvolution(a, g)

    a (N, O, OH, OW), x (N, C, H, W)  ->  y (O, C, KH, KW), where (KH, KW) = kernel
    """

    def __init__(self, window: Window, kernel: tuple[int, int]) -> None:
        self.window, self.kernel = window, kernel

    def forward(self, a: Array, x: Array) -> Array:
        y = backend_of(a).kernel_gradient(_last(a), _last(x), self.window, self.kernel)
        return y.transpose(3, 2, 0, 1)  # (KH, KW, C, O) -> (O, C, KH, KW)

    def da(self, g: Tensor, y: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return _cut_to(a, Convolution(self.window)(x, g))

    def dx(self, g: Tensor, y: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return TransposedConvolution(self.window, _size(x))(a, g)


def _cut_to(a: Tensor, ga: Tensor) -> Tensor:
    """ga, of a's size: one enlarged by output_padding may have room for one place more than a."""
    height, width = _size(a)
    return ga if ga.shape == a.shape else ga[:, :, :height, :width]


def _size(x: Tensor) -> tuple[int, int]:
    """(height, width) of images or kernels"""
    height, width = x.shape[2:]
    return height, width


def _last(x: Array) -> Array:
    """(N, C, H, W) -> (N, H, W, C), a view"""
    return x.transpose(0, 2, 3, 1)


def _first(x: Array) -> Array:
    """(N, H, W, C) -> (N, C, H, W), a view"""
    return x.transpose(0, 3, 1, 2)


def _kernel_last(w: Array) -> Array:
    """(O, C, KH, KW) -> (KH, KW, C, O), contiguous: no copy for the layers' own weights."""
    return backend_of(w).contiguous(w.transpose(2, 3, 1, 0))


class Pad(Op):
    """y = a with a number around it        dL/da = g without what was put around"""

    def __init__(self, around: Sequence[tuple[int, int]], value: float) -> None:
        self.around, self.value = around, value  # how many (before, after), for each axis

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.pad(a, self.around, constant_values=self.value)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        starts = [before for before, _ in self.around]
        return g[tuple(slice(i, i + n) for i, n in zip(starts, a.shape, strict=True))]


# ---------------------------------------------------------------------------------------------


def pair(value: Pair) -> tuple[int, int]:
    """One number for both directions, or (height, width)."""
    both = value if isinstance(value, tuple | list) else (value, value)
    try:
        height, width = map(operator.index, both)
    except (TypeError, ValueError):
        message = f"expected a whole number or a pair of them, got {value!r}"
        raise ValueError(message) from None
    return height, width


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Put a number, 0 unless given, around the last axes: pad = (left, right, top, bottom, …).

    Where the count is negative, so many places are cut off instead.
    """
    check_tensors("pad", input)
    if mode != "constant":
        raise ValueError(f'pad: only mode="constant" is supported, got {mode!r}')
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: 2 whole numbers for each of the last axes are needed, got {tuple(pad)} "
            f"for shape {input.shape}"
        )
    pairs = list(zip(pad[::2], pad[1::2], strict=True))  # the last axis comes first
    around = [(0, 0)] * (input.ndim - len(pairs)) + pairs[::-1]
    if min(pad, default=0) < 0:
        sizes = [n + before + after for n, (before, after) in zip(input.shape, around, strict=True)]
        if min(sizes) < 0:
            raise ValueError(f"pad: {tuple(pad)} cuts more off than shape {input.shape} has")
        inner = zip(input.shape, around, strict=True)
        input = input[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in inner)]
        around = [(max(before, 0), max(after, 0)) for before, after in around]
    return Pad(around, 0.0 if value is None else value)(input)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Slide the kernel over the images and add up the products (no flip: cross-correlation).

    input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,)
    ->  (N, O, OH, OW) with
    OH = ⌊(H + 2·padding − dilation·(KH − 1) − 1) / stride⌋ + 1. padding="same" keeps H and W
    (stride 1 only), "valid" is 0. With groups, each share of the outputs sees only its own share of
    the channels.
    """
    _check("conv2d", input, weight, bias, axis=1, groups=groups)
    if input.ndim == 3:
        single = conv2d(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups)
        return single.squeeze(0)
    if groups > 1:
        parts = zip(_parts(input, 1, groups), _parts(weight, 0, groups), strict=True)
        each = [conv2d(x, w, None, stride, padding, dilation) for x, w in parts]
        return _with_bias("conv2d", _joined(each), bias)
    kernel = weight.shape[2:]
    if padding == "same":
        if pair(stride) != (1, 1):
            raise ValueError(f'conv2d: padding "same" needs stride 1, not {stride}')
        down, right = (d * (k - 1) for d, k in zip(pair(dilation), kernel, strict=True))
        input = pad(input, (right // 2, right - right // 2, down // 2, down - down // 2))
        padding = 0
    elif padding == "valid":
        padding = 0
    elif isinstance(padding, str):
        raise ValueError(f'conv2d: padding is a number, a pair, "same" or "valid", not "{padding}"')
    window = Window(pair(stride), pair(padding), pair(dilation))
    _check_window("conv2d", window)
    if min(window.outputs(input.shape[2:], kernel)) < 1:
        raise ValueError(
            f"conv2d: a kernel of {kernel} with dilation {window.dilation} is larger than the "
            f"image of {input.shape[2:]} with padding {window.padding}"
        )
    return _with_bias("conv2d", Convolution(window)(input, weight), bias)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Tensor:
    """The adjoint of conv2d: each pixel of the input spreads the kernel over the output.

    input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,)
    ->  (N, O, OH, OW) with
    OH = (H − 1)·stride − 2·padding + dilation·(KH − 1) + output_padding + 1. Several sizes OH
    have the same H under conv2d: output_padding says which is meant. groups are as in conv2d.
    """
    _check("conv_transpose2d", input, weight, bias, axis=0, groups=groups)
    if input.ndim == 3:
        batch = input.unsqueeze(0)
        return conv_transpose2d(
            batch, weight, bias, stride, padding, output_padding, groups, dilation
        ).squeeze(0)
    if groups > 1:
        parts = zip(_parts(input, 1, groups), _parts(weight, 0, groups), strict=True)
        rest = stride, padding, output_padding, 1, dilation
        each = [conv_transpose2d(x, w, None, *rest) for x, w in parts]
        return _with_bias("conv_transpose2d", _joined(each), bias)
    window = Window(pair(stride), pair(padding), pair(dilation))
    _check_window("conv_transpose2d", window)
    extra = pair(output_padding)
    for e, s, d in zip(extra, window.stride, window.dilation, strict=True):
        if not 0 <= e < max(s, d):
            raise ValueError(
                f"conv_transpose2d: output_padding must be smaller than stride or dilation, "
                f"got {extra} with stride {window.stride} and dilation {window.dilation}"
            )
    height, width = (
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(input.shape[2:], weight.shape[2:], *window, extra, strict=True)
    )
    if min(height, width) < 1:
        raise ValueError(
            f"conv_transpose2d: an image of {input.shape[2:]} with padding {window.padding} gives "
            f"an output of {(height, width)}; use less padding"
        )
    y = TransposedConvolution(window, (height, width))(input, weight)
    return _with_bias("conv_transpose2d", y, bias)


def _parts(x: Tensor, axis: int, groups: int) -> list[Tensor]:
    """x, cut along an axis into so many equal parts."""
    size, before = x.shape[axis] // groups, (slice(None),) * axis
    return [x[(*before, slice(i * size, (i + 1) * size))] for i in range(groups)]


def _joined(parts: list[Tensor]) -> Tensor:
    """Images with the channels of all parts, which lie last in memory."""
    return cat([y.permute(0, 2, 3, 1) for y in parts], 3).permute(0, 3, 1, 2)


def _check(
    name: str, input: Tensor, weight: Tensor, bias: Tensor | None, *, axis: int, groups: int
) -> None:
    """`axis` is the weight's axis of input channels; the first axis is the one that groups cut."""
    check_tensors(name, input, weight=weight, bias=bias)
    if weight.ndim != 4 or 0 in weight.shape:
        raise ValueError(
            f"{name}: the weight must have 4 dimensions, none of them 0, got shape {weight.shape}"
        )
    if input.ndim not in (3, 4):
        raise ValueError(f"{name}: images are (N, C, H, W) or (C, H, W), got shape {input.shape}")
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: the weight of shape {weight.shape} does not fall into {groups} groups"
        )
    channels = weight.shape[axis] * (groups if axis == 1 else 1)
    if input.shape[-3] != channels:
        raise ValueError(
            f"{name}: the input of shape {input.shape} has {input.shape[-3]} channels, "
            f"the weight of shape {weight.shape} expects {channels}"
        )
    check_types(name, input, weight)


def _check_window(name: str, window: Window) -> None:
    if min(window.stride) < 1 or min(window.dilation) < 1 or min(window.padding) < 0:
        raise ValueError(
            f"{name}: stride and dilation must be at least 1 and padding at least 0, got "
            f"stride {window.stride}, dilation {window.dilation}, padding {window.padding}"
        )


def _with_bias(name: str, y: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return y
    if bias.shape != y.shape[1:2]:
        raise ValueError(f"{name}: the bias has shape {bias.shape}, the output {y.shape}")
    if bias.dtype != y.dtype:
        raise ValueError(f"{name}: the bias is {bias.dtype}, the weight {y.dtype}")
    return y + bias.reshape(1, -1, 1, 1)
