"""Pictures of any kind, from a folder or a zip file, as one array of small square images.

Next: folder.py, then sources.py, classes.py, decode.py and cache.py: the way of a picture.
"""

from minigan.data.pictures.cache import kept
from minigan.data.pictures.folder import image_folder

__all__ = ["image_folder", "kept"]
