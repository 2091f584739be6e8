"""Train the DCGAN: python examples/dcgan.py --data FACES (a folder or a .zip of pictures)

Without --data it learns MNIST at 32 × 32 pixels, and with --data cifar10:FOLDER the photographs of
CIFAR-10, which have that size. Other pictures are read once and kept in the run folder,
runs/dcgan, beside everything that the run makes: what mnist_gan.py makes, and at the end some
training images, real images beside generated ones, and what the discriminator looks for.

The tutorial draws its samples with the generator in training mode, where the images of one batch
are normalized together. Here they are drawn in eval mode, so that each depends on its noise alone.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from minigan import plots
from minigan.data import DataLoader
from minigan.errors import UserError
from minigan.gans.base import GAN
from minigan.gans.dcgan import DCGAN, LOSSES, RECIPES, smallest_map
from minigan.random import Random
from minigan.tensor import Tensor, no_grad
from minigan.training import Report, run
from minigan.training.command import (
    images_for,
    loader_for,
    positive,
    real_to_compare,
    run_command,
    run_options,
    training_parser,
    with_flags,
)
from minigan.training.folder import note_drawn
from minigan.training.parser import Parser

SHOWN = 64  # images in a picture, eight in a row
LEAVES = {
    "training_images.png": "some of the images that it learned from",
    "real_beside_fake.png": "those beside some that it drew",
    "discriminator_filters.png": "the weights of D's first layer",
    "discriminator_layer_1.png": "what each of D's layers makes of one image; and so on",
    "discriminator_strongest.png": "the images that a feature of its last layer responds to most",
}
SEARCHED = 256  # images among which the strongest responses of a feature are looked for


def parser() -> Parser:
    parser = training_parser(
        "Train a convolutional GAN on pictures.",
        script=__file__,
        recipes=RECIPES,
        recipe="averaged",
        about="tutorial: the tutorial's networks and training, to the letter; averaged: the same "
        "for more epochs, and drawn with averaged weights",
        out="runs/dcgan",
        sizes=(32, 64),
        examples=["", "--data FACES --recipe tutorial --out runs/faces"],
        leaves=LEAVES,
    )
    parser.recipe_flag("--ngf", type=positive, help="maps in G's largest hidden layer")
    parser.recipe_flag("--ndf", type=positive, help="maps in D's largest hidden layer")
    parser.recipe_flag(
        "--loss",
        choices=list(LOSSES),
        help="bce is the tutorial's, taken after a sigmoid; logits never loses G's gradient",
    )
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = parser().parse_args(arguments)
    # run() and the networks would refuse these, too, but only after all pictures have been read.
    has_run = (options.out / "config.json").exists() and (options.out / "samples").exists()
    if has_run and not (options.resume or options.overwrite):
        raise UserError(f"{options.out} already holds a run: give --resume, --overwrite or --out")
    if options.image_size:
        smallest_map(options.image_size)
    return options


def same_noise(gan: GAN) -> Tensor:
    return gan.sample(gan.sample_noise(SHOWN))


def tutorials_line(loader: DataLoader, epochs: int) -> Callable[[Report], str]:
    """[epoch/epochs][batch/batches] and the five numbers, as the tutorial prints them."""

    def line(report: Report) -> str:
        d_loss, g_loss, d_x, d_g_z1, d_g_z2 = (float(loss) for loss in report.losses.values())
        batch = (report.iteration - 1) % len(loader)
        return (
            f"[{report.epoch - 1}/{epochs}][{batch}/{len(loader)}]\tLoss_D: {d_loss:.4f}\t"
            f"Loss_G: {g_loss:.4f}\tD(x): {d_x:.4f}\tD(G(z)): {d_g_z1:.4f} / {d_g_z2:.4f}"
        )

    return line


@no_grad()
def draw_pictures(gan: DCGAN, loader: DataLoader, options: argparse.Namespace) -> None:
    """The pictures of the finished run, besides its samples and losses."""
    out = options.out
    # A fair draw, the same for a seed: the first files of a folder are often of one kind.
    order = Random(options.seed).fork("pictures").permutation(len(loader.dataset))
    real, _ = loader.batch(order[:SEARCHED])
    shown = real[:SHOWN]
    played = loader.epoch * len(loader) + loader.position // loader.batch_size
    drawn = f"{len(shown)} of {len(loader.dataset):,} training images, drawn with seed"
    plots.save_grid(
        out / "training_images.png", shown, columns=8, scale=2, caption=f"{drawn} {options.seed}"
    )
    plots.real_beside_fake(
        out / "real_beside_fake.png",
        shown,
        same_noise(gan),
        columns=8,
        scale=2,
        caption=f"a draw of the training images; generated after {played:,} iterations",
    )

    gan.discriminator.eval()
    layers = gan.discriminator.features(real)
    filters = plots.filter_grid(gan.discriminator.main[0].weight, columns=8, scale=12)
    says = "kernels of D's first layer: gray 0, white +, black -"
    plots.save_picture(out / "discriminator_filters.png", plots.captioned(filters, says))
    for number, maps in enumerate(layers, 1):
        page = plots.activation_grid(maps.numpy()[0, :SHOWN], columns=8)
        says = f"layer {number} of D: its maps of the first training image; bright: responds most"
        plots.save_picture(out / f"discriminator_layer_{number}.png", plots.captioned(page, says))
    # Which images make a deep feature respond most? One feature a row.
    strength = layers[-1].numpy().max(axis=(2, 3))  # (N, maps, H, W) -> (N, maps)
    strongest = np.argsort(-strength[:, :8], axis=0)[:8].T  # -> (8 features, 8 images)
    features, ranks = strongest.shape
    places = [(i, rank) for i in range(features) for rank in range(ranks)]
    plots.save_grid(
        out / "discriminator_strongest.png",
        real.numpy()[strongest.ravel()],
        columns=ranks,
        scale=2,
        labels=[f"#{rank + 1}" if rank else f"map {i + 1}" for i, rank in places],
        caption="a row: the training images to which one map of D's last layer responds most",
    )
    made = [path.name for path in out.glob("discriminator_*.png")]
    note_drawn(out, ["training_images.png", "real_beside_fake.png", *made])


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    dataset = images_for(options)
    _, channels, size, _ = dataset.images.shape
    recipe = with_flags(RECIPES[options.recipe], options, image_size=size, channels=channels)
    gan = DCGAN(recipe, seed=options.seed, backend=options.backend)
    loader = loader_for(gan, dataset, seed=options.seed, flip=options.flip)
    code = run(
        gan,
        loader,
        run_options(options),
        picture=same_noise,
        columns=8,
        describe=tutorials_line(loader, recipe.epochs),
        reference=real_to_compare(options, gan, dataset),
    )
    draw_pictures(gan, loader, options)
    return code


if __name__ == "__main__":
    run_command(main)
