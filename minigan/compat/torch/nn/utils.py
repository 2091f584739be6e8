"""torch.nn.utils: clipping of gradients, as far as minigan has it.

Next: parallel.py.
"""

from minigan.compat.forward import forward

__getattr__ = forward("torch.nn.utils", "minigan.nn.utils", "minigan.nn")
