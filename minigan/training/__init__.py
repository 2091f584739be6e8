"""Training: the loop, and what a run needs around it: checkpoints, a folder, a progress bar.

Read loop.py first, then run.py, which uses all the others. (run.py is not imported here: it draws
with plots.py, and plots.py stands on this package.)
"""

from minigan.training.checkpoint import Checkpoint, load_checkpoint, load_gan, save_checkpoint
from minigan.training.loop import Report, train
from minigan.training.progress import ProgressBar
from minigan.training.run_folder import RunFolder, read_config, read_metrics

__all__ = [
    "Checkpoint",
    "ProgressBar",
    "Report",
    "RunFolder",
    "load_checkpoint",
    "load_gan",
    "read_config",
    "read_metrics",
    "save_checkpoint",
    "train",
]
