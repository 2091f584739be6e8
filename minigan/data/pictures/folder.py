"""A folder of pictures, or a zip file of one, decoded once into one array of small square images.

Pictures come from strangers. A file that is not one is skipped and named; a zip file that would
climb out of its place or swell beyond measure is refused. Next: sources.py.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from minigan.backend.numpy.threads import usable_cores
from minigan.data.loader import ImageDataset
from minigan.data.pictures.cache import cached
from minigan.data.pictures.classes import classes_of
from minigan.data.pictures.decode import Decoder
from minigan.data.pictures.sources import opened
from minigan.errors import UserError

FORMAT_VERSION = 2  # of the cache; raise it when the same pictures would come out differently


def image_folder(
    path: str | Path,
    image_size: int = 64,
    channels: int = 3,
    *,
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> ImageDataset:
    """All pictures in a folder, its sub-folders included, or in a zip file of one.

    Of each picture the largest square in its middle is taken and scaled to image_size × image_size
    (bilinear, over all pixels that fall into one): the same as scaling the short side and cropping
    the long one. Photographs are turned upright as their EXIF tag says, transparency is ignored.

    path: a folder or a .zip file. Files whose names end like an image's in any format that Pillow
    decodes are read, in the order of their names, except hidden ones. A link to a picture is
    followed, a link to a folder is not.
    image_size: side of the images in pixels. Smaller pictures are enlarged, with a warning.
    channels: 3 for color, 1 for gray.
    cache: a .npy file that keeps the decoded images, with a .npy.json file beside it that says what
    they were made of. It is read if that is still so, otherwise written anew; the data set then
    stays in the file and is read from there as needed.
    workers: threads that decode; as many as there are processors, if None.
    progress: show a bar, if the error stream is a terminal.

    Returns images uint8 (N, channels, image_size, image_size) and, if each of them lies in one of
    several sub-folders, labels (N,) and the folders' names as those of the classes. Pictures that
    cannot be decoded are left out; a warning tells how many, and names the first.

    Raises UserError if there is no such folder or zip file, no picture in it can be read, the zip
    file is damaged, has an entry that leads out of it, or would unpack to more than 100 times its
    size (and 1 MiB), or the cache cannot be written.

    Beside the result, each worker holds one decoded picture of at most 89 million pixels, and
    the file it came from.
    """
    if image_size < 1 or channels not in (1, 3) or (workers is not None and workers < 1):
        raise UserError(
            "image_folder needs image_size >= 1, channels 1 or 3 and workers >= 1, "
            f"not image_size={image_size}, channels={channels}, workers={workers}"
        )
    path = Path(path)
    whole = path.resolve()
    name = whole.stem if whole.suffix == ".zip" else whole.name
    with opened(path) as source:
        decoder = Decoder(source, image_size, channels, workers or usable_cores(), progress)
        if cache is None:
            images = decoder.to_memory()
            labels, class_names = classes_of(decoder.names)
            dataset = ImageDataset(images, labels, name, class_names)
        else:
            record = {
                "format": FORMAT_VERSION,
                "name": name,
                "source": str(whole),
                "image_size": image_size,
                "channels": channels,
                "fingerprint": source.fingerprint(),
            }
            dataset = cached(Path(cache), record, decoder)
    for remark in decoder.remarks:
        warnings.warn(remark, stacklevel=2)
    return dataset
