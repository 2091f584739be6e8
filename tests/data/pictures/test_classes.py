"""Tests of classes from folders."""

import pytest

from minigan.data.pictures.classes import classes_of


@pytest.mark.parametrize(
    ("names", "labels", "classes"),
    [
        (["cats/1.png", "cats/white/2.png", "dogs/3.png"], [0, 0, 1], ("cats", "dogs")),
        (["a/b/dogs/1.png", "a/b/cats/2.png"], [1, 0], ("cats", "dogs")),
        (["고양이/1.png", "개 2/2.png"], [1, 0], ("개 2", "고양이")),
        (["1.png", "2.png"], None, ()),
        (["cats/1.png", "cats/2.png"], None, ()),
        (["cats/1.png", "dogs/2.png", "3.png"], None, ()),
        (["a/cats/1.png", "a/dogs/2.png", "a/3.png"], None, ()),
        (["a\\cats\\1.png", "a\\dogs\\2.png"], [0, 1], ("cats", "dogs")),
        ([], None, ()),
    ],
)
def test_classes(names, labels, classes):
    found, called = classes_of(names)
    assert (None if found is None else found.tolist(), called) == (labels, classes)
