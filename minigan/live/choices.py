"""What there is to choose in each game, and what it is good for.

The words are those of docs/theory.md. The values that stand here as defaults play a game that is
worth watching: found by trying, on a laptop's browser as well.

Next: play.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.live.settings import Choice, Integer, Number, Points, Setting
from minigan.theory.plane import PLANES

SEED = Integer(
    name="seed",
    label="seed",
    group="run",
    help="Whatever is drawn at random follows from it: the same seed and settings, the same game.",
    default=0,
    low=0,
    high=2**31 - 1,
    live=False,
)


def _size(player: str, width: int) -> list[Setting]:
    """How many layers a player has, and how wide they are."""
    anew = "A change begins this network anew; the other one goes on."
    return [
        Integer(
            name=f"{player}_layers",
            label="hidden layers",
            group=player,
            help=f"With none, the network is a linear map. {anew}",
            default=2,
            low=0,
            high=4,
        ),
        Integer(
            name=f"{player}_width",
            label="width",
            group=player,
            help=f"Units in each hidden layer: more of them bend more, and take longer. {anew}",
            default=width,
            low=1,
            high=256,
            scale="log",
        ),
    ]


def _learning(player: str, lr: float, too_small: str) -> list[Setting]:
    """How a player learns, and how often it may move in a round."""
    return [
        Choice(
            name=f"{player}_optimizer",
            label="optimizer",
            group=player,
            help="SGD goes down the gradient as it is; Adam divides it by its usual size. A change "
            "forgets what the other one remembered.",
            default="Adam",
            choices=("Adam", "SGD"),
        ),
        Number(
            name=f"{player}_lr",
            label="learning rate",
            group=player,
            help=f"How far one update goes. Too large, it overshoots; too small, {too_small}.",
            default=lr,
            low=1e-5,
            high=1.0,
            scale="log",
        ),
        Integer(
            name=f"{player}_steps",
            label="updates in a round",
            group=player,
            help="How often this player moves in each round, on fresh points every time.",
            default=1,
            low=1,
            high=20,
        ),
    ]


BATCH = Integer(
    name="batch_size",
    label="batch",
    group="game",
    help="How many points, of the data and of the generator, one update learns from.",
    default=128,
    low=1,
    high=1024,
    scale="log",
)
BETA1 = Number(
    name="beta1",
    label="Adam's β₁",
    group="game",
    help="How much of its direction Adam keeps from step to step. In a game the other player has "
    "moved meanwhile, and 0.5 or less is usual.",
    default=0.5,
    low=0.0,
    high=0.99,
)
MEASURE = Integer(
    name="measure_every",
    label="measure every",
    group="game",
    help="Rounds between two measurements of KL and JS for the curves; 0 for none. They draw many "
    "samples, so they take about as long as some rounds.",
    default=50,
    low=0,
    high=10_000,
)
ACTIVATION = Choice(
    name="activation",
    label="activation",
    group="game",
    help="What bends the layers of both networks. A change begins both anew.",
    default="Tanh",
    choices=("Tanh", "LeakyReLU", "ReLU"),
)
OBJECTIVE = Choice(
    name="objective",
    label="loss",
    group="game",
    help="Non-saturating: G maximizes log D(G(z)). Saturating: G minimizes log(1 - D(G(z))), the "
    "game's own value, which is flat where D is sure. Least squares: D's score should be 1 or 0. "
    "Wasserstein: the mean scores should be far apart, which takes a penalty on slopes.",
    default="non-saturating",
    choices=("non-saturating", "saturating", "least squares", "Wasserstein"),
)
PENALTY = [
    Choice(
        name="penalty",
        label="penalty on D",
        group="game",
        help="Slopes of 1: D's gradient between real and fake should be of length 1 (what a "
        "Wasserstein critic needs). R1: D's gradient at the data should be 0, so that it stops "
        "pushing once the generator is there.",
        default="none",
        choices=("none", "slopes of 1", "R1"),
    ),
    Number(
        name="penalty_weight",
        label="its weight",
        group="game",
        help="λ of the penalty on slopes, γ of R1.",
        default=0.1,
        low=1e-3,
        high=100.0,
        scale="log",
    ),
]

PLANE: list[Setting] = [
    SEED,
    Choice(
        name="data",
        label="data",
        group="data",
        help="What the generator is to learn. Each has a density that is known exactly.",
        default="ring of 8",
        choices=(*PLANES, "drawn"),
    ),
    Points(
        name="points",
        label="drawn points",
        group="data",
        help="Your own data: a little Gaussian around each point that you draw.",
        default=[[0.0, 0.0]],
    ),
    Choice(
        name="noise",
        label="noise",
        group="generator",
        help="What z is drawn from: N(0, 1), or evenly from -1 to 1. G has to bend it into the "
        "data.",
        default="normal",
        choices=("normal", "uniform"),
    ),
    Integer(
        name="noise_dim",
        label="numbers in z",
        group="generator",
        help="With 1, the generator draws a thread; with 2, a cloth. A change begins G anew.",
        default=2,
        low=1,
        high=2,
    ),
    *_size("generator", 20),
    *_learning("generator", 2e-3, "the generator never arrives"),
    *_size("discriminator", 20),
    *_learning("discriminator", 5e-3, "it judges a generator that is long gone"),
    ACTIVATION,
    OBJECTIVE,
    *PENALTY,
    BETA1,
    BATCH,
    MEASURE,
]


LINE: list[Setting] = [
    SEED,
    Choice(
        name="data",
        label="data",
        group="data",
        help="The density that the generator is to learn: a mixture of Gaussians.",
        default="two hills",
        choices=("two hills", "one hill", "three hills", "far away"),
    ),
    *_size("generator", 20),
    *_learning("generator", 1e-3, "the generator never arrives"),
    *_size("discriminator", 20),
    *_learning("discriminator", 5e-3, "it judges a generator that is long gone"),
    ACTIVATION,
    OBJECTIVE,
    *PENALTY,
    BETA1,
    BATCH,
    MEASURE,
]


def images(data: Sequence[str], recipes: Sequence[str]) -> list[Setting]:
    """What there is to choose where these data sets and these recipes are."""
    return [
        SEED,
        Choice(
            name="data",
            label="data",
            group="data",
            help="The images that the generator should learn to draw.",
            default=data[0],
            choices=tuple(data),
            live=False,
        ),
        Choice(
            name="recipe",
            label="system and recipe",
            group="game",
            help="The system of gans/ that plays, and its choices. The small ones learn digits in "
            "two minutes; those of the papers and tutorials take longer.",
            default=recipes[0],
            choices=tuple(recipes),
            live=False,
        ),
        Integer(
            name="batch_size",
            label="batch (0: usual)",
            group="game",
            help="How many images one update learns from; 0 is what the recipe says.",
            default=0,
            low=0,
            high=512,
        ),
        _rate("generator"),
        _rate("discriminator"),
    ]


def _rate(player: str) -> Setting:
    return Number(
        name=f"{player}_rate",
        label="learning rate ×",
        group=player,
        help="How many times the recipe's learning rate this player moves with.",
        default=1.0,
        low=0.01,
        high=100.0,
        scale="log",
    )


def described(settings: list[Setting]) -> list[dict[str, Any]]:
    """All of them, for the page."""
    return [setting.describe() for setting in settings]
