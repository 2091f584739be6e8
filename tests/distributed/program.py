"""A small training program that mpiexec starts, with faults to order.

One rank raises, is killed, runs out of memory, or loses a bit.

    mpiexec -n 3 python program.py --out FOLDER --fault raise --at 20 --of 1
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from games import SMALL, build, loader_of

from minigan.distributed import ranks
from minigan.tensor import Tensor
from minigan.training import run
from minigan.training.command import run_command, run_options, training_parser


def faulty(game: Any, flags: argparse.Namespace) -> None:
    """Let one rank fail before it plays round `--at`."""
    play, rounds = game.play_round, [0]

    def play_round(real: Tensor, labels: Tensor | None = None) -> Any:
        rounds[0] += 1
        time.sleep(flags.pause)
        if ranks().rank == flags.of and rounds[0] == flags.at:
            FAULTS[flags.fault](game)
        return play(real, labels)

    game.play_round = play_round


def lose_a_bit(game: Any) -> None:
    game.generator.parameters().__next__().array.flat[0] += 1e-12


def raise_an_error(game: Any) -> None:
    raise ZeroDivisionError("a fault to order")


def run_out_of_memory(game: Any) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(1 << 31)


FAULTS = {
    "raise": raise_an_error,
    "memory": run_out_of_memory,
    "kill": lambda game: os.kill(os.getpid(), signal.SIGKILL),
    "bit": lose_a_bit,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = training_parser("Train a small game.", out="small", data="nothing")
    parser.add_argument("--system", choices=list(SMALL), default="gan")
    parser.add_argument("--fault", choices=list(FAULTS))
    parser.add_argument("--of", type=int, default=1, help="the rank that fails")
    parser.add_argument("--at", type=int, default=0, help="the round before which it does")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each round")
    parser.add_argument("--rows", type=int, default=10, help="images in a batch")
    parser.set_defaults(dtype="float64", checkpoint_every=10, log_every=1, sample_every=1000)
    flags = parser.parse_args(arguments)
    game = build(flags.system, dtype=flags.dtype)
    game.settings = replace(game.settings, average=0.9, epochs=200)
    faulty(game, flags)
    return run(game, loader_of(game, flags.rows), run_options(flags))


if __name__ == "__main__":
    run_command(main)
