"""Asked to stop, by Ctrl-C, by SIGTERM or by a terminal that is closed, a run ends between two
iterations, not in one.

Next: folder.py, where it then saves.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigan.distributed.communicator import ranks

# Ctrl-C; what `kill` and a machine that is shut down send; what a terminal sends as it is closed,
# or a connection that drops; and Windows' word for both.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def stop_when_asked() -> Iterator[list[int]]:
    """Collect such signals in a list, so that the loop stops between two iterations.

    A second Ctrl-C interrupts at once, in the usual way. Who starts a program with nohup has it
    ignore that its terminal was closed, and that is left as it is.
    """
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    numbers = [
        number
        for number in numbers
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN
    ]
    try:
        before = {number: signal.signal(number, note) for number in numbers}
    except ValueError:  # not the main thread: signals do not come here
        yield asked
        return
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def all_stop(asked: list[int]) -> bool:
    """Whether somebody was asked to stop: this process or, where there are more, any of them.

    Signals come to ranks at different iterations, and all must stop after the same one. So they ask
    each other after each; then the list says so on all of them.
    """
    stop = ranks().agree(bool(asked))
    if stop and not asked:
        asked.append(0)
    return stop
