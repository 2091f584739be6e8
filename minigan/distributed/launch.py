"""What mpiexec says: it starts one command N times, and tells each process its number.

It does so in the environment, before anything is loaded. Next: ending.py, how ranks end together.
"""

from __future__ import annotations

import os
from typing import NamedTuple

# What each kind of mpiexec calls a process's number, how many there are, and both on its machine.
NAMES = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),  # MPICH, Intel MPI
    (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
)


class Started(NamedTuple):
    """What mpiexec says: this process is `rank` of `size`, and `here` of `neighbors` on its host"""

    rank: int
    size: int
    here: int
    neighbors: int


def started() -> Started | None:
    """Our place among the processes of an mpiexec; None if there is none, or only we."""
    for names in NAMES:
        rank, size, here, neighbors = (os.environ.get(name, "") for name in names)
        if rank.isdigit() and size.isdigit() and int(size) > 1:
            return Started(int(rank), int(size), int(here or rank), int(neighbors or size))
    return None
