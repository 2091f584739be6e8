"""Tests of the pretended GPU itself: what README.md promises, and that wrong use is refused.

They run where the emulator is installed: `pytest --backend cupy-on-cpu tests/cupy_on_cpu`.
"""

import ctypes
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

emulator = sys.modules.get("cupy_on_cpu.emulator")
if emulator is None or not emulator.is_installed():
    pytest.skip("needs CuPy and `pytest --backend cupy-on-cpu`", allow_module_level=True)

import cupy  # noqa: E402
from cupy_on_cpu import builder, kernels  # noqa: E402
from cupy_on_cpu.device import device  # noqa: E402

import minigan.backend as backend_package  # noqa: E402
from minigan.backend.numpy.random import NumpyStream  # noqa: E402

PHILOX = Path(backend_package.__file__).parent / "cupy" / "philox.cu"
rng = np.random.default_rng(0)


def normal(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


def kernel(body, name="kernel", before=""):
    source = (
        f'{before} extern "C" __global__ void {name}(const float* x, float* y, int n) {{{body}}}'
    )
    return cupy.RawKernel(source, name)


def run(function, x, size, grid=(1,), block=(64,), **options):
    y = cupy.zeros(size, np.float32)
    function(grid, block, (cupy.asarray(x), y, np.int32(len(x))), **options)
    return y.get()


# ---- CuPy on top ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_arithmetic_broadcasting_and_reductions(dtype):
    a, b = (10 * normal(5, 1, 7)).astype(dtype), (10 * normal(3, 7)).astype(dtype)
    x, y = cupy.asarray(a), cupy.asarray(b)
    for f in (np.add, np.multiply, np.maximum):
        assert np.array_equal(f(x, y).get(), f(a, b))
    tolerance = 0 if dtype == "int64" else 1e-5
    for axis in (None, 0, 2, (0, 2)):
        np.testing.assert_allclose((x * y).sum(axis=axis).get(), (a * b).sum(axis=axis), tolerance)
    np.testing.assert_allclose(x.max(axis=1).get(), a.max(axis=1))
    assert np.array_equal(x.argmax(axis=2).get(), a.argmax(axis=2))
    np.testing.assert_allclose(cupy.exp(x / 10).get(), np.exp(a / 10), 1e-5)


def test_indexing():
    a = normal(6, 5)
    x = cupy.asarray(a)
    rows = np.array([4, 0, 4])
    assert np.array_equal(x[cupy.asarray(rows)].get(), a[rows])
    assert np.array_equal(x[::-2, 1:4].get(), a[::-2, 1:4])
    assert np.array_equal(x[x > 0].get(), a[a > 0])
    cupy.add.at(x, cupy.asarray(rows), 1)
    np.add.at(a, rows, 1)
    assert np.array_equal(x.get(), a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_matrix_products_of_cupy(dtype):
    a, b = normal(4, 5, dtype=dtype), normal(5, 3, dtype=dtype)
    x, y = cupy.asarray(a), cupy.asarray(b)
    np.testing.assert_allclose((x @ y).get(), a @ b, 1e-5)
    np.testing.assert_allclose((y.T @ x.T).get(), b.T @ a.T, 1e-5)
    np.testing.assert_allclose(cupy.dot(x[0], x[0]).get(), a[0] @ a[0], 1e-5)
    np.testing.assert_allclose(cupy.einsum("ij,jk->ki", x, y).get(), (a @ b).T, 1e-5)
    c, d = normal(2, 4, 5, dtype=dtype), normal(2, 5, 3, dtype=dtype)
    np.testing.assert_allclose((cupy.asarray(c) @ cupy.asarray(d)).get(), c @ d, 1e-5)


def test_own_kernels_of_each_sort():
    a = normal(100)
    x = cupy.asarray(a)
    square = cupy.ElementwiseKernel("T x, T s", "T y", "y = s * x * x", "test_square")
    np.testing.assert_allclose(square(x, np.float32(3)).get(), 3 * a * a, 1e-6)
    length = cupy.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "test_length")
    np.testing.assert_allclose(length(x).get(), np.linalg.norm(a), 1e-5)
    template = cupy.RawModule(
        code="template <class T, int N> __global__ void f(T* x) { x[threadIdx.x] = N; }",
        name_expressions=["f<float, 3>", "f<double, 4>"],
    )
    template.get_function("f<float, 3>")((1,), (10,), (x,))
    assert x.get()[:10].tolist() == [3] * 10


def test_fresh_memory_is_not_zero():
    with cupy.cuda.using_allocator(None):
        assert np.isnan(cupy.empty(1000, np.float32).get()).all()


# ---- threads that wait for each other ------------------------------------------------------------


def test_all_threads_of_grid_and_block_run():
    function = kernel(
        "int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);"
        "int b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);"
        "y[b * blockDim.x * blockDim.y * blockDim.z + t] += b * 1000 + t;"
    )
    found = run(function, [0], 120, grid=(2, 1, 5), block=(2, 3, 2))
    assert found.tolist() == [b * 1000 + t for b in range(10) for t in range(12)]


BLOCK_SUM = """
    __shared__ float sums[32];
    int i = threadIdx.x;
    float sum = i < n ? x[i] : 0.0f;
    for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(~0u, sum, d);
    if (i % 32 == 0) sums[i / 32] = sum;
    __syncthreads();
    if (i < 32) {                       // one warp goes on while the others wait at the barrier
        sum = i < blockDim.x / 32 ? sums[i] : 0.0f;
        for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
        if (i == 0) sums[0] = sum;
    }
    __syncthreads();
    y[i] = sums[0];
"""


@pytest.mark.parametrize("block", [32, 96, 1024])
def test_block_sum_with_shuffles_and_shared_memory(block):
    x = normal(block - 5)
    np.testing.assert_allclose(run(kernel(BLOCK_SUM), x, block, block=(block,)), x.sum(), 1e-4)


def test_threads_may_end_before_others_meet():
    function = kernel(
        "__shared__ int count; int i = threadIdx.x; if (i == 0) count = 0; __syncthreads();"
        "if (i >= n) return;"
        "atomicAdd(&count, 1); __syncthreads(); y[i] = count;"
    )
    assert run(function, normal(40), 64).tolist() == [40] * 40 + [0] * 24


def test_threads_at_different_barriers_are_an_error():
    body = "if (threadIdx.x % 2) __syncthreads(); else __syncwarp(); y[threadIdx.x] = 1;"
    with pytest.raises(RuntimeError, match="stuck: the threads of a block wait"):
        run(kernel(body, name="stuck"), [0], 64)
    assert run(kernel("__syncthreads(); y[threadIdx.x] = 1;"), [0], 64).all()


def test_shuffles_of_doubles_and_of_parts_of_a_warp():
    function = kernel(
        "double v = 1.0 / (threadIdx.x + 3);"
        "v = __shfl_sync(~0u, v, 2, 8) - __shfl_up_sync(~0u, v, 1, 8);"
        "y[threadIdx.x] = v * 1e9;"
    )
    v = 1 / (np.arange(64.0) + 3)
    lane = np.arange(64)
    expected = v[lane // 8 * 8 + 2] - v[np.where(lane % 8, lane - 1, lane)]
    np.testing.assert_allclose(run(function, [0], 64), expected * 1e9, 1e-6)


def test_dynamic_shared_memory_needs_permission_beyond_48_kb():
    source = (
        'extern "C" __global__ void f(float* y) { extern __shared__ float big[];'
        "big[16383 - threadIdx.x] = threadIdx.x; __syncthreads(); y[threadIdx.x] = big[16383]; }"
    )
    function, y = cupy.RawKernel(source, "f"), cupy.ones(64, np.float32)
    with pytest.raises(ValueError, match="shared memory"):
        function((1,), (64,), (y,), shared_mem=65536)
    function.max_dynamic_shared_size_bytes = 65536
    function((1,), (64,), (y,), shared_mem=65536)
    assert not y.get().any()


# ---- wrong use -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "block"), [((1,), (2048,)), ((1, 1, 70000), (32,)), ((1,), (4, 4, 65))]
)
def test_impossible_launches_are_refused(grid, block):
    with pytest.raises(ValueError, match="CUDA_ERROR_INVALID_VALUE: nothing"):
        run(kernel("", name="nothing"), [0], 1, grid=grid, block=block)


def test_compiler_errors_name_the_line():
    with pytest.raises(cupy.cuda.compiler.CompileException, match=r"kernel.cu:2:.*unknown_thing"):
        run(kernel("\n y[0] = unknown_thing;"), [0], 1)


def test_an_unknown_kernel_is_an_error():
    with pytest.raises(AttributeError, match="absent"):
        cupy.RawModule(code=kernel("").code).get_function("absent")


def test_what_is_not_played_says_so():
    with pytest.raises(NotImplementedError, match="does not play CUDA's mallocManaged"):
        cupy.cuda.malloc_managed(8)


def test_a_write_past_the_end_is_found():
    with cupy.cuda.using_allocator(None):
        y = cupy.zeros(10, np.float32)
        device.check_guards()
        kernel("y[threadIdx.x] = 0;", name="too_far")((1,), (11,), (y, y, 0))
        with pytest.raises(RuntimeError, match="byte 0 behind an allocation of 40 bytes"):
            device.check_guards()
        ctypes.memset(y.data.ptr + 40, 0xA5, 4)  # so that freeing it does not complain again


def test_the_kernel_cache_must_be_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("CUPY_ON_CPU_CACHE", str(tmp_path / "new"))
    assert builder.cache_folder().stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("CUPY_ON_CPU_CACHE", str(tmp_path / "open"))
    with pytest.raises(PermissionError, match="folder of your own"):
        builder.cache_folder()
    monkeypatch.delenv("CUPY_ON_CPU_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert builder.cache_folder() == tmp_path / "cupy_on_cpu"


# ---- streams, capture and replay -----------------------------------------------------------------


@pytest.fixture
def stream():
    with cupy.cuda.Stream(non_blocking=True) as stream:
        yield stream
        if device.capturing:
            device.capturing.clear()


def test_captured_work_runs_at_each_launch_and_not_before(stream):
    x = cupy.zeros(3, np.float32)
    stream.begin_capture()
    x += 1
    x[1:] *= 2
    graph = stream.end_capture()
    assert x.get().tolist() == [0, 0, 0]
    for _ in range(2):
        graph.launch(stream)
    assert x.get().tolist() == [2, 6, 6]


def test_a_graph_within_a_graph_and_a_second_stream(stream):
    other = cupy.cuda.Stream(non_blocking=True)
    x, y = cupy.zeros(1), cupy.zeros(1)
    stream.begin_capture()
    x += 1
    inner = stream.end_capture()
    stream.begin_capture()
    inner.launch(stream)
    fork = cupy.cuda.Event()
    fork.record(stream)
    other.wait_event(fork)
    with other:
        y += 10
    join = cupy.cuda.Event()
    join.record(other)
    stream.wait_event(join)
    outer = stream.end_capture()
    assert (float(x[0]), float(y[0])) == (0, 0)
    outer.launch(stream)
    assert (float(x[0]), float(y[0])) == (1, 10)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda x, stream: float(x[0]),
        lambda x, stream: cupy.asarray(np.ones(3)),
        lambda x, stream: x.set(np.ones((3, 3))),
        lambda x, stream: x @ x,
        lambda x, stream: stream.synchronize(),
        lambda x, stream: cupy.cuda.Device().synchronize(),
        lambda x, stream: x[x > 0],
    ],
)
def test_what_a_capture_refuses(stream, forbidden):
    x = cupy.ones((3, 3))
    stream.begin_capture()
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        forbidden(x, stream)
    stream.end_capture()


