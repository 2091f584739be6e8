"""298 small pictures that may be shown: python docs/experiments/emoji.py PACKAGE FOLDER

Faces and people of the Noto emoji (Google, Apache License 2.0), as the npm package
emoji-datasource-google (16.0.0) carries them: `npm pack emoji-datasource-google`, unpacked, is
PACKAGE. They are set on white and averaged to 32 × 32 pixels, into FOLDER/faces and FOLDER/people.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from PIL import Image

from minigan.files import make_folder
from minigan.training.command import path, run_command

SIDE = 32
FACES = ("face-", "cat-face", "monkey-face")  # how the names of such subcategories begin


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a folder of small emoji.")
    parser.add_argument("package", type=path, help="the unpacked package")
    parser.add_argument("folder", type=path, help="where the pictures go")
    options = parser.parse_args(arguments)
    count = 0
    for emoji in json.loads((options.package / "emoji.json").read_text(encoding="utf-8")):
        kind = emoji["subcategory"]
        if not (kind.startswith(FACES) or kind == "person"):
            continue
        folder = options.folder / ("people" if kind == "person" else "faces")
        make_folder(folder)
        for one in (emoji, *emoji.get("skin_variations", {}).values()):
            with Image.open(options.package / "img" / "google" / "64" / one["image"]) as drawing:
                page = Image.new("RGBA", drawing.size, "white")
                page.alpha_composite(drawing.convert("RGBA"))
            small = page.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
            small.save(folder / one["image"])
            count += 1
    print(f"made {count} pictures in {options.folder}")


if __name__ == "__main__":
    run_command(main)
