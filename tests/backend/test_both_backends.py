"""Tests that NumPy and CuPy are one program: the same weights, noise, batches, losses, checkpoints.

They run with --backend cupy-on-cpu (see ../cupy_on_cpu/README.md) or, on a GPU, with --backend
cupy, and compare with NumPy.
"""

import json
import shutil
from collections import Counter
from typing import Any

import numpy as np
import pytest

import minigan
from minigan.data.loader import DataLoader, ImageDataset
from minigan.gans import SYSTEMS, conditional_gan, dcgan, gan, lsgan, original_gan, wgan_gp
from minigan.gans.gan import MLPGAN
from minigan.training.checkpoint import load_checkpoint, save_checkpoint
from minigan.training.command import run_options, training_parser
from minigan.training.loop import train
from minigan.training.session import run

SHAPE = (1, 8, 8)
WIDTHS = {"generator_widths": (6, 8), "discriminator_widths": (8, 6)}
SMALL: dict[str, Any] = {
    "gan": gan.Recipe(latent_dim=5, image_shape=SHAPE, **WIDTHS),
    "dcgan": dcgan.Recipe(latent_dim=5, image_size=8, channels=1, ngf=4, ndf=4),
    "lsgan": lsgan.Recipe(latent_dim=5, image_shape=SHAPE, width=8),
    "conditional_gan": conditional_gan.Recipe(latent_dim=5, image_shape=SHAPE, **WIDTHS),
    "original_gan": original_gan.Recipe(
        latent_dim=5, image_shape=SHAPE, generator_widths=(6, 8), maxout_units=(4, 4), pieces=2
    ),
    "wgan_gp": wgan_gp.Recipe(latent_dim=5, image_shape=SHAPE, n_critic=2, **WIDTHS),
    "wgan_gp, convolutions": wgan_gp.Recipe(
        latent_dim=5, image_shape=SHAPE, n_critic=2, convolutional=True, features=4
    ),
}
CLOSE = {"float32": 1e-4, "float64": 1e-9}


def dataset(count: int) -> ImageDataset:
    source = np.random.default_rng(0)
    pixels = source.integers(0, 256, (count, *SHAPE), np.uint8)
    return ImageDataset(pixels, source.integers(0, 10, count), "noise")


def build(name: str, backend: Any, dtype: str = "float64", seed: int = 7) -> Any:
    system = SYSTEMS[name.split(",")[0]]
    return system(SMALL[name], seed=seed, backend=backend, dtype=dtype)


def losses_of(system: Any, batch: int, steps: int, images: int = 30) -> np.ndarray:
    """The losses of some rounds, as the training loop plays them: recorded, where that is done."""
    loader = DataLoader(
        dataset(images), batch, shuffle=True, seed=3, backend=system.backend, dtype=system.dtype
    )
    reports = train(system, loader, epochs=1000, max_steps=steps)
    return np.array([[float(v) for v in report.losses.values()] for report in reports])


def assert_close_states(one: Any, other: Any, within: float) -> None:
    (arrays, plain), (wanted, wanted_plain) = one.state(), other.state()
    # Settings, optimizers' counts, the random position. A checkpoint makes lists of tuples.
    assert json.dumps(plain) == json.dumps(wanted_plain)
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(arrays[name], array, rtol=within, atol=within, err_msg=name)


@pytest.mark.parametrize("name", SMALL)
def test_every_system_plays_the_same_game(gpu: Any, name: str, capsys: Any) -> None:
    """Rounds as they are, recorded and replayed, with whole batches and smaller ones."""
    ours, theirs = build(name, gpu), build(name, "numpy")
    for key, array in theirs.state()[0].items():  # the initial weights
        np.testing.assert_array_equal(ours.state()[0][key], array, err_msg=key)
    found, wanted = losses_of(ours, 12, 10), losses_of(theirs, 12, 10)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    assert_close_states(ours, theirs, 1e-7)
    assert "cannot be recorded" not in capsys.readouterr().err


