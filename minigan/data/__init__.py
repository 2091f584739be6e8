"""Where training images come from: MNIST (in the package), CIFAR-10, and folders of pictures.

Next: loader.py, the data set and its batches.
"""

from minigan.data.cifar10 import cifar10
from minigan.data.loader import DataLoader, ImageDataset
from minigan.data.mnist import mnist
from minigan.data.pictures import image_folder
from minigan.data.read import read_images

__all__ = ["DataLoader", "ImageDataset", "cifar10", "image_folder", "mnist", "read_images"]
