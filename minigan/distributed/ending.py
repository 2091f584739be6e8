"""How ranks end together: when one of them cannot go on, the others do not wait for it forever.

A rank that fails says so in one line and ends all others; their checkpoint is whole at any time. A
rank that is killed can say nothing. So the first rank of a machine takes a witness, a small process
that does nothing but look on: witness.py.

Next: witness.py.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from minigan.distributed.communicator import Communicator, ranks
from minigan.distributed.launch import started

PATIENCE = 60.0  # seconds in which all ranks of a machine must have started


def give_up(line: str, code: int = 2) -> int:
    """Print why this process cannot go on, and end the other ranks. Returns the exit code.

    A fault that all have, such as a file that is not there, is said once: the others leave rank 0 a
    second in which to say it, and to end them. Where they cannot even talk to each other, each has
    the same fault, and the first of each machine says it.
    """
    us, place = ranks(), started()
    if us.size == 1 and place is not None and place.here > 0:
        return code
    if us.size > 1:
        time.sleep(0 if us.rank == 0 else 1 + 0.1 * us.rank)
        line = f"{line} (rank {us.rank} of {us.size}; all end)"
    print(line, file=sys.stderr if us.rank == 0 else sys.__stderr__, flush=True)
    _witness.say(b"!")
    us.abort(code)
    return code


def end_together(communicator: Communicator) -> None:
    """From now on, an error that nobody catches here ends the other ranks, too."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if communicator.rank == 0:
            before(kind, error, where)
        else:
            time.sleep(1 + 0.1 * communicator.rank)
            traceback.print_exception(kind, error, where, file=sys.__stderr__)
        told = " ".join(traceback.format_exception_only(error)[-1].split())
        give_up(f"error: {told}", 1)

    sys.excepthook = hook


class _Witness:
    """This rank's line to the witness of its machine: it breaks when the rank ends."""

    line: socket.socket | None = None

    def say(self, word: bytes) -> None:
        """ "." if this rank ends in order, "!" if it has said why it does not."""
        if self.line is not None:
            with suppress(OSError):  # somebody else has ended without a word
                self.line.sendall(word)


_witness = _Witness()


def take_a_witness(rank: int, size: int, here: int, neighbors: int) -> None:
    """Let somebody see how this rank ends, and whether the others on this machine come at all.

    They find each other by a name, for MPI is not there yet: all have mpiexec's child as parent.
    On Linux only, where such a name needs no file. Elsewhere mpiexec's own words must do.
    """
    if sys.platform != "linux":
        return
    name = f"\0minigan-{os.getuid()}-{os.getppid()}"
    if here == 0:
        program = Path(__file__).with_name("witness.py")
        numbers = [str(number) for number in (size, neighbors, PATIENCE, os.getppid())]
        command = [sys.executable, "-I", "-S", str(program), name[1:], *numbers]
        subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    line = socket.socket(socket.AF_UNIX)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            line.connect(name)
            break
        except OSError:  # it is not there yet
            if time.monotonic() > end:
                return
            time.sleep(0.02)
    line.sendall(f"{rank:8}{os.getpid():8}".encode())
    _witness.line = line
    atexit.register(_witness.say, b".")
