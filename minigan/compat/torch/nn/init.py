"""torch.nn.init: minigan's initial weights have its names already.

Next: utils.py.
"""

from minigan.compat.forward import forward
from minigan.nn.init import *  # noqa: F403

__getattr__ = forward("torch.nn.init", "minigan.nn.init")
