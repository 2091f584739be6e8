"""How fast a run goes: about how long it will take, and whether its threads wait for a core.

Next: watching.py, what the networks' gradients are meanwhile.
"""

from __future__ import annotations

import time
from pathlib import Path

from minigan.backend import get_num_threads

WINDOW = 5.0  # seconds that are looked at together
BUSY = 0.25  # seconds that threads waited for a core, for each second that they ran

WAITING = (
    "another program holds a core, and so threads wait for one: --threads 1 leaves it that core "
    "and takes about as long"
)


class Pace:
    """Looks at the clock after each iteration, and now and then has a line to say."""

    def __init__(self, total: int, *, besides: str | None = None) -> None:
        self.total, self.besides = total, besides  # what also takes its time, later
        self._iteration = 0  # where the window began, which has not yet
        self._has_estimated = False
        self._has_warned = get_num_threads() == 1

    def lines(self, iteration: int) -> list[str]:
        """What is worth saying after this iteration: mostly nothing."""
        if self._iteration == 0:  # the first prepares much that the others find ready
            self._begin(iteration)
        seconds = time.monotonic() - self._since
        if seconds < WINDOW or iteration == self._iteration:
            return []
        lines = []
        if not self._has_estimated:
            self._has_estimated = True
            left = seconds / (iteration - self._iteration) * (self.total - iteration)
            if left > WINDOW:
                more = f", besides {self.besides}" if self.besides else ""
                lines.append(
                    f"about {in_words(left)} to go, as the first {seconds:.0f} s went{more}"
                )
        if not self._has_warned:
            waited, ran = seconds_waited() - self._waited, time.process_time() - self._ran
            if waited > BUSY * ran:
                self._has_warned = True
                lines.append(WAITING)
        self._begin(iteration)
        return lines

    def _begin(self, iteration: int) -> None:
        self._iteration, self._since = iteration, time.monotonic()
        self._ran, self._waited = time.process_time(), seconds_waited()


def seconds_waited() -> float:
    """How long the threads of this process could have run and got no core: Linux tells, others 0.

    A thread that sleeps until another one is done does not count; a machine with nothing else to
    do lets none wait.
    """
    nanoseconds = 0
    try:
        for thread in Path("/proc/self/task").iterdir():
            nanoseconds += int((thread / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):  # another system, or a thread that has just ended
        pass
    return nanoseconds / 1e9


def in_words(seconds: float) -> str:
    """A duration as one would say it: 40 seconds, 6 minutes, 2.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
