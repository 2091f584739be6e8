"""Batches: the right pixels, each image once an epoch, and a bookmark that resumes exactly."""

import io
import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minigan.data.loader import DataLoader, ImageDataset
from minigan.errors import UserError


def numbered(count, channels=1, height=1, width=1):
    """Images of which number i is all i, labelled i."""
    images = np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, channels, height, width)
    )
    return ImageDataset(images.copy(), np.arange(count))


def labels_of(batches):
    return [labels.numpy().tolist() for _, labels in batches]


# --- the data set ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "labels", "names", "what"),
    [
        (np.zeros((2, 1, 4, 4), np.float32), None, (), "these are float32 of shape (2, 1, 4, 4)"),
        (np.zeros((2, 4, 4), np.uint8), None, (), "these are uint8 of shape (2, 4, 4)"),
        (np.zeros((2, 4, 4), np.uint8), None, (), "give gray ones their channel: images[:, None]"),
        (np.zeros((2, 1, 4, 4)), None, (), "scale them to 0 … 255 and round"),
        (np.zeros((4, 8, 8, 3), np.uint8), None, (), "would have 8 channels of 8 × 3 pixels"),
        (np.zeros((4, 8, 8, 4), np.uint8), None, (), "give images.transpose(0, 3, 1, 2)"),
        (np.zeros((4, 28, 28, 1), np.uint8), None, (), "If their channels come last"),
        (np.zeros((0, 1, 4, 4), np.uint8), None, (), "these are uint8 of shape (0, 1, 4, 4)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, np.int64), (), "of shape (2,), one per"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.uint8), (), "these are uint8 of"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([0, -1]), (), "labels run from -1 to 0"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 2]), ("a", "b"), "from 0 to 2; they must"),
    ],
)
def test_a_data_set_that_cannot_be_one(images, labels, names, what):
    with pytest.raises(UserError) as caught:
        ImageDataset(images, labels, "digits", names)
    assert what in str(caught.value) and "digits" in str(caught.value)


def random_images(*shape):
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_what_a_data_set_and_a_loader_say_of_themselves():
    images, labels = np.zeros((2500, 3, 8, 9), np.uint8), np.arange(2500) % 4
    plain = ImageDataset(images, name="cats")
    assert repr(plain) == "ImageDataset(2,500 images of 3×8×9, no labels, 'cats')"
    four = ImageDataset(images, labels)
    assert repr(four) == "ImageDataset(2,500 images of 3×8×9, 4 classes, 'images')"
    named = ImageDataset(images[:1], labels[:1], "dogs", ("dog",))
    assert repr(named) == "ImageDataset(1 image of 3×8×9, 1 class, 'dogs')"
    loader = DataLoader(named, 1, shuffle=True)
    assert repr(loader).endswith(
        "'dogs'): 1 batches of 1, shuffled, float32 on numpy; training stands at epoch 1, image 0)"
    )
    assert "shuffled" not in repr(DataLoader(four, 64)) and "40 batches" in repr(
        DataLoader(four, 64)
    )


@pytest.mark.parametrize(
    ("count", "channels", "rows", "columns"),
    [(1, 1, 1, 1), (7, 3, 1, 7), (25, 1, 2, 10), (40, 3, 4, 10), (250, 1, 4, 10)],
)
def test_a_notebook_shows_some_of_the_images(count, channels, rows, columns):
    """One gray, or color, for each image: its number, so that one sees which were taken."""
    dataset = numbered(count, channels, 5, 6)
    with Image.open(io.BytesIO(dataset._repr_png_())) as shown:
        pixels = np.asarray(shown)
    larger = round(640 / (columns * 6))
    assert pixels.shape[:2] == (rows * 5 * larger, columns * 6 * larger)
    corners = pixels[:: 5 * larger, :: 6 * larger].reshape(rows * columns, -1)  # of each image
    taken = np.linspace(0, count - 1, rows * columns).round().astype(int)
    np.testing.assert_array_equal(corners, dataset.images[taken, :, 0, 0])


def test_what_is_neither_gray_nor_color_is_not_shown():
    assert ImageDataset(np.zeros((3, 2, 4, 4), np.uint8))._repr_png_() is None


