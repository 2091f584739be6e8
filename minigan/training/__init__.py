"""Training: the loop, and what a run needs around it: checkpoints, a folder, a progress bar.

Read loop.py first, then options.py, parser.py, command.py and session.py, which uses all the
others.
"""

from minigan.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from minigan.training.folder import RunFolder, read_config
from minigan.training.loading import load_gan
from minigan.training.loop import Report, train
from minigan.training.metrics import read_metrics
from minigan.training.options import RunOptions
from minigan.training.progress import ProgressBar
from minigan.training.session import run

__all__ = [
    "Checkpoint",
    "ProgressBar",
    "Report",
    "RunFolder",
    "RunOptions",
    "load_checkpoint",
    "load_gan",
    "read_config",
    "read_metrics",
    "run",
    "save_checkpoint",
    "train",
]
