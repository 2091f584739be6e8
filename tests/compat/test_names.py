"""Tests of the names in compat/ that no script of scripts/ tries: right values, and refusals."""

import io

import numpy as np
import pytest

import minigan.compat.torch as torch
from minigan.compat import torchvision
from minigan.compat.torchvision.utils import make_grid
from minigan.errors import UserError


def test_a_grid_by_torchvision_s_rules():
    images = torch.tensor(np.arange(3, dtype=np.float64).reshape(3, 1, 1, 1))
    grid = make_grid(images, nrow=2, padding=1, pad_value=9.0)
    wanted = [[9, 9, 9, 9, 9], [9, 0, 9, 1, 9], [9] * 5, [9, 2, 9, 9, 9], [9] * 5]
    assert grid.shape == (3, 5, 5) and grid.numpy().tolist() == [wanted] * 3
    stretched = make_grid(images, nrow=3, padding=0, normalize=True)
    assert stretched.numpy()[0].tolist() == [[0.0, 0.5, 1.0]]
    cut = make_grid(images, nrow=3, padding=0, normalize=True, value_range=(0, 1))
    assert cut.numpy()[0].tolist() == [[0.0, 1.0, 1.0]]


def test_what_is_saved_comes_back():
    net = torch.nn.DataParallel(torch.nn.Linear(2, 3))
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "epoch": 3, 1: (torch.ones(2), [None, 0.5])}, file)
    file.seek(0)
    state = torch.load(file, map_location=torch.device("cpu"))
    assert state["epoch"] == 3 and state[1][1] == [None, 0.5]
    assert list(state["net"]) == ["module.weight", "module.bias"]
    np.testing.assert_array_equal(state["net"]["module.weight"], net.module.weight.numpy())
    assert state[1][0].tolist() == [1, 1]


def test_a_whole_module_is_kept_as_its_state():
    file = io.BytesIO()
    torch.save([torch.nn.Linear(2, 3)], file)
    file.seek(0)
    (state,) = torch.load(file)
    torch.nn.Linear(2, 3).load_state_dict(state)
    with pytest.raises(TypeError, match="weights of a Linear. Make one"):
        state(torch.zeros(1, 2))


@pytest.mark.parametrize("contents", [b"PK\x03\x04rest", b"\x80\x02rest"])
def test_a_pickle_is_refused(contents):
    with pytest.raises(UserError, match="is a pickle"):
        torch.load(io.BytesIO(contents))


def test_what_is_missing_says_so():
    for module, name in [(torch, "jit"), (torch.nn, "LSTM"), (torchvision.models, "vgg19")]:
        with pytest.raises(AttributeError, match=f"minigan has no .*{name}: "):
            getattr(module, name)


def test_types_of_tensors():
    assert torch.Tensor(np.zeros(3)).dtype == np.float32 and torch.Tensor(2, 3).shape == (2, 3)
    x = torch.FloatTensor([1.5])
    assert x.type(torch.LongTensor).tolist() == [1] and x.device.type == "cpu"
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)