def test_a_little_larger_is_a_black_border():
    images = random_images(3, 1, 28, 28)
    larger = ImageDataset(images, np.arange(3), "digits").resized(32)
    assert larger.images.shape == (3, 1, 32, 32)
    assert (larger.images[:, :, 2:30, 2:30] == images).all()
    assert larger.images.sum() == images.sum()
    assert larger.labels.tolist() == [0, 1, 2] and larger.name == "digits"

    odd = ImageDataset(images).resized(31).images
    assert (odd[:, :, 1:29, 1:29] == images).all() and odd.shape == (3, 1, 31, 31)
    assert (ImageDataset(images).resized(28).images == images).all()


@pytest.mark.parametrize(("channels", "side", "size"), [(1, 28, 64), (1, 28, 14), (3, 28, 32)])
def test_everything_else_is_interpolated(channels, side, size):
    images = random_images(2, channels, side, side)
    resized = ImageDataset(images).resized(size).images
    assert resized.shape == (2, channels, size, size)
    for n, c in np.ndindex(2, channels):
        expected = Image.fromarray(images[n, c]).resize((size, size), Image.Resampling.BILINEAR)
        assert (resized[n, c] == np.asarray(expected)).all()


def test_the_first_pictures_keep_their_labels_and_say_that_they_are_the_first():
    whole = ImageDataset(random_images(5, 1, 3, 4), np.arange(5), "digits", tuple("abcde"))
    part = whole.first(2)
    assert (part.images == whole.images[:2]).all() and part.labels.tolist() == [0, 1]
    assert part.name == "digits, the first 2" and part.class_names == whole.class_names
    assert whole.first(None) is whole.first(5) is whole
    assert ImageDataset(whole.images).first(3).labels is None
    for count in (6, 0, -1):
        with pytest.raises(UserError, match=f"digits has 5 pictures; there are no first {count}"):
            whole.first(count)


def test_only_squares_are_resized():
    with pytest.raises(UserError, match="pictures of 28 × 20 cannot be made 32 × 32"):
        ImageDataset(random_images(2, 1, 28, 20)).resized(32)
    with pytest.raises(UserError, match="cannot be made 0 × 0"):
        ImageDataset(random_images(2, 1, 28, 28)).resized(0)


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [(-1.0, 1.0), (0.0, 1.0)])
def test_pixels_are_scaled(dtype, scale):
    every = np.arange(256, dtype=np.uint8).reshape(2, 1, 8, 16)
    (images, labels), *rest = DataLoader(ImageDataset(every), 2, dtype=dtype, scale=scale)
    assert images.dtype == dtype and images.shape == (2, 1, 8, 16) and not images.requires_grad
    assert labels is None and not rest
    black, white = scale
    exact = black + np.arange(256) / 255 * (white - black)
    pixels = images.numpy().ravel()
    assert pixels[0] == black and pixels[255] == white  # exactly
    np.testing.assert_allclose(pixels, exact, rtol=0, atol=2 * np.finfo(dtype).eps)


def test_large_batches_are_scaled_alike():
    images = random_images(40, 3, 32, 32)  # large enough to be worked on in pieces
    (batch, _) = next(iter(DataLoader(ImageDataset(images), 40)))
    np.testing.assert_allclose(batch.numpy(), images / 127.5 - 1, rtol=0, atol=2e-7)
    assert batch.dtype == np.float32


def test_images_and_labels_stay_together():
    for images, labels in DataLoader(numbered(50, 2, 3, 4), 8, shuffle=True, seed=3):
        shown = np.rint((images.numpy() + 1) * 127.5)
        assert (shown == labels.numpy()[:, None, None, None]).all()
        assert labels.dtype == np.int64


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 30),
    batch_size=st.integers(1, 12),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_an_epoch_has_torchs_batches(count, batch_size, shuffle, drop_last):
    if drop_last and batch_size > count:
        return
    loader = DataLoader(numbered(count), batch_size, shuffle, drop_last=drop_last)
    theirs = torch.utils.data.DataLoader(range(count), batch_size, shuffle, drop_last=drop_last)
    assert len(loader) == len(theirs)
    for _ in range(2):
        batches = labels_of(loader)
        assert [len(batch) for batch in batches] == [len(batch) for batch in theirs]
        dealt = list(itertools.chain(*batches))
        assert len(set(dealt)) == len(dealt)  # no image twice
        if not shuffle:
            assert dealt == list(range(len(dealt)))


def test_the_set_is_not_copied():
    dataset = ImageDataset(np.zeros((20_000, 1, 28, 28), np.uint8), np.zeros(20_000, np.int64))
    tracemalloc.start()
    try:
        loader = DataLoader(dataset, 64, shuffle=True)
        for _ in itertools.islice(loader, 5):
            pass
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < dataset.images.nbytes / 8


