"""torch.utils.tensorboard: tensorboardX's writer under torch's name.

Next: ../cuda.py.
"""

from minigan.compat.tensorboardX import SummaryWriter

__all__ = ["SummaryWriter"]
