"""The witness of a machine's ranks: it sees one of them end without a word, and says so.

A process that is killed by SIGKILL, as a system does that runs out of memory, says nothing, and
mpiexec then kills the others and names one of those. To tell who was first, somebody must look on.
Each rank holds a line to this process. One that ends in order says "." before the line breaks, and
one that has told the user why it ends says "!". The first line that breaks without a word is that
of the rank that was killed, whatever happens to the others after it.

It is a program of its own, of the standard library alone: a rank starts it before anything else.
Next: joining.py, where all of this comes together.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path


class Witness:
    """It looks on until the ranks of this machine have ended.

    `expected` of the `size` ranks are on this machine, all of them children of `parent`. They have
    `patience` seconds to start.
    """

    def __init__(self, name: str, size: int, expected: int, patience: float, parent: int) -> None:
        self.size, self.expected, self.parent = size, expected, parent
        self.end = time.monotonic() + patience
        self.patience = patience
        self.come: dict[socket.socket, tuple[int, int]] = {}  # rank and process number
        self.gone = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"\0{name}")
        self.listener.listen(expected)

    def watch(self) -> str | None:
        """What is to be said of how they ended, if anything; the others have been ended then."""
        with selectors.DefaultSelector() as lines:
            lines.register(self.listener, selectors.EVENT_READ)
            while self.gone < self.expected:
                if said := self.missing():
                    return said
                for key, _ in lines.select(1.0):
                    if key.fileobj is self.listener:
                        line = self.welcome()
                        lines.register(line, selectors.EVENT_READ, line)
                        continue
                    lines.unregister(key.data)
                    self.gone += 1
                    word = key.data.recv(1)
                    if word == b"!":
                        return None
                    if word != b".":
                        return self.killed(key.data)
        return None

    def welcome(self) -> socket.socket:
        line, _ = self.listener.accept()
        both = line.recv(16, socket.MSG_WAITALL)
        self.come[line] = int(both[:8]), int(both[8:])
        return line

    def killed(self, line: socket.socket) -> str:
        rank, _ = self.come[line]
        self.end_all()
        others = "" if self.expected == self.size else " (or one on another machine was, first)"
        return (
            f"rank {rank} of {self.size} ended without a word: it was killed{others}, as by a "
            "system that runs out of memory, or crashed; so all end"
        )

    def missing(self) -> str | None:
        """Whether somebody has not come who will not come any more: MPI would wait forever."""
        if len(self.come) == self.expected:
            return None
        late = time.monotonic() > self.end
        if not late and living_children(self.parent) > len(self.come) - self.gone:
            return None
        self.end_all()
        ranks = ", ".join(str(rank) for rank, _ in sorted(self.come.values())) or "none"
        why = f"after {self.patience:.0f} s" if late else "the others have ended"
        return f"{self.expected} processes were to start, and only these ranks did ({why}): {ranks}"

    def end_all(self) -> None:
        """mpiexec does that, too, but not if a process has not come as far as MPI."""
        for _, pid in self.come.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def living_children(parent: int) -> float:
    """How many processes that have not ended `parent` has; infinity if the system does not tell."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return float("inf")
    states = []
    for child in children:
        with suppress(OSError):
            fields = Path(f"/proc/{child}/stat").read_bytes().rpartition(b")")[2].split()
            states.append(fields[0].decode())  # field 3 of man proc_pid_stat; Z is a zombie
    return len([state for state in states if state not in "ZX"])


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    name, size, expected, patience, parent = sys.argv[1:]
    said = Witness(name, int(size), int(expected), float(patience), int(parent)).watch()
    if said:
        print(f"error: {said}", file=sys.stderr, flush=True)
