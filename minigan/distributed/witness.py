"""The witness of a machine's ranks: it sees one of them end without a word, and says so.

A process that is killed by SIGKILL, as a system does that runs out of memory, says nothing, and
mpiexec then kills the others and names one of those. To tell who was first, somebody must look on.
Each rank holds a line to this process. One that ends in order says "." before the line breaks, and
one that has told the user why it ends says "!". The first line that breaks without a word is that
of the rank that was killed, whatever happens to the others after it.

It is a program of its own, of the standard library alone: a rank starts it before anything else.
Next: join.py, where all of this comes together.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterable


def watch(name: str, size: int, expected: int, patience: float) -> str | None:
    """Look on until all ranks of this machine have ended; what is to be said of it, if anything."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{name}")
    listener.listen(expected)
    come: dict[socket.socket, tuple[int, int]] = {}
    began, gone = time.monotonic(), 0
    with selectors.DefaultSelector() as lines:
        lines.register(listener, selectors.EVENT_READ)
        while gone < expected:
            late = len(come) < expected and time.monotonic() - began > patience
            if late:
                end_all(pid for _, pid in come.values())
                return (
                    f"only {len(come)} of {expected} processes have started within "
                    f"{patience:.0f} s (ranks {sorted(rank for rank, _ in come.values())})"
                )
            for key, _ in lines.select(1.0):
                if key.data is None:
                    line, _ = listener.accept()
                    both = line.recv(16, socket.MSG_WAITALL)
                    come[line] = int(both[:8]), int(both[8:])  # its rank and its process number
                    lines.register(line, selectors.EVENT_READ, line)
                    continue
                line = key.data
                word = line.recv(1)
                lines.unregister(line)
                gone += 1
                if word == b"!":
                    return None
                if word != b".":
                    rank, _ = come[line]
                    end_all(pid for _, pid in come.values())
                    return (
                        f"rank {rank} of {size} ended without a word: it was killed, as by a "
                        "system that runs out of memory, or crashed; so all end"
                    )
    return None


def end_all(pids: Iterable[int]) -> None:
    """mpiexec does that, too, but not if a process has not come as far as MPI."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    said = watch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    if said:
        print(f"error: {said}", file=sys.stderr, flush=True)
