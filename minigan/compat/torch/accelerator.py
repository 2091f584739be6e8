"""torch.accelerator: newer scripts ask here whether there is a GPU.

Next: backends/__init__.py.
"""

from __future__ import annotations

from minigan.backend.device import Device
from minigan.compat.forward import forward
from minigan.compat.torch.cuda import device_count, is_available

__all__ = ["current_accelerator", "device_count", "is_available"]


def current_accelerator(check_available: bool = False) -> Device | None:
    return Device("cuda") if is_available() else None


__getattr__ = forward("torch.accelerator")
