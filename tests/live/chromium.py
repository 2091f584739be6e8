"""Chromium without a window, for the tests of the page and measure.py."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --force-color-profile=srgb"
)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """A browser with a profile of its own; `folder` gets the profile, and what is downloaded."""

    def __init__(self, folder: Path, *, size: tuple[int, int] = (1440, 900)) -> None:
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (
            *QUIET.split(),
            f"--user-data-dir={folder}",
            f"--window-size={size[0]},{size[1]}",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options=options, service=Service(str(DRIVER)))
        self.driver.set_script_timeout(60)

    def close(self) -> None:
        self.driver.quit()

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function body of JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent", selector))

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def choose(self, selector: str, value: Any) -> None:
        """Give a control a value, as a hand does."""
        self.run(
            "const it = document.querySelector(arguments[0]); it.value = arguments[1];"
            "for (const what of ['input', 'change'])"
            " it.dispatchEvent(new Event(what, { bubbles: true }))",
            selector,
            value,
        )

    def wait(self, script: str, seconds: float = 20.0) -> Any:
        """What the JavaScript returns, once that is something. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.run(script):
                return found
            time.sleep(0.05)
        raise TimeoutError(f"{script}: not in {seconds} seconds; the console: {self.complaints()}")

    def round(self) -> int:
        return int(self.text("#round").replace(",", "").replace(" ", "").replace(" ", ""))

    def size(self, width: int, height: int) -> None:
        """The size of what the page has, on a screen of one dot a pixel."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def scheme(self, name: str) -> None:
        """Light or dark, as the system says."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def complaints(self) -> list[str]:
        """What the console has said since it was last asked: errors and warnings."""
        entries = self.driver.get_log("browser")
        return [one["message"] for one in entries if one["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> dict[str, int]:
        """The addresses that were asked for since this was last asked, and the bytes that came."""
        entries = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        address = {
            one["params"]["requestId"]: one["params"]["request"]["url"]
            for one in entries
            if one["method"] == "Network.requestWillBeSent"
        }
        return {
            address[one["params"]["requestId"]]: int(one["params"]["encodedDataLength"])
            for one in entries
            if one["method"] == "Network.loadingFinished" and one["params"]["requestId"] in address
        }


def folder_of(variable: str, beside: Path, holds: str) -> Path | None:
    """The folder that an environment variable names, or this one, if it holds such a file."""
    places = [Path(os.environ[variable])] if os.environ.get(variable) else []
    return next((place for place in (*places, beside) if (place / holds).is_file()), None)


# A copy of Pyodide, and the package axe-core of npm: neither is part of this project.
ROOT = Path(__file__).parents[2]
PYODIDE = folder_of("MINIGAN_PYODIDE", ROOT.parent / "shared" / "pyodide", "pyodide.mjs")
AXE = folder_of("MINIGAN_AXE", ROOT / "node_modules" / "axe-core", "axe.min.js")
