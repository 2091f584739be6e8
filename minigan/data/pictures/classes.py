"""Classes from folders: pictures in cats/ are cats, and those in dogs/ are dogs.

Next: decode.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def classes_of(names: Sequence[str]) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """The class of each file (N,), and what the classes are called, in the order of their names.

    A class is the first folder on a file's way that not all of them share: of a/cats/1.png,
    a/cats/white/2.png and a/dogs/3.png the classes are cats and dogs. Where there is only one, or a
    file lies beside the folders, nobody has sorted the pictures: then there are no labels.
    """
    ways = [name.replace("\\", "/").split("/")[:-1] for name in names]
    depth = 0
    while ways and all(
        len(way) > depth and way[: depth + 1] == ways[0][: depth + 1] for way in ways
    ):
        depth += 1
    if not ways or any(len(way) <= depth for way in ways):
        return None, ()
    folders = sorted({way[depth] for way in ways})
    number = {folder: i for i, folder in enumerate(folders)}
    return np.array([number[way[depth]] for way in ways], np.int64), tuple(folders)
