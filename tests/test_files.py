"""Files are there whole or not at all, and those of strangers can neither block nor flood."""

import os

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.files import (
    atomic_write,
    largest_content,
    leftovers_of,
    make_folder,
    read_table,
    refuse_special_file,
    refuse_unwritable,
    text_of,
    writing,
)


def test_atomic_write_shows_all_or_nothing(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error), atomic_write(path) as temporary:
            temporary.write_text("half")
            raise error
    assert path.read_text() == "one" and os.listdir(path.parent) == ["file.txt"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def test_a_picture_that_a_viewer_holds_open_is_no_end_of_a_run(tmp_path, monkeypatch):
    """Windows replaces no file that a program has open, unless that allows it."""
    path = tmp_path / "grid.png"
    path.write_text("old")
    replace = os.replace

    def like_windows(source, target):
        if os.fspath(target) == os.fspath(path):
            raise PermissionError(13, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", like_windows)
    with (
        pytest.warns(UserWarning, match=r"holds it open: the new picture is .*grid-new\.png$"),
        atomic_write(path, picture=True) as temporary,
    ):
        temporary.write_text("new")
    assert path.read_text() == "old" and (tmp_path / "grid-new.png").read_text() == "new"
    with (
        pytest.raises(UserError, match=r"Cannot write .*Access is denied.*is untouched"),
        atomic_write(path) as temporary,
    ):
        temporary.write_text("new")
    assert path.read_text() == "old" and len(os.listdir(tmp_path)) == 2


def test_a_place_that_cannot_be_written_is_found_at_once(tmp_path):
    path = tmp_path / "file.txt"
    refuse_unwritable(path)
    assert os.listdir(tmp_path) == []
    path.write_text("old")
    refuse_unwritable(path)
    assert os.listdir(tmp_path) == ["file.txt"] and path.read_text() == "old"
    for place, why in (
        (tmp_path, "is a folder; give the name of a file"),
        (path / "below", "Cannot write .*below"),
        ("/proc/file.txt", "Cannot write /proc/file.txt"),
    ):
        with pytest.raises(UserError, match=why):
            refuse_unwritable(place)


def current_umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_what_a_crash_left_is_written_over(tmp_path):
    path = tmp_path / "file.txt"
    for leftover in leftovers_of(path):
        leftover.write_text("half of something longer")
    with atomic_write(path) as temporary:
        assert temporary == leftovers_of(path)[0]
        temporary.write_text("new")
    assert path.read_text() == "new" and not temporary.exists()


def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"Cannot write .*a\.txt \(No space left on device\)"):
        with writing(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"), atomic_write(tmp_path / "file" / "a.txt"):
        pass


def test_a_pipe_or_a_folder_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(OSError, match="not a plain file"):
            refuse_special_file(path)
    with pytest.raises(OSError, match="not a plain file"):
        text_of(tmp_path / "pipe")
    refuse_special_file(tmp_path / "nothing")  # whoever opens it will be told
    (tmp_path / "a.txt").write_text("ä", encoding="utf-8")
    assert text_of(tmp_path / "a.txt") == "ä"


def test_a_file_may_promise_so_much_and_no_more():
    assert largest_content(0) == 1 << 20
    assert largest_content(7) - largest_content(6) == 100


def test_a_table_is_its_columns(tmp_path):
    (tmp_path / "a.csv").write_text('"x, y",b\n1,2.5\n3,nan\n4,')
    columns = read_table(tmp_path / "a.csv")
    assert list(columns) == ["x, y", "b"] and columns["b"].dtype == np.float64
    assert columns["x, y"].tolist() == [1, 3] and np.isnan(columns["b"][1])
    with pytest.raises(UserError, match=r"b\.csv cannot be read"):
        read_table(tmp_path / "b.csv")


def test_a_link_to_nothing_is_named_and_not_said_to_exist(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nothing")
    for path in (link, link / "deeper"):
        with pytest.raises(UserError, match=r"link is a link to .*nothing, which is not there"):
            make_folder(path)
    with (
        pytest.raises(UserError, match="which is not there: make that folder"),
        atomic_write(link / "file"),
    ):
        raise AssertionError("there is no folder to write to")
    (tmp_path / "nothing").mkdir()
    make_folder(link / "deeper")
    assert (tmp_path / "nothing" / "deeper").is_dir()
