"""Layers and networks, under torch.nn's names.

Next: module.py; then layers.py, functional.py, init.py, summary.py.
"""

from minigan.nn import functional, init
from minigan.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    BCELoss,
    BCEWithLogitsLoss,
    Conv2d,
    ConvTranspose2d,
    CrossEntropyLoss,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    Maxout,
    MSELoss,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    Unflatten,
)
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
]
