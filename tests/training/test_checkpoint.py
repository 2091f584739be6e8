"""Checkpoints: what is saved comes back, and nothing that happens to the file goes unnoticed."""

import json
import os
import resource
import struct
import subprocess
import sys
import textwrap
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan.errors import UserError
from minigan.files import leftovers_of
from minigan.training.checkpoint import load_checkpoint, previous_of, save_checkpoint

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f4", ">i8"]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
METADATA = st.recursive(
    NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def save(path, number):
    """A small checkpoint that says in two places which one it is."""
    save_checkpoint(path, {"w": np.full((3, 5), number, np.float32)}, {"iteration": number})


def number_in(checkpoint):
    (number,) = np.unique(checkpoint.tensors["w"])
    assert checkpoint.metadata == {"iteration": number}
    return int(number)


def same(a, b):
    return (
        a.shape == b.shape and a.dtype == b.dtype.newbyteorder("=") and a.tobytes() == b.tobytes()
    )


# -- what is saved comes back -----------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    tensors=st.dictionaries(st.text(min_size=1, max_size=8), ARRAYS, max_size=5).filter(
        lambda named: "__metadata__" not in named
    ),
    metadata=st.dictionaries(st.text(), METADATA, max_size=4),
)
def test_round_trip(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.getbasetemp() / "round_trip.safetensors"
    save_checkpoint(path, tensors, metadata)
    back = load_checkpoint(path)
    assert back.metadata == metadata and back.note is None
    assert back.tensors.keys() == tensors.keys()
    for name, array in tensors.items():
        assert same(back.tensors[name], array.astype(array.dtype.newbyteorder("=")))


def test_it_is_printed_without_its_numbers(path):
    save_checkpoint(path, {"weight": np.zeros((300, 400))}, {"iteration": 7})
    assert repr(load_checkpoint(path)) == (
        "Checkpoint(1 tensors: weight (300, 400); metadata: {'iteration': 7})"
    )


def test_shapes_and_numbers_that_are_easily_lost(path):
    tensors = {"step": np.array(7), "nan": np.array([np.nan, -0.0]), "empty": np.zeros((0, 3))}
    metadata = {"key": 2**128 - 1, "negative": -(2**70), "lr": 2e-4, "infinite": float("inf")}
    save_checkpoint(path, tensors, metadata)
    back = load_checkpoint(path)
    assert back.tensors["step"].shape == () and back.tensors["step"].dtype == np.int64
    assert back.tensors["nan"].tobytes() == tensors["nan"].tobytes()
    assert back.tensors["empty"].shape == (0, 3)
    assert back.metadata == metadata
    back.tensors["step"] += 1  # what is loaded can be trained on in place


@pytest.mark.parametrize("view", ["transposed", "strided", "reversed"])
def test_views_are_saved_as_they_look(path, view):
    base = np.arange(24.0).reshape(4, 6)
    array = {"transposed": base.T, "strided": base[::2, 1::2], "reversed": base[::-1]}[view]
    save_checkpoint(path, {"a": array}, {})
    np.testing.assert_array_equal(load_checkpoint(path).tensors["a"], array)


def test_torch_reads_the_same_tensors(path):
    torch_format = pytest.importorskip("safetensors.torch")
    pytest.importorskip("torch")
    weight = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    save_checkpoint(path, {"main.0.weight": weight}, {"iteration": 1})
    np.testing.assert_array_equal(torch_format.load_file(path)["main.0.weight"].numpy(), weight)


def test_equal_contents_are_equal_files(path, tmp_path):
    tensors = {"b": np.zeros(3, np.float32), "a": np.ones((), np.int64)}
    for name in ("one.safetensors", "two.safetensors"):
        save_checkpoint(tmp_path / name, tensors, {"x": 1, "y": [1, 2]})
    one, two = (tmp_path / f"{n}.safetensors" for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_tuples_come_back_as_lists(path):
    save_checkpoint(path, {}, {"betas": (0.5, 0.999)})
    assert load_checkpoint(path).metadata == {"betas": [0.5, 0.999]}


@pytest.mark.parametrize(
    ("metadata", "where"),
    [
        ({"a": [np.float32(1)]}, r"metadata\['a'\]\[0\] is a float32"),
        ({"a": {3: "x"}}, r"metadata\['a'\] has the key 3"),
        ({"a": {1, 2}}, r"metadata\['a'\] is a set"),
    ],
)
def test_metadata_that_would_change_is_refused(path, metadata, where):
    with pytest.raises(TypeError, match=where):
        save_checkpoint(path, {}, metadata)
    assert not path.exists()


# -- damage is noticed ------------------------------------------------------------------------


def fails_clearly(path, **options):
    with pytest.raises(UserError) as caught:
        load_checkpoint(path, **options)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_every_seventh_truncation(path):
    save(path, 1)
    save(path, 2)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        fails_clearly(path)
        older = load_checkpoint(path, fall_back=True)
        assert number_in(older) == 1 and str(previous_of(path)) in older.note


def test_a_bit_flipped_in_any_byte(path):
    save(path, 1)
    os.replace(path, previous_of(path))
    save_checkpoint(path, {"w": np.zeros(2, np.float32), "n": np.array(3)}, {"iteration": 2})
    intact = load_checkpoint(path)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            back = load_checkpoint(path)
        except UserError:
            assert number_in(load_checkpoint(path, fall_back=True)) == 1
        else:  # harmless: such as an A of the JSON's "\u00A9" that became an a
            assert back.metadata == intact.metadata
            assert all(same(back.tensors[n], intact.tensors[n]) for n in intact.tensors)


def test_bytes_after_the_end_are_damage(path):
    save(path, 1)
    path.write_bytes(path.read_bytes() + b"\0")
    fails_clearly(path)


def test_the_message_names_the_previous_one(path):
    save(path, 1)
    save(path, 2)
    path.write_bytes(b"")
    assert str(previous_of(path)) in fails_clearly(path)


def test_both_damaged(path):
    save(path, 1)
    save(path, 2)
    path.write_bytes(b"x")
    previous_of(path).write_bytes(b"y")
    assert "does not help" in fails_clearly(path, fall_back=True)


def test_missing_one_falls_back(path):
    save(path, 1)
    os.replace(path, previous_of(path))
    assert number_in(load_checkpoint(path, fall_back=True)) == 1


def file_with(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def tensor(shape, start, stop, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


DEEP = "[" * 50_000 + "]" * 50_000
STRANGERS = {
    "empty": b"",
    "text": b"This is a letter, not a checkpoint.",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "gigantic header": struct.pack("<Q", 2**63) + b"{}",
    "overlapping": file_with({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)),
    "beyond the end": file_with({"a": tensor([200], 0, 800)}, bytes(8)),
    "backwards": file_with({"a": tensor([2], 8, 0)}, bytes(8)),
    "many numbers": file_with({"a": tensor([2**62], 0, 8)}, bytes(8)),
    "many numbers of nothing": file_with({"a": tensor([0, 2**62, 2**62], 0, 0)}),
    "hundred dimensions": file_with({"a": tensor([1] * 100, 0, 4)}, bytes(4)),
    "bfloat16": file_with({"a": tensor([1], 0, 2, "BF16")}, bytes(2)),
    "float8": file_with({"a": tensor([1], 0, 1, "F8_E4M3")}, bytes(1)),
    "deep header": file_with(DEEP.encode()),
    "deep metadata": file_with({"__metadata__": {"minigan": DEEP}}),
    "endless integer": file_with({"__metadata__": {"minigan": "9" * 5000}}),
    "no checksum": file_with({"__metadata__": {"minigan": '{"metadata": {}}'}}),
    "list for metadata": file_with({"__metadata__": {"minigan": '{"metadata": [], "sha256": ""}'}}),
    "somebody else's": file_with({"a": tensor([1], 0, 4)}, bytes(4)),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_files_that_are_no_checkpoints(path, name):
    path.write_bytes(STRANGERS[name])
    fails_clearly(path)


@pytest.mark.parametrize("place", ["/dev/zero", ".", "nowhere/at_all", "/proc/self/mem"])
def test_places_that_are_no_files(place):
    fails_clearly(place)


def test_a_mistyped_run_is_told_what_was_probably_meant(tmp_path):
    (tmp_path / "mnist_gan").mkdir()
    says = "there is no checkpoint file at .*mnits_gan.*; did you mean mnist_gan[?]$"
    for path in (tmp_path / "mnits_gan", tmp_path / "mnits_gan" / "checkpoint.safetensors"):
        with pytest.raises(UserError, match=says):
            load_checkpoint(path)
    with pytest.raises(UserError, match="no checkpoint file at .*zebra$"):
        load_checkpoint(tmp_path / "zebra")


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    fails_clearly(tmp_path / "pipe")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_files_give_user_errors_only(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.safetensors"
    save(path, 1)
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(contents)))
        stop = data.draw(st.integers(start, min(len(contents), start + 20)))
        contents[start:stop] = data.draw(st.binary(max_size=20))
    path.write_bytes(contents)
    try:
        assert number_in(load_checkpoint(path)) == 1
    except UserError as error:
        assert "\n" not in str(error)
    finally:
        previous_of(path).unlink(missing_ok=True)


@pytest.mark.parametrize("inner", ['{"":0}', "[]", "{}", "0.5"])
def test_memory_is_bounded_by_the_size_of_the_file(path, inner):
    many = ",".join([inner] * 50_000)
    contents = file_with({"__metadata__": {"minigan": f'{{"metadata":[{many}]}}'}})
    path.write_bytes(contents)
    tracemalloc.start()
    try:
        fails_clearly(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(contents)


# -- writing ----------------------------------------------------------------------------------


def test_the_previous_one_is_kept_and_nothing_else(path):
    for number in (1, 2, 3):
        save(path, number)
    assert number_in(load_checkpoint(path)) == 3
    assert number_in(load_checkpoint(previous_of(path))) == 2
    assert sorted(os.listdir(path.parent)) == [path.name, previous_of(path).name]


def test_a_file_system_without_hard_links(path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    for number in (1, 2):
        save(path, number)
    assert number_in(load_checkpoint(path)) == 2
    assert number_in(load_checkpoint(previous_of(path))) == 1


@contextmanager
def room_for(size):
    """No file may grow beyond `size` bytes: the system then refuses, as it does on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_full_disk_leaves_what_was_there(path):
    save(path, 1)
    save(path, 2)
    with room_for(100), pytest.raises(UserError, match=r"Cannot write .*checkpoint"):
        save(path, 3)
    assert number_in(load_checkpoint(path)) == 2
    assert number_in(load_checkpoint(previous_of(path))) == 1
    assert sorted(os.listdir(path.parent)) == [path.name, previous_of(path).name]


def test_a_place_that_cannot_be_written_to():
    with pytest.raises(UserError, match="Cannot write /proc/nowhere/c.safetensors"):
        save("/proc/nowhere/c.safetensors", 1)


def test_contents_reach_the_disk_before_the_name(path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, real=real: [calls.append(name), real(*a)][1]
        )
    save(path, 1)
    assert calls == ["fsync", "replace", "fsync"]  # the file, its name, the folder


# -- killed -----------------------------------------------------------------------------------

# The parent of these children imports once and forks: 20 fresh interpreters would take too long.
PRELUDE = """
    import os, random, signal, sys, time
    import numpy as np
    from minigan.training.checkpoint import load_checkpoint, previous_of, save_checkpoint

    path = sys.argv[1]

    def save(number):
        save_checkpoint(path, {"w": np.full(200_000, number, np.float32)}, {"iteration": number})

    def check(least):
        current = load_checkpoint(path)
        number = current.metadata["iteration"]
        assert (current.tensors["w"] == number).all() and number >= least
        assert load_checkpoint(previous_of(path)).metadata["iteration"] < number
        return number

    save(1)
    save(2)
"""


def run_script(script, path):
    # numpy's thread pool must not be running when a process forks.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(script), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_killed_at_random_instants(path):
    script = """
    least, random = 2, random.Random(0)
    for _ in range(20):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            save(least + 1)
            os.write(writing, b"!")
            for number in range(least + 2, least + 10_000):
                save(number)
        os.read(reading, 1)  # it has saved once: a busy machine may take its time
        time.sleep(random.uniform(0.001, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        least = check(least)
    print(least)
    """
    (last,) = run_script(script, path)
    assert int(last) >= 22  # each child has saved
    assert set(os.listdir(path.parent)) <= {
        *(path.name, previous_of(path).name),
        *(leftover.name for leftover in leftovers_of(path)),
    }


def test_killed_before_and_after_each_system_call(path):
    script = """
    import pathlib

    def dying(real, left):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            result = real(*arguments, **options)
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return result
        return call

    number, ended = 3, 9
    for instant in range(1, 1000):
        child = os.fork()
        if child == 0:
            left = [instant]
            for name in ("fsync", "replace", "link", "unlink"):
                setattr(os, name, dying(getattr(os, name), left))
            pathlib.Path.write_bytes = dying(pathlib.Path.write_bytes, left)
            save(number)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        number = check(number - 1) + 1
        if ended == 0:
            break
    print(instant)
    """
    (instants,) = run_script(script, path)
    assert int(instants) > 12
