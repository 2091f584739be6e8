"""torchvision's names: data sets, transforms, and grids of images.

Next: transforms.py, datasets.py, utils.py, then models.py.
"""

from minigan.compat.forward import forward
from minigan.compat.torchvision import datasets, models, transforms, utils

__getattr__ = forward("torchvision")

__all__ = ["datasets", "models", "transforms", "utils"]
