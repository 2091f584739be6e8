"""CIFAR-10's two forms give the same images, and damaged files are named."""

import importlib
import json
import os

import numpy as np
import pytest
from PIL import Image

from minigan.data.cifar10 import BATCHES, cifar10
from minigan.errors import UserError

module = importlib.import_module("minigan.data.cifar10")

COUNT = 6  # images in a file, here


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    monkeypatch.setattr(module, "IMAGES_PER_FILE", COUNT)


def content(split):
    rng = np.random.default_rng(len(split))
    count = COUNT * len(BATCHES[split])
    images = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return images, rng.integers(0, 10, count)


def write_binary(folder):
    for split, names in BATCHES.items():
        images, labels = content(split)
        records = np.concatenate([labels[:, None], images.reshape(-1, 3072)], axis=1)
        for name, part in zip(names, np.split(records.astype(np.uint8), len(names)), strict=True):
            (folder / f"{name}.bin").write_bytes(part.tobytes())
    return folder


def write_sheets(folder):
    for split, names in BATCHES.items():
        images, labels = content(split)
        rows = images.transpose(0, 2, 3, 1).reshape(-1, 1024, 3)
        for name, part in zip(names, np.split(rows, len(names)), strict=True):
            Image.fromarray(part).save(folder / f"{name}.png")
        (folder / f"{split}_lables.json").write_text(json.dumps(labels.tolist()))
    return folder


@pytest.mark.parametrize("write", [write_binary, write_sheets])
@pytest.mark.parametrize("split", ["train", "test"])
def test_both_forms(tmp_path, write, split):
    dataset = cifar10(write(tmp_path), split)
    images, labels = content(split)
    assert dataset.images.dtype == np.uint8 and dataset.labels.dtype == np.int64
    assert (dataset.images == images).all()
    assert (dataset.labels == labels).all()
    assert dataset.name == "CIFAR-10" and dataset.class_names[9] == "truck"


def test_the_folder_around_the_official_one(tmp_path):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    write_binary(tmp_path / "cifar-10-batches-bin")
    assert len(cifar10(str(tmp_path), "test")) == COUNT


def message(folder, split="train"):
    with pytest.raises(UserError) as caught:
        cifar10(folder, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_there(tmp_path):
    assert "holds neither data_batch_1.bin nor data_batch_1.png" in message(tmp_path)
    assert "pickled" not in message(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(b"a pickle")
    assert "the binary one is needed, not the pickled" in message(tmp_path)
    assert 'no split "valid"' in message(tmp_path, "valid")


def test_damaged_binary_files(tmp_path):
    path = write_binary(tmp_path) / "data_batch_3.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3073])
    assert f"data_batch_3.bin must have {len(whole)} bytes, and has {5 * 3073}" in message(tmp_path)
    path.write_bytes(whole + b"\0")
    assert f"data_batch_3.bin must have {len(whole)} bytes, and has more" in message(tmp_path)
    path.write_bytes(whole[:3073] + b"\x0a" + whole[3074:])
    assert "data_batch_3.bin is damaged: label number 1 is 10" in message(tmp_path)
    path.unlink()
    assert "data_batch_3.bin cannot be read: No such file" in message(tmp_path)


def test_damaged_sheets(tmp_path):
    path = write_sheets(tmp_path) / "data_batch_2.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "data_batch_2.png cannot be read as a PNG image" in message(tmp_path)
    path.write_bytes(b"not an image")
    assert "data_batch_2.png cannot be read as a PNG image" in message(tmp_path)
    Image.new("RGB", (1024, COUNT + 1)).save(path)
    assert "it has 1024 × 7 in mode RGB" in message(tmp_path)
    Image.new("L", (1024, COUNT)).save(path)
    assert "it has 1024 × 6 in mode L" in message(tmp_path)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_binary, "data_batch_2.bin"),
        (write_sheets, "data_batch_2.png"),
        (write_sheets, "train_lables.json"),
    ],
)
def test_a_pipe_in_place_of_a_file_does_not_block(tmp_path, write, name):
    (write(tmp_path) / name).unlink()
    os.mkfifo(tmp_path / name)
    said = message(tmp_path)
    assert f"{name} cannot be read" in said and "not a plain file" in said


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ("[1, 2]", "must be a list of 6 labels, and holds 2 entries"),
        ('{"a": 1}', "must be a list of 6 labels, and holds no list"),
        ("[0, 1, 2, 3, 4, 10]", "is damaged"),
        ("[0, 1, 2, 3, 4, -1]", "is damaged"),
        ("[0, 1, 2, 3, 4, 5.0]", "is damaged"),
        ("[0, 1, 2, 3, 4, true]", "is damaged"),
        ("[0, 1, 2, 3", "cannot be read as a list of labels"),
        ("[" * 100_000, "cannot be read as a list of labels"),
        (b"\xff\xfe\x00", "cannot be read as a list of labels"),
    ],
)
def test_damaged_labels_of_sheets(tmp_path, labels, what):
    path = write_sheets(tmp_path) / "test_lables.json"
    path.write_bytes(labels if isinstance(labels, bytes) else labels.encode())
    said = message(tmp_path, "test")
    assert "test_lables.json" in said and what in said


@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz", "c.zip"])
def test_an_archive_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"packed")
    with pytest.raises(UserError, match=f"{name} is a file, .* unpack it, .* binary one"):
        cifar10(tmp_path / name)
    if name.startswith("cifar"):
        with pytest.raises(UserError, match=f"holds neither .*; unpack {name} first"):
            cifar10(tmp_path)
