"""torch.optim: minigan's optimizers have its names already.

Next: lr_scheduler.py.
"""

from minigan import optim
from minigan.compat.forward import forward
from minigan.compat.torch.optim import lr_scheduler  # noqa: F401

_INSTEAD = {name: "SGD, Adam and RMSprop are here" for name in ("AdamW", "Adagrad", "LBFGS")}
__getattr__ = forward("torch.optim", "minigan.optim", instead=_INSTEAD)

__all__ = sorted({*optim.__all__, "lr_scheduler"})
