"""Differentiable functions, one idea a file, under torch.nn.functional's names.

Next: activations.py; then checks.py, linear.py, normalization.py, losses.py, lookup.py,
convolution.py, resize.py, pooling.py, augment.py, maxout.py.
"""

from minigan.functional.activations import (
    elu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from minigan.functional.convolution import conv2d, conv_transpose2d, pad
from minigan.functional.linear import linear
from minigan.functional.lookup import dropout, dropout2d, embedding
from minigan.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
)
from minigan.functional.maxout import maxout
from minigan.functional.normalization import batch_norm, instance_norm, layer_norm
from minigan.functional.pooling import avg_pool2d
from minigan.functional.resize import interpolate

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "maxout",
    "mse_loss",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]
