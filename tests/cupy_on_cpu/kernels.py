"""Compiles CUDA C for the CPU, loads it as CuPy loads a module, and runs launches.

CuPy's compiler ends in one function, `_compile_module_with_cache(source, options)`, for RawKernel,
RawModule and the kernels that CuPy writes itself. `compile_for_cpu` stands in its place.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cupy_on_cpu.builder import BuildError, build, load
from cupy_on_cpu.device import ATTRIBUTES, device

KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\('
)
WAITS = re.compile(r"__sync(threads|warp)|__shfl_")  # what makes threads wait for each other
DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+((?:__align__\s*\(\d+\)\s*)?)([\w ]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
MAX_DYNAMIC_SHARED_SIZE = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
INVALID_VALUE = 1  # CUDA_ERROR_INVALID_VALUE

EXPORT = 'extern "C" __attribute__((visibility("default")))'
FOOTER = f"""
{EXPORT} int run_call(void* call, const cuda_on_cpu::Shape* shape, int in_fibers) {{
    return cuda_on_cpu::run(static_cast<cuda_on_cpu::Call*>(call), *shape, in_fibers);
}}
{EXPORT} void release_call(void* call) {{ delete static_cast<cuda_on_cpu::Call*>(call); }}
"""


class Shape(ctypes.Structure):
    """cuda_on_cpu::Shape, the launch configuration."""

    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("dynamic_shared_bytes", ctypes.c_size_t),
    ]


class Module:
    """A compiled source and whether its threads have to be fibers."""

    def __init__(self, path: str) -> None:
        self.library = load(Path(path))
        self.library.run_call.argtypes = [ctypes.c_void_p, ctypes.POINTER(Shape), ctypes.c_int]
        self.library.release_call.argtypes = [ctypes.c_void_p]
        self.in_fibers = ctypes.c_int.in_dll(self.library, "in_fibers").value


class Function:
    """A kernel of a module."""

    def __init__(self, module: Module, name: str) -> None:
        self.module = module
        self.name = name
        self.bind = getattr(module.library, f"bind_{name}")  # AttributeError: no such kernel
        self.bind.argtypes = [ctypes.c_void_p]
        self.bind.restype = ctypes.c_void_p
        self.shared_limit = ATTRIBUTES[8]


class BoundCall:
    """A kernel with copies of its arguments: may run once, or at each launch of a graph."""

    def __init__(self, function: Function, arguments: int, shape: Shape) -> None:
        self.name, self.module, self.shape = function.name, function.module, shape
        self.call = function.bind(arguments)
        weakref.finalize(self, function.module.library.release_call, self.call).atexit = False

    def __call__(self) -> None:
        if not self.module.library.run_call(self.call, self.shape, self.module.in_fibers):
            raise RuntimeError(f"{self.name}: the threads of a block wait for each other for ever")


_loaded: dict[int, Any] = {}  # handle -> Module or Function


def module_load_data(path: bytes) -> int:
    """CuPy hands over machine code here; ours is the path of a library."""
    handle = device.handle()
    _loaded[handle] = Module(path.decode())
    return handle


def module_get_function(module: int, name: str | bytes) -> int:
    handle = device.handle()
    _loaded[handle] = Function(_loaded[module], name if isinstance(name, str) else name.decode())
    return handle


def function_set_attribute(function: int, attribute: int, value: int, *_: Any) -> None:
    if attribute == MAX_DYNAMIC_SHARED_SIZE:
        if value > ATTRIBUTES[97]:
            raise _launch_error(f"a block cannot have {value} bytes of shared memory")
        _loaded[function].shared_limit = value


def function_get_attribute(attribute: int, function: int) -> int:
    return {0: 1024, MAX_DYNAMIC_SHARED_SIZE: _loaded[function].shared_limit}.get(attribute, 0)


def launch_kernel(
    handle: int, gx: int, gy: int, gz: int, bx: int, by: int, bz: int,
    shared_bytes: int, stream: int, arguments: int, extra: int = 0,
) -> None:  # fmt: skip
    function = _loaded[handle]
    grid, block = (gx, gy, gz), (bx, by, bz)
    limits = [ATTRIBUTES[i] for i in range(2, 8)]
    sizes_fit = all(1 <= n <= limit for n, limit in zip(block + grid, limits, strict=True))
    if not sizes_fit or bx * by * bz > ATTRIBUTES[1] or shared_bytes > function.shared_limit:
        raise _launch_error(
            f"{function.name}: grid {grid}, block {block}, {shared_bytes} bytes of shared memory"
        )
    shape = Shape((ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block), shared_bytes)
    call = BoundCall(function, arguments, shape)
    device.do("launch", function.name, stream, call)


def driver_functions() -> dict[str, Callable[..., Any]]:
    """CUDA's driver functions, by the names of `cupy.cuda.driver`."""
    return {
        "funcGetAttribute": function_get_attribute,
        "funcSetAttribute": function_set_attribute,
        "launchKernel": launch_kernel,
        "moduleGetFunction": module_get_function,
        "moduleLoadData": module_load_data,
        "moduleUnload": lambda module: None,
        "occupancyMaxActiveBlocksPerMultiprocessor": lambda function, size, shared: 2048 // size,
        "occupancyMaxPotentialBlockSize": lambda function, shared, limit: (ATTRIBUTES[16], 1024),
    }


