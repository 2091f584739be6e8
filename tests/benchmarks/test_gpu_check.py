"""The measurements on a GPU run, count what they say they count, and need a GPU to do so."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan.backend import Window
from minigan.functional import leaky_relu
from minigan.gans.gan import MLPGAN

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """gpu_check.py's siblings can be imported."""
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def gpu(backend: Any) -> Any:
    if backend.name == "numpy":
        pytest.skip("about CuPy: run with --backend cupy-on-cpu, or on a GPU with --backend cupy")
    return backend


def module(name: str) -> Any:
    return importlib.import_module(name)


def test_everything_is_measured_with_one_command(
    gpu: Any, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    assert module("gpu_check").main(["--quick", "--out", str(tmp_path / "gpu.json")]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "gpu.json").read_text())
    for i, name in enumerate(("MLP GAN, batch 8", "DCGAN 32×32×1, batch 4")):
        assert found["steps"][i]["name"] == found["kernels"][i]["name"] == f"{name}, width ×0.125"
        assert len(found["steps"][i]["turns"]["minigan, recorded"]) == 1
        assert found["kernels"][i]["step"] > 0 and len(found["kernels"][i]["kernels"]) > 30
        assert f"| {name}, width ×0.125 | minigan, recorded | " in said
        assert f"{name}, width ×0.125: a replayed step takes the GPU" in said
    assert found["losses"]["float64"]["farthest"] < 1e-9
    assert found["losses"]["float64"]["close for"] == 4  # all of them
    assert found["gpu"] == gpu.gpu and found["versions"]["cupy"] and found["machine"]["cores"]
    assert found["command"].endswith("gpu_check.py --parts steps kernels losses run --quick")
    run = found["run"]
    assert run["command"] == "examples/mnist_gan.py --backend cupy --recipe tutorial --max-steps 6"
    assert list(run["parts"]) == ["pictures", "checkpoints", "film and curves"]
    assert 0 < min(run["parts"].values()) and sum(run["parts"].values()) < 2 * run["seconds"]
    assert f"| `{run['command']}` | " in said


def test_what_was_measured_is_kept_when_a_later_part_fails(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = module("gpu_check")

    def fails(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "kernels_of", fails)
    path = tmp_path / "folder" / "gpu.json"
    with pytest.raises(KeyboardInterrupt):
        check.main(["--quick", "--parts", "steps", "kernels", "--out", str(path)])
    found = json.loads(path.read_text())
    assert found["gpu"] == gpu.gpu
    assert len(found["steps"]) == 2 and found["peak"]["copy"] > 0 and found["kernels"] == []


def test_who_fails_does_not_keep_others_from_being_measured(gpu: Any) -> None:
    def no_compiler() -> Any:
        raise OSError("no compiler\nin any folder")

    def breaks() -> Any:
        raise ZeroDivisionError

    makers = {"one": no_compiler, "two": lambda: int, "three": lambda: breaks}
    times, failed = module("gpu_check").measure(makers, gpu, 3, 2)
    assert list(times) == ["two"] and len(times["two"]) == 3
    assert failed == {"one": "OSError: no compiler", "three": "ZeroDivisionError"}


def test_without_a_gpu_it_is_one_line() -> None:
    program = "import sys\nsys.modules['cupy'] = None\nsys.path.insert(0, '.')\n"
    program += "import gpu_check\nfrom minigan.training.command import run_command\n"
    program += "run_command(gpu_check.main)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: CuPy is ") and done.stderr.count("\n") == 1


def test_torch_plays_the_same_games() -> None:
    games, cases = module("gpu.games"), module("contenders.cases")
    for case, count in ((cases.mlp_gan(4, width=0.125), 2), (cases.dcgan(4, 32, 1, width=0.1), 3)):
        arrays = games.arrays_of(case)
        makers = games.torch_games(case, arrays, device="cpu", compiled=False)
        assert len(makers) == count
        for make in makers.values():
            d_loss, g_loss = make()()
            assert 0.3 < float(d_loss) < 3 and 0.3 < float(g_loss) < 3


def test_bytes_and_flop_of_each_kernel(gpu: Any) -> None:
    kernels = module("gpu.kernels")
    a, b = (gpu.xp.ones(shape, "float32") for shape in ((3, 4), (4, 5)))
    x, w = (gpu.xp.ones(shape, "float32") for shape in ((2, 6, 7, 3), (2, 3, 3, 5)))
    window = Window((1, 2), (0, 1))
    with kernels.watched(gpu) as calls:
        gpu.matmul(a, b)
        y = gpu.convolution(x, w, window)
        gpu.transposed_convolution(y, w, window, (6, 7))
        gpu.kernel_gradient(y, x, window, (2, 3))
        gpu.sum(a, (0,), False)  # it calls column_sums, which is part of it
        gpu.elementwise(np.add, [a, 1.0])
    product = 2 * 3 * 4 * 5
    convolution = 2 * (2 * 5 * 4) * (2 * 3 * 3) * 5  # places, numbers in a kernel, channels out
    assert [call.flop for call in calls] == [product, *[convolution] * 3, 0, 0]
    numbers = [12 + 20 + 15, *[252 + 90 + 200] * 3, 12 + 4, 12 + 12]
    assert [call.bytes for call in calls] == [4 * n for n in numbers]
    assert [call.rounded for call in calls] == [False, True, True, True, False, False]
    assert calls[0].name == "matmul 3×4, 4×5"
    assert "matmul" not in vars(gpu)  # the class's own methods are back


def test_a_step_is_taken_apart(gpu: Any) -> None:
    kernels = module("gpu.kernels")
    gan = MLPGAN(backend=gpu)
    shape = gan.settings.image_shape
    real = module("minigan").Tensor(gpu.xp.zeros((4, *shape), "float32"))
    with kernels.watched(gpu) as calls:
        gan.play_round(real)
    # Forward, input gradient and weight gradient of each layer: 2·N·inputs·outputs each
    g = [(100, 128), (128, 256), (256, 512), (512, 1024), (1024, 784)]
    d = [(784, 512), (512, 256), (256, 1)]
    of_g = sum(n * m * (2 if i == 0 else 3) for i, (n, m) in enumerate(g))  # no gradient of noise
    of_d = sum(n * m * 2 for n, m in d)  # G's step: forward and input gradients
    of_d += 2 * sum(n * m * (2 if i == 0 else 3) for i, (n, m) in enumerate(d))
    assert sum(call.flop for call in calls) == 2 * 4 * (of_g + of_d)


def test_a_formula_is_repeated_as_it_ran(gpu: Any, device: Any) -> None:
    """In one kernel, though its op holds arrays by then."""
    kernels = module("gpu.kernels")
    x = module("minigan").Tensor(gpu.xp.ones((3, 4), "float32"), requires_grad=True)
    with kernels.watched(gpu) as calls:
        leaky_relu(x, 0.2)
    (call,) = calls
    with device.recording() as asked:
        call.repeat()
    assert [each.kind for each in asked if each.kind != "malloc"] == ["launch"]
