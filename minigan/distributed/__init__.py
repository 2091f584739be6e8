"""Many processes, one result: N processes train the very function that one trains.

    mpiexec -n 4 python examples/mnist_gan.py

Each process, a *rank*, plays the same rounds on its part of each batch. It draws its part of the
same noise, normalizes by the statistics of the whole batch, and steps by the gradient of the whole
batch. So all ranks hold the same weights at any time, and up to rounding those that one process
would have. docs/scaling.md says what it costs.

communicator.py is the idea, threads.py its smallest body; the rest is MPI, GPUs and mishaps.
Next: communicator.py.
"""

from minigan.distributed.communicator import Communicator, Rows, alone, ranks, working_as
from minigan.distributed.joining import join
from minigan.distributed.threads import run_in_threads

__all__ = ["Communicator", "Rows", "alone", "join", "ranks", "run_in_threads", "working_as"]
