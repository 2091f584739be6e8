"""A set of images in memory, and the loader that deals it out in shuffled batches.

Pixels stay bytes until the moment they are dealt: the set lies once on the device as uint8, and
each batch is gathered and scaled there. A batch is numbers first and images later:

    order(epoch)    5 2 7 0 | 6 1 3 8 | 4 9        the numbers of all images, shuffled
                              |
    deal()                    6 1 3 8              the next of them; the bookmark moves
                              |
    ......................... | .......................................................
    batch(chosen)             images 6, 1, 3, 8    gathered: (B, C, H, W) bytes
                              |
    _scaled                   [-1, 1]              float32: what the networks see

Above the dotted line the host decides, once an epoch and once a batch. What is below it depends on
the numbers alone, so a GPU can record it together with the networks' work, and play it again with
other numbers (training/loop.py does that). Who only wants images writes a `for` loop, which has
no bookmark. Next: parts.py, where many processes share a batch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from minigan.backend import Backend, backend_of, get_backend
from minigan.distributed.joining import digest
from minigan.errors import UserError
from minigan.random import Random
from minigan.tensor import Tensor

Batch = tuple[Tensor, Tensor | None]


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """N images of one size, and perhaps the class of each.

    images: uint8 (N, C, H, W), 0 is black and 255 is white.
    labels: int64 (N,), numbers from 0, or None where nobody knows the classes.
    name: what to call the set in a title or a log.
    class_names: what label 0, 1, … means; empty if there are no labels or no names.

    Raises UserError if an array has another type or shape, is empty, or holds an impossible label.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    name: str = "images"
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
            remedy = ""
            if images.dtype != np.uint8:
                remedy = "; scale them to 0 … 255 and round: images.round().astype(numpy.uint8)"
            elif images.ndim == 3:
                remedy = "; give gray ones their channel: images[:, None]"
            raise UserError(
                f"{self.name}: images must be uint8 of shape (N, C, H, W), none of them 0; "
                f"these are {images.dtype} of shape {images.shape}{remedy}"
            )
        _, channels, height, width = images.shape
        if channels > 4 and width in (1, 3, 4):  # no photograph is that narrow
            raise UserError(
                f"{self.name}: images of shape {images.shape} would have {channels} channels of "
                f"{height} × {width} pixels. If their channels come last, give "
                "images.transpose(0, 3, 1, 2)"
            )
        if labels is None:
            return
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise UserError(
                f"{self.name}: labels must be int64 of shape ({len(images)},), one per image; "
                f"these are {labels.dtype} of shape {labels.shape}"
            )
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or (self.class_names and highest >= len(self.class_names)):
            raise UserError(
                f"{self.name}: labels run from {lowest} to {highest}; they must count from 0"
                + (f" to {len(self.class_names) - 1}" if self.class_names else "")
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"ImageDataset({self.contents()}, {self.name!r})"

    def contents(self) -> str:
        """How many images of which shape, in how many classes."""
        count, *sides = self.images.shape
        text = f"{count:,} image{'s' * (count > 1)} of {'×'.join(map(str, sides))}"
        if self.labels is None:
            return f"{text}, no labels"
        classes = len(self.class_names) or int(self.labels.max()) + 1
        return f"{text}, {classes} class{'es' * (classes > 1)}"

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: forty images, or fewer, at equal distances in the whole set."""
        count, channels, height, width = self.images.shape
        if channels not in (1, 3):
            return None
        columns = min(10, count)
        rows = min(4, count // columns)
        some = self.images[np.linspace(0, count - 1, rows * columns).round().astype(int)]
        page = some.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
        page = page.reshape(rows * height, columns * width, channels)  # (H, W, C)
        image = Image.fromarray(page[:, :, 0] if channels == 1 else page)
        larger = max(1, round(640 / image.width))
        size = image.width * larger, image.height * larger
        with io.BytesIO() as file:
            image.resize(size, Image.Resampling.NEAREST).save(file, format="PNG")
            return file.getvalue()

    def digest(self) -> str:
        """A few letters that stand for the images and labels; of a large set, for a part of them.

        Reading all of a set that lies on a disk would take minutes: up to 256 MB are looked at.
        """
        some = self.images[:: max(1, self.images.nbytes >> 28)]
        labels = () if self.labels is None else (self.labels,)
        return digest(np.ascontiguousarray(array) for array in (some, *labels))

    def first(self, count: int | None) -> ImageDataset:
        """The first `count` pictures, and a name that says so; None: all of them.

        Raises UserError if there are not so many, or `count` is less than 1.
        """
        if count is None or count == len(self):
            return self
        if not 1 <= count <= len(self):
            raise UserError(f"{self.name} has {len(self)} pictures; there are no first {count}")
        labels = None if self.labels is None else self.labels[:count]
        name = f"{self.name}, the first {count:,}"
        return replace(self, images=self.images[:count], labels=labels, name=name)

    def drawn(self, count: int, *, seed: int = 0) -> tuple[ImageDataset, ImageDataset | None]:
        """A fair draw of `count` pictures, in the order they have here; and the rest, if any.

        Who shows some pictures of a folder shows these, not the first by name; and what is left is
        held out from a training that takes these.

        Raises UserError if there are not so many, or `count` is less than 1.
        """
        if not 1 <= count <= len(self):
            raise UserError(
                f"{self.name} has {len(self)} pictures; {count} cannot be drawn of them"
            )
        if count == len(self):
            return self, None
        order = Random(seed).fork("drawn").permutation(len(self))
        return (
            self._of(np.sort(order[:count]), f"{self.name}, {count:,} of {len(self):,}"),
            self._of(np.sort(order[count:]), f"{self.name}, the other {len(self) - count:,}"),
        )

    def _of(self, numbers: NDArray[np.int64], name: str) -> ImageDataset:
        labels = None if self.labels is None else self.labels[numbers]
        return replace(self, images=self.images[numbers], labels=labels, name=name)

    def resized(self, size: int) -> ImageDataset:
        """The same pictures, size × size pixels large.

        One-channel pictures that are to grow by no more than a quarter get a black border instead:
        MNIST's digits go from 28 to 32 with every pixel kept. Everything else is interpolated
        (bilinear; when shrinking, over all the pixels that fall into one).

        Raises UserError if the pictures are not square, or `size` is less than 1.
        """
        count, channels, side, width = self.images.shape
        if size < 1 or side != width:
            raise UserError(
                f"{self.name}: pictures of {side} × {width} cannot be made {size} × {size}; "
                "both must be square, and at least 1 pixel large"
            )
        if channels == 1 and side <= size <= side * 5 // 4:
            before = (size - side) // 2
            border = (before, size - side - before)
            images = np.pad(self.images, ((0, 0), (0, 0), border, border))
        else:
            images = np.empty((count, channels, size, size), np.uint8)
            old_planes = self.images.reshape(-1, side, side)  # (N, C, H, W) -> (N·C, H, W)
            new_planes = images.reshape(-1, size, size)
            for old, new in zip(old_planes, new_planes, strict=True):
                smooth = Image.fromarray(old).resize((size, size), Image.Resampling.BILINEAR)
                new[:] = np.asarray(smooth)
        return replace(self, images=images)


class DataLoader:
    """Deals out a data set in batches, a whole pass over it for each `for` loop.

        loader = DataLoader(mnist("train"), 64, shuffle=True)
        for images, labels in loader:  # (64, 1, 28, 28) float32 in [-1, 1]; (64,) int64
            ...

    As in torch, every `for` loop, `iter` or `zip` starts a pass of its own, whatever became of the
    others: loops may be nested or left early, and next(iter(loader)) only looks. With `shuffle`
    the k-th pass of a loader has the order of epoch k.

    Training has a bookmark beside that, which no such loop moves. The order of an epoch depends on
    `seed` and on the number of the epoch, on nothing else: not on the backend, and not on what else
    draws random numbers. A place in the stream of batches is therefore two numbers, `epoch` and
    `position`, and `deal` goes on from there, in this process or, through `state_dict`, in another
    one. `minigan.training.train` deals, and so does a loop of one's own that should go on exactly
    where it was stopped:

        while loader.epoch < epochs:
            for chosen in loader.deal():  # the rest of this epoch
                images, labels = loader.batch(chosen)
                ...

    Where many processes train together, `deal` deals the same batches to all of them, and
    `my_part` (parts.py) says which rows of one are a process's own.

    dataset: the images. Their bytes are brought to the backend once, here.
    batch_size: images in a batch. The last batch of an epoch holds what is left over.
    shuffle: a new random order in each epoch; otherwise always the order of the data set.
    drop_last: leave out the last batch if it would be smaller than the others.
    seed: 0 <= seed < 2**128.
    backend: "numpy", "cupy", or what `get_backend` returned.
    dtype: float32 or, for checks, float64.
    scale: what black and white become. (-1, 1) suits a generator that ends in tanh, (0, 1) one
    that ends in a sigmoid.
    flip: deal about half of the images mirrored, left for right: in each epoch others, by `seed`.

    The bookmark is in two attributes. `epoch`: epochs dealt so far, which is the number of the
    epoch now being dealt. `position`: images of this epoch dealt so far.

    Raises UserError if an argument makes no sense, or there is not one batch to deal.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        seed: int = 0,
        backend: str | Backend = "numpy",
        dtype: DTypeLike = "float32",
        scale: tuple[float, float] = (-1.0, 1.0),
        flip: bool = False,
    ) -> None:
        least = batch_size if drop_last else 1
        if batch_size < 1 or least > len(dataset):
            raise UserError(
                f"{dataset.name} has {len(dataset)} images, which give no batch of {batch_size}"
                + (" when smaller ones are dropped" if drop_last else "")
            )
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise UserError(f"batches are float32 or float64, not {np.dtype(dtype)}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.backend = get_backend(backend)
        self.dtype = np.dtype(dtype)
        self.scale = scale
        self.flip = flip
        self.epoch = 0
        self.position = 0
        self._least = least  # fewer images than this make no batch
        self._passes = 0  # `for` loops begun, which the bookmark does not count
        self._random = Random(seed)
        self._images = self.backend.asarray(dataset.images)
        self._labels = None if dataset.labels is None else self.backend.asarray(dataset.labels)

    def __repr__(self) -> str:
        shuffled = ", shuffled" if self.shuffle else ""
        place = f"epoch {self.epoch + 1}, image {self.position:,}"
        return (
            f"DataLoader({self.dataset!r}: {len(self):,} batches of {self.batch_size}{shuffled}, "
            f"{self.dtype} on {self.backend.name}; training stands at {place})"
        )

    def __len__(self) -> int:
        """Batches in a whole epoch."""
        images = len(self.dataset)
        return images // self.batch_size if self.drop_last else -(-images // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of a pass of its own, from the first; the bookmark does not move."""
        order = self.backend.asarray(self.order(self._passes))
        self._passes += 1
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        return (self.batch(order[start : start + self.batch_size]) for start in starts)

    @property
    def dealt(self) -> int:
        """Batches dealt so far, from the very first: where the bookmark lies, as one number."""
        return self.epoch * len(self) + self.position // self.batch_size

    @property
    def smallest_batch(self) -> int:
        """Images in the smallest batch of an epoch, the last one."""
        left_over = 0 if self.drop_last else len(self.dataset) % self.batch_size
        return left_over or self.batch_size

    def deal(self) -> Iterator[Tensor]:
        """The numbers (B,) of the images in each batch that is left of this epoch, in order.

        `batch` makes one of them. Each moves the bookmark, and may be the last: who leaves this
        loop early finds the rest in the next one.
        """
        epoch = self.epoch
        order = self.backend.asarray(self.order(epoch))
        while self.epoch == epoch:
            chosen = order[self.position : self.position + self.batch_size]
            # The bookmark moves before the batch is handed out, so that whoever saves it after
            # working on the batch saves a place behind that batch.
            self._move_to(epoch, self.position + self.batch_size)
            yield Tensor(chosen)

    def batch(self, indices: Any) -> Batch:
        """The images with these numbers, scaled, and their labels; the bookmark does not move.

        With `flip`, N + i is the number of image i's mirror image.

        Returns images (B, C, H, W) and labels (B,), or None in their place.
        """
        numbers = indices.array if isinstance(indices, Tensor) else self.backend.asarray(indices)
        mirrored = None
        if self.flip:
            mirrored, numbers = numbers >= len(self.dataset), numbers % len(self.dataset)
        backend = backend_of(numbers)  # which may be noting down what a round does
        numbers = numbers.astype(np.intp, copy=False)  # 32 bits wide inside a browser
        pixels = backend.take(self._images, numbers)  # (N, C, H, W) -> (B, C, H, W)
        if mirrored is not None:
            mirrored = mirrored[:, None, None, None]
            pixels = backend.xp.where(mirrored, pixels[..., ::-1], pixels)
        images = Tensor(backend.elementwise(self._scaled, [pixels]))
        return images, None if self._labels is None else Tensor(backend.take(self._labels, numbers))

    def _scaled(self, pixels: Any) -> Any:
        """0 … 255 -> black … white. Both ends come out exactly, since 255 · (1/255) rounds to 1."""
        black, white = self.scale
        values = pixels.astype(self.dtype)
        values *= (white - black) / 255
        values += black
        return values

    def order(self, epoch: int) -> NDArray[np.int64]:
        """(N,): the numbers of all images, in the order in which this epoch deals them.

        With `flip`, half of them, drawn anew for each epoch, are those of the mirror images.
        """
        images = len(self.dataset)
        order = np.arange(images)
        if self.shuffle:
            order = self._random.fork(f"order of epoch {epoch}").permutation(images)
        if self.flip:
            order += images * self._random.fork(f"flips of epoch {epoch}").integers(2, images)
        return order

    def _move_to(self, epoch: int, position: int) -> None:
        if len(self.dataset) - position < self._least:
            epoch, position = epoch + 1, 0
        self.epoch, self.position = epoch, position

    def state_dict(self) -> dict[str, int]:
        """The bookmark: what the next batch depends on, besides the arguments of the loader."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from such a bookmark: `deal` deals the rest of its epoch.

        Raises UserError if `state` is not a bookmark, or one in a larger data set.
        """
        place = dict(state) if isinstance(state, Mapping) else {}
        whole = all(type(number) is int and number >= 0 for number in place.values())
        if (
            set(place) != {"epoch", "position"}
            or not whole
            or place["position"] > len(self.dataset)
        ):
            raise UserError(
                'a place in a data set is {"epoch": …, "position": …}, two whole numbers, of which '
                f"the second is at most {len(self.dataset)} here; this one is {state!r}"
            )
        self._move_to(state["epoch"], state["position"])
