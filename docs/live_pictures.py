"""Photograph the live page: the pictures of docs/live.md, each from a game that a link plays.

    python docs/live_pictures.py            # all of them, into docs/results/live
    python docs/live_pictures.py line       # one of them

It starts `examples/live.py`, opens each link in Chromium (`pip install -e ".[browser]"`, and the
browser with its driver), waits until the game stands at the link's round, and keeps what is seen.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "live"))  # the browser that the tests have
from chromium import Browser  # noqa: E402

OUT = ROOT / "docs" / "results" / "live"
PATIENCE = 300  # seconds until a game has come to its round
MARGIN = 10  # pixels around a drawing that is cut out


class Scene(NamedTuple):
    """A picture: the game, the window, and what is done before it is taken."""

    link: str
    width: int = 1440
    height: int = 900
    dark: bool = False
    act: Callable[[Browser], None] = lambda browser: None
    of: str = ""  # a CSS selector; the whole window, if there is none


def side_by_side(browser: Browser) -> None:
    browser.click('[name="map"][value="both"]')
    time.sleep(1.5)


def cloth(browser: Browser) -> None:
    browser.click("#layer-manifold")
    browser.click("#layer-arrows")
    time.sleep(1.5)


def step_of_d(browser: Browser) -> None:
    """Slow motion, until D's loss is made."""
    browser.click("#slow")
    browser.click("#step-D")
    browser.wait("return document.querySelector('.code .now')?.textContent.includes('loss = ')")
    time.sleep(0.2)


def nearest(browser: Browser) -> None:
    """One of the digits, and a walk on the plane of z."""
    browser.run("""
        const press = (place, key) => document.querySelector(place)
          .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        for (let i = 0; i < 4; i++) press("#plot", "ArrowRight");
        for (let i = 0; i < 8; i++) press(".pad", "ArrowUp");
    """)
    time.sleep(2)


RING = "game=plane&seed=0&data=ring+of+8&discriminator_width=64&generator_width=64"
SCENES = {
    "plane": Scene(f"{RING}&round=1500"),
    "slow": Scene(f"{RING}&round=300", dark=True, act=step_of_d),
    "best": Scene(f"{RING}&round=1500", width=2200, height=1200, act=side_by_side, of=".plot"),
    "grid": Scene(f"{RING}&round=600", act=cloth, of=".plot"),
    "line": Scene("game=line&seed=0&round=1500", of="#stage"),
    "images": Scene(
        "game=images&seed=0&recipe=small%2C+a+digit+of+your+choice&round=4000", act=nearest
    ),
    "phone": Scene(f"{RING}&round=1500", width=390, height=844),
}


@contextmanager
def served() -> Iterator[str]:
    """The address of a page that is served while the block runs."""
    command = [sys.executable, str(ROOT / "examples" / "live.py"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def take(browser: Browser, address: str, scene: Scene) -> Image.Image:
    """The picture of a scene."""
    browser.size(scene.width, scene.height)
    browser.scheme("dark" if scene.dark else "light")
    browser.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    browser.driver.get("about:blank")
    browser.driver.get(f"{address}&{scene.link}")
    goal = int(scene.link.rpartition("round=")[2])
    there = f"""
        const round = document.getElementById("round").textContent.replaceAll(",", "");
        const still = !document.getElementById("play").hasAttribute("data-playing");
        return Number(round) === {goal} && still && document.getElementById("waiting").hidden;
    """
    browser.wait(there, PATIENCE)
    time.sleep(1.5)  # what is seldom asked for
    scene.act(browser)
    part = browser.driver.find_element("css selector", scene.of or "html")
    png = part.screenshot_as_png if scene.of else browser.driver.get_screenshot_as_png()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return cut(picture) if scene.of else picture


def cut(picture: Image.Image) -> Image.Image:
    """The picture without the empty ground around it."""
    ground = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    left, top, right, bottom = ImageChops.difference(picture, ground).getbbox()
    box = (left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)
    inside = (
        max(0, box[0]),
        max(0, box[1]),
        min(picture.width, box[2]),
        min(picture.height, box[3]),
    )
    return picture.crop(inside)


def main() -> int:
    parser = argparse.ArgumentParser(description="Photograph the live page for docs/live.md.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCENES)}; all, if none is named")
    names = parser.parse_args().names or list(SCENES)
    if unknown := set(names) - set(SCENES):
        parser.error(f"there is no picture {', '.join(unknown)}; there are {', '.join(SCENES)}")
    OUT.mkdir(parents=True, exist_ok=True)
    with served() as address, tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder))
        for name in names:
            picture = take(browser, address, SCENES[name])
            path = OUT / f"{name}.png"
            few = picture.quantize(
                256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE
            )
            few.save(path, optimize=True)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
