"""Ranks as processes that MPI has started, on one machine or on several.

MPI is how programs on many machines have talked to each other since 1994. Its `Allreduce` is our
`add_up`: it picks the way by the length of the message, through shared memory or over a network,
and gives every rank the same bits. mpi4py brings it to Python, mpich is one MPI of several.

Next: nccl.py, the same between GPUs.
"""

from __future__ import annotations

import atexit
import os
from typing import Any

import numpy as np
from mpi4py import MPI

from minigan.backend.interface import Array
from minigan.distributed.communicator import Communicator
from minigan.distributed.nccl import NCCL


class Processes(Communicator):
    """One of the processes of an MPI communicator, by default of all that mpiexec started."""

    def __init__(self, world: Any = None) -> None:
        self.world = MPI.COMM_WORLD if world is None else world
        self.rank, self.size = self.world.rank, self.world.size
        self.gpus: NCCL | None = None  # made when the first array of a GPU comes
        # A rank that waits here for the others has not ended yet: the witness hears of it later.
        atexit.register(MPI.Finalize)

    def add_up(self, array: Array) -> Array:
        if not isinstance(array, np.ndarray):
            self.gpus = self.gpus or NCCL(self)
            return self.gpus.add_up(array)
        total = np.array(array, order="C")  # a copy: the caller may still need what he gave
        self.world.Allreduce(MPI.IN_PLACE, total)
        return total

    def all_gather(self, value: Any) -> list[Any]:
        return self.world.allgather(value)

    def abort(self, code: int) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what there is to say has been said
        self.world.Abort(code)


def library() -> str:
    """The MPI that mpi4py has loaded, in a few words."""
    first = MPI.Get_library_version().strip("\0\n ").splitlines()[0]
    return " ".join(first.replace("Version:", "").split())
