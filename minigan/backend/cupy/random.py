"""The numbers of ../../random.py on a GPU: NumPy's to the last bit, from the kernels of philox.cu.

The blocks are computed in philox.cu. Next: arrays.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.cupy.launch import cupy, launch

THREADS = 256  # per group
MAX_GROUPS = 1024  # beyond that, each thread computes several blocks
# A product and a sum fused into one instruction would round once where NumPy rounds twice.
OPTIONS = ("--fmad=false",)


class CupyStream:
    """`RandomStream` on the GPU. The position lives there, so that a replayed graph moves it."""

    def __init__(self, seed: int, offset: int = 0) -> None:
        self._state = cupy.empty(4, np.uint64)  # `Stream` in philox.cu
        self.seek(seed, offset)

    def seek(self, seed: int, offset: int) -> None:
        """In place: a recorded step goes on from there too. Not for use inside a recorded step."""
        self.seed = seed
        self._state.set(np.array([seed % 2**64, seed >> 64, offset, 0], np.uint64))

    def offset(self) -> int:
        return int(self._state[2].get())

    def skip(self, blocks: int) -> None:
        if blocks:
            self._state[2:3] += np.uint64(blocks)

    def uniform(self, count: int, dtype: np.dtype[Any]) -> Any:
        return self._fill(f"uniform_{dtype.name}", count, dtype)

    def normal(self, count: int, dtype: np.dtype[Any]) -> Any:
        return self._fill(f"normal_{dtype.name}", count, dtype)

    def bernoulli(self, threshold: int, value: float, count: int, dtype: np.dtype[Any]) -> Any:
        kernel = f"bernoulli_{dtype.name}"
        return self._fill(kernel, count, dtype, np.uint64(threshold), dtype.type(value))

    def integers(self, high: int, count: int) -> Any:
        return self._fill("integers", count, np.dtype(np.int64), np.uint64(high), per_block=4)

    def _fill(
        self, kernel: str, count: int, dtype: np.dtype[Any], *arguments: Any, per_block: int = 8
    ) -> Any:
        """`count` numbers; a thread makes the `per_block` that come from one block of words."""
        out = cupy.empty(count, dtype)
        if count:
            groups = min(-(-count // (per_block * THREADS)), MAX_GROUPS)
            everything = (self._state, out, np.uint64(count), *arguments)
            launch("philox.cu", kernel, (groups,), (THREADS,), everything, OPTIONS)
        return out
