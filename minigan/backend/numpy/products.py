"""A matrix product that threads share out: each computes some columns or rows, and waits for none.

BLAS libraries bring threads of their own, and on an idle machine these are a little faster. But the
threads of one product wait for each other. If another program holds a core, the whole product
stands still until the system gives that core back, for milliseconds where it needed a fraction of
one. Here a part that no thread has begun is done by the one that asked for the product
(`Threads.run`), so a thread that does not come to run costs nothing but its help.

Where a product is cut depends on its shape and on the number of threads, and never on who computes
which part. So the same seed gives the same bytes, beside whatever else the machine does.

Next: compiler/__init__.py; then adam.py, another loop that threads share.
"""

from __future__ import annotations

import numpy as np

from minigan.backend.numpy.threads import Threads

# In multiplications. A part of a product is at least as large as PART, or to wake a thread would
# take longer than it saves: found on whole rounds (docs/performance.md, "Beside another program").
# HEAD_START is what the calling thread has done until another one is awake, so it takes as many
# more. Below UNSHARED, and with a vector below ROW, OpenBLAS takes one thread of its own accord.
PART, HEAD_START, UNSHARED, ROW = 1 << 22, 3 << 18, 1 << 18, 1 << 13
GRAIN = 16  # columns: the kernels of BLAS libraries compute so many at once, or a divisor of it


def matmul(threads: Threads, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, on as many threads as pay. Stacks of matrices, and vectors, are left to NumPy."""
    if threads.count == 1 or a.ndim != 2 or b.ndim != 2 or a.shape[1] != len(b):
        return np.matmul(a, b)
    rows, columns = len(a), b.shape[1]
    size = rows * columns * len(b)
    if size < (UNSHARED if min(rows, columns) > 1 else ROW):
        return np.matmul(a, b)
    with threads.single_threaded_products():
        places = cuts(max(rows, columns), size, threads.count)
        if len(places) == 1:
            return np.matmul(a, b)
        y = np.empty((rows, columns), np.result_type(a, b))

        def compute(some: slice) -> None:
            if rows >= columns:
                np.matmul(a[some], b, y[some])
            else:
                np.matmul(a, b[:, some], y[:, some])

        threads.run(compute, places)
    return y


def cuts(length: int, size: int, most: int) -> list[slice]:
    """Cut range(length) into a slice for each of `most` threads at most; the first is the longest.

    `size` is how many multiplications the whole takes.
    """
    parts = min(most, size // PART)
    if parts < 2 or length < most * GRAIN:
        return [slice(0, length)]
    first = 1 / parts + HEAD_START / size
    shares = [0.0, *[first + (1 - first) * i / (parts - 1) for i in range(parts)]]
    edges = [round(share * length / GRAIN) * GRAIN for share in shares[:-1]] + [length]
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True) if a < b]
