"""cuBLAS called directly: matrix products that can be recorded, and that choose their precision.

CuPy multiplies matrices too, but it refuses to while a stream is being recorded into a graph, it
copies transposed operands of some shapes, and its one setting for TF32 holds for all products
alike. So this file loads the library by itself and calls one function of it, `cublasGemmEx`.

It takes arrays by their address and strides, and asks nothing else of CuPy.
Next: convolution.py.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

WORKSPACE = 32 << 20  # bytes; what NVIDIA recommends for its largest GPUs

# Numbers that cuBLAS gives to types and ways to compute (library_types.h, cublas_api.h).
FLOAT32, FLOAT64 = 0, 1
COMPUTE_FLOAT32, COMPUTE_FLOAT64, COMPUTE_TF32 = 68, 70, 77
DEFAULT_ALGORITHM = -1

Int, Pointer, Size = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t


@functools.cache
def _library() -> ctypes.CDLL:
    from cuda.pathfinder import load_nvidia_dynamic_lib  # installed with CuPy, which uses it too

    library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    matrix = [Pointer, Int, Int]  # address, type, elements from one column to the next
    for name, arguments in {
        "cublasCreate_v2": [ctypes.POINTER(Pointer)],
        "cublasDestroy_v2": [Pointer],
        "cublasSetStream_v2": [Pointer, Pointer],
        "cublasSetWorkspace_v2": [Pointer, Pointer, Size],
        "cublasGemmEx": [
            *[Pointer, Int, Int, Int, Int, Int],  # handle, transpose?, transpose?, m, n, k
            *[Pointer, *matrix, *matrix, Pointer, *matrix],  # alpha, a, b, beta, c
            *[Int, Int],  # how to compute, algorithm
        ],
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, Int
    library.cublasGetStatusString.argtypes = [Int]
    library.cublasGetStatusString.restype = ctypes.c_char_p
    return library


def _check(status: int) -> None:
    if status:
        text = _library().cublasGetStatusString(status).decode()
        raise RuntimeError(f"cuBLAS failed: {text} (status {status})")


class Blas:
    """A cuBLAS handle of one stream of CuPy's, with scratch memory of its own.

    cuBLAS's default scratch memory is shared between streams, and a recorded product would use it
    at every replay. `workspace` is an array of WORKSPACE bytes; it lives as long as this object.
    """

    def __init__(self, stream: Any, workspace: Any) -> None:
        self.stream, self._workspace = stream, workspace  # both outlive the handle
        self._handle = Pointer()
        self._destroy = _library().cublasDestroy_v2  # __del__ may run when globals are gone
        _check(_library().cublasCreate_v2(ctypes.byref(self._handle)))
        _check(_library().cublasSetStream_v2(self._handle, stream.ptr))
        # After the stream: choosing one goes back to the default memory.
        address, size = workspace.data.ptr, workspace.nbytes
        _check(_library().cublasSetWorkspace_v2(self._handle, address, size))

    def __del__(self) -> None:
        if self._handle:
            self._destroy(self._handle)

    def multiply(self, a: Any, b: Any, out: Any, *, tf32: bool, add: bool = False) -> None:
        """out = a b, or out += a b, for matrices of float32 or float64 that `direct` accepts.

        cuBLAS stores matrices column by column. Read that way, memory that holds c row by row is
        cᵀ; and cᵀ = bᵀ aᵀ. So the operands change places, and nothing is moved in memory.
        """
        (rows, inner), columns = a.shape, b.shape[1]
        (transpose_a, step_a), (transpose_b, step_b) = direct(a), direct(b)  # type: ignore[misc]
        double = out.itemsize == 8
        scalar = ctypes.c_double if double else ctypes.c_float
        alpha, beta = scalar(1), scalar(add)
        kind = FLOAT64 if double else FLOAT32
        compute = COMPUTE_FLOAT64 if double else COMPUTE_TF32 if tf32 else COMPUTE_FLOAT32
        _check(
            _library().cublasGemmEx(
                *(self._handle, transpose_b, transpose_a, columns, rows, inner),
                *(ctypes.byref(alpha), b.data.ptr, kind, step_b, a.data.ptr, kind, step_a),
                *(ctypes.byref(beta), out.data.ptr, kind, out.shape[1]),
                *(compute, DEFAULT_ALGORITHM),
            )
        )


def direct(matrix: Any) -> tuple[bool, int] | None:
    """How cuBLAS can read a matrix as it lies: (transposed?, elements from row to row), or None.

    A matrix is readable if its rows, or its columns, are each one run of numbers, and the runs
    do not overlap. The stride of a dimension of size 1 means nothing, and is not looked at.
    """
    rows, columns = matrix.shape
    down, right = (stride // matrix.itemsize for stride in matrix.strides)
    if right == 1 or columns == 1:
        step = columns if rows == 1 else down
        if step >= columns:
            return False, step
    if down == 1 or rows == 1:
        step = rows if columns == 1 else right
        if step >= rows:
            return True, step
    return None
