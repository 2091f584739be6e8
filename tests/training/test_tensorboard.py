"""What a run writes for TensorBoard: losses, pictures and histograms, also of numbers gone bad."""

import numpy as np
import pytest

from minigan.gans.gan import MLPGAN, Recipe
from minigan.plots import image_grid
from minigan.training.tensorboard import TensorBoard

pytest.importorskip("tensorboardX")
SMALL = Recipe(
    latent_dim=3, image_shape=(1, 4, 4), generator_widths=(8, 8), discriminator_widths=(8,)
)


@pytest.fixture
def written(tmp_path):
    """The events after a look at a system whose networks have played one round."""

    def write(*, gradients, spoil=False):
        gan = MLPGAN(SMALL)
        gan.play_round(gan.ones(4, 1, 4, 4))
        if spoil:
            gan.generator.model[0].weight.data[:] = np.nan
        board = TensorBoard(tmp_path)
        board.losses({"D loss": 0.5}, 1)
        for channels in (1, 3):
            board.look(gan, image_grid(np.zeros((4, channels, 4, 4))), 1, gradients=gradients)
        board.close()
        (events,) = (tmp_path / "tensorboard").iterdir()
        return events.read_bytes()

    return write


def test_losses_pictures_and_histograms(written):
    events = written(gradients=True)
    for tag in (b"D_loss", b"samples", b"G/model.0.weight", b"D/model.0.bias__gradient"):
        assert tag in events, tag


def test_gradients_only_where_they_are_watched(written):
    assert b"gradient" not in written(gradients=False)


def test_numbers_that_are_not_finite_do_not_end_the_run_here(written):
    events = written(gradients=False, spoil=True)
    assert b"G/model.0.weight" not in events and b"G/model.0.bias" in events
