"""What a program says must never end its work: a console that lacks a letter, is full or is gone.

A Korean console has no é, a log may lie on a full disk, and `| head` closes the pipe behind the
lines that it wants. Python raises in each of these cases, in the middle of whatever was going on.
Next: session.py, what goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

from minigan.distributed.communicator import ranks


class Console:
    """A text stream that goes on without its listener: nothing that is written to it raises.

    A program that has no console at all (pythonw) has None in its place; nobody listens then.
    """

    def __init__(self, stream: TextIO | Console | None) -> None:
        self._stream: Any = stream
        self._is_lost = stream is None
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # \xe9 for an é that is not there

    def write(self, text: str) -> int:
        """Write it if that is possible; as many letters as there are, as any stream would say."""
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def _try(self, do: str, *arguments: Any) -> None:
        if self._is_lost:
            return
        try:
            getattr(self._stream, do)(*arguments)
        except (OSError, ValueError):  # ValueError: it has been closed
            self._is_lost = True
            with suppress(OSError, ValueError):  # what is in its buffer has to go somewhere, too
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def isatty(self) -> bool:
        return not self._is_lost and not self._stream.closed and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def patient_console() -> Iterator[None]:
    """Inside, nothing that is printed raises."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # for who has no console at all
        sys.stdout, sys.stderr = (Console(stream or nowhere) for stream in before)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = before


@contextmanager
def first_rank_speaks() -> Iterator[None]:
    """Inside, what other ranks print goes nowhere; give_up in ending.py still reaches the user."""
    if ranks().rank == 0:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
