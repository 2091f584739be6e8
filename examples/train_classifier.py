"""Train the judge of minigan/evaluation: python examples/train_classifier.py [--backend cupy]

It learns to read MNIST's digits. The weights in the package are of the default settings (seed 0, 12
epochs) and read 99.22 % of the test set; that takes two minutes on one core. What this writes takes
their place only if `--out` names it. Ctrl-C saves the weights as they are then, by another name.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from minigan.backend import get_backend
from minigan.data import DataLoader, mnist
from minigan.evaluation.classifier import WEIGHTS, Classifier
from minigan.files import atomic_write, refuse_unwritable
from minigan.functional import cross_entropy
from minigan.optim import Adam
from minigan.random import Random, manual_seed
from minigan.tensor import Tensor, no_grad
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.parser import Parser, natural, path, positive, rate
from minigan.training.stopping import stop_when_asked

REACH = 2  # pixels that a batch may be moved by


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Train the classifier that judges drawn digits.",
        examples=["", "--epochs 1 --threads 1 --out judge.safetensors"],
        leaves={WEIGHTS.name: "the weights; --out has another name for them"},
    )
    add = parser.group("what to train").add_argument
    add("--batch-size", type=positive, default=128, help="images in a batch")
    add("--lr", type=rate, default=1e-3, help="Adam's learning rate at the start")
    add("--seed", type=natural, default=0, help="of weights, order and shifts")
    add = parser.group("how long").add_argument
    add("--epochs", type=positive, default=12, help="passes over the training images")
    add("--max-steps", type=positive, help="end after so many batches")
    add = parser.group("where").add_argument
    add("--out", type=path, default=Path(WEIGHTS.name), help="where the weights go")
    machine_flags(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    use_threads(options)
    refuse_unwritable(options.out)
    backend = get_backend(options.backend)
    manual_seed(options.seed)
    classifier = Classifier().to(backend)
    optimizer = Adam(classifier.parameters(), options.lr)
    shifts = Random(options.seed).fork("shifts")
    loader = DataLoader(
        mnist("train"), options.batch_size, shuffle=True, seed=options.seed, backend=backend
    )
    test = DataLoader(mnist("test"), 500, backend=backend)

    steps = options.max_steps or options.epochs * len(loader)
    step, start = 0, time.monotonic()
    with stop_when_asked() as asked:
        while step < steps and not asked:
            for images, labels in loader:
                assert labels is not None  # MNIST has them
                # To a rate of 0 in a straight line: the weights of the last batches hardly wander.
                optimizer.lr = options.lr * (1 - step / steps)
                loss = cross_entropy(classifier(shifted(images, shifts)), labels)
                optimizer.minimize(loss)
                step += 1
                if step == steps or asked:
                    break
            print(
                f"[Epoch {-(-step // len(loader))}] loss {float(loss):.4f}, "
                f"test accuracy {accuracy(classifier, test):.2%} "
                f"({time.monotonic() - start:.0f} s)",
                flush=True,
            )
        out = options.out
        if was_stopped := step < steps:  # what another training has put there stays
            out = out.with_name(f"stopped_{out.name}")
        weights = {
            name: np.ascontiguousarray(tensor) for name, tensor in classifier.state_dict().items()
        }
        with atomic_write(out) as temporary:
            temporary.write_bytes(save(weights))
    if was_stopped:
        print(f"stopped after {step:,} of {steps:,} batches")
    print(f"saved {out} ({out.stat().st_size:,} bytes)")
    return 130 if was_stopped else 0


def shifted(images: Tensor, random: Random) -> Tensor:
    """The batch (N, 1, 28, 28), moved by up to two pixels: digits may stand a little off center.

    What goes out on one side comes in on the other, but the margin of a digit is black.
    """
    down, right = (int(shift) - REACH for shift in random.integers(2 * REACH + 1, 2))
    return Tensor(images.backend.xp.roll(images.array, (down, right), axis=(2, 3)))


@no_grad()
def accuracy(classifier: Classifier, loader: DataLoader) -> float:
    """The share of images whose largest logit is that of the right digit."""
    right = [
        classifier(images).numpy().argmax(axis=1) == labels.numpy()
        for images, labels in loader
        if labels is not None
    ]
    return float(np.concatenate(right).mean())


if __name__ == "__main__":
    run_command(main, together=False)
