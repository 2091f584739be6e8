"""The fuzz targets in the suite: every seed, a few hundred damaged ones, and all that was found.

The long search is fuzz.py's. What it finds becomes a case of FOUND, below.
"""

import random
import sys
import tracemalloc
from base64 import b64decode
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # as it is when fuzz.py is run
from targets import TARGETS, Target, TooMuchMemoryError, bounded, remove_scratch  # noqa: E402

# (target, input): each of them was once a fault, of which the comment tells.
FOUND = [
    # A chunk of 1 GiB in a PNG file of 78 bytes: the memory was reserved before it was read.
    (
        "picture",
        b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPJwBAFUlEQVR4nGNkYGRixgAsoqKitBAFAHInAh//"
            "ywtfAAAAAElFTkSuQmCC"
        ),
    ),
    # A carriage return within the names of the columns: csv.Error came out.
    ("run_folder", b"\1iteration \r@,D loss\n4,1\n"),
]


@pytest.fixture(autouse=True, scope="module")
def traced_and_clean():
    tracemalloc.start()
    yield
    tracemalloc.stop()
    remove_scratch()


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name):
    """A seed that is refused would leave the fuzzer outside the door."""
    target = TARGETS[name]
    for seed in target.seeds():
        result = target.read(seed)
        assert result is not None or name == "run_folder"


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds_give_user_errors_only(name):
    target, chance = TARGETS[name], random.Random(0)
    seeds = target.seeds()
    for _ in range(150):
        content = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(content) + 1)
            content[start : start + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 6))
        target.read(bytes(content))


@pytest.mark.parametrize(("name", "content"), FOUND, ids=[name for name, _ in FOUND])
def test_what_was_found(name, content):
    TARGETS[name].read(content)


def test_memory_is_a_fault_if_it_is_taken_every_time():
    """Not if the interpreter took it for itself, as a table of its own that had to grow."""
    sizes = iter([8 << 20, 0])

    def reader(content):
        with bounded(len(content), 40):
            bytearray(next(sizes))
        return True

    assert Target(reader, list).read(b"once")
    sizes = iter([8 << 20, 8 << 20])
    with pytest.raises(TooMuchMemoryError, match="of memory for 6 of the file"):
        Target(reader, list).read(b"always")
