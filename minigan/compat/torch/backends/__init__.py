"""torch.backends: settings of libraries that minigan does not use.

Next: cudnn.py.
"""

from minigan.compat.torch.backends import cudnn, mps

__all__ = ["cudnn", "mps"]
