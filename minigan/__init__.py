"""minigan: a tensor and autograd engine from first principles, and GANs that learn on it.

Read engine/ first: automatic differentiation. Then functional/, nn/, optim/, and gans/gan.py, the
2014 idea in a hundred lines.
"""

import numpy as np

from minigan import backend as backend
from minigan import functional, graph, nn, optim
from minigan.backend import get_backend, set_num_threads
from minigan.creation import (
    arange,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    tensor,
    zeros,
    zeros_like,
)
from minigan.errors import UserError
from minigan.functional import log_softmax, relu, sigmoid, softmax, tanh
from minigan.random import Generator, manual_seed
from minigan.tensor import (
    Tensor,
    as_tensor,
    cat,
    clamp,
    detect_anomaly,
    enable_grad,
    exp,
    function,
    grad,
    is_grad_enabled,
    log,
    maximum,
    minimum,
    no_grad,
    set_grad_enabled,
    sqrt,
    stack,
    where,
)
from minigan.tensor import absolute as abs

__version__ = "0.1.0"

float32, float64, float, double = np.float32, np.float64, np.float32, np.float64
uint8, int32, int64, int, long = np.uint8, np.int32, np.int64, np.int32, np.int64
bool = np.bool_

# A method is a function of its object: torch.mean(x, 1) is x.mean(1).
add = function(Tensor.add)
sub = function(Tensor.sub)
mul = function(Tensor.mul)
div = function(Tensor.div)
neg = function(Tensor.neg)
pow = function(Tensor.pow)
square = function(Tensor.square)
matmul = function(Tensor.matmul)
mm = function(Tensor.mm)
sum = function(Tensor.sum)
mean = function(Tensor.mean)
var = function(Tensor.var)
std = function(Tensor.std)
norm = function(Tensor.norm)
max = function(Tensor.max)
min = function(Tensor.min)
amax = function(Tensor.amax)
amin = function(Tensor.amin)
argmax = function(Tensor.argmax)
argmin = function(Tensor.argmin)
reshape = function(Tensor.reshape)
flatten = function(Tensor.flatten)
squeeze = function(Tensor.squeeze)
unsqueeze = function(Tensor.unsqueeze)
transpose = function(Tensor.transpose)
permute = function(Tensor.permute)

# Without bool, float, int, max, min, pow and sum: a star would put them over Python's own.
__all__ = [
    "Generator",
    "Tensor",
    "UserError",
    "abs",
    "add",
    "amax",
    "amin",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "cat",
    "clamp",
    "detect_anomaly",
    "div",
    "double",
    "enable_grad",
    "exp",
    "eye",
    "flatten",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "full",
    "functional",
    "get_backend",
    "grad",
    "graph",
    "int32",
    "int64",
    "is_grad_enabled",
    "linspace",
    "log",
    "log_softmax",
    "long",
    "manual_seed",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "mm",
    "mul",
    "neg",
    "nn",
    "no_grad",
    "norm",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "relu",
    "reshape",
    "set_grad_enabled",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
