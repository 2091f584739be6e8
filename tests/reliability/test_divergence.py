"""Numbers that are no longer finite end a run at the next report, by name, and are never saved."""

import numpy as np
import pytest
from small_run import RECIPE, small_run

from minigan.errors import UserError
from minigan.gans.gan import MLPGAN
from minigan.training.checkpoint import load_checkpoint


def nan_in_a_weight(gan):
    gan.discriminator.model[0].weight.array[2, 3] = np.nan


def infinity_in_a_bias(gan):
    gan.generator.model[-2].bias.array[1] = np.inf  # tanh makes 1 of it: no loss shows it


def nan_in_a_gradient(gan):
    step_with(gan.generator_optimizer, np.nan)


def infinity_in_a_gradient(gan):
    step_with(gan.generator_optimizer, -np.inf)


def gradient_whose_square_is_infinite(gan):
    """Adam would stand still from now on, since it divides by the root of that."""
    step_with(gan.discriminator_optimizer, 1e30, which=1)


def step_with(optimizer, number, which=0):
    optimizer.params[which].grad.array[...] = number
    optimizer.step()


def nan_in_a_running_mean(gan):
    gan.generator.model[3].running_mean[0] = np.nan


class Poisoned(MLPGAN):
    """Takes its poison after round 10."""

    rounds = 0

    def __init__(self, poison):
        super().__init__(RECIPE)
        self.poison = poison

    def step(self, real, labels=None):
        losses = super().step(real, labels)
        self.rounds += 1
        if self.rounds == 10:
            self.poison(self)
        return losses


FIRST = r"generator\.model\.0\.weight"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("poison", "named"),
    [
        (nan_in_a_weight, r"discriminator\.model\.0\.weight"),
        (infinity_in_a_bias, r"generator\.model\.\d\.bias"),
        (nan_in_a_gradient, FIRST),
        (infinity_in_a_gradient, FIRST),
        (gradient_whose_square_is_infinite, r"exp_avg_sq of discriminator\.model\.0\.bias"),
        (nan_in_a_running_mean, r"generator\.model\.3\.running_mean"),
    ],
)
def test_it_is_noticed_within_one_report(poison, named, tmp_path):
    with pytest.raises(UserError, match=named) as caught:
        small_run(tmp_path, "--log-every", "3", "--max-steps", "40", gan=Poisoned(poison))
    said = str(caught.value)
    assert said.startswith(("iteration 10:", "iteration 11:", "iteration 12:")), said
    assert "last good checkpoint is of iteration 8" in said and "\n" not in said

    checkpoint = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert checkpoint.metadata["iteration"] == 8
    assert all(np.isfinite(array).all() for array in checkpoint.tensors.values())
    rows = (tmp_path / "metrics.csv").read_text()
    assert "nan" not in rows and "inf" not in rows
    # From there it goes on: this time without poison.
    assert small_run(tmp_path, "--resume", "--log-every", "3", "--max-steps", "12") == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_before_the_first_checkpoint(tmp_path):
    flags = ["--checkpoint-every", "100", "--max-steps", "40"]
    with pytest.raises(UserError, match="No checkpoint had been saved yet"):
        small_run(tmp_path, *flags, gan=Poisoned(nan_in_a_weight))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_names_the_op(tmp_path):
    flags = ["--detect-anomaly", "--log-every", "30", "--max-steps", "40"]
    with pytest.raises(UserError, match=r"^iteration 11: the result of Affine on shapes .* NaN"):
        small_run(tmp_path, *flags, gan=Poisoned(nan_in_a_weight))
