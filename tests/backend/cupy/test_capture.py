"""Tests of what a GPU records: its memory, its streams, and what must not happen meanwhile.

They run with --backend cupy-on-cpu (see ../../cupy_on_cpu/README.md) or, on a GPU, with --backend
cupy; those that count launches only with the former. The rules that any recorded step obeys are
tested in ../test_recorded.py.
"""

import gc
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigan
from minigan import nn
from minigan.gans import gan as gan_module
from minigan.gans.gan import MLPGAN
from minigan.optim import SGD

SMALL = gan_module.Recipe(
    latent_dim=8, image_shape=(1, 4, 4), generator_widths=(8, 12), discriminator_widths=(12, 8)
)


def on(backend: Any, array: np.ndarray) -> minigan.Tensor:
    return minigan.Tensor(backend.asarray(array))


def played(play: Any, gpu: Any, batches: list[int]) -> None:
    """Rounds on batches of so many images."""
    source = np.random.default_rng(0)
    for count in batches:
        play(on(gpu, source.uniform(-1, 1, (count, 1, 4, 4)).astype("float32")))


class Slope:
    """A step with one weight."""

    def __init__(self, gpu: Any) -> None:
        self.weight = nn.Parameter(gpu.asarray(np.ones(3, np.float32)))
        self.optimizer = SGD([self.weight], lr=0.5)

    def step(self, x: minigan.Tensor) -> minigan.Tensor:
        loss = (self.weight * x).sum()
        self.optimizer.minimize(loss)
        return loss.detach()


def makes_an_array(x: minigan.Tensor) -> minigan.Tensor:
    return x * minigan.Tensor(x.backend.asarray(np.full(2, 2, np.float32)))


def test_numbers_that_come_from_the_host_are_not_recorded(gpu: Any, capsys: Any) -> None:
    play = gpu.compiled(makes_an_array)
    for i in range(1, 5):
        assert play(on(gpu, np.full(2, i, np.float32))).numpy().tolist() == [2 * i, 2 * i]
    said = capsys.readouterr().err
    assert re.search(r"cannot be recorded \(\w+: .+\): it runs operation by operation", said)


def test_a_recording_that_fails_is_closed(gpu: Any) -> None:
    play, x = gpu.compiled(makes_an_array), on(gpu, np.ones(2, np.float32))
    for _ in range(3):
        play(x)
    assert gc.isenabled()
    assert float((x * 2).array.sum()) == 4


def test_a_recording_does_not_need_the_memory_twice(gpu: Any) -> None:
    """What the round took before it was given a pool of its own goes back to the GPU."""
    usual = gpu.xp.get_default_memory_pool()
    usual.free_all_blocks()
    play = gpu.compiled(MLPGAN(SMALL, seed=3, backend=gpu).play_round)
    played(play, gpu, [500])
    before = usual.free_bytes()
    played(play, gpu, [500])
    assert usual.free_bytes() < before / 2


def test_arrays_made_after_the_recording_survive_replays(gpu: Any) -> None:
    gan = MLPGAN(SMALL, seed=3, backend=gpu)
    play = gpu.compiled(gan.play_round)
    played(play, gpu, [6, 6, 6])
    stream = next(iter(play.recordings.values())).stream
    later = [gpu.xp.full(n, 7, np.float32) for n in (8, 48, 96, 128, 1024) for _ in range(20)]
    with stream:  # also for who works on that very stream
        later += [gpu.xp.full(n, 7, np.float32) for n in (8, 48, 96, 128, 1024) for _ in range(20)]
    played(play, gpu, [6, 6])
    assert all(bool((array == 7).all()) for array in later)


def test_what_a_step_used_is_not_handed_to_others(gpu: Any) -> None:
    """The recording's own pool: its intermediates are free in Python, and still in use."""
    gan = MLPGAN(SMALL, seed=3, backend=gpu)
    play = gpu.compiled(gan.play_round)
    played(play, gpu, [6, 6, 6])
    (recording,) = play.recordings.values()
    before = recording.pool.total_bytes()
    played(play, gpu, [6, 6, 6])
    assert recording.pool.total_bytes() == before > 0
    assert recording.pool.n_free_blocks() > 0


def test_recordings_that_come_to_nothing_leave_no_memory_behind(gpu: Any, device: Any) -> None:
    slope = Slope(gpu)
    play = gpu.compiled(slope.step)
    taken = []
    for i in range(6):  # played twice under each rate, and never recorded
        slope.optimizer.lr = 0.5 / 2**i
        for _ in range(2):
            play(on(gpu, np.ones(3, np.float32)))
        gc.collect()
        taken.append(sum(device.live.values()))
    assert max(taken[2:]) < taken[1] + 2**20  # a recording has 32 times that


def test_another_tf32_setting_is_recorded_anew(monkeypatch: Any, gpu: Any) -> None:
    slope = Slope(gpu)
    play = gpu.compiled(slope.step)
    x = on(gpu, np.ones(3, np.float32))
    found = []
    for setting in ("convolutions", "none"):
        monkeypatch.setattr(gpu, "tf32", setting)
        for _ in range(3):
            play(x)
        found += play.recordings.values()
    assert found[0] is not found[1]


def test_garbage_collection_is_off_while_recording_and_stays_off_if_it_was(gpu: Any) -> None:
    seen = []

    def step(x: minigan.Tensor) -> minigan.Tensor:
        seen.append(gc.isenabled())
        return x * 2

    x = on(gpu, np.ones(2, np.float32))
    play = gpu.compiled(step)
    for _ in range(3):
        play(x)
    gc.disable()
    try:
        play = gpu.compiled(step)
        for _ in range(3):
            play(x)
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert seen == [True, True, False, False, False, False]


# ---- NVIDIA's own compiler -----------------------------------------------------------------------

FILES = {"kernels.cu": (), "sums.cu": (), "philox.cu": ("--fmad=false",)}


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("file", FILES)
def test_nvidias_compiler_takes_our_kernels(
    gpu: Any, device: Any, file: str, architecture: str
) -> None:
    if importlib.util.find_spec("nvidia") is None or not list(
        Path(importlib.util.find_spec("nvidia").submodule_search_locations[0]).rglob("libnvrtc.so*")
    ):
        pytest.skip("NVRTC is not installed: pip install 'nvidia-cuda-nvrtc==13.0.*'")
    from cupy_on_cpu.kernels import compile_with_nvrtc

    import minigan.backend

    source = (Path(minigan.backend.__file__).parent / "cupy" / file).read_text(encoding="utf-8")
    code = compile_with_nvrtc(source, FILES[file], architecture)
    for name in re.findall(r'extern "C" __global__ void (\w+)', source):
        assert name.encode() in code
    with pytest.raises(Exception, match="error"):
        compile_with_nvrtc(source + "\nint x = ;", FILES[file], architecture)
