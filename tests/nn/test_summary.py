"""Tests of the summary table."""

import numpy as np
import pytest

from minigan import nn, zeros
from minigan.nn import summary


def net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.Sequential(nn.ReLU(), nn.Linear(5, 2))
    )


def test_table():
    assert summary(net(), (1, 3, 4)).split("\n") == [
        "Layer (type)     Output shape            Parameters",
        "---------------------------------------------------------",
        "0 (Flatten)      (N, 12)                          0",
        "1 (Linear)       (N, 5)                          65",
        "2 (BatchNorm1d)  (N, 5)                          10",
        "3.0 (ReLU)       (N, 5)                           0",
        "3.1 (Linear)     (N, 2)                          12",
        "---------------------------------------------------------",
        "Parameters: 87 (87 trained), 0.00 MiB",
    ]


def test_frozen_parameters_and_sizes():
    model = nn.Sequential(nn.Linear(1000, 1000), nn.Linear(1000, 3, bias=False))
    model[0].requires_grad_(False)
    assert summary(model, (1000,)).endswith("Parameters: 1,004,000 (3,000 trained), 3.83 MiB")


def test_a_layer_that_is_used_twice():
    tanh = nn.Tanh()
    model = nn.Sequential(nn.Linear(4, 3), tanh, nn.Linear(3, 2), tanh)
    rows = [line.split()[0] for line in summary(model, (4,)).split("\n")[2:-2]]
    assert rows == ["0", "1", "2", "1"]


def test_it_leaves_the_network_as_it_was():
    model = net()
    model[2].eval()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    text = summary(model, (1, 3, 4), batch_size=1)  # in eval mode, one image is enough
    assert text == summary(model, (1, 3, 4))
    assert [m.training for m in model.modules()] == [True, True, True, False, True, True, True]
    assert not any(m._forward_hooks for m in model.modules())
    assert all("forward" not in vars(m) for m in model.modules())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(p.grad is None for p in model.parameters())


def test_it_leaves_it_so_when_a_layer_raises():
    model = net()
    model[2].eval()
    with pytest.raises(ValueError, match="in layer 1: Linear"):
        summary(model, (1, 3, 5))
    assert [m.training for m in model.modules()] == [True, True, True, False, True, True, True]
    assert not any(m._forward_hooks for m in model.modules())
    assert "(N, 5)" in summary(model, (1, 3, 4))


def test_who_else_listens_goes_on_listening():
    model, shapes = nn.Sequential(nn.Linear(4, 3)), []
    model[0].register_forward_hook(lambda layer, inputs, y: shapes.append(y.shape))
    summary(model, (4,))
    model(zeros(5, 4))
    assert shapes == [(2, 3), (5, 3)]


def test_other_types_and_backends(backend):
    assert "(N, 2)" in summary(net().double().to(backend), (12,))
    assert "(N, 3, 4)" in summary(nn.Tanh(), (3, 4))
