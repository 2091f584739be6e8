"""cuBLAS, played by NumPy: CuPy's own handle, and the library itself for those who load it.

Two ways lead here. CuPy calls `cupy_backends.cuda.libs.cublas`, a module, which is replaced. Code
with a handle of its own asks `cuda.pathfinder` where the library is and opens it with ctypes: it is
given the path of a small library, compiled here, that has cuBLAS's functions and calls back.
"""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from cupy_on_cpu.builder import build, load
from cupy_on_cpu.device import device

DTYPES = {0: np.float32, 1: np.float64}  # cudaDataType
# With these cublasComputeTypes (and a cudaDataType, which CuPy's einsum gives) alpha and beta are
# float64; with all others float32.
COMPUTE_64F = (70, 71, 1)
SUCCESS, NOT_SUPPORTED, EXECUTION_FAILED = 0, 15, 13  # cublasStatus

Gemm = ctypes.CFUNCTYPE(
    ctypes.c_int,  # cublasStatus
    ctypes.c_void_p,  # stream
    *[ctypes.c_int] * 5,  # transpose a, transpose b, m, n, k
    ctypes.c_void_p,  # alpha
    *[
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_longlong,
    ],  # a, type, row length, stride
    *[ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong],  # b
    ctypes.c_void_p,  # beta
    *[ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong],  # c
    *[ctypes.c_int] * 2,  # batch, compute type
)

LIBRARY = """
typedef int (*Gemm)(void*, int, int, int, int, int, const void*,
                    const void*, int, int, long long, const void*, int, int, long long,
                    const void*, void*, int, int, long long, int, int);
struct Handle { void* stream; };
static Gemm gemm;
#define EXPORT extern "C" __attribute__((visibility("default")))
EXPORT void connect(Gemm function) { gemm = function; }
EXPORT int cublasCreate_v2(Handle** h) { *h = new Handle{nullptr}; return 0; }
EXPORT int cublasDestroy_v2(Handle* h) { delete h; return 0; }
EXPORT int cublasSetStream_v2(Handle* h, void* stream) { h->stream = stream; return 0; }
EXPORT int cublasSetWorkspace_v2(Handle*, void*, unsigned long) { return 0; }
EXPORT int cublasSetPointerMode_v2(Handle*, int mode) { return mode ? 15 : 0; }
EXPORT int cublasSetMathMode(Handle*, int) { return 0; }
EXPORT int cublasGetVersion_v2(Handle*, int* version) { *version = 130000; return 0; }
EXPORT const char* cublasGetStatusString(int status) {
    return status == 0 ? "success" : status == 15 ? "not supported by cupy_on_cpu" : "failed";
}
EXPORT int cublasGemmStridedBatchedEx(
    Handle* h, int ta, int tb, int m, int n, int k, const void* alpha,
    const void* a, int at, int lda, long long sa, const void* b, int bt, int ldb, long long sb,
    const void* beta, void* c, int ct, int ldc, long long sc, int batch, int compute, int) {
    return gemm(h->stream, ta, tb, m, n, k, alpha, a, at, lda, sa, b, bt, ldb, sb,
                beta, c, ct, ldc, sc, batch, compute);
}
EXPORT int cublasGemmEx(
    Handle* h, int ta, int tb, int m, int n, int k, const void* alpha,
    const void* a, int at, int lda, const void* b, int bt, int ldb,
    const void* beta, void* c, int ct, int ldc, int compute, int) {
    return gemm(h->stream, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb, 0,
                beta, c, ct, ldc, 0, 1, compute);
}
"""


