"""Sums between GPUs, each rank with one of its own, by NVIDIA's NCCL, as CuPy brings it.

The numbers go from GPU to GPU and never through the host. The sum is asked for on the current
stream, like a kernel: so it can be recorded with the rest of a step, and replayed. What the ranks
need to find each other, 128 bytes that rank 0 makes, goes the way that is there already: by MPI.

Next: launch.py.
"""

from __future__ import annotations

from typing import Any

from minigan.backend.interface import Array
from minigan.distributed.communicator import Communicator
from minigan.errors import UserError


class NCCL:
    """The GPUs of some ranks. `others` is how these have talked so far.

    `nccl` and `stream` are CuPy's, unless a test brings what stands in for them.
    """

    def __init__(self, others: Communicator, nccl: Any = None, stream: Any = None) -> None:
        self.nccl, self.stream = nccl or _nccl(), stream or _current_stream
        name = others.share(self.nccl.get_unique_id() if others.rank == 0 else None)
        self.communicator = self.nccl.NcclCommunicator(others.size, name, others.rank)
        self.types = {
            "float32": self.nccl.NCCL_FLOAT32,
            "float64": self.nccl.NCCL_FLOAT64,
            "int64": self.nccl.NCCL_INT64,
        }

    def add_up(self, array: Array) -> Array:
        """Σ over the ranks, in memory of its own on this rank's GPU."""
        total = array.copy(order="C")
        self.communicator.allReduce(
            total.data.ptr,
            total.data.ptr,
            total.size,
            self.types[array.dtype.name],
            self.nccl.NCCL_SUM,
            self.stream(),
        )
        return total


def _nccl() -> Any:
    from cupy.cuda import nccl  # here, for not everybody has CuPy

    if not nccl.available:
        raise UserError(
            "several GPUs need NVIDIA's NCCL, and this CuPy comes without it: pip install "
            "nvidia-nccl-cu13, or nvidia-nccl-cu12 with CUDA 12"
        )
    return nccl


def _current_stream() -> int:
    from cupy.cuda import get_current_stream

    return get_current_stream().ptr
