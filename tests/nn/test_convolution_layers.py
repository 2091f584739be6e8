"""Conv2d and ConvTranspose2d: torch's arguments, names, print and initial weights."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch

from minigan import nn
from minigan.random import manual_seed
from minigan.tensor import Tensor

LAYERS = [(nn.Conv2d, torch.nn.Conv2d), (nn.ConvTranspose2d, torch.nn.ConvTranspose2d)]
both = pytest.mark.parametrize(("ours", "theirs"), LAYERS, ids=["Conv2d", "ConvTranspose2d"])


@both
def test_arguments_have_torchs_names_order_and_defaults(ours: Any, theirs: Any) -> None:
    mine = inspect.signature(ours).parameters.values()
    its = inspect.signature(theirs).parameters.values()
    expected = [(p.name, p.default) for p in its if p.name not in ("device", "dtype")]
    assert [(p.name, p.default) for p in mine if p.name != "lacking"] == expected


@both
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"stride": 2, "padding": 1, "bias": False},
        {"stride": (2, 1), "padding": (0, 3), "dilation": 2},
        {"kernel_size": (2, 3), "dilation": (1, 3)},
        {"in_channels": 6, "out_channels": 4, "groups": 2, "bias": False},
    ],
)
def test_it_prints_computes_and_saves_as_torchs(
    ours: Any, theirs: Any, arguments: dict[str, Any]
) -> None:
    arguments = {"in_channels": 3, "out_channels": 5, "kernel_size": 4, **arguments}
    mine, its = ours(**arguments).double(), theirs(**arguments).double()
    assert repr(mine) == repr(its)
    state = its.state_dict()
    shapes = {name: tuple(array.shape) for name, array in state.items()}
    assert {name: array.shape for name, array in mine.state_dict().items()} == shapes
    mine.load_state_dict({name: array.numpy() for name, array in state.items()})
    x = np.random.default_rng(0).normal(size=(2, arguments["in_channels"], 11, 9))
    for batch in (x, x[0]):  # and a single image
        expected = its(torch.tensor(batch)).detach().numpy()
        np.testing.assert_allclose(mine(Tensor(batch)).numpy(), expected, atol=1e-12)
    back = {name: torch.tensor(array) for name, array in mine.state_dict().items()}
    its.load_state_dict(back)  # torch takes ours, strictly


def test_output_padding_is_printed_and_used_as_torchs() -> None:
    arguments: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}
    mine, its = (
        nn.ConvTranspose2d(3, 2, 3, **arguments),
        torch.nn.ConvTranspose2d(3, 2, 3, **arguments),
    )
    assert repr(mine) == repr(its)
    assert mine(Tensor(np.zeros((1, 3, 7, 6), np.float32))).shape == (1, 2, 14, 12)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name(padding: str) -> None:
    mine = nn.Conv2d(3, 2, (3, 5), padding=padding)
    assert repr(mine) == repr(torch.nn.Conv2d(3, 2, (3, 5), padding=padding))
    y = mine(Tensor(np.zeros((1, 3, 7, 6), np.float32)))
    assert y.shape == ((1, 2, 7, 6) if padding == "same" else (1, 2, 5, 2))


@both
def test_initial_numbers_are_even_within_one_over_root_of_the_fan_in(
    ours: Any, theirs: Any
) -> None:
    """U(±1/√fan_in), where torch counts weight.shape[1] · KH · KW, transposed or not."""
    manual_seed(0)
    layer = ours(24, 40, (3, 4))
    bound = 1 / math.sqrt(layer.weight.shape[1] * 12)
    assert layer.weight.shape == tuple(theirs(24, 40, (3, 4)).weight.shape)
    for numbers, slack in ((layer.weight.numpy(), 0.001), (layer.bias.numpy(), 0.1)):
        assert numbers.dtype == np.float32
        assert bound * (1 - slack) < np.abs(numbers).max() <= bound
        spread = numbers.std() / (bound / math.sqrt(3))
        assert abs(spread - 1) < 10 * slack + 0.02
    weights = layer.weight.numpy().ravel()
    assert abs(weights.mean()) < 3 * bound / math.sqrt(3 * len(weights))


@both
def test_the_weight_lies_in_memory_as_the_kernels_want_it(ours: Any, theirs: Any) -> None:
    layer = ours(3, 5, (2, 4))
    # What conv2d calls O is a transposed layer's input: one rule serves both.
    assert layer.weight.array.transpose(2, 3, 1, 0).flags.c_contiguous
    assert layer.double().weight.array.transpose(2, 3, 1, 0).flags.c_contiguous


@both
def test_what_is_not_supported_is_said_at_once(ours: Any, theirs: Any) -> None:
    name = ours.__name__
    with pytest.raises(ValueError, match=f"{name}: 4 and 6 channels do not fall into 4 groups"):
        ours(4, 6, 3, groups=4)
    with pytest.raises(ValueError, match=f'{name}: only padding_mode="zeros" .* reflect'):
        ours(4, 4, 3, padding_mode="reflect")
    with pytest.raises(ValueError, match="a whole number or a pair .* 2.5"):
        ours(4, 4, 3, stride=2.5)


@both
def test_sizes_may_be_whole_numbers_of_numpy(ours: Any, theirs: Any) -> None:
    sizes = np.int64(3), (np.int32(2), 1)
    assert repr(ours(1, 2, *sizes)) == repr(theirs(1, 2, 3, (2, 1)))


def test_a_wrong_image_is_traced_to_its_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.ReLU(), nn.Conv2d(4, 1, 4))
    with pytest.raises(ValueError) as caught:
        network(Tensor(np.zeros((2, 1, 8, 8), np.float32)))
    for words in ("(2, 1, 8, 8) has 1 channels", "expects 3", "[in layer 0: Conv2d(3, 4"):
        assert words in str(caught.value)
    with pytest.raises(ValueError) as caught:
        network(Tensor(np.zeros((2, 3, 6, 4), np.float32)))
    for words in ("(4, 4)", "image of (3, 2)", "[in layer 2: Conv2d(4, 1"):
        assert words in str(caught.value)