def _launch_error(what: str) -> Exception:
    return ValueError(f"CUDA_ERROR_INVALID_VALUE: {what}")


# ---- compiling ----------------------------------------------------------------------------------


def compile_for_cpu(
    source: str,
    options: Sequence[str] = (),
    *,
    name_expressions: Sequence[str] | None = None,
    **_: Any,
) -> Any:
    """What CuPy's compiler does, with g++: a loaded `cupy.cuda.function.Module`.

    Args:
        name_expressions: instances of templates that the caller will ask for, "f<float>" say.
    """
    import cupy
    from cupy.cuda import compiler, function

    check_with_nvrtc(source, options, name_expressions)
    include = Path(cupy.__file__).parent / "_core" / "include"
    defines = [option for option in options if option.startswith("-D")]
    kernels = {name: name for name in KERNEL.findall(source)}
    templates = {name: f"template_{i}" for i, name in enumerate(name_expressions or ())}
    try:
        text = _for_cpu(source, kernels | templates)
        library = build(text, options=[f"-I{include}", *defines])
    except BuildError as error:
        raise compiler.CompileException(str(error), source, "kernel.cu", options, "g++") from None
    module = function.Module()
    if name_expressions:
        module._set_mapping(templates)
    module.load(str(library).encode())
    return module


def _for_cpu(source: str, kernels: Mapping[str, str]) -> str:
    """The source for g++; `kernels` maps C++ names to those that `Function` looks for."""
    source = DYNAMIC_SHARED.sub(r"\2* \3 = (\2*)cuda_on_cpu::dynamic_shared;", source)
    binders = "".join(
        f"{EXPORT} void* bind_{name}(void** arguments) "
        f"{{ return cuda_on_cpu::bind(&{expression}, arguments); }}\n"
        for expression, name in kernels.items()
    )
    in_fibers = f"{EXPORT} int in_fibers = {int(bool(WAITS.search(source)))};\n"
    return f'#include <cuda_on_cpu.h>\n#line 1 "kernel.cu"\n{source}\n{FOOTER}{binders}{in_fibers}'


# ---- the real compiler, as a witness ------------------------------------------------------------


def nvrtc_architectures() -> list[str]:
    """$CUPY_ON_CPU_NVRTC, for instance "80,90": also compile every kernel for these GPUs."""
    return [part for part in os.environ.get("CUPY_ON_CPU_NVRTC", "").split(",") if part]


def check_with_nvrtc(
    source: str, options: Sequence[str], name_expressions: Sequence[str] | None
) -> None:
    """Raise CompileException if NVIDIA's compiler refuses a kernel that g++ may accept."""
    for architecture in nvrtc_architectures():
        compile_with_nvrtc(source, options, f"sm_{architecture}", name_expressions=name_expressions)


def compile_with_nvrtc(
    source: str,
    options: Sequence[str],
    architecture: str,
    *,
    name_expressions: Sequence[str] | None = None,
) -> bytes:
    """PTX for "compute_90", machine code for "sm_90"; it needs NVRTC and CUDA's headers, no GPU."""
    import cupy
    from cupy.cuda import compiler

    method = "cubin" if architecture.startswith("sm_") else "ptx"
    program = compiler._NVRTCProgram(
        source, "kernel.cu", name_expressions=name_expressions, method=method
    )
    include = Path(cupy.__file__).parent / "_core" / "include"
    code, _ = program.compile(
        (
            *options,
            f"-I{include}",
            *(f"-I{folder}" for folder in _cuda_include_folders()),
            "-ftz=true",
            "--device-as-default-execution-space",
            f"-arch={architecture}",
        )
    )
    return code


def _cuda_include_folders() -> list[Path]:
    """Where the wheel nvidia-cuda-runtime has put CUDA's headers, if it is installed."""
    package = importlib.util.find_spec("nvidia")
    roots = package.submodule_search_locations if package else None
    return [found for root in roots or () for found in Path(root).glob("*/include")]
