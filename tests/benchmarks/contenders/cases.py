"""What is measured: networks as lists of layers, whole training steps, and single operations.

A layer is a tuple: its kind and torch's arguments. Every contender builds its networks from these
lists, so all have the same ones. Nothing but plain values stands here; data.py makes the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

# ("linear", inputs, outputs), ("conv", C, O, kernel, stride, padding, bias), ("relu",), …
Layer = Sequence[Any]
Layers = Sequence[Layer]
Draw = tuple[str, tuple[int, ...]]  # ("normal" or "uniform", shape): noise that a round consumes


@dataclass(frozen=True)
class Step:
    """One round of a game on one batch: noise, both networks forward and back, both updates."""

    name: str
    game: str  # "gan", "dcgan" or "wgan_gp", as in minigan.gans
    batch: int  # for each update
    image: tuple[int, int, int]  # (C, H, W)
    latent: tuple[int, ...]  # the shape of one noise vector
    generator: Layers
    discriminator: Layers
    settings: dict[str, Any]  # of minigan's own class, for the same networks
    spread: float | None = None  # of the initial weights; None: torch's defaults
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    critic_steps: int = 1

    @property
    def images(self) -> int:
        """Real images that a round consumes: each update of a critic has its own."""
        return self.batch * self.critic_steps

    @property
    def flat_images(self) -> bool:
        """Whether the networks take rows of pixels: (N, C·H·W) instead of (N, C, H, W)."""
        return self.discriminator[0][0] == "linear"

    def draws(self) -> list[Draw]:
        """The noise of one round, in the order in which the round uses it."""
        noise: Draw = ("normal", (self.batch, *self.latent))
        if self.game != "wgan_gp":
            return [noise]
        mix: Draw = ("uniform", (self.batch, *[1] * (1 if self.flat_images else 3)))
        return [noise, mix] * self.critic_steps + [noise]


@dataclass(frozen=True)
class Operation:
    """One operation on its own. `flops` and `bytes` are those of each part.

    `limit` names the operation whose rate this one cannot exceed.
    """

    name: str
    layer: Layer
    shape: tuple[int, ...]  # of the input
    flops: int = 0
    bytes: int = 0
    length: int = 1  # how many operations a repetition holds
    limit: str | None = None


def as_plain(case: Step | Operation) -> dict[str, Any]:
    return {"kind": type(case).__name__, **asdict(case)}


def from_plain(plain: dict[str, Any]) -> Step | Operation:
    values = dict(plain)
    kind = {"Step": Step, "Operation": Operation}[values.pop("kind")]
    return kind(**values)


# ---------------------------------------------------------------------------------------------
# The games


def perceptrons(
    hidden: Sequence[int], narrowing: Sequence[int], pixels: int, norm_eps: float | None
) -> tuple[list[Layer], list[Layer]]:
    """A generator from 100 numbers, and a discriminator without its last layer, the sigmoid."""
    generator: list[Layer] = []
    inputs = 100
    for i, outputs in enumerate(hidden):
        generator.append(("linear", inputs, outputs))
        if i > 0 and norm_eps is not None:
            generator.append(("batch_norm1d", outputs, norm_eps))
        generator.append(("leaky_relu", 0.2))
        inputs = outputs
    generator += [("linear", inputs, pixels), ("tanh",)]
    discriminator: list[Layer] = []
    inputs = pixels
    for outputs in narrowing:
        discriminator += [("linear", inputs, outputs), ("leaky_relu", 0.2)]
        inputs = outputs
    return generator, [*discriminator, ("linear", inputs, 1)]


def mlp_gan(batch: int, *, width: float = 1) -> Step:
    """The tutorials' perceptrons; `width` multiplies every hidden layer."""
    hidden = [int(n * width) for n in (128, 256, 512, 1024)]
    narrowing = [int(n * width) for n in (512, 256)]
    generator, discriminator = perceptrons(hidden, narrowing, 784, 0.8)
    return Step(
        name=f"MLP GAN, batch {batch}" + _times(width),
        game="gan",
        batch=batch,
        image=(1, 28, 28),
        latent=(100,),
        generator=generator,
        discriminator=[*discriminator, ("sigmoid",)],
        settings={"generator_widths": hidden, "discriminator_widths": narrowing},
    )


