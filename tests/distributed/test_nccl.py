"""Tests of sums between GPUs, on the pretended GPU, with what stands in for NCCL.

On one machine without several GPUs this is all that can be tried: that the right numbers, of the
right type, at the right addresses, are asked for on the current stream, in a step that is played
and in one that is recorded. Those marked `gpu` run where there is one.
"""

import ctypes

import numpy as np
import pytest
from games import farthest, played

from minigan.backend import get_backend
from minigan.distributed import Communicator, ranks, run_in_threads, working_as
from minigan.distributed.nccl import NCCL
from minigan.distributed.threads import Threads
from minigan.tensor import Tensor


class PretendedNCCL:
    """The part of `cupy.cuda.nccl` that is used; its memory is the host's, as on the pretended GPU.

    The ranks are threads, whose meeting carries the numbers.
    """

    NCCL_FLOAT32, NCCL_FLOAT64, NCCL_INT64, NCCL_SUM = 7, 8, 4, 0
    TYPES = {7: np.float32, 8: np.float64, 4: np.int64}

    def __init__(self, others):
        self.others, self.asked = others, []

    def get_unique_id(self):
        return (1, 2, 3)

    def NcclCommunicator(self, size, name, rank):  # noqa: N802
        assert (size, name, rank) == (self.others.size, (1, 2, 3), self.others.rank)
        return self

    def allReduce(self, source, target, count, kind, how, stream):  # noqa: N802
        assert source == target and how == self.NCCL_SUM
        self.asked.append((count, kind, stream))
        dtype = np.dtype(self.TYPES[kind])
        memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(source)
        array = np.frombuffer(memory, dtype)
        array[...] = self.others.add_up(array.copy())


class GPUs(Communicator):
    """A rank whose GPU adds up by NCCL, and whose host by threads."""

    def __init__(self, others):
        self.rank, self.size, self.others = others.rank, others.size, others
        self.nccl = PretendedNCCL(others)
        self.gpus = NCCL(others, self.nccl, lambda: 0)

    def add_up(self, array):
        return (self.others if isinstance(array, np.ndarray) else self.gpus).add_up(array)

    def all_gather(self, value):
        return self.others.all_gather(value)


@pytest.fixture
def gpu(request):
    if request.config.getoption("--backend") != "cupy-on-cpu":
        pytest.skip("the stand-in reads the pretended GPU's memory: --backend cupy-on-cpu")
    return get_backend("cupy")


def as_gpus(work):
    with working_as(GPUs(ranks())):
        return work()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_numbers_are_added_up_where_they_lie(gpu, dtype):
    def work():
        us = ranks()
        array = gpu.asarray((np.arange(6).reshape(2, 3) + us.rank).astype(dtype)).T
        total = us.all_sum(array)
        assert us.nccl.asked == [(6, us.gpus.types[dtype], 0)]
        return gpu.to_numpy(total), gpu.to_numpy(array), us.rank

    for total, array, rank in run_in_threads(2, lambda: as_gpus(work)):
        np.testing.assert_array_equal(total, 2 * np.arange(6).reshape(2, 3).T + 1)
        np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3).T + rank)  # as it was


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_two_gpus_end_where_one_ends(gpu, name, monkeypatch):
    """Operation by operation: the ranks are threads here, and one process records one step."""
    monkeypatch.setattr(gpu, "compiled", lambda step, owner=None: step)
    first, second = run_in_threads(2, lambda: as_gpus(lambda: played(name, 8, backend=gpu)))
    wanted = played(name, 8)
    assert farthest(first, second) == 0
    assert farthest(first, wanted) < 1e-9


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_nccl_itself_adds_up(backend, dtype):
    """Between as many ranks as there are: one GPU, one rank, at the least."""
    array = backend.asarray(np.arange(6).reshape(2, 3).astype(dtype)).T
    total = NCCL(Communicator()).add_up(array)
    np.testing.assert_array_equal(backend.to_numpy(total), np.arange(6).reshape(2, 3).T)


@pytest.mark.gpu
def test_nccl_itself_is_recorded_with_the_step(backend):
    """Its sum is asked for on the stream of the recording, and done again by each replay."""
    nccl = NCCL(Communicator())
    play = backend.compiled(lambda x: (x * 2).like(nccl.add_up((x * 2).array)) + 1)
    for i in range(6):
        y = play(Tensor(np.full(5, i, np.float32), backend=backend))
        np.testing.assert_array_equal(y.numpy(), np.full(5, 2 * i + 1))
    (recording,) = play.recordings.values()
    assert recording.graph is not None and not play.failed


def test_threads_carry_the_stand_in():
    """The stand-in itself, without any GPU: what it writes is the sum of all."""

    def work():
        array = np.full(3, ranks().rank + 1, np.float32)
        assert isinstance(ranks(), Threads)
        PretendedNCCL(ranks()).allReduce(array.ctypes.data, array.ctypes.data, 3, 7, 0, 0)
        return array

    for array in run_in_threads(2, work):
        np.testing.assert_array_equal(array, [3, 3, 3])