@pytest.mark.parametrize("name", SMALL)
def test_a_replay_is_the_round_bit_for_bit(gpu: Any, name: str, monkeypatch: Any) -> None:
    """Losses, weights, moments, counts, running means, the average and the random position."""
    recorded, eager = (build(name, gpu, "float32") for _ in range(2))
    made = []
    compiled = gpu.compiled
    monkeypatch.setattr(gpu, "compiled", lambda *a, **b: made.append(compiled(*a, **b)) or made[-1])
    recorded.keep_average(0.9)
    found = losses_of(recorded, 12, 12)
    (play,) = made
    graphs = [recording.graph for recording in play.recordings.values()]
    assert len(graphs) == 2 and None not in graphs
    monkeypatch.setattr(gpu, "compiled", lambda step, owner=None: step)
    eager.keep_average(0.9)
    np.testing.assert_allclose(found, losses_of(eager, 12, 12), rtol=0, atol=0)
    assert_close_states(recorded, eager, 0)


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_moved_or_waited_for_within_a_round(gpu: Any, device: Any, name: str) -> None:
    system = build(name, gpu, "float32")
    loader = DataLoader(dataset(30), 12, shuffle=True, backend=gpu)
    first, second, _ = loader.deal()
    system.play_round(*loader.batch(first))
    with device.recording() as calls:
        system.play_round(*loader.batch(second))
    asked = Counter(call.kind for call in calls)
    assert asked["launch"] > 100 and asked["synchronize"] == 0
    assert {call.name for call in calls if call.kind == "memcpy"} <= {"device to device"}


@pytest.mark.parametrize("name", SMALL)
def test_a_replayed_round_is_three_calls(gpu: Any, device: Any, name: str) -> None:
    """The batch's numbers in, the graph, the losses out."""
    loader = DataLoader(dataset(60), 12, shuffle=True, backend=gpu)
    reports = train(build(name, gpu, "float32"), loader, epochs=2)
    with device.recording() as before:
        for _ in range(7):  # the first epoch has five
            next(reports)
    recorded = [call for call in before if call.captured]
    assert len(recorded) > 100 and not [call for call in recorded if "host" in call.name]
    with device.recording() as calls:
        next(reports)
    asked = Counter(call.kind for call in calls if call.kind != "malloc")
    assert asked.pop("graph") == 1
    assert asked in ({"launch": 2}, {"launch": 1, "memcpy": 1}, {"memcpy": 2})


# Kernels launched and matrices multiplied in a round of each recipe, with narrow layers. A launch
# takes a GPU about a microsecond, however little it does. Raise these numbers knowingly.
BUDGET: dict[str, tuple[Any, int, int]] = {
    "gan": (gan.Recipe(image_shape=SHAPE), 166, 36),
    "dcgan": (dcgan.Recipe(ngf=4, ndf=4), 432, 52),
    "lsgan": (lsgan.Recipe(image_shape=SHAPE), 170, 21),
    "conditional_gan": (conditional_gan.Recipe(image_shape=SHAPE), 182, 48),
    "original_gan": (original_gan.Recipe(image_shape=SHAPE), 313, 27),  # SGD: one a parameter
    "wgan_gp": (wgan_gp.Recipe(image_shape=SHAPE), 505, 172),
    "wgan_gp, convolutions": (wgan_gp.Recipe(image_shape=SHAPE, convolutional=True), 709, 164),
}


@pytest.mark.parametrize("name", BUDGET)
def test_a_budget_of_launches_for_a_round(gpu: Any, device: Any, name: str) -> None:
    settings, launches, products = BUDGET[name]
    make = SYSTEMS[name.split(",")[0]]
    system = make(settings, backend=gpu)
    source = np.random.default_rng(0)
    size = getattr(settings, "image_size", SHAPE[1])
    real = source.uniform(0, 1, (10, getattr(settings, "channels", 1), size, size))
    batch = minigan.Tensor(gpu.asarray(real.astype(np.float32)))
    labels = minigan.Tensor(gpu.asarray(np.arange(10)))
    system.play_round(batch, labels)
    with device.recording() as calls:
        system.play_round(batch, labels)
    asked = Counter(call.kind for call in calls)
    assert asked["gemm"] <= products
    assert asked["launch"] <= launches


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_hundred_losses_agree(gpu: Any, dtype: str) -> None:
    found, wanted = (losses_of(build("gan", b, dtype), 12, 100) for b in (gpu, "numpy"))
    assert found.shape == (100, 4)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize(
    ("dtype", "steps"),
    [("float32", 25), ("float64", 25), pytest.param("float64", 100, marks=pytest.mark.gpu)],
)
def test_the_first_losses_of_the_tutorials_gan_agree(gpu: Any, dtype: str, steps: int) -> None:
    """In float32 the game itself makes a difference of 1e-8 one of 1e-3 within 50 rounds: that is
    how far NumPy's losses in float32 are from its own in float64."""
    from minigan.data import mnist

    found = []
    for backend in (gpu, "numpy"):
        system = MLPGAN(seed=7, backend=backend, dtype=dtype)
        loader = DataLoader(mnist("train"), 64, shuffle=True, backend=backend, dtype=dtype)
        reports = train(system, loader, epochs=1, max_steps=steps)
        found.append([[float(v) for v in report.losses.values()] for report in reports])
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=CLOSE[dtype])


