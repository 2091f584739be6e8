"""Folders and zip files of pictures: right pixels, a faithful cache, and nothing let in."""

import io
import json
import os
import struct
import sys
import threading
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from minigan import files
from minigan.data import image_folder
from minigan.data.pictures.decode import Decoder
from minigan.data.pictures.sources import REFUSED_FORMATS, readable_formats
from minigan.errors import UserError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def no_unexpected_warning():
    """A test that does not expect a warning fails if there is one, Pillow's own included."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def plain(color, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, color)


def random_picture(width, height, seed=0):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def png(picture):
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def zip_of(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def colors(dataset):
    """The color in the middle of each image."""
    side = dataset.images.shape[-1]
    return [tuple(c) for c in dataset.images[:, :, side // 2, side // 2].tolist()]


def message(path, *arguments, **options):
    with pytest.raises(UserError) as caught:
        image_folder(path, *arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- pixels ---------------------------------------------------------------------------------------


def test_all_pictures_of_a_folder_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "faces"
    (folder / "b" / "deep").mkdir(parents=True)
    plain(RED).save(folder / "a.png")
    plain(GREEN).save(folder / "b" / "deep" / "x.BMP")
    plain(BLUE).save(folder / "b" / "y.gif")
    plain(WHITE).save(folder / "c.webp", lossless=True)
    plain(RED).save(folder / "d.tif")
    plain(GREEN).save(folder / "e.ppm")
    (folder / "list_attr.txt").write_text("not a picture, and does not claim to be one")
    (folder / ".hidden.png").write_bytes(b"a file manager's")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "a.png").write_bytes(b"an archiver's")

    dataset = image_folder(folder, 8)
    assert dataset.images.shape == (6, 3, 8, 8) and dataset.images.dtype == np.uint8
    assert colors(dataset) == [RED, GREEN, BLUE, WHITE, RED, GREEN]
    assert dataset.labels is None and dataset.name == "faces"
    assert (image_folder(str(folder), 8, workers=1).images == dataset.images).all()


def test_jpeg_files_are_read(tmp_path):
    plain((200, 40, 90), (178, 218)).save(tmp_path / "000001.jpg", quality=95)
    (image,) = image_folder(tmp_path, 64).images
    assert np.abs(image - np.array([200.0, 40, 90])[:, None, None]).max() < 4


def test_a_picture_of_the_right_size_is_not_touched(tmp_path):
    picture = random_picture(9, 9)
    picture.save(tmp_path / "a.png")
    (image,) = image_folder(tmp_path, 9).images
    assert (image == np.asarray(picture).transpose(2, 0, 1)).all()


@pytest.mark.parametrize(("width", "height"), [(20, 9), (9, 20), (10, 9), (9, 10)])
def test_the_middle_is_cropped(tmp_path, width, height):
    picture = random_picture(width, height)
    picture.save(tmp_path / "a.png")
    (image,) = image_folder(tmp_path, 9).images
    left, top = (width - 9) // 2, (height - 9) // 2
    middle = np.asarray(picture)[top : top + 9, left : left + 9]
    assert (image == middle.transpose(2, 0, 1)).all()


def test_shrinking_averages(tmp_path):
    board = (np.indices((64, 96)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    (image,) = image_folder(tmp_path, 8, 1).images
    assert image.shape == (1, 8, 8)
    assert np.abs(image - 127.5).max() < 2  # a sample of single pixels would be black or white


@pytest.mark.parametrize("times", [1, 2, 3, 10])
def test_large_jpeg_files_look_the_same_as_others(tmp_path, times):
    """They are decoded at a fraction of their size; compare with decoding all of them."""
    waves = np.sin(np.indices((64 * times, 80 * times)) / 4 / times).sum(0)
    Image.fromarray(((waves + 2) * 63).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    Image.open(tmp_path / "a.jpg").save(tmp_path / "b.png")
    jpeg, whole = image_folder(tmp_path, 32).images.astype(int)
    assert np.abs(jpeg - whole).max() <= 4


def test_every_kind_of_pixel_becomes_color_or_gray(tmp_path):
    plain(200, mode="L").save(tmp_path / "a.png")
    plain((200, 128), mode="LA").save(tmp_path / "b.png")
    plain((200, 200, 200, 9), mode="RGBA").save(tmp_path / "c.png")
    plain((200, 200, 200)).quantize(2).save(tmp_path / "d.gif")
    plain((0, 0, 0, 55), mode="CMYK").save(tmp_path / "e.tif")
    deep = np.full((8, 8), 200 * 256 + 77, np.uint16)
    Image.fromarray(deep).save(tmp_path / "f.png")
    for channels in (1, 3):
        images = image_folder(tmp_path, 8, channels).images
        assert images.shape == (6, channels, 8, 8)
        assert np.abs(images.astype(int) - 200).max() == 0


def test_numbers_without_an_agreed_white_are_skipped(tmp_path):
    plain(RED).save(tmp_path / "a.png")
    Image.new("I", (8, 8), 70_000).save(tmp_path / "b.tif")
    Image.new("F", (8, 8), 0.5).save(tmp_path / "c.tif")
    with pytest.warns(UserWarning, match=r"2 of 3 files: 'b.tif' \(its pixels are 32-bit"):
        assert colors(image_folder(tmp_path, 8)) == [RED]


def test_photographs_are_turned_upright(tmp_path):
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:4] = RED  # red above black
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter to the right"
    Image.fromarray(halves).save(tmp_path / "a.png", exif=exif)
    (image,) = image_folder(tmp_path, 8).images
    assert (image[0, :, 4:] == 255).all() and (image[0, :, :4] == 0).all()


def test_small_pictures_are_enlarged_and_counted(tmp_path):
    plain(RED, (8, 4)).save(tmp_path / "a.png")
    plain(RED, (16, 16)).save(tmp_path / "b.png")
    with pytest.warns(UserWarning, match="enlarged 1 of 2 files, smaller than 8 × 8"):
        assert colors(image_folder(tmp_path, 8)) == [RED, RED]


# --- zip files ------------------------------------------------------------------------------------


def test_a_zip_file_gives_what_its_folder_gives(tmp_path):
    entries = {f"img/{i}.png": png(random_picture(12, 10, seed=i)) for i in (3, 1, 2)}
    folder = tmp_path / "folder"
    (folder / "img").mkdir(parents=True)
    for name, content in entries.items():
        (folder / name).write_bytes(content)
    zip_of(
        tmp_path / "celeba.zip",
        {"img/": "", **entries, "__MACOSX/img/1.png": b"?", "readme.txt": b"?"},
    )
    zipped = image_folder(tmp_path / "celeba.zip", 8)
    assert (zipped.images == image_folder(folder, 8).images).all()
    assert zipped.name == "celeba"


@pytest.mark.parametrize(
    "name", ["../a.png", "x/../../a.png", "/a.png", "C:/a.png", "x\\..\\..\\a.png", "../a.txt"]
)
def test_a_zip_file_that_climbs_out_is_refused(tmp_path, name):
    picture = png(plain(RED))
    path = zip_of(tmp_path / "set.zip", {"good.png": picture, name: picture})
    assert "is refused: its entry" in message(path) and repr(name) in message(path)


def peak_memory(action):
    tracemalloc.start()
    try:
        result = action()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_refused(tmp_path):
    path = zip_of(tmp_path / "bomb.zip", {"a.bmp": bytes(60 << 20), "b.png": png(plain(RED))})
    used, said = peak_memory(lambda: message(path))
    assert f"would unpack to {(60 << 20) + len(png(plain(RED)))}" in said
    assert used < 1 << 20


def test_an_entry_larger_than_it_says_is_cut_off(tmp_path):
    path = zip_of(tmp_path / "bomb.zip", {"a.bmp": bytes(60 << 20), "b.png": png(plain(RED))})
    said, size = struct.pack("<I", 60 << 20), struct.pack("<I", 500)
    path.write_bytes(path.read_bytes().replace(said, size))
    with pytest.warns(UserWarning, match="skipped 1 of 2 files: 'a.bmp'"):
        used, dataset = peak_memory(lambda: image_folder(path, 8, workers=1))
    assert colors(dataset) == [RED]
    assert used < 4 << 20


def test_compression_that_cannot_be_bounded_is_skipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.png", png(plain(RED)))
        archive.writestr("b.png", png(plain(RED)), zipfile.ZIP_BZIP2)
    with pytest.warns(UserWarning, match="'b.png' .its compression method is neither"):
        assert len(image_folder(tmp_path / "set.zip", 8)) == 1


def test_an_encrypted_entry_is_skipped(tmp_path):
    path = zip_of(tmp_path / "set.zip", {"a.png": png(plain(RED)), "b.png": png(plain(RED))})
    content = bytearray(path.read_bytes())
    where = content.index(b"PK\x01\x02")  # the directory's word on the first entry
    content[where + 8] |= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"'a.png' \(.*encrypted"):
        assert len(image_folder(path, 8)) == 1


def test_a_file_that_is_no_zip_file(tmp_path):
    (tmp_path / "set.tar").write_bytes(b"something else")
    assert "set.tar is not a whole zip file (File is not a zip file)" in message(
        tmp_path / "set.tar"
    )


# --- what cannot be read --------------------------------------------------------------------------


def test_unreadable_pictures_are_skipped_counted_and_named(tmp_path):
    plain(GREEN).save(tmp_path / "good.png")
    whole = png(random_picture(30, 30))
    for name in ("a.png", "b.png", "c.png", "d.png"):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a.png").write_bytes(b"not an image")
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.warns(UserWarning) as caught:
        dataset = image_folder(tmp_path, 8)
    assert colors(dataset) == [GREEN]
    (warning,) = caught
    said = str(warning.message)
    assert "skipped 4 of 5 files: 'a.png' (not an image), 'b.png' (not an image), 'c.png'" in said
    assert said.endswith("and 1 more") and "d.png" not in said
    assert warning.filename == __file__  # it points at the line that asked for the folder


def test_nothing_to_read(tmp_path):
    assert "nowhere is neither a folder nor a file" in message(tmp_path / "nowhere")
    assert "holds no images" in message(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not an image")
    assert "holds no readable image: all 1 were skipped: 'a.png' (not an image)" in message(
        tmp_path
    )
    assert "holds no images" in message(zip_of(tmp_path / "set.zip", {"a.txt": b"a"}))


def huge_png(width, height):
    """A PNG file whose header promises so many pixels, and which has none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize("side", [10_000, 60_000])  # beyond Pillow's warning, and its error
