"""The theory of GANs, made visible: python examples/theory.py [--experiment ring] [--steps 200]

Five experiments on a line and on a plane, each run on minigan itself; docs/theory.md explains what
they show. The pictures, and the numbers behind them (numbers.json), are in --out.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.files import atomic_write, make_folder, writing
from minigan.plots import get_ready
from minigan.theory import figure1, line, pictures, ring
from minigan.training.command import run_command, use_threads
from minigan.training.parser import Parser, natural, path, positive

Numbers = dict[str, Any]

SEEDS = 3  # runs of each objective on the ring


def optimal(options: argparse.Namespace) -> Numbers:
    found = line.optimal_discriminator(**asked(options))
    pictures.draw_optimal(options.out / "optimal_discriminator.png", found)
    return {name: {"max |D - D*|": result.errors[-1]} for name, result in found.items()}


def criterion(options: argparse.Namespace) -> Numbers:
    found = line.criterion(**asked(options))
    pictures.draw_criterion(options.out / "criterion.png", found)
    return found._asdict()


def moving_figure1(options: argparse.Namespace) -> Numbers:
    moments = figure1.moments(**asked(options))
    pictures.save_figure1_animation(options.out / "figure1.gif", moments)
    pictures.draw_figure1(options.out / "figure1.png", moments)
    return {"JSD at the start": moments[0].jsd, "JSD at the end": moments[-1].jsd}


def gradients(options: argparse.Namespace) -> Numbers:
    found, races = line.gradients(**asked(options)), line.race(**asked(options))
    pictures.draw_gradients(options.out / "gradients.png", found, races)
    return {
        "mean D(G(z))": [found.belief[0], found.belief[-1]],
        "gradient": {name: [norms[0], norms[-1]] for name, norms in found.norms.items()},
        "distance": {name: [way[0], way[-1]] for name, way in races.distances.items()},
    }


def ring_of_gaussians(options: argparse.Namespace) -> Numbers:
    """Few runs of each; docs/experiments/ring.py plays the many that docs/theory.md counts."""
    seeds = range(options.seed, options.seed + SEEDS)
    numbers: Numbers = {"seeds": list(seeds)}
    for rate, discriminator_lr in ring.RATES.items():
        drawn = {}
        for name, objective in ring.OBJECTIVES.items():
            runs = {
                seed: ring.snapshots(
                    objective, discriminator_lr=discriminator_lr, seed=seed, **length(options)
                )
                for seed in seeds
            }
            last = {seed: run[-1] for seed, run in runs.items()}
            numbers[f"{rate}: {name}"] = found = {
                "modes": [snapshot.modes for snapshot in last.values()],
                "good": [snapshot.good for snapshot in last.values()],
            }
            print(*lines({f"{rate}: {name}": rounded(found)}, width=52), sep="\n", flush=True)
            ends = [(snapshot.modes, snapshot.good, seed) for seed, snapshot in last.items()]
            drawn[name] = {seed: runs[seed] for *_, seed in (min(ends), max(ends))}
        pictures.draw_ring(options.out / f"ring_{rate.replace(' ', '_')}.png", drawn, title=rate)
    return numbers


EXPERIMENTS: dict[str, Callable[[argparse.Namespace], Numbers]] = {
    "optimal": optimal,
    "criterion": criterion,
    "figure1": moving_figure1,
    "gradients": gradients,
    "ring": ring_of_gaussians,
}


# What each measures, for the terminal; docs/theory.md says it in full.
TITLES = {
    "optimal": "how far D is from the best D, p / (p + q)",
    "criterion": "C(G) by its closed form and measured, in nats",
    "figure1": "a generator on a line; JSD in nats",
    "gradients": "two losses for G, at the first and the last step",
    "ring": f"eight Gaussians, {SEEDS} seeds: modes found, and the share of good samples",
}


def length(options: argparse.Namespace) -> Numbers:
    """--steps if it was given, or each experiment takes its own."""
    return {"steps": options.steps} if options.steps else {}


def asked(options: argparse.Namespace) -> Numbers:
    return {"seed": options.seed, **length(options)}


def rounded(value: Any) -> Any:
    """The same lists and dicts with four digits of each number."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def lines(numbers: Numbers, width: int = 0) -> list[str]:
    """A table: what was measured on the left, its numbers on the right, a line for each list."""
    rows: list[tuple[str, Any]] = []
    for what, value in numbers.items():
        parts = value if isinstance(value, dict) else {"": value}
        rows += [(f"{what}, {part}" if part else what, some) for part, some in parts.items()]
    width = max(width, *(len(what) for what, _ in rows))
    cells = [[*some] if isinstance(some, list) else [some] for _, some in rows]
    return [
        f"    {what:<{width}}" + "".join(f"{cell:>10.4g}" for cell in some)
        for (what, _), some in zip(rows, cells, strict=True)
    ]


def known_numbers(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); move it away.") from error


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Run the experiments of docs/theory.md.",
        examples=["", "--experiment ring --steps 200"],
        leaves={
            "numbers.json": "what was measured",
            "optimal_discriminator.png": "of the experiment optimal",
            "criterion.png": "of criterion",
            "figure1.png": "of figure1; and figure1.gif, a film",
            "gradients.png": "of gradients",
            "ring_equal_rates.png": "of ring; and ring_hasty_generator.png",
        },
    )
    add = parser.group("what to run").add_argument
    add("--experiment", choices=["all", *EXPERIMENTS], default="all", help="which of the five")
    add("--seed", type=natural, default=0, help="of weights, data and noise")
    add = parser.group("how long").add_argument
    add("--steps", type=positive, help="of training (default: each its own)")
    add = parser.group("where").add_argument
    add("--out", type=path, default=Path("runs/theory"), help="the folder of the pictures")
    tiny = "processor threads; the networks are so small that more would only wait for each other"
    parser.group("machine").add_argument("--threads", type=positive, default=1, help=tiny)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    with writing(options.out):
        make_folder(options.out)
    get_ready(options.out)

    use_threads(options)
    chosen = EXPERIMENTS if options.experiment == "all" else [options.experiment]
    written = options.out / "numbers.json"
    numbers = known_numbers(written)  # of the pictures that are there already
    asked_for = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "examples/theory.py", *asked_for])
    for number, name in enumerate(chosen, 1):
        print(f"{name} ({number} of {len(chosen)}): {TITLES[name]}", flush=True)
        began = time.monotonic()
        numbers[name] = rounded(EXPERIMENTS[name](options))
        numbers.setdefault("circumstances", {})[name] = circumstances(command, options.threads)
        with atomic_write(written) as temporary:
            temporary.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        if name != "ring":  # whose rows were printed as they came, each after a minute
            print(*lines(numbers[name]), sep="\n")
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
    print(f"saved the pictures and {written}")
    return 0


if __name__ == "__main__":
    run_command(main)
