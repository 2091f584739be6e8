"""Average pooling: an image shrinks, and each of its pixels is the mean of a window of old ones.

The mean over a window is a mean of rows of means over columns: so it is a Resize (resize.py), with
matrices of its own. Next: augment.py.
"""

from __future__ import annotations

import numpy as np

from minigan.functional.checks import check_tensors
from minigan.functional.convolution import Pair, pair
from minigan.functional.resize import Resize
from minigan.tensor import Tensor


def avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of the images (N, C, H, W) or (C, H, W): (N, C, OH, OW).

    OH = ⌊(H + 2·padding − kernel) / stride⌋ + 1, or ⌈…⌉ with ceil_mode, though no window begins
    behind the image. The stride is the kernel's size unless given. What padding puts around is 0,
    and counts as pixels unless count_include_pad is False. With a divisor_override it is the sums
    that are divided by that.
    """
    check_tensors("avg_pool2d", input)
    if input.ndim == 3:
        input = input.unsqueeze(0)
        rest = stride, padding, ceil_mode, count_include_pad, divisor_override
        return avg_pool2d(input, kernel_size, *rest).squeeze(0)
    if input.ndim != 4:
        raise ValueError(f"avg_pool2d: images are (N, C, H, W), got shape {input.shape}")
    kernel, around = pair(kernel_size), pair(padding)
    steps = kernel if stride is None else pair(stride)
    if min(kernel) < 1 or min(steps) < 1 or divisor_override == 0:
        raise ValueError(
            f"avg_pool2d: kernel, stride and divisor must not be 0, got {kernel}, {steps} and "
            f"{divisor_override}"
        )
    if any(not 0 <= p <= k // 2 for p, k in zip(around, kernel, strict=True)):
        raise ValueError(
            f"avg_pool2d: padding is at most half of the kernel, got {around} for {kernel}"
        )
    matrices = []
    for n, k, s, p in zip(input.shape[2:], kernel, steps, around, strict=True):
        inside, pixels = _windows(n, k, s, p, ceil_mode)
        if not len(inside):
            raise ValueError(
                f"avg_pool2d: a kernel of {kernel} is larger than the images of shape "
                f"{input.shape} with padding {around}"
            )
        if divisor_override is None:
            counts = pixels if count_include_pad else inside.sum(1)
            inside = inside / counts[:, None]
        matrices.append(inside)
    y = Resize(*matrices)(input)
    return y if divisor_override is None else y / divisor_override


def _windows(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(OH, H): 1 where a window sees a pixel; and how many each sees, those of the padding too."""
    room = size + 2 * padding - kernel
    count = room // stride + 1
    if ceil_mode and room % stride and count * stride < size + padding:
        count += 1
    starts = np.arange(count) * stride - padding
    ends = np.minimum(starts + kernel, size + padding)
    places = np.arange(size)
    inside = (places >= starts[:, None]) & (places < ends[:, None])
    return inside.astype(float), ends - starts
