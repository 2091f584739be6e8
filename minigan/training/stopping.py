"""Asked to stop, by Ctrl-C or SIGTERM, a run ends between two iterations, not in one.

Next: folder.py, where it then saves.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minigan.distributed.communicator import ranks


@contextmanager
def stop_when_asked() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in a list, so that the loop stops between two iterations.

    A second Ctrl-C interrupts at once, in the usual way.
    """
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
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