def test_only_a_private_pool_keeps_a_graphs_memory(stream):
    """The trap: arrays made after a capture may be given memory that replays write to."""

    def survives(pool):
        with cupy.cuda.using_allocator(pool.malloc):
            x = cupy.ones(1000, np.float32)
            (x + 1).sum()
            stream.begin_capture()
            (x + 1).sum()
            graph = stream.end_capture()
        later = cupy.full(1000, 7, np.float32)
        graph.launch(stream)
        return bool((later.get() == 7).all())

    assert survives(cupy.cuda.MemoryPool())
    assert not survives(cupy.get_default_memory_pool())


def test_recording_lists_launches_transfers_and_waits(stream):
    x = cupy.zeros(3)
    x += 1
    with device.recording() as calls:
        x += 1
        x.get()
    assert [call.kind for call in calls] == ["launch", "memcpy", "synchronize"]
    assert calls[0].name.startswith("cupy_add")
    assert calls[1].name == "device to host"


# ---- a cuBLAS handle of one's own ----------------------------------------------------------------


class OwnHandle:
    """What code that bypasses CuPy's handle does: load the library, create, bind, multiply."""

    def __init__(self, stream):
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self.library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        self.handle = ctypes.c_void_p()
        assert self.library.cublasCreate_v2(ctypes.byref(self.handle)) == 0
        assert self.library.cublasSetStream_v2(self.handle, ctypes.c_void_p(stream.ptr)) == 0
        workspace = cupy.empty(1024, np.uint8)
        size = ctypes.c_size_t(1024)
        pointer = ctypes.c_void_p(workspace.data.ptr)
        assert self.library.cublasSetWorkspace_v2(self.handle, pointer, size) == 0

    def gemm(self, a, b, out, ta=False, tb=False, alpha=1.0, beta=0.0):
        """Row-major out = alpha op(a) op(b) + beta out: in cuBLAS's columns, out^T."""
        double = out.dtype == np.float64
        scalar, kind, compute = (ctypes.c_double, 1, 70) if double else (ctypes.c_float, 0, 77)
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        batch = out.shape[0] if out.ndim == 3 else 1
        m, n = out.shape[-2:]
        k = a.shape[-2] if ta else a.shape[-1]

        def matrix(x):
            stride = [ctypes.c_longlong(x[0].size)] if x.ndim == 3 else []
            return [pointer(x.data.ptr), integer(kind), integer(x.shape[-1]), *stride]

        tail = [integer(batch)] if out.ndim == 3 else []
        function = "cublasGemmStridedBatchedEx" if out.ndim == 3 else "cublasGemmEx"
        status = getattr(self.library, function)(
            *(self.handle, int(tb), int(ta), n, m, k, ctypes.byref(scalar(alpha))),
            *(*matrix(b), *matrix(a), ctypes.byref(scalar(beta)), *matrix(out)),
            *(*tail, compute, -1),
        )
        assert status == 0
        return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_own_handle_multiplies(dtype, ta, tb, batch):
    handle = OwnHandle(SimpleNamespace(ptr=0))
    a, b, c = (normal(*batch, *s, dtype=dtype) for s in ((4, 5), (5, 3), (4, 3)))
    x = cupy.asarray(np.ascontiguousarray(a.swapaxes(-1, -2) if ta else a))
    y = cupy.asarray(np.ascontiguousarray(b.swapaxes(-1, -2) if tb else b))
    out = handle.gemm(x, y, cupy.asarray(c), ta, tb, alpha=2.0, beta=0.5)
    np.testing.assert_allclose(out.get(), 2 * (a @ b) + 0.5 * c, 2e-5, 1e-5)
    fresh = handle.gemm(x, y, cupy.full_like(out, math.nan), ta, tb)  # beta = 0 reads nothing
    np.testing.assert_allclose(fresh.get(), a @ b, 2e-5, 1e-5)


