"""Pictures of a run: grids of images, films, loss curves, filters and features.

Every function takes host arrays, or anything with `.numpy()`. Pictures are uint8 arrays, (H, W)
in gray or (H, W, 3) in color, until `save_picture` writes them. Curves are drawn without pyplot,
so nothing here touches the figures or the settings of the program around it.
Next: picture.py.
"""

from minigan.gans.latent import latent_walk
from minigan.plots.curves import COLORS, save_losses, save_norms, save_scores
from minigan.plots.films import save_animation
from minigan.plots.grids import (
    COMFORTABLE,
    activation_grid,
    as_pixels,
    captioned,
    filter_grid,
    image_grid,
    real_beside_fake,
    save_grid,
)
from minigan.plots.picture import PathLike, Picture, save_picture
from minigan.plots.ready import get_ready

__all__ = [
    "COLORS",
    "COMFORTABLE",
    "PathLike",
    "Picture",
    "activation_grid",
    "as_pixels",
    "captioned",
    "filter_grid",
    "get_ready",
    "image_grid",
    "latent_walk",
    "real_beside_fake",
    "save_animation",
    "save_grid",
    "save_losses",
    "save_norms",
    "save_picture",
    "save_scores",
]
