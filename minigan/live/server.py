"""The page and its engine, served from this machine: the files of the page, and POST /api.

    GET /                the page
    GET /plane.js        one of its files
    POST /api            a request of protocol.py; Authorization: Bearer TOKEN

Starlette and uvicorn serve it; a thread of its own plays. Nothing of the disk can be asked for but
the files of the page, and they lie in memory.
Next: inside.py, the same page without a server.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import socket
import sys
import threading
import webbrowser
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from minigan.errors import UserError
from minigan.live.connections import PatientConnection
from minigan.live.door import LOOPBACK, Door, RefusedError, bracketed, is_loopback, names_of
from minigan.live.protocol import MOST_BYTES, read_request
from minigan.live.site import PAGE
from minigan.live.thread import GameThread, Played

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
SITE = {"engine": "server"}  # site.json: what connection.js reads first

PORTS = 50  # that are tried, one after another


def application(thread: GameThread, door: Door) -> Starlette:
    """The server without its sockets: an ASGI application."""

    async def api(request: Request) -> Response:
        door.check_token(request.headers)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise RefusedError(415, "a request is sent as application/json")
        try:
            asked = read_request(await body_of(request))
            answer = await asyncio.wrap_future(thread.ask(asked))
        except UserError as error:
            raise RefusedError(400, str(error)) from error
        return Response(answer, media_type="application/json")

    def page(name: str, content: bytes) -> Route:
        async def show(request: Request) -> Response:
            return Response(content, media_type=TYPES[Path(name).suffix])

        return Route("/" if name == "index.html" else f"/{name}", door.guard(show))

    async def missing(request: Request, error: Exception) -> Response:
        async def refuse(request: Request) -> Response:
            status = getattr(error, "status_code", 404)
            raise RefusedError(status, "there are the page, /, and POST /api, and nothing else")

        return await door.guard(refuse)(request)

    routes = [page(name, content) for name, content in page_files().items()]
    routes.append(Route("/api", door.guard(api), methods=["POST"]))
    app = Starlette(routes=routes, exception_handlers={404: missing, 405: missing})
    app.router.redirect_slashes = False  # what is not there is nowhere else
    return app


def page_files() -> dict[str, bytes]:
    """All that can be asked for, by name: read once, so that no request ever reaches the disk."""
    files = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in TYPES}
    return {**files, "site.json": json.dumps(SITE).encode()}


async def body_of(request: Request) -> bytes:
    """The body, of which no more is read than a request may have. Raises RefusedError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"a request has at most {MOST_BYTES:,} bytes")
    return bytes(body)


# ---- from the command line ---------------------------------------------------------------------


def serve(game: Played, *, port: int, host: str = LOOPBACK, browser: bool = True) -> None:
    """Serve the page of a game until Ctrl-C. Prints the address, which has the token.

    port: where to listen; if it is taken, the next free one is.
    host: LOOPBACK, which only this machine can reach, or an address of this machine that others
    reach as well; what that means is printed.
    browser: open the page in it, where there is one.

    Raises UserError if there is no such host, or no free port.
    """
    listener = listen(host, port)
    port = listener.getsockname()[1]
    door = Door(names_of(host), port, secrets.token_urlsafe(24))
    any_place = host in ("0.0.0.0", "::")
    address = f"http://{socket.gethostname() if any_place else bracketed(host)}:{port}/"
    address += f"#token={door.token}"
    print(address, flush=True)
    if not is_loopback(host):
        print(
            f"warning: with --host {host} other machines can reach this server. Whoever knows the "
            "address above can watch and steer the game, and all of it is sent unencrypted: this "
            "is for a network that you trust.",
            flush=True,
        )
    print("Ctrl-C ends it.", flush=True)
    if browser and has_browser():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    thread = GameThread(game)
    thread.start()
    try:
        asyncio.run(server(thread, door).serve(sockets=[listener]))
    except KeyboardInterrupt:  # uvicorn has ended in order, and passes on what ended it
        print()
    finally:
        thread.end()
        thread.join(0.3)


def server(thread: GameThread, door: Door) -> uvicorn.Server:
    """uvicorn, as this page needs it."""
    return uvicorn.Server(
        uvicorn.Config(
            application(thread, door),
            http=PatientConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # requests that make no sense are not worth a line each
            server_header=False,
            proxy_headers=False,  # nobody stands between
            timeout_graceful_shutdown=1,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first free port from `port` on; 0 is any. Raises UserError."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"--host {host}: there is no such address ({error})") from error
    last = min(port + PORTS, 65_536)
    for candidate in range(port, last):
        listener = socket.socket(family, kind)
        if sys.platform != "win32":  # where this would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place[0], candidate, *place[2:]))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise UserError(f"--host {host}: {error.strerror}; is it this machine's?") from error
        return listener
    raise UserError(f"no port from {port} to {last - 1} is free on {host}; choose another --port")


def has_browser() -> bool:
    """Whether a window can be opened; on a terminal alone, a browser would take that over."""
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