def gemm(
    stream: int | None,
    ta: int, tb: int, m: int, n: int, k: int, alpha: int,
    a: int, at: int, lda: int, a_stride: int,
    b: int, bt: int, ldb: int, b_stride: int,
    beta: int, c: int, ct: int, ldc: int, c_stride: int, batch: int, compute: int,
) -> int:  # fmt: skip
    """c = alpha op(a) op(b) + beta c for each of `batch` column-major matrices; a cublasStatus.

    alpha and beta are read now, as cuBLAS does when they lie on the host; the matrices are read
    when the product runs, which in a captured graph is later.
    """
    if not {at, bt, ct} <= set(DTYPES):
        return NOT_SUPPORTED
    scalar = ctypes.c_double if compute in COMPUTE_64F else ctypes.c_float
    factor, keep = scalar.from_address(alpha).value, scalar.from_address(beta).value

    def multiply() -> None:
        for i in range(batch):
            left = _matrix(a, at, lda, *((k, m) if ta else (m, k)), i * a_stride)
            right = _matrix(b, bt, ldb, *((n, k) if tb else (k, n)), i * b_stride)
            out = _matrix(c, ct, ldc, m, n, i * c_stride)
            with np.errstate(all="ignore"):  # a GPU does not warn
                product = (left.T if ta else left) @ (right.T if tb else right)
                product *= product.dtype.type(factor)
                if keep:  # with beta = 0 cuBLAS does not read c, which may hold anything
                    product += product.dtype.type(keep) * out
            out[...] = product

    device.do("gemm", f"{m} x {n} x {k}", stream or 0, multiply)
    return SUCCESS


def _matrix(address: int, kind: int, ld: int, rows: int, columns: int, offset: int) -> np.ndarray:
    """The column-major matrix at an address, `ld` elements from one column to the next."""
    dtype = np.dtype(DTYPES[kind])
    elements = ld * (columns - 1) + rows
    memory: Any = (ctypes.c_char * (elements * dtype.itemsize)).from_address(
        address + offset * dtype.itemsize
    )
    return np.lib.stride_tricks.as_strided(
        np.frombuffer(memory, dtype), (rows, columns), (dtype.itemsize, ld * dtype.itemsize)
    )


def install_module() -> None:
    """Replace CuPy's cuBLAS module. Call it before `import cupy`."""
    module: Any = ModuleType("cupy_backends.cuda.libs.cublas")
    names = dict(
        CUBLAS_OP_N=0,
        CUBLAS_OP_T=1,
        CUBLAS_COMPUTE_32F=68,
        CUBLAS_COMPUTE_32F_PEDANTIC=69,
        CUBLAS_COMPUTE_32F_FAST_TF32=77,
        CUBLAS_COMPUTE_64F=70,
        CUBLAS_COMPUTE_64F_PEDANTIC=71,
        CUBLAS_GEMM_DEFAULT=-1,
        CUBLAS_GEMM_DEFAULT_TENSOR_OP=99,
        create=device.handle,
        destroy=lambda handle: None,
        gemmEx=_gemm_of_cupy,
        gemmStridedBatchedEx=_strided_batched_gemm_of_cupy,
    )
    for name, value in names.items():
        setattr(module, name, value)
    import cupy_backends.cuda.libs as libs

    sys.modules[module.__name__] = module
    libs.cublas = module


def _gemm_of_cupy(
    handle: int, ta: int, tb: int, m: int, n: int, k: int, alpha: int, a: int, at: int, lda: int,
    b: int, bt: int, ldb: int, beta: int, c: int, ct: int, ldc: int, compute: int, algorithm: int,
) -> None:  # fmt: skip
    _strided_batched_gemm_of_cupy(
        handle, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb, 0,
        beta, c, ct, ldc, 0, 1, compute, algorithm,
    )  # fmt: skip


def _strided_batched_gemm_of_cupy(handle: int, *arguments: Any) -> None:
    if device.capturing:  # CuPy's own words
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    if gemm(0, *arguments[:-1]) != SUCCESS:
        raise NotImplementedError("cupy_on_cpu multiplies float32 and float64 matrices")


def install_library() -> None:
    """Let `cuda.pathfinder` find our cuBLAS instead of NVIDIA's."""
    from cuda import pathfinder

    path = build(LIBRARY)
    load(path).connect(_gemm_callback)
    find = pathfinder.load_nvidia_dynamic_lib

    def find_ours_first(name: str) -> Any:
        return SimpleNamespace(abs_path=str(path)) if name == "cublas" else find(name)

    pathfinder.load_nvidia_dynamic_lib = find_ours_first


@Gemm
def _gemm_callback(*arguments: Any) -> int:
    """`gemm` for callers in C, who cannot catch an exception."""
    try:
        return gemm(*arguments)
    except Exception as error:
        print(f"cupy_on_cpu: matrix product failed: {error!r}", file=sys.stderr)
        return EXECUTION_FAILED
