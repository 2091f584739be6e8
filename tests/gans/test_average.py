"""The average of a generator's weights, against torch's and against its formula."""

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from minigan.errors import UserError
from minigan.gans import conditional_gan, rebuild
from minigan.gans.average import measure_statistics
from minigan.gans.gan import MLPGAN, Recipe
from minigan.nn import Dropout
from minigan.optim import Adam
from minigan.tensor import Tensor

SMALL = Recipe(
    latent_dim=4, image_shape=(1, 3, 5), generator_widths=(6, 7), discriminator_widths=(5,)
)
DECAY = 0.9


def small_gan(backend, dtype="float64"):
    return MLPGAN(SMALL, seed=3, backend=backend, dtype=dtype)


def batches(backend, count, dtype="float64"):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield Tensor(backend.asarray(rng.uniform(-1, 1, (6, 1, 3, 5)).astype(dtype)))


def host(module):
    return {name: np.array(Tensor(array).numpy()) for name, array in module.state_dict().items()}


def test_the_average_is_torchs(backend):
    gan = small_gan(backend)
    gan.keep_average(DECAY)
    twin = torch.nn.Sequential(
        torch.nn.Linear(4, 6),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(6, 7),
        torch.nn.BatchNorm1d(7, 0.8),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(7, 15),
        torch.nn.Tanh(),
    ).double()

    def follow():
        weights = {
            k.removeprefix("model."): torch.tensor(v) for k, v in host(gan.generator).items()
        }
        twin.load_state_dict(weights)

    follow()
    average = AveragedModel(twin, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    average.update_parameters(twin)  # torch copies the first time; ours begins as a copy
    for real in batches(backend, 5):
        gan.play_round(real)
        follow()
        average.update_parameters(twin)
        ours, torchs = host(gan.averaged_generator), average.module.state_dict()
        assert len(ours) == len(torchs) == 11
        for name, value in ours.items():
            expected = torchs[name.removeprefix("model.")].numpy()
            np.testing.assert_allclose(value, expected, rtol=0, atol=1e-15)
            assert value.dtype == expected.dtype


def test_training_does_not_notice(backend):
    """The networks, and the random numbers they will draw, are those of a run without average."""
    plain, watched = small_gan(backend, "float32"), small_gan(backend, "float32")
    watched.keep_average(DECAY)
    for real in batches(backend, 3, "float32"):
        plain.play_round(real)
        watched.play_round(real)
        watched.sample(watched.sample_noise(2), averaged=True)
    assert plain.random.state_dict() == watched.random.state_dict()
    for name, value in host(plain.generator).items():
        np.testing.assert_array_equal(value, host(watched.generator)[name])


def test_samples_of_the_average_are_drawn_with_its_weights(backend):
    gan = small_gan(backend)
    gan.keep_average(DECAY)
    for real in batches(backend, 4):
        gan.play_round(real)
    noise = gan.sample_noise(3)
    drawn = gan.sample(noise, averaged=True).numpy()
    np.testing.assert_array_equal(gan.sample(noise).numpy(), drawn)  # where there is an average
    usual = gan.sample(noise, averaged=False).numpy()
    assert np.abs(drawn - usual).max() > 1e-6
    gan.generator.load_state_dict(gan.averaged_generator.state_dict())
    np.testing.assert_array_equal(gan.sample(noise, averaged=False).numpy(), drawn)
    assert gan.generator.training


def test_a_checkpoint_carries_the_average(backend):
    gan = small_gan(backend, "float32")
    gan.keep_average(DECAY)
    real = next(iter(batches(backend, 1, "float32")))
    gan.play_round(real)
    again = rebuild(*gan.state(), backend=backend)
    for each in (gan, again):
        each.play_round(real)
    assert again.average == DECAY
    for name, value in host(gan.averaged_generator).items():
        np.testing.assert_array_equal(value, host(again.averaged_generator)[name])


def test_it_follows_weights_that_get_other_numbers_and_other_memory(backend):
    gan = small_gan(backend, "float32")
    gan.keep_average(DECAY)
    real = next(iter(batches(backend, 1)))
    gan.generator.load_state_dict(small_gan(backend).generator.state_dict())
    for network in (gan.generator, gan.discriminator, gan.averaged_generator):
        network.double()  # other arrays; and an optimizer moves them once more
    gan.dtype = np.dtype("float64")
    gan.generator_optimizer = Adam(gan.generator.parameters(), 0.1)
    gan.discriminator_optimizer = Adam(gan.discriminator.parameters(), 0.1)
    before = host(gan.averaged_generator)
    gan.play_round(real)
    now, after = host(gan.generator), host(gan.averaged_generator)
    parameters = [name for name, _ in gan.generator.named_parameters()]
    for name, value in after.items():
        learned = name in parameters
        expected = DECAY * before[name] + (1 - DECAY) * now[name] if learned else now[name]
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)
        assert not learned or np.abs(value - before[name]).max() > 0


