"""minigan: a tensor and autograd engine from first principles, and GANs that learn on it.

Read tensor.py first: it is the engine. Then functional/, nn/, optim.py, and gans/gan.py, the 2014
idea in a hundred lines.
"""

from minigan import backend as backend  # first: it has a setting to make before NumPy loads

import numpy as np  # isort: skip

from minigan import functional, nn, optim
from minigan.backend import get_backend, set_num_threads
from minigan.backend.random import Generator, manual_seed
from minigan.creation import (
    arange,
    from_dlpack,
    from_numpy,
    full,
    ones,
    ones_like,
    rand,
    randn,
    zeros,
    zeros_like,
)
from minigan.errors import UserError
from minigan.tensor import (
    Tensor,
    as_tensor,
    cat,
    clamp,
    detect_anomaly,
    enable_grad,
    exp,
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
from minigan.tensor import abs_ as abs

__version__ = "0.1.0"

float32, float64, int64 = np.float32, np.float64, np.int64

tensor = Tensor  # torch.tensor(data) copies its data into a new tensor; ours wraps arrays

__all__ = [
    "Generator",
    "Tensor",
    "UserError",
    "abs",
    "arange",
    "as_tensor",
    "cat",
    "clamp",
    "detect_anomaly",
    "enable_grad",
    "exp",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "full",
    "functional",
    "get_backend",
    "grad",
    "int64",
    "is_grad_enabled",
    "log",
    "manual_seed",
    "maximum",
    "minimum",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "rand",
    "randn",
    "set_grad_enabled",
    "set_num_threads",
    "sqrt",
    "stack",
    "where",
    "zeros",
    "zeros_like",
]
