"""Pictures of any kind, from a folder or a zip file, as one array of small square images.

Next: folder.py, then sources.py, decode.py and cache.py, in the order of a picture's way.
"""

from minigan.data.pictures.folder import image_folder

__all__ = ["image_folder"]
