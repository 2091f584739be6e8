"""torch's names: what minigan has under the same name, and here what it has not.

Next: types.py; then creation.py, serialization.py, and the packages nn/, optim/, autograd/, utils/.
"""

import minigan
from minigan.backend.device import Device as device  # noqa: N813
from minigan.compat.forward import forward
from minigan.compat.torch import accelerator, autograd, backends, cuda, nn, optim, utils
from minigan.compat.torch.creation import (
    arange,
    empty,
    full,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from minigan.compat.torch.serialization import load, save
from minigan.compat.torch.types import (
    BoolTensor,
    ByteTensor,
    DoubleTensor,
    FloatTensor,
    IntTensor,
    LongTensor,
    Tensor,
)

__version__ = f"minigan {minigan.__version__}"
Size = tuple
is_tensor = Tensor.__instancecheck__

_INSTEAD = {
    "compile": "leave the line out; on a GPU, training/ records whole steps by itself",
    "half": "minigan computes in float32 and float64",
    "float16": "minigan computes in float32 and float64",
    "bfloat16": "minigan computes in float32 and float64",
    "set_default_tensor_type": "name the dtype where a tensor is made, or .double() the network",
    "set_default_dtype": "name the dtype where a tensor is made, or .double() the network",
    "jit": "there is no compiler: call the module itself",
    "distributed": "minigan trains in one process",
    "bmm": "write a @ b",
    "topk": "take x.numpy() and numpy.argsort",
    "fft": "take x.numpy() and numpy.fft, outside of what is differentiated",
}
__getattr__ = forward("torch", "minigan", instead=_INSTEAD)

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "DoubleTensor",
    "FloatTensor",
    "IntTensor",
    "LongTensor",
    "Size",
    "Tensor",
    "accelerator",
    "arange",
    "autograd",
    "backends",
    "cuda",
    "device",
    "empty",
    "full",
    "is_tensor",
    "load",
    "nn",
    "ones",
    "ones_like",
    "optim",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "save",
    "tensor",
    "utils",
    "zeros",
    "zeros_like",
]
