"""torch's address for what is done to the parameters of a module. It is written elsewhere.

Next: ../optim/optimizer.py.
"""

from minigan.nn.clipping import clip_grad_norm_, clip_grad_value_
from minigan.nn.spectral_norm import spectral_norm

__all__ = ["clip_grad_norm_", "clip_grad_value_", "spectral_norm"]
