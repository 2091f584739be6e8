"""Pictures: what is one, and what its file may be called."""

import numpy as np
import pytest

from minigan import plots
from minigan.errors import UserError


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