def test_a_picture_too_large_to_decode_is_skipped(tmp_path, side):
    plain(RED).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(huge_png(side, side))
    with pytest.warns(UserWarning, match=r"1 of 2 files: 'b.png' \(.*pixels") as caught:
        assert len(image_folder(tmp_path, 8)) == 1
    assert len(caught) == 1


def test_a_very_long_picture_costs_no_more_than_itself(tmp_path):
    plain(RED, (60_000, 2)).save(tmp_path / "a.png")  # scaling its short side first: 3.8 GB
    with pytest.warns(UserWarning, match="smaller than 256"):
        used, dataset = peak_memory(lambda: image_folder(tmp_path, 256, workers=1))
    assert colors(dataset) == [RED] and used < 8 << 20


def test_postscript_is_not_run(tmp_path):
    plain(RED).save(tmp_path / "a.png")
    plain(RED).save(tmp_path / "b.eps")
    (tmp_path / "b.eps").rename(tmp_path / "b.png")
    plain(RED).save(tmp_path / "c.eps")
    with pytest.warns(UserWarning, match=r"skipped 1 of 2 files: 'b.png' \(not an image\)"):
        assert len(image_folder(tmp_path, 8)) == 1


needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights")


@needs_links
def test_links_and_pipes_cannot_hang_it(tmp_path):
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    plain(RED).save(tmp_path / "elsewhere.png")
    plain(GREEN).save(folder / "sub" / "a.png")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "root").symlink_to("/")
    (folder / "itself.png").symlink_to(folder / "itself.png")
    (folder / "linked.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "device.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(UserWarning, match=r"1 of 3 files: 'itself.png' \(Too many levels"):
        assert colors(image_folder(folder, 8)) == [RED, GREEN]
    (tmp_path / "link").symlink_to(folder / "sub")
    assert colors(image_folder(tmp_path / "link", 8)) == [GREEN]


@pytest.mark.parametrize(
    "options", [{"image_size": 0}, {"channels": 2}, {"channels": 4}, {"workers": 0}]
)
def test_arguments_that_make_no_sense(tmp_path, options):
    plain(RED).save(tmp_path / "a.png")
    ((name, value),) = options.items()
    assert f"{name}={value}" in message(tmp_path, **options)


def test_it_is_quiet_when_nobody_watches(tmp_path, capfd):
    plain(RED).save(tmp_path / "a.png")
    image_folder(tmp_path, 8)
    assert capfd.readouterr() == ("", "")


# --- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for i, color in enumerate((RED, GREEN, BLUE)):
        plain(color).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def decoded(monkeypatch):
    """The number of files decoded so far, in a list of one."""
    count = [0]
    decode = Decoder._decode

    def counted(self, file):
        count[0] += 1
        return decode(self, file)

    monkeypatch.setattr(Decoder, "_decode", counted)
    return count


def test_pictures_are_decoded_once(folder, tmp_path, decoded):
    cache = tmp_path / "runs" / "first" / "images.npy"
    first = image_folder(folder, 8, cache=cache)
    second = image_folder(folder, 8, cache=str(cache))
    assert decoded == [3]
    assert (first.images == second.images).all() and colors(second) == [RED, GREEN, BLUE]
    assert (np.load(cache) == image_folder(folder, 8).images).all()
    assert sorted(p.name for p in cache.parent.iterdir()) == ["images.npy", "images.npy.json"]
    record = json.loads((cache.parent / "images.npy.json").read_text())
    assert record["source"] == str(folder) and record["image_size"] == 8
    assert record["channels"] == 3 and len(record["fingerprint"]) == 64


def test_skipped_pictures_leave_no_gap_in_the_cache(folder, tmp_path):
    (folder / "1.png").write_bytes(b"not an image")
    with pytest.warns(UserWarning, match="skipped 1 of 3"):
        dataset = image_folder(folder, 8, cache=tmp_path / "c.npy")
    assert colors(dataset) == [RED, BLUE]
    assert np.load(tmp_path / "c.npy").shape == (2, 3, 8, 8)


def touch(folder, cache):
    os.utime(folder / "1.png", ns=(1, 1))


def add(folder, cache):
    plain(RED).save(folder / "3.png")


def rename(folder, cache):
    (folder / "1.png").rename(folder / "1b.png")


def lose_images(folder, cache):
    cache.unlink()


def lose_record(folder, cache):
    cache.with_name("c.npy.json").unlink()


def cut_images(folder, cache):
    cache.write_bytes(cache.read_bytes()[:-1])


def empty_images(folder, cache):
    cache.write_bytes(b"")


def other_shape(folder, cache):
    np.save(cache, np.zeros((3, 3, 8, 7), np.uint8))


def other_type(folder, cache):
    np.save(cache, np.zeros((3, 3, 8, 8), np.float32))


def pickled(folder, cache):
    np.save(cache, np.array([{}] * 3), allow_pickle=True)


def garbled_record(folder, cache):
    cache.with_name("c.npy.json").write_bytes(b"[" * 100_000)


def other_record(folder, cache):
    cache.with_name("c.npy.json").write_text("3")


@pytest.mark.parametrize(
    "change",
    [
        touch,
        add,
        rename,
        lose_images,
        lose_record,
        cut_images,
        empty_images,
        other_shape,
        other_type,
        pickled,
        garbled_record,
        other_record,
    ],
)
def test_a_stale_or_damaged_cache_is_written_anew(folder, tmp_path, decoded, change):
    cache = tmp_path / "c.npy"
    image_folder(folder, 8, cache=cache)
    change(folder, cache)
    decoded[0] = 0
    dataset = image_folder(folder, 8, cache=cache)
    assert decoded == [len(dataset)]
    assert colors(dataset)[:3] == [RED, GREEN, BLUE]
    assert (np.load(cache) == dataset.images).all()
    image_folder(folder, 8, cache=cache)
    assert decoded == [len(dataset)]


@pytest.mark.parametrize("arguments", [(4,), (8, 1)])
def test_a_cache_of_another_size_or_another_folder_is_not_used(folder, tmp_path, arguments):
    cache = tmp_path / "c.npy"
    image_folder(folder, 8, cache=cache)
    assert (
        image_folder(folder, *arguments, cache=cache).images
        == image_folder(folder, *arguments).images
    ).all()
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    plain(WHITE).save(folder / "0.png")
    assert colors(image_folder(folder, 8, cache=cache)) == [WHITE]


def test_a_changed_zip_file_is_noticed(tmp_path):
    path = zip_of(tmp_path / "set.zip", {"a.bmp": plain(RED).tobytes(), "b.png": png(plain(RED))})
    with pytest.warns(UserWarning, match="skipped"):
        image_folder(path, 8, cache=tmp_path / "c.npy")
    zip_of(path, {"b.png": png(plain(BLUE))})
    assert colors(image_folder(path, 8, cache=tmp_path / "c.npy")) == [BLUE]


def test_an_interrupted_rebuild_harms_nothing(folder, tmp_path, monkeypatch):
    cache = tmp_path / "c.npy"
    image_folder(folder, 8, cache=cache)
    before = cache.read_bytes()
    add(folder, cache)

    def interrupted(file):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            image_folder(folder, 8, cache=cache)
    assert cache.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["c.npy"]
    assert len(image_folder(folder, 8, cache=cache)) == 4


def test_what_a_killed_process_left_behind_is_removed(folder, tmp_path):
    """It is as large as the cache."""
    abandoned, somebodys = tmp_path / ".a.npy.tmp", tmp_path / ".a.npy.backup"
    for path in (abandoned, somebodys):
        path.write_bytes(b"half a cache")
    assert len(image_folder(folder, 8, cache=tmp_path / "a.npy")) == 3
    assert not abandoned.exists() and somebodys.exists()


def test_of_two_who_need_the_same_pictures_one_decodes_and_the_other_waits(
    folder, tmp_path, decoded
):
    start = threading.Barrier(2)
    results = []

    def read():
        start.wait()
        results.append(image_folder(folder, 8, cache=tmp_path / "c.npy"))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decoded == [3]
    assert [colors(dataset) for dataset in results] == [[RED, GREEN, BLUE]] * 2


def test_a_full_disk_is_said(folder, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    said = message(folder, 8, cache=tmp_path / "c.npy")
    assert said.startswith("Cannot write") and "c.npy (No space left on device)" in said
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


def test_a_cache_that_cannot_be_one(folder, tmp_path):
    assert "must be a .npy file, not" in message(folder, 8, cache=tmp_path / "c.json")
    (tmp_path / "file").write_text("")
    assert "Cannot write" in message(folder, 8, cache=tmp_path / "file" / "c.npy")
    (tmp_path / "c.npy").mkdir()
    assert "Cannot write" in message(folder, 8, cache=tmp_path / "c.npy")


def test_nothing_is_cached_when_nothing_can_be_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not an image")
    assert "holds no readable image" in message(tmp_path, 8, cache=tmp_path / "c" / "c.npy")
    assert list((tmp_path / "c").iterdir()) == []


# --- fuzz -----------------------------------------------------------------------------------------


def encoded(kind):
    stream = io.BytesIO()
    random_picture(7, 5).save(stream, kind)
    return stream.getvalue()


def small_zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encoded("PNG"))
        archive.writestr("b/c.jpg", encoded("JPEG"))
    return stream.getvalue()


SAMPLES = [encoded(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA")]


@st.composite
def damaged(draw, contents):
    """One of the contents, with a few bytes overwritten, cut out or put in."""
    result = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(result)))
        cut = draw(st.integers(0, 3))
        result[start : start + cut] = draw(st.binary(max_size=6))
    return bytes(result)


fuzz = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_in_any_case(path):
    """Only a UserError may come out, or images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = image_folder(path, 4)
        except UserError as error:
            assert "\n" not in str(error)
            return 0
        assert dataset.images.shape[1:] == (3, 4, 4)
        return len(dataset)


@fuzz
@given(content=damaged(SAMPLES) | st.binary(max_size=64))
def test_whatever_the_picture_only_user_errors_come_out(tmp_path, content):
    folder = tmp_path / "set"
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(content)
    read_in_any_case(folder)
    plain(RED).save(folder / "good.png")
    assert read_in_any_case(folder) >= 1
    (folder / "good.png").unlink()


@fuzz
@given(content=damaged([small_zip()]) | st.binary(max_size=64))
def test_whatever_the_zip_file_only_user_errors_come_out(tmp_path, content):
    (tmp_path / "set.zip").write_bytes(content)
    read_in_any_case(tmp_path / "set.zip")


def test_every_name_that_pillow_can_decode_counts(tmp_path):
    """An .mpo is a JPEG file of two pictures; Pillow lists no decoder of that name."""
    red, blue = plain(RED), plain(BLUE)
    red.save(tmp_path / "stereo.mpo", format="MPO", save_all=True, append_images=[blue])
    assert red_of(image_folder(tmp_path, 8)) > 0
    _, suffixes = readable_formats()
    left_out = {s for s, name in Image.EXTENSION.items() if name in Image.OPEN} - suffixes
    assert {Image.EXTENSION[suffix] for suffix in left_out} <= REFUSED_FORMATS
    zip_of(tmp_path / "set.zip", {"a.mpo": (tmp_path / "stereo.mpo").read_bytes()})
    assert len(image_folder(tmp_path / "set.zip", 8)) == 1


def red_of(dataset):
    assert len(dataset) == 1
    red, _, blue = dataset.images[0].astype(int).mean(axis=(1, 2))
    return red - blue


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.7z", "a.RAR", "a.tar"])
def test_archives_of_other_kinds_are_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"packed")
    with pytest.raises(UserError, match="unpack this archive, and give the folder"):
        image_folder(tmp_path / name, 8)
