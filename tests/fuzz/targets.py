"""What is fuzzed: one function for each reader of files that may come from strangers.

Each takes the bytes of a file and reads it. It may succeed or raise a UserError of one line, and
its memory is bounded by the size of the file; everything else is a fault. Each comes with seeds,
small files of the right kind, from which a fuzzer begins.

fuzz.py feeds these functions for as long as one likes; test_targets.py, a few inputs in the suite.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import json
import lzma  # noqa: F401  minigan imports it at its first use, which would count as memory
import os
import shutil
import struct
import tempfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import safetensors.numpy  # noqa: F401  the same
from PIL import Image

from minigan.data.cifar10 import cifar10
from minigan.data.mnist import read_idx
from minigan.data.pictures import image_folder
from minigan.errors import UserError
from minigan.files import LARGEST_EXPANSION
from minigan.gans import (
    DCGAN,
    LSGAN,
    MLPGAN,
    WGANGP,
    ConditionalGAN,
    OriginalGAN,
    conditional_gan,
    dcgan,
    gan,
    lsgan,
    original_gan,
    rebuild,
    wgan_gp,
)
from minigan.training.checkpoint import load_checkpoint, previous_of, save_checkpoint
from minigan.training.folder import RunFolder, read_config
from minigan.training.metrics import read_metrics

CONSTANT = 4 << 20  # bytes that a reader may take whatever the file: buffers, tables, networks

# A picture of a few bytes may rightly decode to 89 million pixels. That takes a second: too long
# for a fuzzer, which is to try thousands. The true limit has tests of its own.
FEW_PIXELS = 1 << 16


class TooMuchMemoryError(AssertionError):
    """A reader took more memory than its file allows."""


class Target(NamedTuple):
    """A reader, and inputs that it accepts, from which the fuzzer sets out."""

    read_once: Callable[[bytes], object]  # what it returns is of use to tests only
    seeds: Callable[[], list[bytes]]

    def read(self, content: bytes) -> object:
        """Read it, and once more if that took too much memory: a fault takes it every time.

        Python's own table of interned strings doubles in the middle of whatever reads the string
        that no longer fits, and the 170,000th in a process costs 7.7 MB.
        """
        try:
            return self.read_once(content)
        except TooMuchMemoryError:
            return self.read_once(content)


@cache
def _scratch() -> Path:
    """A folder of this process, in memory where the system has such a place."""
    shared = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz", dir=shared if shared.is_dir() else None))


@contextmanager
def _scratch_file(name: str, content: bytes) -> Iterator[Path]:
    path = _scratch() / name
    path.write_bytes(content)
    yield path


def remove_scratch() -> None:
    shutil.rmtree(_scratch(), ignore_errors=True)


@contextmanager
def bounded(size: int, factor: int) -> Iterator[None]:
    """Fail if Python and NumPy take more than `factor` times `size` bytes, and a constant.

    Whoever calls a target starts tracemalloc, and once: starting it anew costs memory each time.
    """
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield
    finally:
        taken = tracemalloc.get_traced_memory()[1] - before
    if taken > factor * size + CONSTANT:
        raise TooMuchMemoryError(f"{taken} bytes of memory for {size} of the file")


def _one_line(error: UserError) -> None:
    assert "\n" not in str(error) and str(error), f"not one line: {str(error)!r}"


# --- IDX files ------------------------------------------------------------------------------------

SUFFIXES = ["", ".gz"]  # .xz is for the packaged set alone


def idx(content: bytes) -> np.ndarray | None:
    """The first byte says how the file is called, and whether images or labels are expected."""
    kind, content = content[:1] or b"\0", content[1:]
    suffix, dimensions = SUFFIXES[kind[0] % 2], (1, 3)[kind[0] // 2 % 2]
    with _scratch_file(f"idx{suffix}", content) as path:
        try:
            with bounded(len(content), LARGEST_EXPANSION):
                array = read_idx(path, dimensions)
        except UserError as error:
            return _one_line(error)
        assert array.size and array.ndim == dimensions
        return array


def idx_seeds() -> list[bytes]:
    images = struct.pack(">4I", 0x803, 3, 5, 4) + bytes(range(60))
    labels = struct.pack(">2I", 0x801, 6) + bytes(range(6))
    packed = [gzip.compress(content, mtime=0) for content in (labels, images)]
    return [
        bytes([i]) + content for i, content in enumerate([labels, packed[0], images, packed[1]])
    ]


# --- checkpoints ----------------------------------------------------------------------------------


def checkpoint(content: bytes) -> object:
    """The bytes of a checkpoint file."""
    with _scratch_file("checkpoint.safetensors", content) as path:
        try:
            with bounded(len(content), 40):
                return load_checkpoint(path)
        except UserError as error:
            return _one_line(error)


def checkpoint_seeds() -> list[bytes]:
    path = _scratch() / "seed.safetensors"
    arrays = [
        {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3)},
        {f"a{i}": np.zeros(i, dtype) for i, dtype in enumerate(["?", "u1", "i8", "f2", "f8"])},
        {},
    ]
    seeds = []
    for tensors in arrays:
        save_checkpoint(path, tensors, {"iteration": 2, "nested": {"list": [1, 2.5, None, "x"]}})
        seeds.append(path.read_bytes())
    previous_of(path).unlink()
    return seeds


def _small_systems() -> list[object]:
    """Each system with networks of a few dozen numbers."""
    shape = {"latent_dim": 2, "image_shape": (1, 2, 2)}
    mlp = {**shape, "generator_widths": (3, 4), "discriminator_widths": (3,)}
    return [
        MLPGAN(gan.Recipe(**mlp)),
        ConditionalGAN(conditional_gan.Recipe(**mlp, label_dim=2)),
        LSGAN(lsgan.Recipe(**shape, width=3)),
        DCGAN(dcgan.Recipe(latent_dim=2, image_size=28, channels=1, ngf=1, ndf=1)),
        OriginalGAN(original_gan.Recipe(**shape, generator_widths=(3,), maxout_units=(2,))),
        WGANGP(wgan_gp.Recipe(**mlp)),
    ]


@cache
def _states() -> list[tuple[dict[str, np.ndarray], dict[str, object]]]:
    return [system.state() for system in _small_systems()]


def system(content: bytes) -> object:
    """The first byte chooses the arrays of a system; the rest is the JSON that goes with them.

    A checksum is no signature: whoever writes a checkpoint writes the right one. So what a
    checkpoint says is fuzzed apart from the file that it stands in.
    """
    which, text = (content[0] if content else 0), content[1:]
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(plain, dict):
        return None
    arrays = _states()[which % len(_states())][0]
    try:
        with bounded(len(content), 40):
            rebuilt = rebuild(arrays, plain)
    except UserError as error:
        return _one_line(error)
    with suppress(UserError):
        rebuilt.sample(rebuilt.sample_noise(1)) if plain["system"] != "conditional_gan" else None
    return rebuilt


def system_seeds() -> list[bytes]:
    return [bytes([i]) + json.dumps(plain).encode() for i, (_, plain) in enumerate(_states())]


# --- pictures -------------------------------------------------------------------------------------


def picture(content: bytes) -> np.ndarray | None:
    """The bytes of a picture in a folder. Pillow tells the format from the bytes alone."""
    folder = _scratch() / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(content)
    return _images(folder, len(content))


def archive(content: bytes) -> np.ndarray | None:
    """The bytes of a zip file of pictures."""
    with _scratch_file("pictures.zip", content) as path:
        return _images(path, len(content))


def _images(path: Path, size: int) -> np.ndarray | None:
    module = importlib.import_module("minigan.data.pictures.decode")
    try:
        with (
            mock.patch.object(module, "LARGEST_IMAGE", FEW_PIXELS),
            warnings.catch_warnings(action="ignore"),  # of skipped files
            bounded(size, LARGEST_EXPANSION),
        ):
            images = image_folder(path, 4, workers=1).images
    except UserError as error:
        return _one_line(error)
    assert images.dtype == np.uint8 and images.shape[1:] == (3, 4, 4)
    return images


def _encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    pixels = np.arange(7 * 5 * 3, dtype=np.uint8).reshape(5, 7, 3)
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def picture_seeds() -> list[bytes]:
    kinds = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "SGI", "DDS"]
    exif = Image.Exif()
    exif[0x0112] = 6
    return [_encoded(kind) for kind in kinds] + [_encoded("JPEG", exif=exif)]


def archive_seeds() -> list[bytes]:
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as file:
            file.writestr("a.png", _encoded("PNG"), zipfile.ZIP_DEFLATED)
            file.writestr("b/c.bmp", _encoded("BMP"), method)
            file.writestr("notes.txt", "not a picture")
        seeds.append(stream.getvalue())
    return seeds


# --- CIFAR-10 -------------------------------------------------------------------------------------

CIFAR_FILES = ["test_batch.bin", "test_batch.png", "test_lables.json"]


def cifar(content: bytes) -> np.ndarray | None:
    """The first byte chooses a file of CIFAR-10's two forms, of two images; the rest is in it."""
    which, content = (content[0] if content else 0) % len(CIFAR_FILES), content[1:]
    folder = _scratch() / "cifar"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for seed in cifar_seeds()[1:]:
        (folder / CIFAR_FILES[seed[0]]).write_bytes(seed[1:])
    (folder / CIFAR_FILES[which]).write_bytes(content)
    module = importlib.import_module("minigan.data.cifar10")
    try:
        with mock.patch.object(module, "IMAGES_PER_FILE", 2), bounded(len(content), 40):
            dataset = cifar10(folder, "test")
    except UserError as error:
        return _one_line(error)
    assert dataset.images.shape == (2, 3, 32, 32) and dataset.labels.max() < 10
    return dataset.images