def test_errors():
    gan = small_gan("numpy")
    with pytest.raises(UserError, match="train with --average"):
        gan.sample(gan.sample_noise(1), averaged=True)
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(UserError, match="must lie in"):
            gan.keep_average(wrong)


def test_statistics_measured_anew_are_torchs(backend):
    gan = small_gan(backend)
    gan.keep_average(DECAY)
    for real in batches(backend, 5):
        gan.play_round(real)
    training = gan.random.state_dict()
    before = host(gan.averaged_generator)
    twin = torch.nn.Sequential(
        torch.nn.Linear(4, 6),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(6, 7),
        torch.nn.BatchNorm1d(7, 0.8),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(7, 15),
        torch.nn.Tanh(),
    ).double()
    twin.load_state_dict({k.removeprefix("model."): torch.tensor(v) for k, v in before.items()})
    noise = np.random.default_rng(0).normal(size=(3, 5, 4))
    torch.optim.swa_utils.update_bn(list(torch.tensor(noise)), twin)
    measure_statistics(gan.averaged_generator, [(Tensor(backend.asarray(z)),) for z in noise])
    for name, value in host(gan.averaged_generator).items():
        expected = twin.state_dict()[name.removeprefix("model.")].numpy()
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-14)
        if "running" not in name and "tracked" not in name:
            np.testing.assert_array_equal(value, before[name])
    assert gan.random.state_dict() == training
    assert gan.averaged_generator.model[3].momentum == 0.1


def test_a_system_measures_its_average_on_noise_of_its_own(backend):
    gan = small_gan(backend)
    with pytest.raises(UserError, match="no average"):
        gan.measure_statistics()
    gan.keep_average(DECAY)
    for real in batches(backend, 2):
        gan.play_round(real)
    copied = host(gan.averaged_generator)
    gan.measure_statistics(3)
    once = host(gan.averaged_generator)
    gan.measure_statistics(3)
    for name, value in host(gan.averaged_generator).items():
        np.testing.assert_array_equal(value, once[name])  # the same noise each time
    assert np.any(once["model.3.running_var"] != copied["model.3.running_var"])
    for real in batches(backend, 1):  # the next round copies those of the latest weights again
        gan.play_round(real)
    latest, averaged = host(gan.generator), host(gan.averaged_generator)
    np.testing.assert_array_equal(averaged["model.3.running_var"], latest["model.3.running_var"])


def test_dropout_and_labels_while_statistics_are_measured(backend):
    """Dropout shares training's random numbers, and must not draw; a label is asked for."""
    settings = conditional_gan.Recipe(
        latent_dim=4, image_shape=(1, 3, 5), generator_widths=(6, 7), discriminator_widths=(5,),
        norm_eps=1e-5,
    )  # fmt: skip
    gan = conditional_gan.ConditionalGAN(settings, seed=3, backend=backend)
    gan.generator.model.append(Dropout(0.5))
    gan.adopt(gan.generator, gan.discriminator)
    gan.keep_average(DECAY)
    before = gan.random.state_dict()
    gan.measure_statistics(2, batch_size=20)
    assert gan.random.state_dict() == before
    (count,) = (v for k, v in host(gan.averaged_generator).items() if k.endswith("tracked"))
    assert count == 2
