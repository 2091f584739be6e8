"""Scripts as people write them for torch, of our own: they run on minigan with their import lines
changed and nothing else, and their losses are torch's. compare.py runs them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from compare import Comparison, Options, Run, code, compare, main, ported
from PIL import Image

SCRIPTS = sorted(path.stem for path in Path(__file__).parent.glob("scripts/*.[pi]*"))


def script(name):
    (path,) = Path(__file__).parent.glob(f"scripts/{name}.*")
    return path


@pytest.fixture(autouse=True)
def flags(monkeypatch):
    """torch's own lists of samples, which other tests import, forbid to set cudnn's flags."""
    names = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(names, "__allow_nonbracketed_mutation_flag", True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_losses_are_torch_s(name):
    result = compare(script(name), Options(digits=96, losses=12))
    assert result.torch.error is result.minigan.error is None
    assert result.follows and result.difference < 1e-9
    assert len(result.torch.losses) >= 4 and np.ptp(result.torch.losses) > 1e-3


def test_a_script_s_import_lines_are_changed_and_no_others():
    text = "import torch\nimport torch.nn as nn\n  from torch import optim\ntorch.zeros(1)\n"
    assert ported(text) == (
        "import minigan.compat.torch as torch\nimport minigan.compat.torch.nn as nn\n"
        "  from minigan.compat.torch import optim\ntorch.zeros(1)\n"
    )
    assert ported("from torchvision_of_mine import torch\n").startswith("from torchvision_of_mine")


# ---- the tool -----------------------------------------------------------------------------------


def training(lines):
    return (
        "import torch\nnet = torch.nn.Linear(2, 1)\n"
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nsteps = 3\n"
        "for step in range(steps):\n    loss = (net(torch.randn(4, 2)) ** 2).mean()\n"
        f"    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n{lines}"
    )


def test_a_difference_is_noticed(tmp_path):
    wrong = 'loss = (loss * (1 + ("minigan" in torch.__version__) * 1e-3))\nloss.backward()\n'
    for lines, follows in [("", True), (wrong, False)]:
        text = training(lines).replace(
            "loss.backward()\n    ", "loss.backward(retain_graph=True)\n    "
        )
        (tmp_path / "script.py").write_text(text)
        assert compare(tmp_path / "script.py", Options()).follows is follows


def test_what_a_run_gives():
    def run(losses, error=None):
        return Run(losses, [], error)

    assert Comparison(run([1.0, 200.0]), run([1.0, 200.0001])).difference == pytest.approx(5e-7)
    assert not Comparison(run([1.0]), run([1.0, 2.0])).follows
    assert not Comparison(run([1.0]), run([1.0], "ValueError: …")).follows
    assert not Comparison(run([], "NameError"), run([], "NameError")).follows
    assert not Comparison(run([1.0]), run([np.nan])).follows


def test_the_program_writes_a_file_of_results(tmp_path, capsys):
    (tmp_path / "script.py").write_text(training(""))
    out = tmp_path / "results.json"
    call = [str(tmp_path / "script.py"), "--out", str(out), "--set", "steps=2"]
    assert main(call) == 0
    assert "script.py: 2 losses, of torch 2; largest difference" in capsys.readouterr().out
    assert '"follows": true' in out.read_text(encoding="utf-8")
    (tmp_path / "script.py").write_text(training("nothing\n"))
    assert main([*call, "--name", "another", "--losses", "3"]) == 0  # torch stops there, too
    assert "minigan stops: NameError: name 'nothing'" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="has no line epochs = …, which --set could change"):
        main([*call[:1], "--set", "epochs=2"])


def test_a_notebook_is_its_cells(tmp_path):
    text = '{"cells": [{"cell_type": "code", "source": ["%matplotlib inline\\n", "x = 1"]}, '
    text += '{"cell_type": "markdown", "source": ["words"]}, '
    text += '{"cell_type": "code", "source": ["x + 1"]}]}'
    (tmp_path / "a.ipynb").write_text(text)
    assert code(tmp_path / "a.ipynb") == "#matplotlib inline\nx = 1\nx + 1"


def test_a_folder_of_pictures_beside_the_script(tmp_path):
    """ImageFolder, and modules beside a script, as in a repository of several files."""
    (tmp_path / "faces" / "all").mkdir(parents=True)
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "faces" / "all" / f"{number}.png")
    (tmp_path / "networks.py").write_text("import torch\nnet = torch.nn.Conv2d(3, 1, 4)\n")
    (tmp_path / "script.py").write_text(
        "import torch\nimport torchvision.datasets as dset\n"
        "import torchvision.transforms as transforms\nfrom networks import net\n"
        "data = dset.ImageFolder('faces', transform=transforms.ToTensor())\n"
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for images, _ in torch.utils.data.DataLoader(data, batch_size=2, shuffle=True):\n"
        "    loss = net(images).pow(2).mean()\n    optimizer.zero_grad()\n    loss.backward()\n"
        "    optimizer.step()\n"
    )
    result = compare(tmp_path / "script.py", Options())
    assert result.follows and len(result.minigan.losses) == 4
