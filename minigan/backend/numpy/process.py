"""What a whole process may be told for NumPy's sake: keep freed memory, and let idle threads sleep.

Both settings lie below NumPy, in the C library and in OpenBLAS, and hold for everything else that
the process does. So importing minigan makes neither of them. A program that trains, or a notebook,
asks for both with `minigan.backend.prepare_process()`; the examples do, in training/command.py.
No result changes by them, only the time. docs/performance.md has figures.

Next: ../cupy/start.py, or, for whoever has no GPU, ../../distributed/__init__.py.
"""

from __future__ import annotations

import ctypes
import os

from threadpoolctl import ThreadpoolController

# The numbers of the options in glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4

TIMEOUT = "OPENBLAS_THREAD_TIMEOUT"


def prepare_process() -> None:
    """Make both settings, for this process and until it ends. Call it before the work begins."""
    keep_freed_memory()
    let_idle_threads_sleep()


def keep_freed_memory() -> bool:
    """Keep the memory of freed arrays for the next ones, instead of giving it back to the system.

    The C library takes the memory of every large array from the system and returns it when the
    array is freed. The system hands out zeroed pages one by one as they are first touched, so an
    array that lives for one step costs more to obtain than to fill. A training step needs the same
    sizes again and again: kept, they are there at once, and the process stays as large as its
    largest moment.

    This is glibc's `mallopt`; elsewhere nothing happens. MINIGAN_KEEP_MEMORY=0 switches it off.
    Tells the C library; returns whether it listened.
    """
    if os.environ.get("MINIGAN_KEEP_MEMORY") == "0" or os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    no_separate_maps = mallopt(M_MMAP_MAX, 0)
    give_nothing_back = mallopt(M_TRIM_THRESHOLD, 2**31 - 1)  # the option is a C int
    take_more_at_once = mallopt(M_TOP_PAD, 64 << 20)
    return bool(no_separate_maps and give_nothing_back and take_more_at_once)


def let_idle_threads_sleep() -> bool:
    """One setting for OpenBLAS, which runs NumPy's matrix products.

    Layers share out their products among our own threads (products.py). Other products, such as an
    evaluation's, are OpenBLAS's alone.

    After a product, OpenBLAS's threads spin for 2²⁸ cycles, 103 ms at 2.6 GHz, in case another
    product comes. (Its FAQ says 2²⁶; its source, THREAD_TIMEOUT 28, and so it is measured.) In
    between, our own threads want the cores that they hold, and on a busy machine other programs do.
    With this setting they go to sleep after 2¹⁸ cycles, some 100 microseconds: enough to be awake
    for the next product of a layer, and gone when Adam begins.

    OpenBLAS reads it from the environment, as a rule while NumPy is loaded, when it is too late for
    us. So it is asked to read once more, and to end its threads: the next product starts new ones,
    which obey. The environment is then as it was, and no child process inherits anything.

    Returns whether that was done: not where OPENBLAS_THREAD_TIMEOUT is set already, and not by
    another library, such as Apple's, or an OpenBLAS that hides these functions.
    """
    if TIMEOUT in os.environ or os.name != "posix":
        return False
    done = False
    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        read_environment = getattr(library.dynlib, "openblas_read_env", None)
        end_threads = getattr(library.dynlib, "blas_thread_shutdown_", None)
        if library.threading_layer != "pthreads" or not (read_environment and end_threads):
            continue
        os.environ[TIMEOUT] = "18"
        try:
            read_environment()
        finally:
            del os.environ[TIMEOUT]
        end_threads()
        done = True
    return done
