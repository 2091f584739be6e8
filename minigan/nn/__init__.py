"""Layers and networks, under torch.nn's names.

Next: module.py; then layers.py, normalization.py, losses.py, functional.py, init.py,
spectral_norm.py, summary.py, allowance.py, clipping.py, utils.py.
"""

from minigan.nn import functional, init, utils
from minigan.nn.layers import (
    ELU,
    AvgPool2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Maxout,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
    Upsample,
)
from minigan.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from minigan.nn.module import Buffer, Module, ModuleList, Parameter, Sequential, frozen
from minigan.nn.normalization import BatchNorm1d, BatchNorm2d, InstanceNorm2d, LayerNorm
from minigan.nn.summary import summary

__all__ = [
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "ELU",
    "Embedding",
    "Flatten",
    "Identity",
    "InstanceNorm2d",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Maxout",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
    "frozen",
    "functional",
    "init",
    "summary",
    "utils",
]
