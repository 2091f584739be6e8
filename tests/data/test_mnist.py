"""MNIST in the package is the real one, and the IDX reader survives whatever it is given."""

import gzip
import importlib
import lzma
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigan.data.mnist import FILES, mnist
from minigan.errors import UserError

module = importlib.import_module("minigan.data.mnist")  # the package gives its name to a function

IMAGES, LABELS = FILES["train"]


def idx(array):
    """An array of bytes as the content of an IDX file."""
    sizes = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return sizes + array.astype(np.uint8).tobytes()


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3))
DIGITS = np.array([3, 0, 9, 1, 3])
GOOD_IMAGES, GOOD_LABELS = idx(PIXELS), idx(DIGITS)


def write_set(folder, images=GOOD_IMAGES, labels=GOOD_LABELS, *, zipped=False):
    folder.mkdir(exist_ok=True)
    for name, content in ((IMAGES, images), (LABELS, labels)):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def message(folder):
    """The one line that a person sees when the set in `folder` is loaded."""
    with pytest.raises(UserError) as caught:
        mnist("train", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the real MNIST -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "count", "first", "classes"),
    [
        (
            "train",
            60_000,
            [5, 0, 4, 1, 9],
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        ),
        ("test", 10_000, [7, 2, 1, 0, 4], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_the_packaged_set_is_the_real_one(split, count, first, classes):
    dataset = mnist(split)
    assert dataset.images.shape == (count, 1, 28, 28)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64
    assert dataset.labels[:5].tolist() == first
    assert np.bincount(dataset.labels).tolist() == classes
    assert dataset.class_names == tuple("0123456789")
    assert dataset.name == "MNIST"


def test_a_damaged_installation_is_noticed(tmp_path, monkeypatch):
    for name in FILES["test"]:
        shutil.copy(module.PACKAGED / f"{name}.xz", tmp_path)
    monkeypatch.setattr(module, "PACKAGED", tmp_path)
    assert len(mnist("test")) == 10_000

    changed = tmp_path / f"{FILES['test'][1]}.xz"
    content = bytearray(lzma.decompress(changed.read_bytes()))
    content[-1] ^= 1  # still a digit from 0 to 9, but another one
    changed.write_bytes(lzma.compress(bytes(content)))
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.xz is damaged: its SHA-256"):
        mnist("test")

    for content in (changed.read_bytes()[:-100], b"no such file"):
        changed.write_bytes(content)
        with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.xz cannot be read"):
            mnist("test")


def test_there_are_two_splits():
    with pytest.raises(UserError, match='no split "valid"'):
        mnist("valid")


# --- other sets in the same form ------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_reads_another_set(tmp_path, zipped):
    dataset = mnist("train", write_set(tmp_path / "fashion", zipped=zipped))
    assert dataset.images.shape == (5, 1, 4, 3)
    assert (dataset.images[:, 0] == PIXELS).all()
    assert dataset.labels.tolist() == DIGITS.tolist()
    assert dataset.labels.dtype == np.int64
    assert dataset.name == "fashion"


def test_the_folder_may_be_text(tmp_path):
    assert len(mnist("train", str(write_set(tmp_path / "set")))) == 5


def test_a_missing_file_or_folder_is_named(tmp_path):
    assert message(tmp_path / "nowhere").endswith(
        f"nowhere is not a folder, so it holds no {IMAGES}"
    )
    write_set(tmp_path / "set")
    (tmp_path / "set" / LABELS).unlink()
    assert f"set holds no file {LABELS}" in message(tmp_path / "set")


@pytest.mark.parametrize(
    ("images", "labels", "what"),
    [
        (GOOD_IMAGES[:-1], GOOD_LABELS, f"{IMAGES} is cut off"),
        (GOOD_IMAGES[:-17], GOOD_LABELS, f"{IMAGES} is cut off"),
        (GOOD_IMAGES[:9], GOOD_LABELS, f"{IMAGES} is cut off: 9 bytes are too few"),
        (b"", GOOD_LABELS, f"{IMAGES} is cut off: 0 bytes are too few"),
        (GOOD_IMAGES + b"\0", GOOD_LABELS, f"{IMAGES} is damaged: bytes follow"),
        (b"\x89PNG" + GOOD_IMAGES, GOOD_LABELS, f"{IMAGES} is not an IDX file of images"),
        (b"\0\0\x0d" + GOOD_IMAGES[3:], GOOD_LABELS, "it begins with 0x00000d03"),  # floats
        (GOOD_LABELS + bytes(20), GOOD_LABELS, f"{IMAGES} holds labels, not images"),
        (GOOD_IMAGES, GOOD_IMAGES, f"{LABELS} holds images, not labels"),
        (GOOD_IMAGES, idx(DIGITS[:4]), f"{LABELS} holds 4 labels, but {IMAGES} holds 5 images"),
        (GOOD_IMAGES, idx(DIGITS + 1), f"{LABELS} is damaged: label number 2 is 10"),
        (idx(PIXELS[:0]), idx(DIGITS[:0]), f"{IMAGES} holds no images"),
        (idx(PIXELS[:, :0]), GOOD_LABELS, f"{IMAGES} holds no images"),
        (
            struct.pack(">4I", 0x803, 2**32 - 1, 2**31, 2**31),
            GOOD_LABELS,
            f"header promises {(2**32 - 1) * 2**62} bytes of images, which a file of",
        ),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_wrong_with_a_file_is_said(tmp_path, images, labels, what, zipped):
    said = message(write_set(tmp_path / "set", images, labels, zipped=zipped))
    assert what in said.replace(".gz", "")


def test_a_damaged_gzip_file(tmp_path):
    folder = write_set(tmp_path / "set", zipped=True)
    path = folder / f"{IMAGES}.gz"
    whole = path.read_bytes()
    for damaged in (
        whole[:-8],
        whole[:-9],
        whole[:20],
        GOOD_IMAGES,
        whole[:-5] + b"?" + whole[-4:],
    ):
        path.write_bytes(damaged)
        assert f"{IMAGES}.gz cannot be read" in message(folder)


def test_a_folder_in_place_of_a_file(tmp_path):
    write_set(tmp_path / "set")
    (tmp_path / "set" / IMAGES).unlink()
    (tmp_path / "set" / IMAGES).mkdir()
    assert f"set holds no file {IMAGES}" in message(tmp_path / "set")


def peak_memory(action):
    """Bytes allocated at once, and what came out."""
    tracemalloc.start()
    try:
        result = action()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    bomb = idx(PIXELS) + bytes(200 << 20)  # 200 MiB follow after a small promise
    folder = write_set(tmp_path / "set", bomb, zipped=True)
    used, said = peak_memory(lambda: message(folder))
    assert "bytes follow" in said
    assert used < 4 << 20


def test_a_promise_is_measured_by_the_size_of_the_file(tmp_path):
    bomb = struct.pack(">4I", 0x803, 200 << 10, 32, 32) + bytes(200 << 20)
    folder = write_set(tmp_path / "set", bomb, zipped=True)
    used, said = peak_memory(lambda: message(folder))
    assert "promises 209715200 bytes" in said
    assert used < 4 << 20


def test_pixels_are_in_memory_once(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (1 << 14, 24, 32))
    labels = np.zeros(1 << 14)
    folder = write_set(tmp_path / "set", idx(pixels), idx(labels), zipped=True)
    used, dataset = peak_memory(lambda: mnist("train", folder))
    assert used < dataset.images.nbytes + (4 << 20)


# --- fuzz -----------------------------------------------------------------------------------------


@st.composite
def damaged(draw, content):
    """`content`, with a few bytes overwritten, cut out or put in."""
    result = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(result)))
        cut = draw(st.integers(0, 3))
        result[start : start + cut] = draw(st.binary(max_size=6))
    return bytes(result)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=st.binary(max_size=64) | damaged(GOOD_IMAGES),
    labels=damaged(GOOD_LABELS) | st.just(GOOD_LABELS),
    zipped=st.booleans(),
)
def test_whatever_the_content_only_user_errors_come_out(tmp_path, images, labels, zipped):
    folder = write_set(tmp_path / f"set{zipped}", images, labels, zipped=zipped)
    try:
        dataset = mnist("train", folder)
    except UserError as error:
        assert "ubyte" in str(error) and "\n" not in str(error)
    else:  # what was changed were pixels or labels
        assert dataset.images.size == len(images) - 16
        assert 0 <= dataset.labels.min() <= dataset.labels.max() <= 9


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(compressed=damaged(gzip.compress(GOOD_IMAGES, mtime=0)))
def test_whatever_the_compression_only_user_errors_come_out(tmp_path, compressed):
    folder = write_set(tmp_path / "set", zipped=True)
    (folder / f"{IMAGES}.gz").write_bytes(compressed)
    try:
        dataset = mnist("train", folder)
    except UserError as error:
        assert IMAGES in str(error) and "\n" not in str(error)
    else:  # a byte of the gzip header that means nothing here, such as the time
        assert (dataset.images[:, 0] == PIXELS).all()
