"""How a program that mpiexec has started becomes one of N, and how it refuses to.

A rank must know that the others are what it is. If they ran another version of the code, or read
other data, nothing would fail: the sums would be wrong. So all say what they are, once.

Next: ../random.py.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from minigan.backend import set_num_threads
from minigan.backend.numpy.threads import usable_cores
from minigan.distributed.communicator import Communicator, ranks, set_process
from minigan.distributed.ending import end_together, take_a_witness
from minigan.distributed.launch import Started, started
from minigan.errors import UserError


def join() -> Communicator:
    """Become one of the ranks that mpiexec has started; without an mpiexec, stay alone.

    The examples do this by themselves. A program of one's own says it before anything else. The
    cores of a machine are then divided among the ranks on it, and each rank sees one GPU.

    Raises UserError, one line, if mpi4py is missing, is of another MPI than mpiexec, or if the
    ranks are not alike.
    """
    place = started()
    if place is None or ranks().size > 1:
        return ranks()
    take_a_witness(place.rank, place.size, place.here, place.neighbors)
    communicator = _processes(place)
    set_process(communicator)
    end_together(communicator)
    _divide_the_machine(place, communicator)
    refuse_differences(_what_we_are())
    return communicator


def _processes(place: Started) -> Communicator:
    try:
        with warnings.catch_warnings(action="ignore"):  # of two MPIs, which we say in our way
            from minigan.distributed.mpi import Processes, library
    except ImportError as error:
        raise UserError(
            f"mpiexec started {place.size} processes, and they cannot talk to each other without "
            f'mpi4py ({error}): pip install "minigan[mpi]"'
        ) from error
    communicator = Processes()
    if communicator.size != place.size:
        beside = Path(sys.executable).with_name("mpiexec")
        raise UserError(
            f"mpiexec started {place.size} processes, but mpi4py sees {communicator.size}: mpiexec "
            f"is of another MPI than mpi4py's, {library()}. Use the mpiexec of that one"
            + (f", {beside}." if beside.exists() else ".")
        )
    return communicator


def _divide_the_machine(place: Started, communicator: Communicator) -> None:
    """Each rank gets its share of the cores, and one GPU."""
    cores = _cores_of(communicator.all_gather((platform.node(), _affinity())))
    set_num_threads(max(1, cores // place.neighbors))
    if place.here < len(gpus := visible_gpus()):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[place.here]  # before CuPy is loaded


def _affinity() -> frozenset[int]:
    every = getattr(os, "sched_getaffinity", None)  # Linux
    return frozenset(every(0)) if every else frozenset(range(os.cpu_count() or 1))


def _cores_of(all_ranks: list[tuple[str, frozenset[int]]]) -> int:
    """The cores that the ranks on this machine have together: mpiexec may have bound each to one"""
    here = [cores for host, cores in all_ranks if host == platform.node()]
    together = len(frozenset().union(*here))
    # More cores in sum than each alone may use: then a quota says nothing about the sum.
    return together if together > len(_affinity()) else min(together, usable_cores())


@functools.cache
def visible_gpus() -> list[str]:
    """The GPUs that this program was given, before it took one of them; without asking CUDA."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [each.strip() for each in given.split(",") if each.strip()]
    return sorted((path.name[6:] for path in Path("/dev").glob("nvidia[0-9]*")), key=int)


def refuse_more_ranks_than_gpus() -> None:
    """Raise UserError if two ranks would have to share a GPU, which NCCL does not do."""
    place = started()
    if place is not None and ranks().size > 1 and 0 < len(visible_gpus()) < place.neighbors:
        raise UserError(
            f"{place.neighbors} processes on one machine, and {len(visible_gpus())} GPUs: start no "
            "more processes than GPUs"
        )


def refuse_differences(facts: Mapping[str, Any]) -> None:
    """Raise UserError, on every rank, that names the first of these facts in which they differ."""
    everybody = ranks().all_gather(dict(facts))
    for name, first in everybody[0].items():
        for rank, others in enumerate(everybody):
            if others.get(name) != first:
                raise UserError(
                    f"the ranks must be alike, and differ in {name}: rank 0 has {first!r}, "
                    f"rank {rank} has {others.get(name)!r}"
                )


def _what_we_are() -> dict[str, Any]:
    source = Path(__file__).parents[1]
    program = Path(sys.argv[0])
    return {
        "minigan": digest(path.read_bytes() for path in sorted(source.rglob("*.[pc][yu]"))),
        "the program": digest([program.read_bytes()] if program.is_file() else []),
        "arguments": sys.argv[1:],
        "Python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "mpi4py", "cupy-cuda12x", "cupy-cuda13x")},
    }


def digest(pieces: Any) -> str:
    """Twelve letters that stand for some bytes: what differs in one of them has others."""
    hashed = hashlib.blake2b(digest_size=6)
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
