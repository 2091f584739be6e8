"""Watch a GAN learn, and change the game as it runs: python examples/live.py [--game plane]

The page opens in the browser: points on a plane or digits, what both players see, the line of the
source that runs, and time to travel in. docs/live.md shows it all. The server and the game run on
this machine, and only this machine can reach them. It needs the extra `live`:
pip install "minigan[live]".
"""

import argparse
from collections.abc import Sequence
from typing import Any

from minigan.data.read import read_images
from minigan.errors import UserError
from minigan.live.games import Games
from minigan.live.session import Session
from minigan.live.watch import Watch
from minigan.training.command import DATA, run_command, use_threads
from minigan.training.parser import Parser, natural, path, port, positive

MISSING = 'the page is served by Starlette and uvicorn: pip install "minigan[live]"'


def parser() -> Parser:
    made = Parser(
        __file__,
        "Watch a GAN learn, and change the game as it runs.",
        examples=["", "--watch runs/mnist_gan"],
        leaves={"nothing": "the page can save its pictures, and a link that plays the game again"},
    )
    add = made.group("what to play").add_argument
    words = "which game the page begins with (default: plane; images with --data)"
    add("--game", choices=Games().names, help=words)
    add("--data", type=path, help=f"for the game of images: {DATA}")
    add("--image-size", type=positive, help="pixels (default: 28 for digits, 32 for pictures)")
    add("--seed", type=natural, default=0, help="of weights, noise and batch order")
    add(
        "--watch",
        type=path,
        help="show the run in this folder, under way or ended; nothing is changed",
    )
    add = made.group("where").add_argument
    add("--port", type=port, default=8017, help="of the server; if it is taken, the next free one")
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="of the server: by itself only this machine can reach it; with 0.0.0.0 every machine "
        "of the network can, and who knows the token of the address can steer the game",
    )
    add("--no-browser", action="store_true", help="print the address, and open no browser")
    made.group("machine").add_argument("--threads", type=positive, help="processor threads")
    return made


def session(options: argparse.Namespace) -> Session:
    """The game that the command line asks for."""
    game = options.game or ("images" if options.data else "plane")
    settings: dict[str, Any] = {"game": game, "seed": options.seed}
    if options.data is None:
        return Session(settings)
    images = read_images(options.data, options.image_size)
    return Session(settings, data={images.name: lambda: images})


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        from minigan.live.server import serve  # its libraries come with the extra alone
    except ModuleNotFoundError as error:
        raise UserError(MISSING) from error
    use_threads(options)
    game = Watch(options.watch) if options.watch else session(options)
    serve(game, port=options.port, host=options.host, browser=not options.no_browser)
    return 0


if __name__ == "__main__":
    run_command(main, together=False)
