"""Finding CuPy and its GPU, or saying in one line why that cannot be.

Next: launch.py.
"""

from __future__ import annotations

from typing import Any

from minigan.errors import UserError

EXTRAS = (
    'pip install "minigan[cuda13]" (or minigan[cuda12] for a driver older than 580, or a GPU older '
    "than Turing, of 2018)"
)
NO_DEVICE = 100  # cudaErrorNoDevice
OLD_DRIVER = 35  # cudaErrorInsufficientDriver


def load_cupy() -> Any:
    """The module `cupy`. Raises UserError if it is not there, or cannot be imported."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name == "cupy":
            raise UserError(f"CuPy is not installed: {EXTRAS}") from None
        raise _broken(error) from error
    except Exception as error:  # a library that does not fit can fail in any way
        raise _broken(error) from error
    return cupy


def find_gpu(cupy: Any) -> str:
    """The name of the GPU that CuPy uses. Raises UserError if there is no driver, or no GPU."""
    runtime = cupy.cuda.runtime
    try:
        driver = runtime.driverGetVersion()
        if driver == 0:
            raise UserError(
                "no NVIDIA driver was found: install it so that nvidia-smi lists a GPU, "
                "or use the numpy backend"
            )
        if runtime.getDeviceCount() == 0:
            raise _no_gpu()
        return runtime.getDeviceProperties(runtime.getDevice())["name"].decode()
    except runtime.CUDARuntimeError as error:
        if error.status == NO_DEVICE:
            raise _no_gpu() from error
        if error.status == OLD_DRIVER:
            raise UserError(
                f"the NVIDIA driver (for CUDA {driver // 1000}.{driver % 1000 // 10}) is too old "
                f"for this CuPy: update the driver, or {EXTRAS}"
            ) from error
        raise UserError(f"the NVIDIA driver does not answer: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The first line of what an exception says, with its type."""
    lines = [line.strip(" =*") for line in str(error).splitlines()]
    text = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _no_gpu() -> UserError:
    return UserError(
        "the NVIDIA driver sees no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, "
        "or use the numpy backend"
    )


def _broken(error: Exception) -> UserError:
    # CuPy wraps the true cause in an error of its own, which tells about installing in general.
    cause = error.__cause__ or error
    return UserError(
        f"CuPy is installed but cannot be imported ({reason(cause)}): remove every cupy package "
        f"(pip list shows them), then {EXTRAS}"
    )