def wgan_gp(batch: int, *, width: float = 1, convolutional: bool = False) -> Step:
    """The Wasserstein GAN: five critic updates with second derivatives, one of the generator."""
    hidden = [int(n * width) for n in (256, 512, 1024)]
    narrowing = [int(n * width) for n in (512, 256)]
    generator, critic = perceptrons(hidden, narrowing, 784, None)
    maps = int(64 * width)
    if convolutional:
        generator = [
            ("linear", 100, 2 * maps * 49),
            ("relu",),
            ("unflatten", 2 * maps, 7, 7),
            ("conv_transpose", 2 * maps, maps, 4, 2, 1, True),
            ("relu",),
            ("conv_transpose", maps, 1, 4, 2, 1, True),
            ("tanh",),
        ]
        critic = [
            ("conv", 1, maps, 4, 2, 1, True),
            ("leaky_relu", 0.2),
            ("conv", maps, 2 * maps, 4, 2, 1, True),
            ("leaky_relu", 0.2),
            ("flatten",),
            ("linear", 2 * maps * 49, 1),
        ]
    return Step(
        name=f"WGAN-GP, {'convolutions' if convolutional else 'MLP'}, batch {batch}"
        + _times(width),
        game="wgan_gp",
        batch=batch,
        image=(1, 28, 28),
        latent=(100,),
        generator=generator,
        discriminator=critic,
        settings={
            "generator_widths": hidden,
            "discriminator_widths": narrowing,
            "convolutional": convolutional,
            "features": maps,
        },
        lr=1e-4,
        betas=(0.0, 0.9),
        critic_steps=5,
    )


def _times(width: float) -> str:
    return f", width ×{width:g}" if width != 1 else ""


def dcgan(batch: int, size: int, channels: int, *, width: float = 1) -> Step:
    """The DCGAN tutorial's networks, without one layer for each halving of the 64 pixels."""
    maps = int(64 * width)
    doublings = size.bit_length() - 3  # from the first 4 × 4 pixels to size × size
    widths = [maps * 2**i for i in range(doublings)]  # at 64 × 64: 64, 128, 256, 512
    generator: list[Layer] = [("conv_transpose", 100, widths[-1], 4, 1, 0, False)]
    for inputs, outputs in zip(widths[::-1], [*widths[-2::-1], channels], strict=True):
        generator += [("batch_norm2d", inputs, 1e-5), ("relu",)]
        generator.append(("conv_transpose", inputs, outputs, 4, 2, 1, False))
    generator.append(("tanh",))
    discriminator: list[Layer] = [("conv", channels, maps, 4, 2, 1, False), ("leaky_relu", 0.2)]
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        discriminator.append(("conv", inputs, outputs, 4, 2, 1, False))
        discriminator += [("batch_norm2d", outputs, 1e-5), ("leaky_relu", 0.2)]
    discriminator += [("conv", widths[-1], 1, 4, 1, 0, False), ("sigmoid",)]
    return Step(
        name=f"DCGAN {size}×{size}×{channels}, batch {batch}" + _times(width),
        game="dcgan",
        batch=batch,
        image=(channels, size, size),
        latent=(100, 1, 1),
        generator=generator,
        discriminator=discriminator,
        settings={"image_size": size, "channels": channels, "ngf": maps, "ndf": maps},
        spread=0.02,
    )


# ---------------------------------------------------------------------------------------------
# Single operations, at the sizes that the games above have


def linear(batch: int, inputs: int, outputs: int, limit: str) -> Operation:
    return Operation(
        f"Linear {inputs}→{outputs}",
        ("linear", inputs, outputs),
        (batch, inputs),
        flops=2 * batch * inputs * outputs,
        limit=limit,
    )


def convolutions(layers: Layers, batch: int, side: int, limit: str) -> list[Operation]:
    """Each convolution of a network whose input has `side` × `side` pixels."""
    names = {"conv": "Conv2d", "conv_transpose": "ConvTranspose2d"}
    found = []
    for layer in layers:
        kind = layer[0]
        if kind not in names:
            continue
        _, inputs, outputs, kernel, stride, padding, _ = layer
        if kind == "conv":
            after = (side + 2 * padding - kernel) // stride + 1
        else:
            after = (side - 1) * stride - 2 * padding + kernel
        places = min(side, after) ** 2  # of the kernel, and a product of its weights at each
        found.append(
            Operation(
                f"{names[kind]} {inputs}→{outputs}, {side}×{side}",
                layer,
                (batch, inputs, side, side),
                flops=2 * batch * places * inputs * outputs * kernel**2,
                limit=limit,
            )
        )
        side = after
    return found