@cache
def cifar_seeds() -> list[bytes]:
    stream = io.BytesIO()
    Image.fromarray(np.arange(2 * 1024 * 3).astype(np.uint8).reshape(2, 1024, 3)).save(
        stream, "PNG"
    )
    binary = b"".join(bytes([label]) + bytes(range(256)) * 12 for label in (3, 9))
    return [b"\0" + binary, b"\1" + stream.getvalue(), b"\2[3, 9]"]


# --- the text files of a run ----------------------------------------------------------------------

SETTINGS = {"settings": {"latent_dim": 3, "widths": [4, 5]}, "seed": 0, "epochs": 2}
RUN_FILES = ["config.json", "metrics.csv", ".lock"]


def run_folder(content: bytes) -> None:
    """The first byte chooses a text file of a run folder; the rest is what stands in it."""
    which, text = (content[0] if content else 0), content[1:]
    folder = _scratch() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"minigan_run": 1, **SETTINGS}))
    name = RUN_FILES[which % len(RUN_FILES)]
    (folder / name).write_bytes(text)
    with bounded(len(content), 40):
        for read in (read_config, lambda folder: read_metrics(folder / "metrics.csv"), _resume):
            try:
                read(folder)
            except UserError as error:
                _one_line(error)


def _resume(folder: Path) -> None:
    with RunFolder.open(folder, SETTINGS, resume=True, may_differ=["epochs"]) as run:
        run.cut_back_to(5)


def run_folder_seeds() -> list[bytes]:
    config = json.dumps({"minigan_run": 1, **SETTINGS, "epochs": 7}).encode()
    rows = b"iteration,epoch,D loss\n2,1,0.5\n4,1,0.25\n6,1,nan\n8,2"
    lock = json.dumps({"pid": 2**22 + 1, "started": "x", "host": os.uname().nodename}).encode()
    return [b"\0" + config, b"\1" + rows, b"\2" + lock]


TARGETS = {
    "idx": Target(idx, idx_seeds),
    "checkpoint": Target(checkpoint, checkpoint_seeds),
    "system": Target(system, system_seeds),
    "picture": Target(picture, picture_seeds),
    "archive": Target(archive, archive_seeds),
    "cifar": Target(cifar, cifar_seeds),
    "run_folder": Target(run_folder, run_folder_seeds),
}


def name_of(content: bytes) -> str:
    """A short name for an input: the one that fuzzers give their files."""
    return hashlib.sha1(content).hexdigest()[:12]
