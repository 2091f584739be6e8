"""How long each parameter's gradient and weights are, as training goes on: gradients.csv, a chart.

A layer whose gradient is a millionth of its weights does not learn; one whose gradient is as long
as they are may be thrown about. Both are seen here before they are seen in a loss. (An optimizer
such as Adam divides by a gradient's usual size, so a short one alone is no illness: what tells is
the difference between layers, and how it changes.)

Next: tensorboard.py.
"""

from __future__ import annotations

from pathlib import Path

from minigan import plots
from minigan.gans.base import GAN
from minigan.tensor import Tensor
from minigan.training.metrics import Metrics

TABLE, CHART = "gradients.csv", "gradients.png"
MADE = (TABLE, CHART)  # what this file puts in a run folder


class Watch:
    """The norms of one run, in its folder. It only reads: training stays the same to the byte.

    `iteration` is where the run starts or goes on: rows that were written after it are dropped, and
    will be made again.
    """

    def __init__(self, folder: Path, gan: GAN, iteration: int) -> None:
        self.gan, self.chart_path = gan, folder / CHART
        self.table = Metrics(folder / TABLE)
        self.table.cut_back_to(iteration)

    def parameters(self) -> dict[str, Tensor]:
        """Those of both networks, by names such as generator.model.0.weight."""
        networks = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return {
            f"{player}.{name}": parameter
            for player, network in networks.items()
            for name, parameter in network.named_parameters()
        }

    def take(self, iteration: int) -> None:
        """A row: the Euclidean norms of each parameter's gradient, that of the network's last step
        (NaN where there was none), and of its weights."""
        row: dict[str, float] = {"iteration": iteration}
        for name, parameter in self.parameters().items():
            gradient = parameter.grad
            row[f"gradient of {name}"] = float("nan") if gradient is None else norm(gradient)
            row[f"norm of {name}"] = norm(parameter)
        self.table.append(row)

    def draw(self) -> None:
        """The chart of all rows so far; the matrices and kernels alone, for which it is legible."""
        if not self.table.path.exists():  # the run has ended before the first row
            return
        names = [name for name, parameter in self.parameters().items() if parameter.dim() > 1]
        title = f"{self.gan.name}: gradients and weights, Euclidean norms"
        plots.save_norms(self.chart_path, self.table.path, names, title=title)

    def close(self) -> None:
        self.table.close()


def norm(tensor: Tensor) -> float:
    """√Σ x²"""
    xp = tensor.backend.xp
    return float(xp.sqrt(xp.sum(xp.square(tensor.array), dtype="float64")))
