"""torch.utils: data, and the writer for TensorBoard.

Next: data.py, then tensorboard.py.
"""

from minigan.compat.forward import forward
from minigan.compat.torch.utils import data

_INSTEAD = {"checkpoint": "minigan keeps all that the backward pass needs"}
__getattr__ = forward("torch.utils", instead=_INSTEAD)

__all__ = ["data"]
