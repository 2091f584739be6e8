"""Measure the live page: rounds a second from the server and in the browser, and what it weighs.

    python tests/live/measure.py --pyodide PYODIDE

It writes docs/results/data/live.json, and docs/results/live/browser_digits.png: what a small GAN
draws after two minutes inside Chromium. It needs `pip install -e ".[live,browser]"`, Chromium with
its driver, and a copy of Pyodide.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chromium import Browser

from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.files import atomic_write
from minigan.live.site import write_site
from minigan.training.command import run_command
from minigan.training.parser import Parser, path, positive

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "results" / "data" / "live.json"
PICTURE = ROOT / "docs" / "results" / "live" / "browser_digits.png"
WANTS = ["samples", "field", "divergences", "gradients"]  # what the page of the plane asks for
WIDTHS = (16, 32, 64)  # of both networks, inside the browser
READY = (
    "return document.querySelector('#waiting')?.hidden && !document.querySelector('#play').disabled"
)
ROUND = "return Number(document.querySelector('#round').textContent.replace(/\\D/g, ''))"


class Client:
    """What a page does: it asks for a frame, and when it has it, for the next one."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self.frames = 0

    def ask(self, ask: str, **fields: Any) -> Any:
        request = {"protocol": 1, "id": 1, "ask": ask, **fields}
        self.connection.request("POST", "/api", json.dumps(request), self.headers)
        return json.loads(self.connection.getresponse().read())

    def look(self, until: float) -> None:
        frame = self.ask("frame", wants=WANTS)
        while time.monotonic() < until:
            since = frame.get("round", 0)
            frame = self.ask("frame", after=frame["serial"], since=since, wants=WANTS)
            self.frames += 1
            time.sleep(1 / 60)  # a screen's


def from_server(seconds: float) -> list[dict[str, Any]]:
    """Rounds a second of the game on the plane, with so many pages that look."""
    command = [sys.executable, str(ROOT / "examples" / "live.py"), "--no-browser", "--threads", "1"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    found = re.search(r":(\d+)/#token=(\S+)", server.stdout.readline())
    assert found is not None
    place = int(found[1]), found[2]
    rows = []
    try:
        for pages in (0, 1, 10, 50):
            Client(*place).ask("new", settings={"game": "plane"})
            Client(*place).ask("play", playing=True)
            time.sleep(1)
            clients = [Client(*place) for _ in range(pages)]
            began, first = time.monotonic(), Client(*place).ask("frame")["round"]
            threads = [
                threading.Thread(target=one.look, args=(began + seconds,)) for one in clients
            ]
            for thread in threads:
                thread.start()
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            rounds = Client(*place).ask("frame")["round"] - first
            took = time.monotonic() - began
            for thread in threads:
                thread.join()
            frames = [one.frames / took for one in clients]
            rows.append(
                {
                    "pages": pages,
                    "rounds a second": rounds / took,
                    "frames a second of a page": sum(frames) / len(frames) if frames else 0.0,
                }
            )
    finally:
        server.terminate()
        server.wait(10)
    return rows


@contextmanager
def served(folder: Path, asked: dict[str, int]) -> Iterator[str]:
    """The address of a folder's files; what is asked for is noted, with its bytes."""

    class Noting(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            pass

        def do_GET(self) -> None:  # noqa: N802
            file = Path(self.translate_path(self.path))
            file = file / "index.html" if file.is_dir() else file
            asked[file.relative_to(folder).as_posix()] = file.stat().st_size
            super().do_GET()

    handler = functools.partial(Noting, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def kinds(files: dict[str, int]) -> dict[str, int]:
    """Bytes of the page itself, of minigan, of the digits, and of Pyodide with its packages."""
    found = {"page": 0, "minigan": 0, "digits": 0, "Pyodide": 0}
    for name, size in files.items():
        kind = {"digits": "digits", "pyodide": "Pyodide"}.get(name.split("/")[0], "page")
        found["minigan" if name.endswith(".whl") and kind == "page" else kind] += size
    return found


def rate(browser: Browser, seconds: float) -> float:
    """Rounds a second that the page plays, and shows."""
    browser.click("#play")
    time.sleep(2)
    began, first = time.monotonic(), browser.run(ROUND)
    time.sleep(seconds)
    last, ended = browser.run(ROUND), time.monotonic()
    browser.click("#play")
    time.sleep(1)
    return float((last - first) / (ended - began))


def in_browser(pyodide: Path, seconds: float) -> dict[str, Any]:
    """Inside Chromium: what is loaded, the game on the plane, and two minutes of digits."""
    asked: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site"
        written = write_site(site, pyodide=pyodide)
        with served(site, asked) as address:
            browser = Browser(Path(scratch) / "profile")
            try:
                began = time.monotonic()
                browser.driver.get(address)
                browser.wait(READY, 120)
                loading = time.monotonic() - began
                planes = []
                for width in WIDTHS:
                    settings = f"generator_width={width}&discriminator_width={width}"
                    browser.run(f"location.hash = 'game=plane&seed=0&{settings}'")
                    time.sleep(2)
                    planes.append({"width": width, "rounds a second": rate(browser, seconds)})
                browser.run("location.hash = 'game=images&seed=0'")
                browser.wait("return document.body.dataset.kind === 'images'", 60)
                time.sleep(2)
                began = time.monotonic()
                browser.click("#play")
                time.sleep(120 - (time.monotonic() - began))
                rounds, took = browser.run(ROUND), time.monotonic() - began
                browser.click("#play")
                time.sleep(2)
                PICTURE.parent.mkdir(parents=True, exist_ok=True)
                browser.driver.save_screenshot(str(PICTURE))
                version = browser.driver.capabilities["browserVersion"]
                complaints = browser.complaints()
            finally:
                browser.close()
    if complaints:
        raise UserError(f"the page has complained: {complaints}")
    return {
        "Chromium": version,
        "Pyodide": json.loads((pyodide / "pyodide-lock.json").read_text())["info"]["version"],
        "seconds until it can be played": loading,
        "plane": planes,
        "digits": {"seconds": took, "rounds": rounds, "rounds a second": rounds / took},
        "bytes of a first visit": kinds(asked),
        "bytes of all files": kinds(written),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(__file__, "Measure the live page.", leaves={"live.json": "what was measured"})
    add = parser.group("what to do").add_argument
    add("--pyodide", type=path, required=True, help="the folder of a copy of Pyodide")
    add("--seconds", type=positive, default=10, help="of each measurement")
    options: argparse.Namespace = parser.parse_args(arguments)
    found: dict[str, Any] = {"from the server": from_server(options.seconds)}
    print(json.dumps(found), flush=True)
    found["in the browser"] = in_browser(options.pyodide, options.seconds)
    found |= circumstances(f"python tests/live/measure.py --seconds {options.seconds}", 1)
    with atomic_write(OUT) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found["in the browser"], indent=1))
    return 0


if __name__ == "__main__":
    run_command(main, together=False)
