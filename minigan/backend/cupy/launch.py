"""Our own CUDA kernels, compiled when they are first used: the .cu files beside this one.

Next: memory.py.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from minigan.backend.cupy.start import load_cupy

cupy = load_cupy()

THREADS = 256  # in a block


@functools.cache
def _kernel(file: str, name: str, options: tuple[str, ...]) -> Any:
    return _module(file, options).get_function(name)


@functools.cache
def _module(file: str, options: tuple[str, ...]) -> Any:
    source = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return cupy.RawModule(code=source, options=options)


def launch(
    file: str,
    name: str,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    arguments: tuple[Any, ...],
    options: tuple[str, ...] = (),
) -> None:
    """Run a kernel of a .cu file on the current stream, with that many blocks of threads."""
    _kernel(file, name, options)(grid, block, arguments)


def rectangle(width: int, most: int = THREADS) -> tuple[int, int]:
    """A block's threads (along x, along y): along x at least `width` if `most` of them suffice."""
    along = min(1 << max(width - 1, 0).bit_length(), most)
    return along, THREADS // along
