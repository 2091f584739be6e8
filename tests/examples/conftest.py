"""What the tests of the examples share: a few pictures, a tiny run, and the examples as modules."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan.gans.conditional_gan import ConditionalGAN
from minigan.training.checkpoint import save_checkpoint

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = ["--image-size", "28", "--ngf", "2", "--ndf", "3", "--latent-dim", "5", "--batch-size", "4"]
OFTEN = ["--sample-every", "2", "--checkpoint-every", "2", "--log-every", "1"]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example() -> Callable[[str], ModuleType]:
    """`example("dcgan")` is examples/dcgan.py."""
    return load


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Flags of examples/dcgan.py for tiny networks, which are looked at often."""
    return [*TINY, *OFTEN]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten pictures in color, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    random = np.random.default_rng(0)
    for i in range(10):
        image = Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8))
        image.save(folder / ("more" if i == 9 else ".") / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four steps in color: an epoch has three."""
    out = tmp_path_factory.mktemp("runs") / "color"
    arguments = ["--data", pictures, *TINY, *OFTEN, "--max-steps", 4, "--out", out]
    assert load("dcgan").main([str(a) for a in arguments]) == 0
    return out


@pytest.fixture(scope="session")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an untrained conditional system."""
    path = tmp_path_factory.mktemp("conditional") / "checkpoint.safetensors"
    save_checkpoint(path, *ConditionalGAN().state())
    return path
