"""torch.backends.cudnn: may be set, and changes nothing, since minigan's kernels are its own.

Next: mps.py.
"""

benchmark = False
deterministic = True  # minigan's kernels always are
enabled = False


def is_available() -> bool:
    return False
