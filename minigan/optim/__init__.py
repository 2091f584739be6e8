"""Optimizers: how a gradient becomes a step. The formulas are torch's.

Next: optimizer.py, what all of them share.
"""

from minigan.optim import lr_scheduler
from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer
from minigan.optim.rmsprop import RMSprop
from minigan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "lr_scheduler"]
