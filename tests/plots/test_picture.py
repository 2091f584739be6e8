"""Pictures: what is one, and what its file may be called."""

import io

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.errors import UserError


@pytest.mark.parametrize("shape", [(5, 1, 4, 4), (5, 3, 4, 4)])
@pytest.mark.parametrize("labels", [None, range(5)])
def test_a_notebook_shows_a_picture_and_not_what_has_become_of_it(shape, labels):
    images = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    grid = plots.image_grid(images, labels=labels)
    with Image.open(io.BytesIO(grid._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(shown), grid)
    assert grid[:3]._repr_png_() is not None  # half a picture is one
    assert (grid / 2)._repr_png_() is None and grid.ravel()._repr_png_() is None
    assert isinstance(plots.filter_grid(np.ones((2, 1, 3, 3))), plots.Picture)


def test_names_and_pictures_are_checked(tmp_path):
    picture = plots.image_grid(np.zeros((1, 1, 4, 4)))
    with pytest.raises(UserError, match=r"grid\.jpg must end in \.png"):
        plots.save_picture(tmp_path / "grid.jpg", picture)
    with pytest.raises(UserError, match=r"film\.png must end in \.gif"):
        plots.save_animation(tmp_path / "film.png", [picture])
    with pytest.raises(UserError, match="image_grid makes one"):
        plots.save_picture(tmp_path / "grid.png", np.zeros((1, 1, 4, 4)))
    with pytest.raises(UserError, match="of at least one pixel, not uint8 .0, 8"):
        plots.save_picture(tmp_path / "grid.png", picture[:0])
    for scale in (0, -1, 1.5):
        with pytest.raises(UserError, match="scale must be a whole number of at least 1"):
            plots.save_picture(tmp_path / "grid.png", picture, scale=scale)
    assert list(tmp_path.iterdir()) == []
