"""The door of the server: who may come in, how fast, and with what every answer is sent.

A server on this machine is reached by every page that its browsers have open, strangers' pages
too. The engine obeys whoever knows the token that the address ends with, and the token is sent in
a header, which no stranger's page can do. Two things more are refused, lest a browser be led here:
a name that is not ours and leads to this machine all the same (DNS rebinding), and a request whose
Origin is another page. Next: server.py.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from minigan.live.protocol import refused, write_answer

LOOPBACK = "127.0.0.1"
REQUESTS = 300  # a second, of all pages together
REFUSALS = 50  # a second; who guesses at tokens waits

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Handler = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request that is not met: the status, and one line that says why."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


class Pace:
    """So many a second and no more: who comes too early waits for the turn."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        self._next = max(self._next, now - 0.1) + self._gap  # a tenth of a second may come at once
        if self._next > now:
            await asyncio.sleep(self._next - now)


class Door:
    """What everybody passes who comes in.

    `names` are those by which the server may be called, as `names_of` gives them.
    """

    def __init__(self, names: frozenset[str], port: int, token: str) -> None:
        self.names, self.port, self.token = names, port, token
        self._requests, self._refusals = Pace(REQUESTS), Pace(REFUSALS)

    def guard(self, handle: Handler) -> Handler:
        """The handler, behind the door."""

        async def guarded(request: Request) -> Response:
            try:
                await self._requests.turn()
                self.check_origin(request.headers)
                response = await handle(request)
            except RefusedError as error:
                await self._refusals.turn()
                text = write_answer(refused(None, error))
                response = Response(text, error.status, media_type="application/json")
                response.headers["Connection"] = "close"  # what else was sent is not read
            except ClientDisconnect:  # in the middle of its request
                response = Response(status_code=400)
            response.headers.update(HEADERS)
            return response

        return guarded

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raise RefusedError if another page, or a name that is not ours, has led here."""
        host = headers.get("host", "").lower()
        if not self.is_ours(host):
            raise RefusedError(403, f"this is not {host[:60]!r}; open the address that was printed")
        origin = headers.get("origin", f"http://{host}").lower()
        if origin != f"http://{host}":
            raise RefusedError(403, f"a page of {origin[:60]!r} may not ask; only this one's may")
        came_from = headers.get("sec-fetch-site", "none")
        if came_from not in ("none", "same-origin") and (
            headers.get("sec-fetch-mode") != "navigate"  # a link may lead to the page itself
        ):
            raise RefusedError(403, "another page may not ask; only this one may")

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        return name in self.names or ("*" in self.names and is_number(name))

    def check_token(self, headers: Mapping[str, str]) -> None:
        """Raise RefusedError if the token of the address is not there."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(given.encode("latin-1"), self.token.encode())
        if kind.lower() != "bearer" or not known:
            raise RefusedError(401, "the token is missing or wrong: open the printed address")


def names_of(host: str) -> frozenset[str]:
    """The names by which a server that listens on `host` may be called; * stands for all numbers.

    Any other name may be a stranger's, whose name server has led here. Numbers lead where they say.
    """
    if is_loopback(host):
        return frozenset({bracketed(host), "localhost", LOOPBACK, "[::1]"})
    return frozenset({bracketed(host.lower()), "localhost", socket.gethostname().lower(), "*"})


def is_number(name: str) -> bool:
    """Whether a host is an address in numbers, such as 192.168.0.7 or [::1]."""
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    return host == "localhost" or (is_number(host) and ipaddress.ip_address(host).is_loopback)


def bracketed(host: str) -> str:
    """A host as an address has it: numbers with colons stand in brackets."""
    return f"[{host}]" if ":" in host else host
