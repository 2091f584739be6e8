"""How an array lies in memory: the order of its axes there, which need not be that of its shape.

Images are (N, C, H, W) for whoever looks at them, as in torch. In memory the channels of a pixel
lie side by side, since a convolution then reads long runs. Both are true at once, because an array
is a line of numbers and, for each axis, a *stride*: how far to go on the line for one step along
that axis. One image of three channels and 2 × 2 pixels, x of shape (1, 3, 2, 2), as one looks at
it:

    x[0, 0]   0  1      x[0, 1]   4  5      x[0, 2]    8  9
              2  3                6  7                10 11

and as it may lie in memory, with the strides along N, C, H and W:

    C order         0  1  2  3  4  5  6  7  8  9 10 11        strides 12, 4, 2, 1
    channels last   0  4  8  1  5  9  2  6 10  3  7 11        strides 12, 1, 6, 3
                    pixel    pixel   pixel   pixel

So x[n, c, h, w] is at place 12n + c + 6h + 3w of the second line: x[0, 1, 1, 0], the 6, at place 7.
(NumPy gives strides in bytes: for float32, four times these.) The axes from the widest stride to
the narrowest are N, H, W, C there: `axes_in_memory(x)` is (0, 2, 3, 1), and x.transpose(0, 2, 3, 1)
is the same line seen as (N, H, W, C). No number moves by that; a transposition is a new view. The
way back is `inverse((0, 2, 3, 1))`, which is (0, 3, 1, 2).

Whatever treats all numbers alike (an activation, Adam, a copy) walks along the line and need not
know the shape: that is `as_line`, and `from_line` undoes it.

Next: recorded.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Array = Any


def axes_in_memory(array: Array) -> tuple[int, ...]:
    """The axes from the widest step in memory to the narrowest: (0, 1, …) for C order."""
    if array.flags.c_contiguous:
        return tuple(range(array.ndim))
    return tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """The order that undoes this one: a.transpose(order).transpose(inverse(order)) is a."""
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def is_dense(array: Array) -> bool:
    """Whether the elements fill one piece of memory without gaps."""
    return bool(array.transpose(axes_in_memory(array)).flags.c_contiguous)


def as_line(array: Array) -> Array:
    """The elements of a dense array as one line, in the order in which they lie in memory."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    return array.transpose(axes_in_memory(array)).reshape(-1)


def from_line(line: Array, shape: Sequence[int], order: Sequence[int]) -> Array:
    """The line as an array of that shape whose axes lie in that order: undoes `as_line`."""
    return line.reshape([shape[axis] for axis in order]).transpose(inverse(order))


def same_layout(arrays: Sequence[Array]) -> bool:
    """Whether all have one shape and lie alike, so that equal indices are equal places."""
    return len({(a.shape, _strides(a)) for a in arrays}) == 1


def _strides(array: Array) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in array.strides)
