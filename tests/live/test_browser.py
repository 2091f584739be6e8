"""The page in Chromium: what a hand does, and what is then seen; from the server, and without one.

With SCREENSHOTS=FOLDER the pictures that these tests take are kept there.
"""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason='needs pip install "minigan[live]"')
pytest.importorskip("selenium", reason='needs pip install "minigan[browser]"')

from chromium import AXE, CHROMIUM, DRIVER, PYODIDE, Browser

from minigan.live.session import Session
from minigan.live.site import write_site

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="there is no Chromium here, or no chromedriver"
)
SHAPES = {"phone": (390, 844), "tablet": (820, 1180), "wide": (1920, 1080)}
READY = (
    "return document.querySelector('#waiting')?.hidden && !document.querySelector('#play').disabled"
)
ROUND = "Number(document.querySelector('#round').textContent.replace(/\\D/g, ''))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def opened(browser: Browser, serving: Any) -> Iterator[Browser]:
    """The page, from a server, with a game that has just begun; nothing may be on the console."""
    with serving(Session({"seed": 3})) as port:
        browser.size(1440, 900)
        browser.scheme("light")
        browser.complaints()
        browser.driver.get(f"http://127.0.0.1:{port}/#token=the-tests'-own")
        browser.wait(READY)
        yield browser
        assert browser.complaints() == []
        browser.driver.get("about:blank")


