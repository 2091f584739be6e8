"""Keep the memory of freed arrays for the next ones, instead of giving it back to the system.

The C library takes the memory of every large array from the system and returns it when the array
is freed. The system hands out zeroed pages one by one as they are first touched, so an array that
lives for one step costs more to obtain than to fill. A training step needs the same sizes again
and again: kept, they are there at once, and the process stays as large as its largest moment.

This is glibc's `mallopt`; elsewhere nothing happens. MINIGAN_KEEP_MEMORY=0 switches it off.
docs/performance.md has figures. Next: threads.py.
"""

import ctypes
import os

# The numbers of the options in glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell the C library; returns whether it listened."""
    if os.environ.get("MINIGAN_KEEP_MEMORY") == "0" or os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    no_separate_maps = mallopt(M_MMAP_MAX, 0)
    give_nothing_back = mallopt(M_TRIM_THRESHOLD, 2**31 - 1)  # the option is a C int
    take_more_at_once = mallopt(M_TOP_PAD, 64 << 20)
    return bool(no_separate_maps and give_nothing_back and take_more_at_once)
