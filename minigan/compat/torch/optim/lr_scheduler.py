"""torch.optim.lr_scheduler: minigan's schedulers have its names already.

Next: ../autograd/__init__.py.
"""

from minigan.compat.forward import forward

__getattr__ = forward("torch.optim.lr_scheduler", "minigan.optim.lr_scheduler")