def keep(browser: Browser, name: str) -> None:
    """A picture of the page, for whoever wants to look at it."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.driver.save_screenshot(f"{folder}/{name}.png")


def test_play_step_and_travel_in_time(opened: Browser) -> None:
    assert opened.run(f"return {ROUND}") == 0
    assert "token" not in opened.run("return location.href")
    opened.click("#play")
    opened.wait("return document.querySelector('#play').textContent.includes('Pause')")
    opened.wait(f"return {ROUND} > 20")
    opened.click("#play")
    opened.wait("return !document.querySelector('#play').textContent.includes('Pause')")
    stopped = opened.run(f"return {ROUND}")
    opened.click("#step-both")
    opened.wait(f"return {ROUND} === {stopped + 1}")
    opened.choose("#timeline", 5)
    opened.wait(f"return {ROUND} === 5")
    keep(opened, "back at round 5")


def test_the_loss_is_changed_and_the_page_says_which(opened: Browser) -> None:
    opened.choose("#set-objective", "least squares")
    opened.wait("return document.querySelector('#caption').textContent.includes('½')")
    opened.wait(
        "return document.querySelector('#sources, #insides').textContent.includes('least_squares')"
    )
    opened.click("#play")
    opened.wait(f"return {ROUND} > 5")
    keep(opened, "least squares")


def test_slow_motion_shows_the_line_that_runs(opened: Browser) -> None:
    opened.click("#slow")
    opened.click("#step-D")
    opened.wait("return document.querySelector('.code .now')?.textContent.includes('loss = ')", 30)
    keep(opened, "slow motion")
    opened.click("#step-D")  # which ends it


def test_the_keyboard_is_enough(opened: Browser) -> None:
    from selenium.webdriver import ActionChains, Keys

    keys = lambda *pressed: ActionChains(opened.driver).send_keys(*pressed).perform()  # noqa: E731
    keys(Keys.TAB)
    assert opened.run("return document.activeElement.className") == "skip"
    keys("s")
    opened.wait(f"return {ROUND} === 1")
    opened.run("document.activeElement.blur()")
    keys(" ")
    opened.wait(f"return {ROUND} > 3")
    keys(" ")
    opened.wait("return !document.querySelector('#play').textContent.includes('Pause')")
    seen = set()
    for _ in range(80):  # every control has its turn, and shows that it has
        keys(Keys.TAB)
        here = opened.run(
            "const it = document.activeElement, style = getComputedStyle(it);"
            "return [it.id || it.name || it.className || it.tagName, it === document.body ||"
            " style.outlineStyle !== 'none' || style.boxShadow !== 'none', it.outerHTML]"
        )
        assert here[1], here[2][:200]
        seen.add(here[0])
    assert {"game", "play", "step-D", "slow", "speed", "timeline", "plot"} <= seen


def test_a_link_plays_the_same_game_again(opened: Browser) -> None:
    for _ in range(3):
        before = opened.run(f"return {ROUND}")
        opened.click("#step-both")
        opened.wait(f"return {ROUND} === {before + 1}")
    numbers = "return document.querySelector('#curves').textContent"
    opened.choose("#timeline", 2)
    opened.wait(f"return {ROUND} === 2")
    shown = opened.run(numbers)
    opened.choose("#set-seed", 9)
    opened.wait(f"return {ROUND} === 0")
    opened.run("location.hash = 'game=plane&seed=3&round=2'")
    opened.wait(f"return {ROUND} === 2")
    opened.wait(f"{numbers} === {shown!r}")


def test_two_windows_show_one_game(opened: Browser) -> None:
    first, address = opened.driver.current_window_handle, opened.driver.current_url
    opened.driver.switch_to.new_window("window")
    try:
        opened.driver.get(address)  # without a token: the browser has kept it
        opened.wait(READY)
        opened.click("#step-both")
        opened.wait(f"return {ROUND} === 1")
    finally:
        opened.driver.close()
        opened.driver.switch_to.window(first)
    opened.wait(f"return {ROUND} === 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_fits_and_keeps_the_rules_of_accessibility(
    opened: Browser, shape: str, scheme: str
) -> None:
    opened.scheme(scheme)
    opened.size(*SHAPES[shape])
    opened.click("#step-both")
    opened.wait(f"return {ROUND} === 1")
    assert opened.run("return document.documentElement.scrollWidth <= innerWidth")
    background = opened.run("return getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in background[4:].strip("()").split(",")[:3]) > 3 * 128
    assert light is (scheme == "light")
    keep(opened, f"{shape} {scheme}")
    breaches = accessibility(opened)
    assert breaches == []


def accessibility(browser: Browser) -> list[str]:
    """The rules of axe-core (WCAG 2 A and AA, and good practice) that the page breaks."""
    if AXE is None:
        pytest.skip("axe-core is not here: npm install axe-core, or MINIGAN_AXE=its folder")
    browser.run((AXE / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.driver.execute_async_script(
        "axe.run(document, { resultTypes: ['violations'] }).then(arguments[0])"
    )
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def test_an_address_without_its_token_says_what_to_do(
    browser: Browser, serving: Any, counting: Any
) -> None:
    with serving(counting()) as port:
        browser.driver.get(f"http://localhost:{port}/#token=wrong")
        browser.wait("return document.querySelector('#waiting').textContent.includes('token')")
        assert any("401" in line for line in browser.complaints())
        browser.driver.get("about:blank")


# ---- without a server --------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` serves with, less its lines."""

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page as files."""
    if PYODIDE is None:
        pytest.skip("Pyodide is not here: MINIGAN_PYODIDE is the folder of a copy")
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, pyodide=PYODIDE, digits=1000)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_same_page_trains_inside_the_browser_and_never_freezes(
    browser: Browser, site: str
) -> None:
    browser.size(1440, 900)
    browser.scheme("light")
    browser.complaints()
    browser.requests()  # those of the tests before
    browser.driver.get(site)
    browser.wait(READY, 60)
    assert "in this browser" in browser.text("#where")
    browser.click("#step-both")
    browser.wait(f"return {ROUND} === 1", 30)
    browser.run(
        "window.gaps = []; let last = performance.now();"
        "requestAnimationFrame(function tick(now) {"
        " gaps.push(now - last); last = now; requestAnimationFrame(tick); })"
    )
    browser.click("#play")
    browser.wait(f"return {ROUND} > 60", 30)
    browser.click("#play")
    browser.wait("return !document.querySelector('#play').textContent.includes('Pause')")
    gaps = browser.run("return gaps")
    assert len(gaps) > 30 and sorted(gaps)[int(0.98 * len(gaps))] < 250  # milliseconds
    browser.choose("#timeline", 20)
    browser.wait(f"return {ROUND} === 20", 30)
    keep(browser, "inside the browser")
    browser.choose("#game", "images")
    browser.wait("return document.body.dataset.kind === 'images'", 60)
    browser.click("#step-both")
    browser.wait(f"return {ROUND} === 1", 60)
    keep(browser, "digits inside the browser")
    assert browser.complaints() == []
    asked = [address for address in browser.requests() if address.startswith("http")]
    assert asked and all(address.startswith(site) for address in asked)  # nothing of the world
