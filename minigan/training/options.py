"""What one run is asked to do around the training itself: where, how long, and what to write when.

How the networks learn is the recipe's to say (gans/). Of what is here `augment` alone changes what
an iteration computes: any system can be trained with it. Next: parser.py; command.py reads these
from a command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """The options of `run`; command.training_parser has a flag for each."""

    out: Path  # the run folder
    seed: int = 0  # of weights, noise and batch order, for the folder's config.json
    max_steps: int | None = None  # end at this iteration, counted from the beginning
    sample_every: int = 500  # iterations between sample pictures
    checkpoint_every: int = 1000  # iterations between checkpoints
    log_every: int = 10  # iterations between rows of metrics.csv
    evaluate_every: int | None = None  # epochs between evaluations
    augment: tuple[str, ...] = ()  # how images are changed before D sees them; gans/augmentation.py
    threads: int | None = None  # processor threads; None: all that may be used
    resume: bool = False  # go on with the run in the folder
    overwrite: bool = False  # replace the run in the folder
    tensorboard: bool = False  # also write losses, pictures and histograms for TensorBoard
    watch_gradients: bool = False  # also write each parameter's gradient and weight norms
    detect_anomaly: bool = False  # name the op that makes the first NaN (slow)
