"""One training run in one folder: everything around the loop.

It resumes or starts, trains, keeps metrics, pictures and checkpoints, stops when asked to, and
refuses to go on with numbers that are no longer finite. Next: stopping.py, then folder.py, where
all of it goes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import operator
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from PIL import Image

from minigan import plots
from minigan.backend import get_num_threads, set_num_threads
from minigan.data.loader import DataLoader
from minigan.errors import UserError, as_user_error
from minigan.evaluation.circumstances import circumstances
from minigan.evaluation.evaluate import Reference
from minigan.evaluation.pictures import PictureReference
from minigan.gans.base import GAN
from minigan.nn.summary import noted_layers
from minigan.tensor import Tensor, detect_anomaly
from minigan.training import evaluations, telling, tensorboard, watching
from minigan.training.console import Console
from minigan.training.evaluations import Evaluations
from minigan.training.folder import RunFolder
from minigan.training.loop import Report, refuse_small_batches, train
from minigan.training.options import RunOptions
from minigan.training.pace import Pace
from minigan.training.progress import ProgressBar
from minigan.training.stopping import stop_when_asked
from minigan.training.tensorboard import TensorBoard
from minigan.training.watching import Watch

# Settings that a resumed run may change: they do not alter what an iteration computes, although
# another number of threads may round it otherwise.
FREE = (
    "max_steps",
    "sample_every",
    "checkpoint_every",
    "log_every",
    "evaluate_every",
    "threads",
)
# Choices of the recipe that version 0.1 kept outside of it: a folder of that time does not say them
# in its settings. It does say batch_size and average beside them, where they are still compared.
SINCE_0_1 = ("settings.epochs", "settings.batch_size", "settings.average", "settings.drop_last")

# A checkpoint is saved when an iteration is due for one, and as soon as more seconds than these
# have gone by without, at first and from then on: slow networks would lose an hour otherwise.
FIRST_SECONDS, SECONDS = 30, 300

Picture = Callable[[GAN], Tensor]


def run(
    gan: GAN,
    loader: DataLoader,
    options: RunOptions,
    *,
    picture: Picture | None = None,
    columns: int | None = None,
    describe: Callable[[Report], str] | None = None,
    reference: Reference | PictureReference | None = None,
    system_flag: str | None = None,
) -> int:
    """Train for the recipe's epochs, in the folder `options.out`. Returns 0, or 130 if it was asked
    to stop (stopping.py says how), after saving.

    picture: the images of a sample picture; by default, 25 of the same noise each time.
    columns: how many of them stand side by side.
    describe: one line for the terminal at every sample picture, if the tutorial prints one.
    reference: the real images that `options.evaluate_every` compares with.
    system_flag: what the commands for the next step need if the system is none of minigan's own,
    such as "--system my_gan.py".
    """
    refuse_small_batches(gan, loader)
    if options.evaluate_every and reference is None:
        raise UserError("--evaluate-every needs real images to compare with: leave it out")
    if options.threads:
        set_num_threads(options.threads)
    recipe = gan.settings
    config = {
        "system": gan.name,
        "settings": dataclasses.asdict(recipe),
        "data": loader.dataset.name,
        "backend": gan.backend.name,
        "batch_size": loader.batch_size,  # of a round, which may hold several of the recipe's
        "seed": options.seed,
        "epochs": recipe.epochs,
        **{name: getattr(options, name) for name in FREE},
    }
    if loader.flip:  # these two are in the config only if they are asked for, as in older ones
        config["flip"] = True
    if options.augment:
        gan.augment(*options.augment)
        config["augment"] = list(options.augment)
    gan.class_names = loader.dataset.class_names
    if recipe.average is not None:
        gan.keep_average(recipe.average)
        config["average"] = recipe.average
    with RunFolder.open(
        options.out,
        config,
        resume=options.resume,
        overwrite=options.overwrite,
        may_differ=(*FREE, "epochs", "settings.epochs", "backend"),
        may_lack=SINCE_0_1,
        also_made=(*tensorboard.MADE, *evaluations.MADE, *watching.MADE),
        start=circumstances(telling.started_by(), get_num_threads()),
    ) as folder:
        plots.get_ready(options.out)
        session = Session(gan, loader, folder, options, picture or _same_noise, columns, describe)
        return session.carry_out(reference, system_flag)


def _same_noise(gan: GAN) -> Tensor:
    return gan.sample(gan.sample_noise(25))


class Session:
    """A run while it is under way."""

    def __init__(
        self,
        gan: GAN,
        loader: DataLoader,
        folder: RunFolder,
        options: RunOptions,
        picture: Picture,
        columns: int | None,
        describe: Callable[[Report], str] | None,
    ) -> None:
        self.gan, self.loader, self.folder, self.options = gan, loader, folder, options
        self.picture, self.columns, self.describe = picture, columns, describe
        self.iteration = 0
        self.saved = -1
        self.overdue = math.inf  # the moment from which on a checkpoint is missed, by the clock
        self.console = Console(sys.stderr)
        self.writer = TensorBoard(folder.path) if options.tensorboard else None
        self.watch: Watch | None = None
        self.evaluations: Evaluations | None = None

    def carry_out(
        self, reference: Reference | PictureReference | None, system_flag: str | None = None
    ) -> int:
        """From where the folder stands to the end; the exit code."""
        gan, options, epochs = self.gan, self.options, self.gan.settings.epochs
        self._restore()
        if reference and options.evaluate_every:
            self.evaluations = Evaluations(self.folder.path, gan, reference, self.iteration)
        if options.watch_gradients:
            self.watch = Watch(self.folder.path, gan, self.iteration)
        total = epochs * len(self.loader)
        if options.max_steps:
            total = min(total, options.max_steps)
        if self.iteration == 0:
            self._save_picture()
        if self.iteration >= total:
            self._finish()
            self._say(
                f"nothing left to do: the run in {options.out} has had its {self.iteration:,} "
                "iterations; --epochs or --max-steps gives it more"
            )
            return 0
        opening = telling.opening(gan, self.loader, options, iteration=self.iteration, total=total)
        self._say(*opening, *(note for note in (self.folder.note, self.note) if note))
        watch = detect_anomaly() if options.detect_anomaly else nullcontext()
        with stop_when_asked() as asked:
            with watch, ProgressBar(total, initial=self.iteration, epochs=epochs) as bar:
                pace = Pace(total, besides="evaluations" if options.evaluate_every else None)
                try:
                    self._train(bar, asked, pace)
                finally:
                    if self.watch:  # of a run that diverges one wants to see it most
                        self.watch.draw()
            was_stopped = bool(asked)
            self._save()  # a terminal that is closed may say so twice
            self._finish()
        if was_stopped:
            self._say(*telling.stopped(options.out, self.iteration))
            return 130
        self._say(*telling.closing(gan, self.loader, options.out, system_flag))
        return 0

    def _say(self, *lines: str) -> None:
        for line in lines:
            print(line, file=self.console, flush=True)

    def _train(self, bar: ProgressBar, asked: list[int], pace: Pace) -> None:
        """Play until all rounds are played, somebody has asked to stop, or numbers are lost."""
        self.overdue = time.monotonic() + FIRST_SECONDS
        reports = train(
            self.gan,
            self.loader,
            epochs=self.gan.settings.epochs,
            max_steps=self.options.max_steps,
        )
        try:
            first = self._first_of(reports, bar)
            for report in itertools.chain(first, reports):
                self._take(report, bar)
                for line in pace.lines(report.iteration):
                    bar.write(line)
                if asked:
                    break
        except FloatingPointError as error:  # from detect_anomaly
            raise self._diverged(self.iteration + 1, str(error)) from error
        except ValueError as error:
            # A loss refuses NaN before it could become one itself.
            culprit = None if isinstance(error, UserError) else self.gan.not_finite()
            if culprit is None:
                raise
            what = f"{culprit} holds NaN or infinity"
            raise self._diverged(self.iteration + 1, what) from error

    def _first_of(self, reports: Iterator[Report], bar: ProgressBar) -> list[Report]:
        """Play the first round, in which the networks show what their layers do."""
        gan = self.gan
        with noted_layers(gan.generator) as generator, noted_layers(gan.discriminator) as other:
            first = list(itertools.islice(reports, 1))
        bar.write("\n".join(telling.networks(gan, generator, other)))
        return first

    def _diverged(self, iteration: int, what: str) -> UserError:
        good = "No checkpoint had been saved yet"
        if self.saved >= 0:
            good = f"The last good checkpoint is of iteration {self.saved}"
        return UserError(
            f"iteration {iteration}: {what}. {good}; --detect-anomaly names the op, and a smaller "
            "--lr may help"
        )

    def _restore(self) -> None:
        self.note: str | None = None
        if not self.options.resume:
            return
        checkpoint = self.folder.load_checkpoint()
        if checkpoint is not None:
            self.note = checkpoint.note
            with as_user_error(f"{self.folder.checkpoint_path} is of another run"):
                self.gan.load_state(checkpoint.tensors, checkpoint.metadata)
                self.loader.load_state_dict(checkpoint.metadata["loader"])
                self.iteration = self.saved = operator.index(checkpoint.metadata["iteration"])
        self.folder.cut_back_to(
            self.iteration if checkpoint else None, sample_was_due=self._sample_is_due()
        )

    def _take(self, report: Report, bar: ProgressBar) -> None:
        """Do with one report what is due."""
        options = self.options
        self.iteration = report.iteration
        if report.iteration % options.log_every == 0:
            self._log(report)
        bar.update(report.iteration, report.losses, images=report.images, epoch=report.epoch)
        if self._sample_is_due():
            self._save_picture()
            if self.describe:
                bar.write(self.describe(report))
        if self.loader.epoch == report.epoch:  # the loader stands at the next epoch already
            bar.end_epoch(report.epoch)
            every = options.evaluate_every
            if self.evaluations and every and report.epoch % every == 0:
                line = self.evaluations.take(self.iteration, report.epoch, self._state)
                bar.write(line)
        # After the evaluation: a run that goes on from this checkpoint does not repeat it.
        if report.iteration % options.checkpoint_every == 0 or time.monotonic() > self.overdue:
            self._save()

    def _log(self, report: Report) -> None:
        values = {name: float(loss) for name, loss in report.losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                culprit = self.gan.not_finite()
                where = f"; the first bad numbers are in {culprit}" if culprit else ""
                raise self._diverged(report.iteration, f"{name} is {value}{where}")
        # Outputs that saturate can hide infinite weights from the losses.
        if culprit := self.gan.not_finite_parameter():
            raise self._diverged(report.iteration, f"{culprit} holds NaN or infinity")
        row = {"iteration": report.iteration, "epoch": report.epoch, **values}
        self.folder.append_metrics(row)
        if self.writer:
            self.writer.losses(values, report.iteration)
        if self.watch:
            self.watch.take(report.iteration)

    def _sample_is_due(self) -> bool:
        every = self.options.sample_every
        return self.iteration % every == 0 or (self.iteration < every and is_early(self.iteration))

    def _save_picture(self) -> None:
        path = self.folder.sample_path(self.iteration)
        page = plots.image_grid(
            self.picture(self.gan),
            columns=self.columns,
            scale=2,
            value_range=self.gan.value_range,
            caption=f"iteration {self.iteration:,}, seed {self.options.seed}",
        )
        plots.save_picture(path, page)
        if self.writer:
            gradients = self.watch is not None
            self.writer.look(self.gan, page, self.iteration, gradients=gradients)

    def _save(self) -> None:
        if self.saved == self.iteration:
            return
        if culprit := self.gan.not_finite():
            raise self._diverged(self.iteration, f"{culprit} holds NaN or infinity")
        self.folder.save_checkpoint(*self._state())
        self.saved, self.overdue = self.iteration, time.monotonic() + SECONDS

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What a checkpoint holds."""
        arrays, plain = self.gan.state()
        plain |= {
            "iteration": self.iteration,
            "loader": self.loader.state_dict(),
            "data": self.loader.dataset.name,
            "images": len(self.loader.dataset),
        }
        return arrays, plain

    def _finish(self) -> None:
        """The pictures of the whole run, the last of which shows how far it has come."""
        if not self._sample_is_due():
            self._save_picture()
        frames = [np.asarray(Image.open(path)) for path in self.folder.sample_paths()]
        # Those that an earlier version drew have no caption, and so another size.
        frames = [frame for frame in frames if frame.shape == frames[-1].shape]
        plots.save_animation(self.folder.animation_path, frames)
        if self.folder.metrics_path.exists():
            path, metrics = self.folder.losses_path, self.folder.metrics_path
            plots.save_losses(
                path,
                metrics,
                unit=self.gan.loss_unit,
                at_rest=self.gan.losses_at_rest,
                title=f"{self.gan.name} on {self.loader.dataset.name}, seed {self.options.seed}, "
                f"{self.iteration:,} iterations",
            )
        if self.watch:
            self.watch.close()
        if self.writer:
            self.writer.close()


def is_early(iteration: int) -> bool:
    """Whether this is one of 1, 2, 5, 10, 20, 50, 100, …: at first much happens in little time."""
    digits = str(iteration)
    return digits[0] in "125" and set(digits[1:]) <= {"0"}
