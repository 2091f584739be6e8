"""torch.autograd: grad, and Variable, which has been a tensor since torch 0.4.

Next: variable.py.
"""

from minigan.compat.forward import forward
from minigan.compat.torch.autograd.variable import Variable

_INSTEAD = {
    "Function": "write an Op: docs/your_own_op.md",
    "profiler": "python -m cProfile, or docs/performance.md",
}
__getattr__ = forward("torch.autograd", "minigan", instead=_INSTEAD)

__all__ = ["Variable"]
