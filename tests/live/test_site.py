"""Tests of the page as files: the wheel and the digits in it, and the engine in Pyodide."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from chromium import PYODIDE

import minigan
from minigan.data.mnist import mnist
from minigan.errors import UserError
from minigan.live import site as module
from minigan.live.site import PAGE, digit_files, main, own_version, wheel, write_site
from minigan.live.site import PYODIDE as ONLINE

HERE = Path(__file__).parent


def test_the_wheel_is_one(tmp_path: Path) -> None:
    content = wheel()
    assert content == wheel()  # the same files, the same bytes
    assert own_version() == minigan.__version__
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None and len(set(names)) == len(names)
        about = f"minigan-{minigan.__version__}.dist-info"
        rows = list(csv.reader(archive.read(f"{about}/RECORD").decode().splitlines()))
        assert [row[0] for row in rows] == names
        for name, digest, size in rows[:-1]:
            found = hashlib.sha256(archive.read(name)).digest()
            assert digest == f"sha256={base64.urlsafe_b64encode(found).decode().rstrip('=')}"
            assert size == str(len(archive.read(name)))
        assert {"minigan/gans/gan.py", "minigan/live/schema.json"} <= set(names)
        assert not [name for name in names if name.endswith((".xz", ".safetensors", ".js", ".cu"))]
    assert len(content) < 1_000_000
    file = tmp_path / f"minigan-{minigan.__version__}-py3-none-any.whl"
    file.write_bytes(content)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "installed")
    program = "import minigan.live.session as it; print(it.__file__); it.Session()"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path / "installed", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))


def test_the_digits_are_mnists_and_need_no_lzma(tmp_path: Path) -> None:
    for name, content in digit_files(50).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    digits, all_of_them = mnist("train", tmp_path / "digits"), mnist("train")
    assert np.array_equal(digits.images, all_of_them.images[:50])
    assert digits.labels is not None and all_of_them.labels is not None
    assert np.array_equal(digits.labels, all_of_them.labels[:50])
    text = (tmp_path / "digits" / "LICENSE.md").read_text(encoding="utf-8")
    assert "the first 50 of the training images" in text and "Attribution-Share Alike" in text
    with pytest.raises(UserError, match="there are 60,000 digits, not 60,001"):
        digit_files(60_001)


def test_a_page_is_written_over_a_page_and_over_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "site"
    for _ in range(2):
        assert main([str(out), "--digits", "10"]) == 0
    assert "MB, to " in capsys.readouterr().out
    told = json.loads((out / "site.json").read_text(encoding="utf-8"))
    assert told["engine"] == "browser" and told["pyodide"] == ONLINE
    assert (out / told["wheel"]).is_file() and all(
        (out / name).is_file() for name in told["digits"]
    )
    for page in PAGE.iterdir():
        assert (out / page.name).read_bytes() == page.read_bytes()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("It was a dark night.")
    for other in (tmp_path / "mine", tmp_path / "mine" / "novel.txt"):
        with pytest.raises(UserError, match="holds something else than this page"):
            write_site(other)
    with pytest.raises(UserError, match="does not hold Pyodide with numpy, Pillow, threadpoolctl"):
        write_site(tmp_path / "new", pyodide=tmp_path / "mine")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(PYODIDE is None, reason="no copy of Pyodide: see MINIGAN_PYODIDE")
def test_the_page_asks_for_the_pyodide_that_was_tried() -> None:
    assert PYODIDE is not None
    version = json.loads((PYODIDE / "pyodide-lock.json").read_text())["info"]["version"]
    assert f"/v{version}/" in ONLINE


@pytest.mark.skipif(PYODIDE is None, reason="no copy of Pyodide: see MINIGAN_PYODIDE")
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_every_game_is_played_in_pyodide(tmp_path: Path) -> None:
    written = write_site(tmp_path, pyodide=PYODIDE, digits=500)
    assert {f"pyodide/{name}" for name in module.CORE} < set(written)
    command = ["node", HERE / "node" / "engine.mjs", tmp_path, HERE / "node" / "engine.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found.pop("missing") == ["lzma", "safetensors", "tqdm", "matplotlib"]
    assert {"plane", "line", "images"} <= set(found) and min(found.values()) > 0
