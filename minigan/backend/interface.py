"""What a backend is: an array library, and a short list of kernels where speed matters.

Everything else in minigan is written with `backend.xp`, NumPy's names, which CuPy shares. A reader
who takes each method below at its word need not open the two files that implement them.

Next: device.py, their names in torch; layout.py, how arrays lie in memory; then numpy/, which does
it on a processor, and cupy/, on a GPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = Any


class Window(NamedTuple):
    """How a convolution kernel steps over an image: (height, width) of each."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def outputs(self, size: Sequence[int], kernel: Sequence[int]) -> tuple[int, int]:
        """Places where the kernel fits: ⌊(H + 2p − d(k − 1) − 1) / s⌋ + 1."""
        height, width = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, *self, strict=True)
        )
        return height, width


class AdamStep(NamedTuple):
    """The numbers of an Adam update that stay the same from one to the next."""

    lr: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float


class RandomStream(Protocol):
    """What a backend does for a `Random`: flat arrays of random numbers from (seed, offset).

    Each of the four methods below starts at block `offset`, uses up whole blocks and moves the
    offset behind the last one. `backend.random_stream(seed, offset)` makes such an object.
    """

    seed: int

    def uniform(self, count: int, dtype: np.dtype[Any]) -> Any: ...
    def normal(self, count: int, dtype: np.dtype[Any]) -> Any: ...
    def bernoulli(self, threshold: int, value: float, count: int, dtype: np.dtype[Any]) -> Any: ...
    def integers(self, high: int, count: int) -> Any: ...

    def offset(self) -> int:
        """The number of blocks used so far. On a GPU this waits for the device."""

    def seek(self, seed: int, offset: int) -> None:
        """Go on from block `offset` of `seed`."""

    def skip(self, blocks: int) -> None:
        """Leave out so many blocks. On a GPU it does not wait, and can be recorded."""


class Backend(ABC):
    """Where arrays live and how the heavy kernels run."""

    name: str
    xp: Any  # numpy or cupy

    # ---- arrays ---------------------------------------------------------------------------

    @abstractmethod
    def asarray(self, data: Any) -> Array:
        """Numbers from the host as an array of this backend."""

    @abstractmethod
    def to_numpy(self, array: Array) -> np.ndarray:
        """An array of this backend on the host."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until everything asked for has been computed."""

    @abstractmethod
    def compiled(self, step: Callable[..., Any], owner: Any = None) -> Callable[..., Any]:
        """The same step, faster if the backend can record and replay it: see recorded.py.

        `owner` is the object whose state the step works on: by default, if `step` is a method,
        the object that it belongs to.
        """

    @abstractmethod
    def random_stream(self, seed: int, offset: int) -> RandomStream:
        """The random numbers of a seed from a position on: the body of random.py's Random."""

    def concatenate(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        """The arrays one after another."""
        return self.xp.concatenate(arrays, axis=axis)

    def contiguous(self, array: Array) -> Array:
        """With the last axis innermost in memory: itself if it is, or else a copy."""
        return self.xp.ascontiguousarray(array)

    def take(self, array: Array, places: Array) -> Array:
        """array[places], along the first axis."""
        return array.take(places, axis=0)

    def add_at(self, array: Array, index: Any, values: Array) -> None:
        """array[index] += values, once for every time that the index names a place."""
        self.xp.add.at(array, index, values)

    # ---- element by element ------------------------------------------------------------------

    @abstractmethod
    def elementwise(self, function: Callable[..., Array], arrays: Sequence[Any]) -> Array:
        """function(*arrays), where each element of the result needs that element only.

        Memory order is kept, so that a channels-last image stays one. A backend may call
        `function` on pieces of the arrays.
        """

    # ---- sums and products ---------------------------------------------------------------------

    @abstractmethod
    def matmul(self, a: Array, b: Array) -> Array:
        """a b for (…, N, K) and (…, K, M); transposed views cost no copy."""

    @abstractmethod
    def sum(self, a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        """Σ a over some axes."""

    @abstractmethod
    def column_sums(self, rows: Array) -> Array:
        """Σ of each column: (M, C) → (C,)."""

    @abstractmethod
    def column_products(self, rows: Array, others: Array, center: Array) -> Array:
        """Σ rows · (others − center) of each column: (M, C), (M, C), (C,) → (C,)."""

    @abstractmethod
    def column_moments(self, rows: Array) -> tuple[Array, Array]:
        """Mean and biased variance of each column: (M, C) → (C,), (C,)."""

    @abstractmethod
    def column_affine(self, *pairs: Array) -> Array:
        """a₁·x₁ + a₂·x₂ + … + b for xᵢ of (M, C) and aᵢ, b of (C,), given as x₁, a₁, …, b."""

    # ---- convolution, channels last ----------------------------------------------------------

    @abstractmethod
    def convolution(self, x: Array, w: Array, window: Window) -> Array:
        """(N, H, W, C), (KH, KW, C, O) → (N, OH, OW, O): y = x ⋆ w."""

    @abstractmethod
    def transposed_convolution(
        self, g: Array, w: Array, window: Window, size: tuple[int, int]
    ) -> Array:
        """(N, OH, OW, O), (KH, KW, C, O) → (N, H, W, C): the adjoint of `convolution` in x."""

    @abstractmethod
    def kernel_gradient(self, g: Array, x: Array, window: Window, kernel: tuple[int, int]) -> Array:
        """(N, OH, OW, O), (N, H, W, C) → (KH, KW, C, O): its adjoint in w."""

    # ---- optimizers ------------------------------------------------------------------------------

    @abstractmethod
    def adam(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        mean: Array,
        square: Array,
        count: Array,
        options: AdamStep,
    ) -> None:
        """One Adam update in place; optim/adam.py has the formula.

        `mean` and `square` are flat arrays of P numbers. `parameters` and `gradients` are as many
        flat arrays each, alike in length, that, one after another, hold P numbers: the parameters
        are contiguous, and stay where they are.
        `count`, an array of one number, is the number of updates so far; it is raised by 1.
        """
