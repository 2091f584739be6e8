"""Score a trained generator: python examples/evaluate.py runs/mnist_gan/checkpoint.safetensors

Draws 10,000 digits, puts them beside MNIST's, and prints a table; docs/evaluation.md says what each
score can and cannot tell. evaluation.json and pictures go into the checkpoint's folder.

What was learned from pictures of any other kind is put beside those, which lie in the run folder
(or else where --data says), and beside sets whose faults are known; nothing about them need be
taught or downloaded: docs/your_own_pictures.md.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from minigan import plots
from minigan.backend import get_backend
from minigan.data import read_images
from minigan.data.mnist import holds_idx
from minigan.data.pictures import kept
from minigan.data.read import are_pictures
from minigan.errors import UserError
from minigan.evaluation import evaluate as evaluation
from minigan.evaluation.circumstances import circumstances
from minigan.evaluation.evaluate import (
    Images,
    Labels,
    Reference,
    draw,
    drawn,
    evaluate,
    fitted_error,
    table,
)
from minigan.evaluation.pictures import PICTURE_ROWS, PictureReference
from minigan.evaluation.references import measured, reference_samples
from minigan.files import atomic_write, refuse_unwritable
from minigan.gans import GAN, rebuild
from minigan.training.checkpoint import load_checkpoint
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.folder import note_drawn
from minigan.training.own_system import add_system_flag, own_system
from minigan.training.parser import Parser, natural, path, positive

PAIRS = 36  # drawn images that are shown beside their nearest training image


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Score a trained generator.",
        takes="checkpoint",
        examples=["runs/mnist_gan", "runs/conditional_gan --fit 50000 --threads 1"],
        leaves={
            "evaluation.json": "the scores, and what they were measured on",
            "evaluation_generator.png": "a page of the samples",
            "evaluation_generator_nearest.png": "some, beside the training images nearest to them",
            "evaluation_average.png": "both again, with the averaged weights, where there are such",
        },
    )
    group = parser.group("what to score")
    add = group.add_argument
    add("checkpoint", type=path, nargs="?", help="a checkpoint.safetensors, or its run folder")
    add_system_flag(group)
    add("--count", type=positive, default=evaluation.COUNT, help="digits to draw")
    add("--fit", type=positive, metavar="N", help="conditional: also fit 1-NN on N drawn images")
    add(
        "--measure-statistics",
        action="store_true",
        help="also score the average with batch norm's statistics measured anew",
    )
    add("--references", action="store_true", help="measure sets of samples of known faults too")
    add("--data", type=path, help="what it learned from (default: MNIST, or the run's pictures)")
    add("--seed", type=natural, default=0, help="of the noise")
    add = parser.group("where").add_argument
    add("--out", type=path, help="where the results go (default: beside the checkpoint)")
    machine_flags(parser)
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = parser().parse_args(arguments)
    if options.checkpoint is None and not options.references:
        raise UserError("give a checkpoint, or --references")
    if options.checkpoint and options.checkpoint.is_dir():
        options.checkpoint /= "checkpoint.safetensors"
    if options.out is None:
        options.out = options.checkpoint.parent if options.checkpoint else Path(".")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    use_threads(options)
    written = options.out / ("evaluation.json" if options.checkpoint else "references.json")
    refuse_unwritable(written)
    backend = get_backend(options.backend)
    results: dict[str, Any] = {"count": options.count, "seed": options.seed, "columns": {}}
    asked = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "examples/evaluate.py", *asked])
    results["circumstances"] = circumstances(command, options.threads)
    gan = None
    if options.checkpoint:
        gan, facts = load(options.checkpoint, own_system(options.system), backend)
        results = {"checkpoint": str(options.checkpoint), **facts, **results}
        if pictures := pictures_of(gan, facts, options):
            score_pictures(gan, pictures, options, results, written)
            return
    reference = Reference.mnist(options.data, backend=backend)
    if gan and results["data"] != reference.train.name:
        note = f"it learned from {results['data']}, and is compared with {reference.train.name}"
        print(f"note: {note}", file=sys.stderr)

    columns = {}
    stages = (2 if gan.average is not None else 1) if gan else 0
    stages += bool(gan and gan.average is not None and options.measure_statistics)
    stages = (stages + (5 if options.references else 0)) * len(evaluation.STAGES)
    stages += -(-(options.fit or 0) // evaluation.COUNT) if gan else 0
    with tqdm(total=stages, unit="stage", disable=None) as bar:

        def progress(stage: str) -> None:
            bar.set_description(stage)
            bar.update()
            if bar.disable:  # no terminal: a line for each stage
                print(stage, "…", file=sys.stderr, flush=True)

        if options.fit and gan:  # the first, as not every system can
            averaged = gan.average is not None
            error = fitted_error(
                gan, reference, options.fit, seed=options.seed, averaged=averaged, progress=progress
            )
            results["fitted_error"] = {"fit": options.fit, "averaged": averaged, "error": error}
        for name, images, labels in samples(gan, reference, options):
            columns[name] = result = evaluate(images, reference, labels, progress=progress)
            results["columns"][name] = {
                "scores": result.scores._asdict(),
                "seconds": {stage: round(seconds, 2) for stage, seconds in result.seconds.items()},
            }
            if name in ("generator", "average"):
                save_pictures(options.out, name, images, reference)

    scores = {name: column.scores for name, column in columns.items()}
    if "real images" not in scores and options.data is None and options.count == evaluation.COUNT:
        scores["real images"] = measured()["real images"]
    save(written, results)
    print(table(scores))
    if "fitted_error" in results:
        error = results["fitted_error"]["error"]
        print(f"1-NN fitted on {options.fit:,} drawn images: {error:.2%} test error")
    print(f"saved {written}")


def load(path: Path, system: type[GAN] | None, backend: Any) -> tuple[GAN, dict[str, Any]]:
    """The system of a checkpoint, and what is known about it."""
    checkpoint = load_checkpoint(path)
    if not any(name.startswith("generator.") for name in checkpoint.tensors):
        raise UserError(f"{path} holds no generator")
    gan = rebuild(
        checkpoint.tensors, checkpoint.metadata, system=system, backend=backend, where=path
    )
    facts = ("system", "data", "images", "iteration")
    return gan, {name: checkpoint.metadata.get(name) for name in facts}


def save(written: Path, results: dict[str, Any]) -> None:
    with atomic_write(written) as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    folder = written.parent
    note_drawn(folder, [written.name, *(path.name for path in folder.glob("evaluation_*.png"))])


def pictures_of(
    gan: GAN, facts: dict[str, Any], options: argparse.Namespace
) -> PictureReference | None:
    """The pictures that a generator learned from, and those it did not see; None for gray digits,
    which the judge can read."""
    channels, side, _ = drawn(gan, 1).shape[1:]
    of_a_run = kept(options.checkpoint.parent / "images.npy") if options.data is None else None
    if of_a_run is not None and not str(facts["data"]).startswith(of_a_run.name):
        of_a_run = None  # left by a run that was overwritten
    if of_a_run is not None:
        whole = of_a_run
    elif holds_idx(options.data) and channels == 1 and side in evaluation.READABLE:
        return None
    elif options.data is None and facts["data"] != "MNIST":
        raise UserError(
            f"it learned from {facts['data']}, and {options.checkpoint.parent} does not hold those "
            "pictures: name them with --data"
        )
    else:
        whole = read_images(options.data, side, channels)
    if options.fit or options.references or options.count != evaluation.COUNT:
        raise UserError(
            "--fit, --references and --count are for gray digits: pictures are compared as many as "
            "there are, and with faulty ones always"
        )
    count = facts["images"]
    if of_a_run is None and not are_pictures(options.data):
        return PictureReference(whole.first(count), backend=gan.backend)
    train, rest = whole.drawn(len(whole) if count is None else count)
    return PictureReference(train, rest, backend=gan.backend)


def score_pictures(
    gan: GAN,
    reference: PictureReference,
    options: argparse.Namespace,
    results: dict[str, Any],
    written: Path,
) -> None:
    """Scores, pictures and a table, beside the real half and sets whose faults are known."""
    columns = {}
    averages = 1 + options.measure_statistics if gan.average is not None else 0
    with tqdm(total=8 + averages, unit="set", disable=None) as bar:
        for name, images in sets_of_pictures(gan, reference, options):
            columns[name] = reference.real_half() if images is None else reference.score(images)
            if images is not None and name in ("generator", "average"):
                save_page(options.out, name, images)
                nearest, distances = reference.nearest_training_images(images[:PAIRS])
                captions = [f"{distance:.2f}" for distance in distances]
                save_pairs(options.out, name, images[:PAIRS], nearest, captions)
            bar.update()
    results |= {
        "count": reference.half,
        "halvings": reference.halvings,
        "features": reference.components,
        "protocol": reference.protocol,
        "columns": {name: {"scores": scores._asdict()} for name, scores in columns.items()},
    }
    save(written, results)
    print(table(columns, PICTURE_ROWS))
    print(reference.protocol)
    print(f"saved {written}")


def sets_of_pictures(
    gan: GAN, reference: PictureReference, options: argparse.Namespace
) -> Iterator[tuple[str, Images | None]]:
    """Yield name and images of each column; None in place of the real ones."""
    yield "generator", reference.draw(gan, seed=options.seed)
    if gan.average is not None:
        yield "average", reference.draw(gan, seed=options.seed, averaged=True)
        if options.measure_statistics:
            gan.measure_statistics()
            images = reference.draw(gan, seed=options.seed, averaged=True)
            yield "average, statistics anew", images
    yield "real half", None
    yield from reference.faulty()


def samples(
    gan: GAN | None, reference: Reference, options: argparse.Namespace
) -> Iterator[tuple[str, Images, Labels | None]]:
    """Yield name, images and labels of each column, one after another."""
    if gan:
        yield "generator", *draw(gan, options.count, seed=options.seed)
        if gan.average is not None:
            yield "average", *draw(gan, options.count, seed=options.seed, averaged=True)
            if options.measure_statistics:
                gan.measure_statistics()
                name = "average, statistics anew"
                yield name, *draw(gan, options.count, seed=options.seed, averaged=True)
    if options.references:
        for name, images in reference_samples(reference.train, options.count, seed=options.seed):
            yield name, images, None


def save_pictures(folder: Path, name: str, images: Images, reference: Reference) -> None:
    """A page of samples, and a page where each stands beside its nearest training image."""
    save_page(folder, name, images)
    some = images[:PAIRS]
    numbers, distances = reference.nearest_training_images(some)
    nearest = evaluation.as_unit(reference.train.images[numbers])
    save_pairs(folder, name, some, nearest, [f"{distance:.1f} off" for distance in distances])


def save_page(folder: Path, name: str, images: Images) -> None:
    plots.save_grid(folder / f"evaluation_{name}.png", images[:100], 10, value_range=(0, 1))


def save_pairs(
    folder: Path, name: str, some: Images, nearest: Images, captions: Sequence[str]
) -> None:
    """Drawn images, each beside its nearest training image, with a caption under that."""
    pairs = np.stack([some, nearest], axis=1).reshape(-1, *some.shape[1:])  # drawn, nearest, …
    captions = [text for caption in captions for text in ("drawn", caption)]
    plots.save_grid(
        folder / f"evaluation_{name}_nearest.png",
        pairs,
        12,
        labels=captions,
        scale=2,
        value_range=(0, 1),
    )


if __name__ == "__main__":
    run_command(main)
