"""torch.backends.mps: Apple's GPUs, which minigan does not use.

Next: ../../torchvision/__init__.py.
"""


def is_available() -> bool:
    return False


def is_built() -> bool:
    return False
