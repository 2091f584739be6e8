"""The lock of a folder: one process that runs holds it, and one that has ended does not."""

import json
import os
import subprocess
import threading

import pytest

from minigan import lock
from minigan.errors import UserError
from minigan.lock import give_lock_back, lock_of, one_at_a_time, refuse_if_held, take_lock


def open_folder(path):
    with one_at_a_time(path):
        refuse_if_held(path)
        take_lock(path)


def refused(path, match):
    with pytest.raises(UserError, match=match) as caught:
        open_folder(path)
    assert "\n" not in str(caught.value)


def write_lock(path, **changes):
    lock_of(path).write_text(json.dumps({**lock._ours(), **changes}))


def test_who_holds_it_is_named_until_it_is_given_back(tmp_path):
    open_folder(tmp_path)
    refused(tmp_path, f"in use by process {os.getpid()}\\.")
    give_lock_back(tmp_path)
    assert os.listdir(tmp_path) == []
    open_folder(tmp_path)


def test_the_lock_of_another_is_not_given_back(tmp_path):
    write_lock(tmp_path, pid=os.getppid())
    give_lock_back(tmp_path)
    assert lock_of(tmp_path).exists()


@pytest.mark.parametrize("text", ["", "{", "7", '{"pid": -1}', '{"pid": "x"}', "[" * 100_000])
def test_a_lock_that_names_no_process_is_stale(tmp_path, text):
    lock_of(tmp_path).write_text(text)
    open_folder(tmp_path)


def test_stale_locks_are_taken_over(tmp_path):
    with subprocess.Popen(["true"]) as process:
        process.wait()
    stale = [{"pid": process.pid}, {"pid": 2**70}, {"started": "another boot, another process"}]
    for changes in stale:
        write_lock(tmp_path, **changes)
        open_folder(tmp_path)
        assert lock._read(tmp_path) == lock._ours()


def test_a_lock_of_another_machine_is_respected(tmp_path):
    write_lock(tmp_path, host="elsewhere", pid=1)
    refused(tmp_path, r"process 1 on the machine elsewhere.*delete .*\.lock")


def test_where_nothing_tells_when_a_process_started(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_start_of", lambda pid: "unknown")
    write_lock(tmp_path, started="unknown")
    refused(tmp_path, r"does not tell when a process started.* no such run .* delete .*\.lock")
    write_lock(tmp_path, started="some time ago")
    refused(tmp_path, r"does not tell when a process started.* delete .*\.lock")
    monkeypatch.undo()  # a lock of a place where nothing told
    write_lock(tmp_path, started="unknown")
    refused(tmp_path, r"does not tell when a process started.* delete .*\.lock")
    write_lock(tmp_path, pid=2**22 + 1)
    open_folder(tmp_path)


def test_one_process_at_a_time_looks_at_the_lock(tmp_path):
    write_lock(tmp_path, started="long ago")
    opened = []
    other = threading.Thread(target=lambda: opened.append(open_folder(tmp_path)))
    with one_at_a_time(tmp_path):
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive() and not opened  # two that both find it stale might both take it
    other.join()
    assert opened
