"""What to tell in a bug report: python -m minigan --info

It prints versions, the processor, who multiplies NumPy's matrices, and the GPU or why there is
none. Of the environment it tells only the variables that change how minigan computes.

How a formula becomes machine code: python -m minigan --machine-code LeakyReLU
And what is left of a training step when it is recorded: python -m minigan --recorded gan
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import minigan
from minigan import nn
from minigan.backend import get_backend
from minigan.backend.numpy.threads import usable_cores
from minigan.errors import UserError
from minigan.gans import SYSTEMS

# What minigan is built on, and what its tests compare it with
PACKAGES = (
    "llvmlite matplotlib Pillow tqdm safetensors threadpoolctl tensorboardX torch scipy hypothesis"
)
STEERING = ("OPENBLAS_", "OMP_NUM_THREADS", "MINIGAN_")


def info() -> dict[str, str]:
    """The rows of the report: what it is, and what it is here."""
    return {
        "minigan": minigan.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": platform.platform(),
        "processor": f"{usable_cores()} of {os.cpu_count()} cores may be used",
        "NumPy": np.__version__,
        "matrix products": "; ".join(map(_library, threadpool_info())) or "a library unknown to us",
        "GPU": _gpu(),
        "packages": ", ".join(_installed(PACKAGES.split())),
        "environment": ", ".join(_environment()) or "nothing set",
    }


def _library(found: dict[str, Any]) -> str:
    """One library with threads of its own, such as OpenBLAS: version, kernel and threads."""
    name = f"{found['internal_api']} {found['version'] or ''}".strip()
    kernel = f"kernel {found['architecture']}, " if found.get("architecture") else ""
    return f"{name}, {kernel}threads: {found['num_threads']}"


def _gpu() -> str:
    """The GPU that CuPy uses and the versions that drive it, or the one line why there is none."""
    try:
        backend: Any = get_backend("cupy")
    except UserError as reason:
        return f"none: {reason}"
    runtime = backend.xp.cuda.runtime
    return (
        f"{backend.gpu}, CuPy {backend.xp.__version__}, CUDA {runtime.runtimeGetVersion()}, "
        f"driver for CUDA {runtime.driverGetVersion()}"
    )


def _installed(names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _environment() -> list[str]:
    given = sorted(os.environ.items())
    return [f"{name}={value}" for name, value in given if name.startswith(STEERING)]


def machine_code(name: str) -> str:
    """How the formula of a layer without weights becomes machine code, and that of its derivative.

    Raises UserError for other names.
    """
    try:
        layer = getattr(nn, name)()
        x, g = (minigan.ones(1, requires_grad=True) for _ in range(2))
        y = layer(x)
        gradient: Any = minigan.grad(y, x, g, create_graph=True)[0]
        uses: list[Any] = [(y.op, [x]), (gradient.op, gradient.op.inputs)]
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{name!r} is no layer that is one formula; try LeakyReLU") from None
    backend: Any = get_backend("numpy")
    parts = []
    for op, inputs in uses:
        way = backend.compiler.explain(op.forward, [x.dtype for x in inputs])
        parts.append(f"==== {op.name}: {op.__doc__}\n\n{way}")
    return "\n".join(parts)


def recorded(name: str) -> str:
    """The program that a processor repeats in the place of a system's training step.

    Raises UserError for the name of no system.
    """
    if name not in SYSTEMS:
        raise UserError(f"{name!r} is none of {', '.join(SYSTEMS)}")
    system, count = SYSTEMS[name](), 4
    classes: int | None = getattr(system.settings, "classes", None)
    labels = None if classes is None else minigan.Tensor(np.arange(count) % classes)
    images = system.sample(system.sample_noise(count * system.parts), labels)
    play: Any = system.backend.compiled(system.step)
    for _ in range(2):  # the second one is noted down
        play(images, labels)
    if not play.recordings:
        raise UserError("MINIGAN_COMPILE=0 lets no step be recorded")
    (recording,) = play.recordings.values()
    return str(recording.program)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m minigan",
        description="Tell what a bug report needs (versions, processor, GPU), how a formula "
        "becomes machine code, or what a recorded training step does.",
        epilog="To train a GAN: python examples/mnist_gan.py (--help lists its flags).",
    )
    parser.add_argument("--info", action="store_true", help="print it, a row for each")
    parser.add_argument(
        "--machine-code", metavar="LAYER", help="of a layer that is a formula, such as LeakyReLU"
    )
    parser.add_argument("--recorded", metavar="SYSTEM", help="such as gan")
    options = parser.parse_args(arguments)
    if options.machine_code or options.recorded:
        try:
            if options.machine_code:
                print(machine_code(options.machine_code))
            if options.recorded:
                print(recorded(options.recorded))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    elif options.info:
        for name, text in info().items():
            print(f"{name:<16}{text}")
    else:
        parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
