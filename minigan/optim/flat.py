"""What an optimizer remembers: flat memory beside the parameters, which stay where they are.

A generator of two linear layers, 3 -> 2 -> 1, under Adam. Its arrays, as they lie in memory:

    parameter i        0: weight (2, 3)   1: bias (2,)    2: weight (1, 2)  3: bias (1,)
    p                  [. . . . . .]      [. .]           [. .]             [.]
    gradient           [. . . . . .]      [. .]           [. .]             None

    flat["exp_avg"]    [. . . . . .        . .             . .               .]
    flat["exp_avg_sq"] [. . . . . .        . .             . .               .]
    bounds              0                  6               8                 10  11

    stretches          |------------ 7 updates ------------|---- 4 updates ----|

**Why one line.** Where a formula needs sums, roots and a division for each number, whose number
it is does not matter. One call moves 11 numbers or 11 million: on a GPU one kernel instead of four,
on a processor pieces of equal size, however small the biases are. The moments are nobody else's,
so they lie in one line for good. Parameters and gradients are many lines, one after another.

**Why the parameters stay.** `p.detach()`, `p.numpy()` and `network.state_dict()` look at the memory
of p. If p moved into a flat array, they would look at a place that nobody trains any more.

**Why in memory order.** A linear layer's weight is called (out, in) and lies as (in, out):

    called     w00 w01 w02       in memory   w00 w10   w01 w11   w02 w12
               w10 w11 w12

because dL/dw = (xᵀ g)ᵀ, and the product xᵀ g makes its numbers in the order (in, out). So weight,
gradient and moments are each a line in *the parameter's* order, the k-th numbers of all four belong
together, and nothing has to be moved. Only a gradient, or a parameter, that lies otherwise is
copied into that order; the parameter is written back after the update.

**Why counts part.** Adam's formula needs t, how often a number was updated, and a parameter
without a gradient is left alone: the last bias above was idle three times more than the others
and has its own t. Neighbors that always moved together share one.

**Why stretches, and no integer for each parameter.** An update has one t, so a call can be as long
as the numbers of which t is the same: nearly always, all. And t is an array of one number
where the parameters are. A recorded step is repeated by the GPU alone, which has to raise it.

Next: sgd.py.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigan.backend import Backend, backend_of
from minigan.backend.layout import axes_in_memory, from_line
from minigan.tensor import Array, Tensor


class Stretch(NamedTuple):
    """Neighboring parameters that have had the same number of updates."""

    first: int  # index of the first parameter, and one past the last
    last: int
    count: Array  # (1,) int64, on the parameters' backend so that a recorded step can raise it


class Known:
    """Arrays of parameters that a step has looked at before, and each as a line.

    Of an array that it knows, a step asks nothing again. These are slots, into which a recording
    does not look: it guards the parameters themselves, and a line is a view of one. Copied or
    pickled, nothing is known any more: a copied view would be memory of its own.
    """

    __slots__ = ("arrays", "lines")

    def __init__(self, count: int) -> None:
        self.arrays: list[Array | None] = [None] * count
        self.lines: list[Array | None] = [None] * count

    def __reduce__(self) -> tuple[type[Known], tuple[int]]:
        return Known, (len(self.arrays),)


class FlatMemory:
    """Lines of numbers beside some parameters, and how often those were updated."""

    def __init__(self, params: Sequence[Tensor], names: Sequence[str]) -> None:
        xp, self.dtype = params[0].backend.xp, params[0].dtype
        self.shapes = [p.shape for p in params]
        self.orders = [axes_in_memory(p.array) for p in params]
        self.in_c_order = [order == tuple(range(len(order))) for order in self.orders]
        # Parameter i's part of a line is line[bounds[i] : bounds[i + 1]]
        self.bounds = [0, *itertools.accumulate(p.numel() for p in params)]
        self.flat = {name: xp.zeros(self.bounds[-1], self.dtype) for name in names}
        self.stretches = [Stretch(0, len(params), xp.zeros(1, np.int64))]
        self.known = Known(len(params))

    def remember(self, names: Sequence[str]) -> None:
        """Have lines of these names; a new one holds zeros."""
        for name in names:
            if name not in self.flat:
                self.flat[name] = self.backend.xp.zeros(self.bounds[-1], self.dtype)

    @property
    def backend(self) -> Backend:
        return backend_of(self.stretches[0].count)

    # ---- between lines and shapes ---------------------------------------------------------------

    def where(self, stretch: Stretch) -> slice:
        """The part of every line that belongs to the parameters of a stretch."""
        return slice(self.bounds[stretch.first], self.bounds[stretch.last])

    def owner(self, place: int) -> int:
        """The parameter to which a place of the lines belongs."""
        return bisect.bisect(self.bounds, place) - 1

    def view(self, line: Array, i: int) -> Array:
        """Parameter i's part of a line, in its shape and in its memory order."""
        return self.shaped(line[self.bounds[i] : self.bounds[i + 1]], i)

    def shaped(self, part: Array, i: int) -> Array:
        """A line of parameter i's numbers in its shape."""
        return from_line(part, self.shapes[i], self.orders[i])

    def line(self, array: Array, i: int) -> Array:
        """An array of parameter i's shape as a line without gaps: a view where it lies so."""
        in_memory = array if self.in_c_order[i] else array.transpose(self.orders[i])
        if not in_memory.flags.c_contiguous:
            in_memory = in_memory.copy()
        return in_memory.ravel()

    def own_line(self, array: Array, i: int) -> Array:
        """The same of parameter i's array, which is then known, if its line is a view."""
        if array is self.known.arrays[i]:
            return self.known.lines[i]
        line = self.line(array, i)
        if array.transpose(self.orders[i]).flags.c_contiguous:
            self.known.arrays[i], self.known.lines[i] = array, line
        return line

    def put_back(self, line: Array, array: Array, i: int) -> None:
        """Write a line that `own_line` copied, and that was changed, into the array."""
        array[...] = self.shaped(line, i)

    # ---- counts ---------------------------------------------------------------------------------

    def part(self, moves: Sequence[bool]) -> None:
        """Let no stretch hold parameters that move and others that do not: their counts part."""
        stretches = []
        for stretch in self.stretches:
            start = stretch.first
            groups = itertools.groupby(moves[stretch.first : stretch.last])
            lengths = [len(list(group)) for _, group in groups]
            for length in lengths:
                count = stretch.count if len(lengths) == 1 else stretch.count.copy()
                stretches.append(Stretch(start, start + length, count))
                start += length
        self.stretches = stretches

    @property
    def counts(self) -> list[int]:
        """How often each parameter was updated."""
        return [n for s in self.stretches for n in [int(s.count[0])] * (s.last - s.first)]

    @counts.setter
    def counts(self, counts: Sequence[int]) -> None:
        xp = self.backend.xp
        stretches, start = [], 0
        for count, same in itertools.groupby(counts):
            length = len(list(same))
            stretches.append(Stretch(start, start + length, xp.full(1, count, np.int64)))
            start += length
        self.stretches = stretches


def move(parameters: Sequence[Array], change: Array) -> None:
    """p ← p + change, for parameters that are lines, one after another, and one long line."""
    start = 0
    for p in parameters:
        end = start + len(p)
        p += change[start:end]
        start = end


def overwrite(parameters: Sequence[Array], line: Array) -> None:
    """p ← its part of a long line, for parameters that are lines, one after another."""
    start = 0
    for p in parameters:
        end = start + len(p)
        p[...] = line[start:end]
        start = end
