"""torch.nn.functional: minigan's functions have its names already.

Next: init.py.
"""

from minigan.compat.forward import forward
from minigan.nn.functional import *  # noqa: F403

__getattr__ = forward("torch.nn.functional", "minigan.nn.functional", "minigan.functional")
