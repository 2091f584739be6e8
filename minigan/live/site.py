"""The page as files that any web server can serve: minigan itself runs in the browser.

    python -m minigan.live.site OUT
    python -m http.server --directory OUT

OUT gets the page, minigan as a wheel, and some of MNIST's digits in a form that needs no lzma,
which Python lacks there. Python comes from Pyodide's own servers, or from a copy that --pyodide
names, and then the page asks nothing of the world. Here the way through the source ends.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minigan.data.mnist import FILES, PACKAGED, mnist
from minigan.errors import UserError
from minigan.files import atomic_write
from minigan.training.command import run_command
from minigan.training.parser import Parser, path, positive

PAGE = Path(__file__).parent / "page"
PACKAGE = PAGE.parents[1]

# The version that the tests have run the engine in
PYODIDE = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"
PACKAGES = ("numpy", "Pillow", "threadpoolctl")  # of Pyodide's own, as minigan needs them
CORE = (
    "pyodide.mjs",
    "pyodide.asm.js",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)

DIGITS = 10_000  # of the 60,000: enough to learn from for some minutes, in a sixth of the bytes
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the date of what is in the wheel: the same files, the same bytes


def write_site(out: Path, *, pyodide: Path | None = None, digits: int = DIGITS) -> dict[str, int]:
    """Write the page to a folder; the names of its files, and their bytes.

    pyodide: a folder with Pyodide's files, of which those needed are copied.
    digits: how many of MNIST's images the page can learn from.

    Raises UserError if the folder holds anything but such a page, if a file of Pyodide's is
    missing, or if there are fewer digits.
    """
    if out.exists() and not is_site(out):
        raise UserError(f"{out} holds something else than this page; name a new folder")
    numbers = digit_files(digits)
    wheel_name = f"minigan-{own_version()}-py3-none-any.whl"
    site = {
        "engine": "browser",
        "pyodide": "pyodide/" if pyodide else PYODIDE,
        "packages": PACKAGES,
        "wheel": wheel_name,
        "digits": [name for name in numbers if name.endswith(".gz")],
    }
    files = {one.name: one.read_bytes() for one in sorted(PAGE.iterdir()) if one.is_file()}
    files |= numbers | {wheel_name: wheel(), "site.json": json.dumps(site).encode()}
    if pyodide is not None:
        files |= {f"pyodide/{name}": content for name, content in pyodide_files(pyodide).items()}
    for name, content in files.items():
        with atomic_write(out / name) as temporary:
            temporary.write_bytes(content)
    return {name: len(content) for name, content in files.items()}


def is_site(folder: Path) -> bool:
    """Whether a folder is empty, or holds a page that this program wrote."""
    return folder.is_dir() and ((folder / "site.json").is_file() or not any(folder.iterdir()))


def own_version() -> str:
    """The version that the package says of itself, installed or not."""
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def wheel() -> bytes:
    """The package as a wheel: its modules and their tables, without data, kernels and page.

    A wheel is a zip with a list of what is in it (PEP 427). It is made of the package that runs,
    so what was installed without its sources, or from a zip, does as well.
    """
    version = own_version()
    about = f"minigan-{version}.dist-info"
    contents = {
        f"minigan/{path.relative_to(PACKAGE).as_posix()}": path.read_bytes()
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in (".py", ".json") and PAGE not in path.parents
    }
    contents[f"{about}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: minigan\nVersion: {version}\n".encode()
    )
    contents[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = [
        f"{name},sha256={_digest(content)},{len(content)}" for name, content in contents.items()
    ]
    record = f"{about}/RECORD"
    contents[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def digit_files(count: int) -> dict[str, bytes]:
    """MNIST's first images and their labels as IDX files, and under what license they are."""
    digits = mnist("train")
    assert digits.labels is not None
    images, labels = digits.images[:, 0], digits.labels.astype(np.uint8)
    if count > len(images):
        raise UserError(f"there are {len(images):,} digits, not {count:,}")
    text = (PACKAGED / "LICENSE.md").read_text(encoding="utf-8")
    here = f"Here are the first {count:,} of the training images and their labels.\n\n"
    names = FILES["train"]
    return {
        f"digits/{names[0]}.gz": idx(images[:count]),
        f"digits/{names[1]}.gz": idx(labels[:count]),
        "digits/LICENSE.md": (here + text).encode(),
    }


def idx(array: NDArray[np.uint8]) -> bytes:
    """A compressed IDX file of these bytes: minigan/data/mnist.py has the format, and reads it."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), 9, mtime=0)


def pyodide_files(folder: Path) -> dict[str, bytes]:
    """Pyodide's own files, and those of the packages that minigan needs. Raises UserError."""
    names = list(CORE)
    try:
        known = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
        names += [known[name.lower()]["file_name"] for name in PACKAGES]
        return {name: (folder / name).read_bytes() for name in names}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{folder} does not hold Pyodide with {', '.join(PACKAGES)}: {error}. The file "
            "pyodide-VERSION.tar.bz2 of its releases, unpacked, does"
        ) from error


# ---- from the command line ---------------------------------------------------------------------


def parser() -> Parser:
    made = Parser(
        "-m minigan.live.site",
        "Write the live page as files, with minigan in it, for any web server.",
        takes="OUT",
        examples=["site", "site --pyodide pyodide"],
        leaves={"index.html": "the page; open it by way of a web server, not as a file"},
    )
    made.add_argument("out", type=path, metavar="OUT", help="the folder to write to")
    add = made.group("what it loads").add_argument
    add("--pyodide", type=path, help="a copy of Pyodide to take along (default: from its servers)")
    add("--digits", type=positive, default=DIGITS, help="of MNIST, for the page to learn from")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    written = write_site(options.out, pyodide=options.pyodide, digits=options.digits)
    print(f"wrote {len(written)} files, {sum(written.values()) / 1e6:.1f} MB, to {options.out}")
    print(f"To look at it: python -m http.server --bind 127.0.0.1 --directory {options.out}")
    return 0


if __name__ == "__main__":
    run_command(main, together=False)
