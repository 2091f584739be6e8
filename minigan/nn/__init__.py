"""Layers and networks, under torch.nn's names.

Next: module.py; then layers.py, losses.py, functional.py, init.py, summary.py, allowance.py,
clipping.py, utils.py.
"""

from minigan.nn import functional, init, utils
from minigan.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    Maxout,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    Unflatten,
)
from minigan.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from minigan.nn.module import Buffer, Module, ModuleList, Parameter, Sequential, frozen
from minigan.nn.summary import summary

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "MSELoss",
    "Maxout",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Unflatten",
    "frozen",
    "functional",
    "init",
    "summary",
    "utils",
]
