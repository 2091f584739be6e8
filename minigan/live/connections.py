"""uvicorn's connections, so many and no more, and none that is held open for nothing.

uvicorn closes a connection that is idle between two requests. One that never sends its request, or
sends a byte of it a minute, or never takes its answer, it would keep for ever. Next: door.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

OPEN = 128  # connections at most
PATIENCE = 15.0  # seconds for a request to arrive whole, and for an answer to be taken

FULL = b"so many pages are open that no other can be served; close some"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(FULL), FULL)
)


class PatientConnection(H11Protocol):
    """A connection that is cut where it lets the server wait."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > OPEN:
            transport.write(REFUSAL)
            transport.close()
        else:
            self._wait_for_client()

    def handle_events(self) -> None:
        if self.transport.is_closing():
            return
        super().handle_events()
        cycle = self.cycle
        if cycle is not None and not cycle.more_body and not cycle.response_complete:
            self._wait_no_more()  # the request is here: now the client waits for us

    def on_response_complete(self) -> None:
        self._wait_for_client()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Ctrl-C was pressed: nobody waits for anybody any longer."""
        self.transport.abort()

    def _wait_for_client(self) -> None:
        self._wait_no_more()
        self._limit = self.loop.call_later(PATIENCE, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
