"""torch's address for what is done to the parameters of a module. It is written elsewhere.

Next: summary.py.
"""

from minigan.nn.spectral_norm import spectral_norm

__all__ = ["spectral_norm"]
