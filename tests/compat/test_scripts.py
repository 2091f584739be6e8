"""Scripts as people write them for torch, of our own: they run on minigan with their import lines
changed and nothing else, and their losses are torch's.

Each is run twice, with equal weights, noise and batches. For torch's side torchvision is a stub:
its data and pictures are those of compat/, its tensors torch's.
"""

import gzip
import importlib
import re
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import minigan.compat.torch as compat
from minigan.compat import torchvision
from minigan.random import Random

SCRIPTS = Path(__file__).parent / "scripts"
# What each needs of minigan's layers and optimizers beside those that every script uses
NEEDS = {
    "gan": [],
    "cgan": ["nn.Embedding"],
    "lsgan": ["nn.Upsample", "nn.Dropout2d"],
    "dcgan": ["nn.Upsample", "nn.Dropout2d"],
    "wgan": ["optim.RMSprop"],
    "wgan_gp": [],
    "acgan": ["nn.Upsample", "nn.Dropout2d", "nn.Softmax", "mul"],
    "device": ["nn.DataParallel"],
}
IMPORT = re.compile(r"^(import|from) (torch\w*|tensorboardX)([\w.]*)(.*)$", re.MULTILINE)


def ported(text):
    """The text with its import lines changed, as docs/porting.md says."""

    def line(found):
        word, library, rest, after = found.groups()
        bare = word == "import" and not rest and not after.strip()
        return f"{word} minigan.compat.{library}{rest}{after}" + f" as {library}" * bare

    return IMPORT.sub(line, text)


def as_torchs(x):
    return torch.from_numpy(x.numpy().copy()) if isinstance(x, compat.Tensor) else x


class Digits(torchvision.datasets.MNIST):
    def item(self, picture, label):
        return tuple(map(as_torchs, super().item(picture, label)))


def of_tensors(function):
    def called(x, *values, **options):
        return as_torchs(function(compat.Tensor(x.numpy()), *values, **options))

    return called


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A folder with a small MNIST, a torchvision for torch, and one source of noise for both."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (96, 28, 28)), random.integers(0, 10, 96)
    for name, header, values in [
        ("train-images-idx3-ubyte", struct.pack(">4I", 0x803, 96, 28, 28), images),
        ("train-labels-idx1-ubyte", struct.pack(">2I", 0x801, 96), labels),
    ]:
        with gzip.open(folder / f"{name}.gz", "wb") as file:
            file.write(header + values.astype(np.uint8).tobytes())
    stub = types.ModuleType("torchvision")
    stub.__path__ = []
    for name, content in {
        "datasets": {"MNIST": Digits},
        "transforms": vars(torchvision.transforms),
        "utils": {
            "make_grid": of_tensors(torchvision.utils.make_grid),
            "save_image": of_tensors(torchvision.utils.save_image),
        },
    }.items():
        part = types.ModuleType(f"torchvision.{name}")
        vars(part).update({key: content[key] for key in content if not key.startswith("__")})
        setattr(stub, name, part)
        monkeypatch.setitem(sys.modules, f"torchvision.{name}", part)
    monkeypatch.setitem(sys.modules, "torchvision", stub)
    order = np.random.default_rng(1).permutation
    fixed = {96: order(96)}  # torch draws one order more than it deals
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.from_numpy(fixed[n]))
    monkeypatch.setattr(Random, "permutation", lambda self, n: fixed[n])
    for library in (torch, compat):
        monkeypatch.setattr(
            library,
            "randn",
            lambda *size, device=None, make=library.tensor: make(
                np.random.standard_normal(size).astype(np.float32)
            ),
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(compat.cuda, "is_available", lambda: False)
    return importlib.import_module("start")


def run(text):
    np.random.seed(0)
    names = {"__name__": "__main__"}
    exec(compile(text, "script", "exec"), names)
    return np.array(names["losses"])


@pytest.mark.parametrize("name", NEEDS)
def test_its_losses_are_torch_s(world, monkeypatch, name):
    for needed in NEEDS[name]:
        found = compat
        for part in needed.split("."):
            found = getattr(found, part)
    # torch's own lists of samples, which other tests import, forbid scripts to set cudnn's flags.
    flags = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(flags, "__allow_nonbracketed_mutation_flag", True)
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    if "FloatTensor" in text:  # the only word that says what it computes in
        monkeypatch.setattr(world, "DOUBLE", True)
        text = text.replace("FloatTensor", "DoubleTensor")
    theirs = run(text)
    changed = ported(text)
    before, after = text.split("\n"), changed.split("\n")
    assert all("import" in old for old, new in zip(before, after, strict=True) if old != new)
    np.testing.assert_allclose(run(changed), theirs, rtol=1e-6, atol=1e-6)
    assert len(theirs) >= 4 and np.ptp(theirs) > 1e-3


def test_a_script_s_import_lines_are_changed_and_no_others():
    text = "import torch\nimport torch.nn as nn\nfrom torch import optim\ntorch.zeros(1)\n"
    assert ported(text) == (
        "import minigan.compat.torch as torch\nimport minigan.compat.torch.nn as nn\n"
        "from minigan.compat.torch import optim\ntorch.zeros(1)\n"
    )
