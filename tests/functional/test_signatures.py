"""Tests of the functions' arguments: torch's in name, order and default, and no other silently."""

import inspect

import pytest
import torch

import minigan.nn.functional as address
from minigan import Tensor, functional, nn, ones

OURS_ALONE = {"maxout"}
X = ones(2, 3)


def torch_s(name):
    """The arguments of torch's function: some tell them in the first line of their text only."""
    function = getattr(torch.nn.functional, name)
    try:
        return inspect.signature(function).parameters
    except ValueError:
        line = function.__doc__.strip().split("\n")[0].removesuffix(" -> Tensor")
        names = {}
        exec(f"def {line}: ...", names)
        return inspect.signature(names[name]).parameters


@pytest.mark.parametrize("name", sorted(set(functional.__all__) - OURS_ALONE))
def test_arguments_are_torch_s_in_name_order_and_default(name):
    """All positional ones begin as torch's do. Keyword-only ones are torch's too, or our own."""
    ours = list(inspect.signature(getattr(functional, name)).parameters.values())
    theirs = torch_s(name)
    positional = [p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in positional] == list(theirs)[: len(positional)]
    for p in positional:
        assert p.default == theirs[p.name].default
    for p in ours[len(positional) :]:
        assert p.kind is p.KEYWORD_ONLY
        assert p.name == "generator" or theirs[p.name].default == p.default


@pytest.mark.parametrize(
    "call",
    [
        lambda: functional.cross_entropy(X, ones(2), ones(3), "sum"),
        lambda: functional.interpolate(X, antialias=True),
        lambda: functional.binary_cross_entropy(X, X, None, "sum"),
        lambda: functional.mse_loss(X, X, "sum"),
        lambda: functional.embedding(ones(2), X, 0),
        lambda: functional.softmax(X, 1, 3),
    ],
)
def test_an_argument_that_we_lack_is_refused(call):
    with pytest.raises(TypeError, match=r"positional argument|unexpected keyword"):
        call()


def test_inplace_is_accepted_and_overwrites_nothing():
    x = Tensor([-1.0, 2.0])
    assert functional.relu(x, inplace=True).tolist() == [0, 2]
    assert functional.leaky_relu(x, 0.5, inplace=True).tolist() == [-0.5, 2]
    assert functional.dropout(x, 1.0, True, inplace=True).tolist() == [0, 0]
    assert x.tolist() == [-1, 2]


def test_torch_s_address_leads_to_the_same_functions():
    assert address is nn.functional and address.__all__ == functional.__all__
    for name in functional.__all__:
        assert getattr(address, name) is getattr(functional, name)