def test_own_handle_can_be_captured(stream):
    handle = OwnHandle(stream)
    x, out = cupy.ones((2, 2), np.float32), cupy.zeros((2, 2), np.float32)
    stream.begin_capture()
    handle.gemm(x, x, out, beta=1.0)
    x += 1
    graph = stream.end_capture()
    assert not out.get().any()
    graph.launch(stream)
    graph.launch(stream)
    assert out.get().tolist() == [[10, 10], [10, 10]]  # 2 * 1 * 1 + 2 * 2 * 2


# ---- the kernels of philox.cu --------------------------------------------------------------------

OPTIONS = ("--fmad=false",)


class KernelStream:
    """The kernels of philox.cu, launched by hand."""

    def __init__(self, seed, offset):
        self.state = cupy.asarray(np.array([seed % 2**64, seed >> 64, offset, 0], np.uint64))
        self.module = cupy.RawModule(code=PHILOX.read_text(), options=OPTIONS)

    def offset(self):
        return int(self.state[2].get())

    def draw(self, name, dtype, count, *arguments):
        out = cupy.empty(count, dtype)
        arguments = (self.state, out, np.uint64(count), *arguments)
        self.module.get_function(name)((3,), (64,), arguments)
        return out.get()


@pytest.mark.parametrize(("seed", "offset"), [(0, 0), (5, 7), (2**128 - 1, 2**40), (2**64, 1)])
@pytest.mark.parametrize("count", [1, 8, 9, 30_001])
def test_philox_kernels_draw_what_numpy_draws(seed, offset, count):
    stream, kernel_stream = NumpyStream(seed, offset), KernelStream(seed, offset)
    f4, f8 = np.dtype("float32"), np.dtype("float64")
    share = round(0.3 * 2**32)
    draws = [
        (stream.uniform, (count, f4), "uniform_float32", ()),
        (stream.uniform, (count, f8), "uniform_float64", ()),
        (stream.normal, (count, f4), "normal_float32", ()),
        (stream.normal, (count, f8), "normal_float64", ()),
        (stream.bernoulli, (share, 1 / 0.3, count, f4), "bernoulli_float32", (share, f4, 1 / 0.3)),
        (stream.bernoulli, (2**32, 2.0, count, f8), "bernoulli_float64", (2**32, f8, 2.0)),
        (stream.integers, (10, count), "integers", (10,)),
        (stream.integers, (2**63, count), "integers", (2**63,)),
    ]
    for method, options, name, extra in draws:
        expected = method(*options)
        arguments = [np.uint64(extra[0])] if extra else []
        if len(extra) == 3:
            arguments.append(extra[1].type(extra[2]))
        found = kernel_stream.draw(name, expected.dtype, count, *arguments)
        assert found.tobytes() == expected.tobytes(), name
        assert kernel_stream.offset() == stream.offset(), name


def nvrtc_is_here():
    try:
        kernels.compile_with_nvrtc("", (), "sm_90")
        return True
    except (ImportError, RuntimeError):
        return False


@pytest.mark.skipif(not nvrtc_is_here(), reason="needs the wheel nvidia-cuda-nvrtc")
def test_philox_compiles_for_real_gpus_without_fused_operations():
    source = PHILOX.read_text()
    for architecture in ("sm_80", "sm_90"):
        assert kernels.compile_with_nvrtc(source, OPTIONS, architecture)
    assert b"fma.rn.f64" not in kernels.compile_with_nvrtc(source, OPTIONS, "compute_90")
    assert b"fma.rn.f64" in kernels.compile_with_nvrtc(
        source, (), "compute_90"
    )  # can be told apart