def test_the_data_set_is_not_written_to():
    dataset = numbered(6)
    dataset.images.flags.writeable = False
    for images, _ in DataLoader(dataset, 4):
        images.array += 1  # a batch belongs to whoever gets it
    assert dataset.images.ravel().tolist() == list(range(6))


# --- order ----------------------------------------------------------------------------------------


def test_the_order_depends_on_seed_and_epoch_alone():
    def orders(loader):
        return [np.concatenate([y.numpy() for _, y in loader]).tolist() for _ in range(3)]

    first = orders(DataLoader(numbered(40), 7, shuffle=True, seed=5))
    np.random.seed(1)
    assert first == orders(DataLoader(numbered(40), 40, shuffle=True, seed=5))
    assert first != orders(DataLoader(numbered(40), 7, shuffle=True, seed=6))
    assert len({tuple(order) for order in first}) == 3  # each epoch has its own

    loader = DataLoader(numbered(40), 7, shuffle=True, seed=5)
    assert [loader.order(epoch).tolist() for epoch in (2, 0, 1)] == [first[2], first[0], first[1]]


def test_the_order_is_pinned():
    """A run of last year, resumed today, must deal the same batches."""
    loader = DataLoader(numbered(8), shuffle=True, seed=2014)
    assert loader.order(0).tolist() == [0, 3, 7, 4, 6, 2, 5, 1]
    assert loader.order(1).tolist() == [2, 6, 0, 5, 1, 4, 7, 3]


def test_every_order_is_equally_likely():
    loader = DataLoader(numbered(3), shuffle=True)
    counts = {order: 0 for order in itertools.permutations(range(3))}
    epochs = 1200
    for epoch in range(epochs):
        counts[tuple(loader.order(epoch).tolist())] += 1
    expected = epochs / 6
    chi_squared = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_squared < 20.5  # exceeded by a fair shuffle once in a thousand seeds


# --- the bookmark ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_resumed_loader_deals_what_was_left(data):
    count = data.draw(st.integers(1, 25))
    batch_size = data.draw(st.integers(1, count))
    drop_last = data.draw(st.booleans())

    def new_loader():
        return DataLoader(numbered(count), batch_size, True, drop_last=drop_last, seed=7)

    def stream(loader):
        while True:
            yield from map(loader.batch, loader.deal())

    total = 3 * len(new_loader())
    uninterrupted = labels_of(itertools.islice(stream(new_loader()), total))
    stop = data.draw(st.integers(0, total))
    loader = new_loader()
    before = labels_of(itertools.islice(stream(loader), stop))
    state = loader.state_dict()
    assert state["epoch"] == stop // len(loader)

    resumed = new_loader()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert before + labels_of(itertools.islice(stream(resumed), total - stop)) == uninterrupted
    # So does the old one, whose loop was left.
    assert before + labels_of(itertools.islice(stream(loader), total - stop)) == uninterrupted


def test_dealing_is_one_epoch():
    loader = DataLoader(numbered(10), 4)
    assert loader.state_dict() == {"epoch": 0, "position": 0}
    places = [loader.state_dict() for _ in loader.deal()]
    assert places == [
        {"epoch": 0, "position": 4},
        {"epoch": 0, "position": 8},
        {"epoch": 1, "position": 0},
    ]
    assert loader.state_dict() == {"epoch": 1, "position": 0}
    loader.load_state_dict({"epoch": 6, "position": 4})
    assert [chosen.tolist() for chosen in loader.deal()] == [[4, 5, 6, 7], [8, 9]]  # the rest
    assert loader.epoch == 7
    loader.load_state_dict({"epoch": 6, "position": 10})
    assert loader.state_dict() == {"epoch": 7, "position": 0}


def loops(kind, loader):
    """What a program may do with a loader, and how many batches each way of doing it sees."""
    if kind == "nested":
        return sum(1 for _ in loader for _ in loader)
    if kind == "zipped":
        return sum(1 for _ in zip(loader, loader, strict=True))
    if kind == "left early":
        for _ in loader:
            break
    if kind == "looked at":
        next(iter(loader))
    if kind == "twice":
        list(loader)
    if kind == "two at a time":
        one, other = iter(loader), iter(loader)
        next(one), next(other), next(other)
        return sum(1 for _ in one)
    return sum(1 for _ in loader)