def test_the_same_seed_gives_the_same_noise_and_the_same_batches(gpu: Any) -> None:
    ours, theirs = build("gan", gpu), build("gan", "numpy")
    for _ in range(2):
        np.testing.assert_array_equal(ours.noise(9).numpy(), theirs.noise(9).numpy())
    samples = ours.sample_noise(4, seed=1).numpy()
    np.testing.assert_array_equal(samples, theirs.sample_noise(4, seed=1).numpy())
    loaders = [DataLoader(dataset(30), 12, shuffle=True, seed=3, backend=b) for b in (gpu, "numpy")]
    for _ in range(2):  # epochs
        for (x, k), (other_x, other_k) in zip(*loaders, strict=True):
            np.testing.assert_allclose(x.numpy(), other_x.numpy(), rtol=0, atol=1e-6)
            np.testing.assert_array_equal(k.numpy(), other_k.numpy())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("from_gpu", [True, False])
def test_a_checkpoint_goes_on_on_the_other_backend(
    gpu: Any, tmp_path: Any, name: str, from_gpu: bool
) -> None:
    first, second = (gpu, "numpy") if from_gpu else ("numpy", gpu)
    begun, whole, resumed = build(name, first), build(name, "numpy"), build(name, second, seed=8)
    losses_of(begun, 12, 4)
    save_checkpoint(tmp_path / "half.safetensors", *begun.state())
    checkpoint = load_checkpoint(tmp_path / "half.safetensors")
    resumed.load_state(checkpoint.tensors, checkpoint.metadata)
    losses_of(whole, 12, 4)
    np.testing.assert_allclose(losses_of(resumed, 12, 4), losses_of(whole, 12, 4), rtol=1e-9)
    assert_close_states(resumed, whole, 1e-7)


def test_a_run_resumes_bit_for_bit_and_on_the_other_backend(gpu: Any, tmp_path: Any) -> None:
    """Five rounds and three more are eight, though other ones of them are replays."""

    def play(folder: str, steps: int, *flags: str) -> dict[str, np.ndarray]:
        arguments = [*flags, "--max-steps", str(steps), "--out", str(tmp_path / folder)]
        parser = training_parser("", out="", data="")
        options = parser.parse_args([*arguments, "--log-every", "1"])
        system = build("gan", options.backend, "float32")
        loader = DataLoader(dataset(30), 12, shuffle=True, seed=3, backend=system.backend)
        assert run(system, loader, run_options(options)) == 0
        return load_checkpoint(tmp_path / folder / "checkpoint.safetensors").tensors

    whole = play("whole", 8, "--backend", "cupy")
    play("parts", 5, "--backend", "cupy")
    shutil.copytree(tmp_path / "parts", tmp_path / "mixed")
    for name, array in play("parts", 8, "--backend", "cupy", "--resume").items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)
    metrics = [(tmp_path / folder / "metrics.csv").read_text() for folder in ("parts", "whole")]
    assert metrics[0] == metrics[1]
    for name, array in play("mixed", 8, "--resume").items():
        np.testing.assert_allclose(array, whole[name], rtol=0, atol=1e-4, err_msg=name)


def test_an_average_follows_in_recorded_rounds(gpu: Any) -> None:
    systems = [build("gan", backend) for backend in (gpu, "numpy")]
    for system in systems:
        system.keep_average(0.9)
        losses_of(system, 12, 5)
    assert_close_states(*systems, 1e-7)


def test_looking_at_a_run_on_a_gpu_does_not_change_it(gpu: Any) -> None:
    plain, looked_at = (build("gan", gpu) for _ in range(2))
    play = [gpu.compiled(system.play_round) for system in (plain, looked_at)]
    source = np.random.default_rng(1)
    for _ in range(4):
        x = minigan.Tensor(gpu.asarray(source.uniform(-1, 1, (6, *SHAPE))))
        play[0](x)
        play[1](x)
        looked_at.sample(looked_at.sample_noise(3))
    for key, array in plain.state()[0].items():
        np.testing.assert_array_equal(looked_at.state()[0][key], array, err_msg=key)
