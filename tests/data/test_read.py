"""Tests of --data: one function for every kind of training images."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from minigan.data import read_images
from minigan.data.read import are_pictures
from minigan.errors import UserError


@pytest.fixture
def animals(tmp_path):
    folder = tmp_path / "animals"
    for number, name in enumerate(["cats", "dogs"]):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            color = (40 * i, 100 * number, 7)
            Image.new("RGB", (20, 12), color).save(folder / name / f"{i}.png")
    (folder / "dogs" / "0.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def fashion(tmp_path):
    """Five images of a set in IDX files."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    pixels, labels = np.arange(5 * 28 * 28, dtype=np.uint8), bytes(range(5))
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(struct.pack(">4I", 0x803, 5, 28, 28) + pixels.tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 5) + labels)
    return folder


@pytest.mark.filterwarnings("ignore:.*enlarged", "ignore:.*skipped")
def test_pictures_and_their_classes(animals, tmp_path):
    found = read_images(animals)
    assert found.images.shape == (7, 3, 32, 32)
    assert found.class_names == ("cats", "dogs")
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]  # the broken dog is none
    cache = tmp_path / "run" / "images.npy"
    for _ in range(2):  # read, and kept
        kept = read_images(animals, cache=cache)
        assert (kept.images == found.images).all() and (kept.labels == found.labels).all()
        assert kept.class_names == found.class_names and kept.name == "animals"
    assert read_images(animals, 16, 1, pictures=64).images.shape == (7, 1, 16, 16)
    assert read_images(animals, pictures=64).images.shape == (7, 3, 64, 64)


@pytest.mark.filterwarnings("ignore:.*enlarged", "ignore:.*skipped")
def test_of_pictures_a_fair_draw(animals):
    some, whole = read_images(animals, count=3), read_images(animals)
    drawn, rest = whole.drawn(3)
    assert (some.images == drawn.images).all() and some.name == "animals, 3 of 7"
    assert set(some.labels) == {0, 1}  # not the first by name: those are cats
    assert len(rest) == 4 and rest.name == "animals, the other 4"
    both = sorted(image.tobytes() for part in (drawn, rest) for image in part.images)
    assert both == sorted(image.tobytes() for image in whole.images)
    assert whole.drawn(7) == (whole, None)
    with pytest.raises(UserError, match="animals has 7 pictures; 8 cannot be drawn of them"):
        read_images(animals, count=8)


def test_sets_in_idx_files(fashion):
    found = read_images(fashion)
    assert found.images.shape == (5, 1, 28, 28) and found.labels.tolist() == [0, 1, 2, 3, 4]
    assert read_images(fashion, digits=32).images.shape == (5, 1, 32, 32)
    assert read_images(fashion, 14, 3, digits=32).images.shape == (5, 3, 14, 14)
    first = read_images(fashion, count=2)
    assert (first.images == found.images[:2]).all() and first.name == "fashion, the first 2"


def test_mnist_is_what_there_is():
    assert read_images(count=10).images.shape == (10, 1, 28, 28)
    three = read_images(None, 8, 3, count=2).images
    assert three.shape == (2, 3, 8, 8) and (three[:, :1] == three).all()


def test_cifar10_is_named_with_its_folder(tmp_path):
    with pytest.raises(UserError, match=r"holds neither data_batch_1.bin nor data_batch_1.png"):
        read_images(f"cifar10:{tmp_path}")
    with pytest.raises(UserError, match="CIFAR-10 have 3 channels"):
        read_images(f"cifar10:{tmp_path}", channels=1)


def test_what_are_pictures(animals, fashion):
    assert are_pictures(animals) and are_pictures("nowhere.zip")
    assert not any(map(are_pictures, (None, fashion, "cifar10:anywhere")))


def test_nothing_is_there(tmp_path):
    with pytest.raises(UserError, match="is neither a folder nor a file"):
        read_images(tmp_path / "nowhere")