def adam(of: str, sizes: Sequence[tuple[int, ...]]) -> list[Operation]:
    """An update of float32 parameters, and a copy that has as much memory to walk through.

    For each parameter Adam reads p, g, m and v and writes p, m and v: 28 bytes of 16 that it
    owns. The copy reads 8 bytes and writes them to 8 others.
    """
    count = sum(prod(size) for size in sizes)
    copy = f"copy of {8 * count / 1e6:.1f} MB"
    return [
        Operation(copy, ("copy", 2 * count), (), bytes=16 * count),
        Operation(f"Adam, {of}", ("adam", *sizes), (), bytes=28 * count, limit=copy),
    ]


def generator_sizes(case: Step) -> list[tuple[int, ...]]:
    """The shapes of a perceptron's parameters."""
    sizes: list[tuple[int, ...]] = []
    for kind, *numbers in case.generator:
        if kind == "linear":
            sizes += [(numbers[1], numbers[0]), (numbers[1],)]
        elif kind == "batch_norm1d":
            sizes += [(numbers[0],), (numbers[0],)]
    return sizes


def chain(of: str) -> Operation:
    """Operations on 4 × 4 numbers one after another: only the engine's own work is left."""
    length = 100
    return Operation(f"{of}, 4×4", ("chain", of, length), (4, 4), length=length)


# ---------------------------------------------------------------------------------------------
# The lists that benchmark.py runs


def steps(*, quick: bool) -> list[Step]:
    if quick:
        return [
            mlp_gan(8, width=0.125),
            dcgan(4, 32, 1, width=0.125),
            wgan_gp(4, width=0.125),
            wgan_gp(4, width=0.125, convolutional=True),
        ]
    return [
        mlp_gan(64),
        mlp_gan(128),
        dcgan(128, 64, 3),
        dcgan(64, 64, 3),
        dcgan(64, 32, 1),
        wgan_gp(64),
        wgan_gp(64, convolutional=True),
    ]


def growth(*, quick: bool) -> list[Step]:
    """Batch 16 … 512, width ×1 … ×4, image 32 … 128."""
    if quick:
        return [mlp_gan(n, width=0.125) for n in (4, 8)]
    batches = (16, 32, 64, 128, 256, 512)
    return [
        *[mlp_gan(n) for n in batches],
        *[mlp_gan(64, width=w) for w in (2, 4)],
        *[dcgan(n, 32, 1) for n in batches],
        *[dcgan(64, 32, 1, width=w) for w in (2, 4)],
        *[dcgan(32, size, 3) for size in (32, 64, 128)],
    ]


def operations(*, quick: bool) -> list[Operation]:
    """Each operation by itself, at the sizes that the games have; overheads at the end."""
    batch, size = (2, 64) if quick else (128, 2048)
    product = Operation(
        f"matrix product {size}×{size}", ("matmul",), (size, size), flops=2 * size**3
    )
    maps, rows = (batch, 64, 32, 32), (batch, 1024)
    images = dcgan(batch, 64, 3)
    return [
        product,
        linear(batch, 1024, 784, product.name),
        linear(batch, 784, 512, product.name),
        *convolutions(images.discriminator, batch, 64, product.name),
        *convolutions(images.generator, batch, 1, product.name),
        Operation("BatchNorm1d 1024", ("batch_norm1d", 1024, 0.8), rows),
        Operation("BatchNorm2d 64, 32×32", ("batch_norm2d", 64, 1e-5), maps),
        Operation("LeakyReLU 64, 32×32", ("leaky_relu", 0.2), maps),
        Operation("ReLU 64, 32×32", ("relu",), maps),
        Operation("Sigmoid 64, 32×32", ("sigmoid",), maps),
        Operation("Tanh 3, 64×64", ("tanh",), (batch, 3, 64, 64)),
        Operation("Dropout 1024", ("dropout", 0.3), rows),
        Operation("BCELoss", ("bce",), (batch, 1)),
        *adam("MLP generator", generator_sizes(mlp_gan(batch))),
        *adam("one large layer", [(size, 8 * size)]),
        *[chain(of) for of in ("add", "multiply", "leaky_relu", "linear")],
    ]
