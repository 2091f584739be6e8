"""Compiles C++ with g++ into shared libraries, and keeps them for the next time.

Libraries are code that this process will run, so the folder that keeps them must be ours alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent / "include"
FLAGS = (
    "-std=c++17",
    "-O1",
    "-w",  # kernels are written for another compiler; g++'s warnings would say little
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-gnu-unique",  # or the shared memory of two kernels could become one variable
    "-ffp-contract=off",  # a * b + c rounds twice, as nvcc's --fmad=false
)


class BuildError(Exception):
    """g++ refused a source; the message is its own."""


def cache_folder() -> Path:
    """$CUPY_ON_CPU_CACHE, or a folder in the user's cache. Nobody else may write to it."""
    chosen = os.environ.get("CUPY_ON_CPU_CACHE")
    if chosen:
        folder = Path(chosen)
    else:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "cupy_on_cpu"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"{folder} belongs to or can be written by others, who could put code of theirs there; "
            "set CUPY_ON_CPU_CACHE to a folder of your own (chmod go-w)"
        )
    return folder


def build(source: str, *, options: Sequence[str] = ()) -> Path:
    """The shared library of a C++ source, compiled unless the cache holds it."""
    command = ["g++", *FLAGS, f"-I{INCLUDE}", *options]
    recipe = "\0".join([*command, source, _headers()])
    library = cache_folder() / (hashlib.sha256(recipe.encode()).hexdigest()[:32] + ".so")
    if not library.exists():
        # Under a name of its own first: others may compile the same kernel at this moment.
        mine = library.with_suffix(f".{os.getpid()}-{threading.get_ident()}.so")
        try:
            done = subprocess.run(
                [*command, "-x", "c++", "-", "-o", str(mine)],
                input=source,
                capture_output=True,
                text=True,
            )
        except FileNotFoundError:
            raise BuildError(
                "g++ was not found; CuPy on the CPU compiles its kernels with it"
            ) from None
        if done.returncode:
            raise BuildError(done.stderr[:4000])
        mine.replace(library)
    return library


def load(library: Path) -> ctypes.PyDLL:
    """Open a library. PyDLL keeps Python's lock during calls, so one kernel runs at a time."""
    return ctypes.PyDLL(str(library))


def _headers() -> str:
    return "".join(path.read_text() for path in sorted(INCLUDE.rglob("*.*h")))
