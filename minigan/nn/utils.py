"""torch's address for clipping: `nn.utils.clip_grad_norm_`. It lives in clipping.py.

Next: ../optim/optimizer.py.
"""

from minigan.nn.clipping import clip_grad_norm_, clip_grad_value_

__all__ = ["clip_grad_norm_", "clip_grad_value_"]
