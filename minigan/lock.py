"""One process at a time: a small file says which process writes to a folder.

Only the kernel can tell a process that runs from one that was killed, and process numbers are
used again. So the lock names the process by its number and the moment it started. Who looks at a
lock and changes it does both within `one_at_a_time`. Next: backend/interface.py.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from minigan.errors import UserError
from minigan.files import atomic_write, text_of


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Inside, no other process is inside for this folder, or two might both take its lock."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which also lets go


def lock_of(folder: Path) -> Path:
    """Where the lock of a folder lies."""
    return folder / ".lock"


def refuse_if_held(folder: Path) -> None:
    """Raise UserError if a process that runs holds the lock; a stale lock is nothing."""
    lock = _read(folder)
    if lock is None:
        return
    pid, host = lock["pid"], lock.get("host")
    if host != socket.gethostname():  # nothing here can tell whether it still runs there
        raise UserError(
            f"{folder} is in use by process {pid} on the machine {host}. "
            f"If that has ended, delete {lock_of(folder)}."
        )
    if not _is_running(pid):
        return
    start, started = _start_of(pid), lock.get("started")
    if "unknown" in (start, started):  # the number may have been given to another process since
        raise UserError(
            f"{folder} is in use by process {pid}, or was by one of that number that did not end "
            "in order: this system does not tell when a process started. Wait for it, or stop it "
            f"first; if no such run is under way, delete {lock_of(folder)}."
        )
    if start == started:
        raise UserError(f"{folder} is in use by process {pid}. Wait for it, or stop it first.")


def take_lock(folder: Path) -> None:
    """Say that this process writes here, once `refuse_if_held` has found nobody who does."""
    with atomic_write(lock_of(folder)) as temporary:
        temporary.write_text(json.dumps(_ours()))


def give_lock_back(folder: Path) -> None:
    """Let other processes write here, if the lock is ours."""
    if _read(folder) == _ours():
        lock_of(folder).unlink()


def _ours() -> dict[str, Any]:
    pid = os.getpid()
    return {"pid": pid, "started": _start_of(pid), "host": socket.gethostname()}


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        lock = json.loads(text_of(lock_of(folder)))
    except (OSError, ValueError, RecursionError):
        return None
    pid = lock.get("pid") if isinstance(lock, dict) else None
    return lock if isinstance(pid, int) and pid > 0 else None


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # elsewhere os.kill would do what its name says
        return True
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process started, as the boot's identity and clock ticks since; Linux only."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "unknown"
    state, ticks = fields[0].decode(), fields[19].decode()  # fields 3 and 22 of man proc_pid_stat
    if state in "ZX":
        return "ended"  # killed, and kept by its parent only to be asked how it ended
    return f"{boot} {ticks}"