@pytest.mark.parametrize(
    "kind", ["nested", "zipped", "left early", "looked at", "twice", "two at a time"]
)
def test_loops_are_independent_as_in_torch(kind):
    dataset = numbered(17)
    theirs = torch.utils.data.DataLoader(torch.zeros(17), 4, shuffle=True)
    ours = DataLoader(dataset, 4, shuffle=True)
    assert loops(kind, ours) == loops(kind, theirs)
    assert ours.state_dict() == {"epoch": 0, "position": 0}


def test_each_pass_is_whole_and_has_the_order_of_its_number():
    loader = DataLoader(numbered(10), 4, shuffle=True, drop_last=True, seed=2)
    for number in range(3):
        order = loader.order(number)
        assert labels_of(loader) == [order[:4].tolist(), order[4:8].tolist()]
    outer = iter(loader)
    next(outer), list(loader)
    assert labels_of(outer) == [loader.order(3)[4:8].tolist()]


@pytest.mark.parametrize(
    ("count", "batch_size", "drop_last", "smallest"),
    [(12, 4, False, 4), (13, 4, False, 1), (13, 4, True, 4), (3, 4, False, 3)],
)
def test_the_smallest_batch(count, batch_size, drop_last, smallest):
    loader = DataLoader(numbered(count), batch_size, drop_last=drop_last)
    assert loader.smallest_batch == smallest == min(len(labels) for _, labels in loader)


def test_looking_does_not_move_the_bookmark():
    loader = DataLoader(numbered(10, 3, 2, 2), 4, shuffle=True)
    next(iter(loader)), next(loader.deal())
    state = loader.state_dict()
    images, labels = loader.batch([9, 0, 9])
    assert images.shape == (3, 3, 2, 2) and labels.numpy().tolist() == [9, 0, 9]
    assert np.rint((images.numpy()[:, 0, 0, 0] + 1) * 127.5).tolist() == [9, 0, 9]
    assert loader.state_dict() == state


@pytest.mark.parametrize(
    "state",
    [
        None,
        [0, 0],
        {},
        {"epoch": 0},
        {"epoch": 0, "position": 0, "offset": 0},
        {"epoch": -1, "position": 0},
        {"epoch": 0, "position": -4},
        {"epoch": 0, "position": 11},
        {"epoch": 0, "position": 4.0},
        {"epoch": True, "position": 0},
        {"epoch": "0", "position": 0},
        {"epoch": None, "position": 0},
    ],
)
def test_a_place_that_is_none(state):
    loader = DataLoader(numbered(10), 4)
    with pytest.raises(UserError, match="the second is at most 10 here"):
        loader.load_state_dict(state)
    assert loader.state_dict() == {"epoch": 0, "position": 0}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"batch_size": 0}, "images has 10 images, which give no batch of 0"),
        ({"batch_size": -3}, "which give no batch of -3"),
        ({"batch_size": 11, "drop_last": True}, "no batch of 11 when smaller ones are dropped"),
        ({"dtype": "int64"}, "batches are float32 or float64, not int64"),
        ({"dtype": "float16"}, "batches are float32 or float64, not float16"),
        ({"backend": "abacus"}, "abacus"),
        ({"seed": -1}, "seed"),
    ],
)
def test_arguments_that_make_no_sense(arguments, what):
    with pytest.raises(UserError, match=what):
        DataLoader(numbered(10), **arguments)


def test_flip_deals_each_image_once_in_one_of_two_forms(backend):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 1, 3, 4).repeat(50, 0)
    labels = np.arange(100)
    dataset = ImageDataset(images, labels)
    loader = DataLoader(dataset, 30, shuffle=True, seed=4, flip=True, backend=backend, scale=(0, 1))
    orders = [loader.order(epoch) for epoch in (0, 1, 0)]
    assert orders[0].tolist() == orders[2].tolist() != orders[1].tolist()
    assert all(sorted(order % 100) == list(range(100)) for order in orders)
    mirrored = [{*order[order >= 100] % 100} for order in orders]
    assert 30 < len(mirrored[0]) < 70
    assert mirrored[0] != mirrored[1]
    for chosen in loader.deal():
        pixels, numbers = loader.batch(chosen)
        for image, number, place in zip(
            pixels.numpy(), numbers.tolist(), chosen.tolist(), strict=True
        ):
            expected = images[number].astype(np.float32) / 255
            expected = expected[..., ::-1] if place >= 100 else expected
            assert np.allclose(image, expected)
    plain = DataLoader(dataset, 30, shuffle=True, seed=4, backend=backend)
    assert (plain.order(0) == orders[0] % 100).all()
