"""torch.nn: minigan's layers have its names already; DataParallel is here.

Next: functional.py, init.py, utils.py, then parallel.py.
"""

from minigan import nn
from minigan.compat.forward import forward
from minigan.compat.torch.nn import functional, init, parallel, utils  # noqa: F401
from minigan.compat.torch.nn.parallel import DataParallel  # noqa: F401

_INSTEAD = {
    "Transformer": "the layers are those that GANs on images use",
    "LSTM": "the layers are those that GANs on images use",
    "GRU": "the layers are those that GANs on images use",
    "Conv1d": "Conv2d with a height of 1",
    "Conv3d": "only images have convolutions: Conv2d",
    "MaxPool2d": "a stride in Conv2d, or AvgPool2d",
    "NLLLoss": "CrossEntropyLoss on the scores, without the LogSoftmax before it",
    "SyncBatchNorm": "there is one process: BatchNorm2d",
}
__getattr__ = forward("torch.nn", "minigan.nn", instead=_INSTEAD)

__all__ = sorted({*nn.__all__, "DataParallel", "functional", "init", "parallel", "utils"})
