"""Optimizers: how a gradient becomes a step. The formulas are torch's.

Next: optimizer.py, what SGD and Adam share.
"""

from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer
from minigan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
