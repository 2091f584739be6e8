"""Decoding: files that may be pictures become square images of one size, on several threads.

A file that is none is skipped and named. Next: cache.py, which keeps what was decoded.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageOps import exif_transpose

from minigan.data.pictures.sources import File, Source, readable_formats, reason_of
from minigan.errors import UserError

BILINEAR = Image.Resampling.BILINEAR
LARGEST_IMAGE = 89_478_485  # pixels: Pillow's own limit, beyond which it speaks of a bomb
BLOCK = 256  # files handed to the threads at a time: decoded images do not pile up behind them
NAMED = 3  # skipped files that a warning names


class Decoder:
    """Turns the files of a source into images, on several threads, in the order of the files."""

    def __init__(
        self, source: Source, image_size: int, channels: int, workers: int, progress: bool
    ) -> None:
        self.source = source
        self.image_size = image_size
        self.channels = channels
        self.workers = workers
        self.progress = progress
        self.remarks: list[str] = []  # what whoever asked for the images should be told
        self.names: list[str] = []  # of the files that became images
        self.most = (len(source.files), channels, image_size, image_size)

    def to_memory(self) -> NDArray[np.uint8]:
        """The images (N, C, S, S)."""
        images = np.empty(self.most, np.uint8)
        count = 0
        for image in self:
            images[count] = image
            count += 1
        return images[:count]

    def to_npy(self, file: BinaryIO) -> None:
        """The images (N, C, S, S) as a .npy file, written as they come."""
        header = {"descr": "|u1", "fortran_order": False, "shape": self.most}
        np.lib.format.write_array_header_1_0(file, header)
        count = 0
        for image in self:
            file.write(image.tobytes())
            count += 1
        # The header leaves room for any N, so that the true one can be put in place at the end.
        file.seek(0)
        header["shape"] = (count, *self.most[1:])
        np.lib.format.write_array_header_1_0(file, header)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Images (C, S, S), one for each file that is a picture."""
        from tqdm import tqdm  # only here: all else of data/ does without it

        skipped: list[str] = []
        self.names.clear()
        enlarged = 0
        files = self.source.files
        with (
            warnings.catch_warnings(),
            ThreadPoolExecutor(self.workers, thread_name_prefix="minigan-decode") as pool,
            tqdm(
                total=len(files),
                desc=f"reading {self.source.path.name}",
                unit=" images",
                disable=None if self.progress else True,  # None: unless it is a terminal
            ) as bar,
        ):
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files; we name what we skip
            for start in range(0, len(files), BLOCK):
                block = files[start : start + BLOCK]
                for file, result in zip(block, pool.map(self._decode, block), strict=True):
                    bar.update()
                    if isinstance(result, str):
                        skipped.append(f"{file.name!r} ({result})")
                        continue
                    image, was_smaller = result
                    enlarged += was_smaller
                    self.names.append(file.name)
                    yield image
        self._report(skipped, enlarged)

    def _decode(self, file: File) -> tuple[NDArray[np.uint8], bool] | str:
        """The image of a file, and whether it was smaller; or why there is none."""
        try:
            with (
                self.source.open(file) as stream,
                Image.open(stream, formats=readable_formats()[0]) as picture,
            ):
                was_smaller = min(picture.size) < self.image_size
                return self._square(picture), was_smaller
        except Exception as error:  # a decoder may raise anything at all over a damaged file
            return reason_of(error)

    def _square(self, picture: Image.Image) -> NDArray[np.uint8]:
        width, height = picture.size
        if width * height > LARGEST_IMAGE:
            raise ValueError(f"{width} × {height} pixels are too many")
        mode = "RGB" if self.channels == 3 else "L"
        # A large JPEG file can be decoded at a half, a quarter or an eighth of its size, in a
        # fraction of the time. What is left is still twice as large as we need.
        picture.draft(mode, (2 * self.image_size, 2 * self.image_size))
        exif_transpose(picture, in_place=True)
        width, height = picture.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        middle = (left, top, left + side, top + side)
        size = (self.image_size, self.image_size)
        square = _eight_bit(picture).convert(mode).resize(size, BILINEAR, box=middle)
        pixels = np.asarray(square).reshape(self.image_size, self.image_size, self.channels)
        return pixels.transpose(2, 0, 1)  # (S, S, C) -> (C, S, S)

    def _report(self, skipped: list[str], enlarged: int) -> None:
        path, total = self.source.path, len(self.source.files)
        listed = ", ".join(skipped[:NAMED])
        if len(skipped) > NAMED:
            listed += f" and {len(skipped) - NAMED} more"
        if len(skipped) == total:
            raise UserError(f"{path} holds no readable image: all {total} were skipped: {listed}")
        if skipped:
            self.remarks.append(f"{path}: skipped {len(skipped)} of {total} files: {listed}")
        if enlarged:
            size = f"{self.image_size} × {self.image_size}"
            self.remarks.append(
                f"{path}: enlarged {enlarged} of {total} files, smaller than {size}"
            )


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Gray pictures of 16 bits a pixel, which Pillow would not scale but cut off at 255."""
    if picture.mode in ("I", "F"):
        raise ValueError("its pixels are 32-bit numbers, for which no white is agreed")
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
