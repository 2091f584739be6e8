"""Tests of the losses as modules: torch's arguments, print and numbers."""

import inspect

import numpy as np
import pytest
import torch

from minigan import Tensor, nn, zeros

T = torch.nn
RANDOM = np.random.default_rng(1)
LOSSES = ["BCELoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss", "CrossEntropyLoss"]


@pytest.mark.parametrize("name", LOSSES)
def test_arguments_are_torch_s_in_name_order_and_default(name):
    """All positional ones begin as torch's do, and keyword-only ones are torch's too."""
    ours = list(inspect.signature(getattr(nn, name)).parameters.values())
    ours = [p for p in ours if p.kind is not p.VAR_KEYWORD]  # what is to be refused by name
    theirs = inspect.signature(getattr(T, name)).parameters
    positional = [p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    expected = list(theirs.values())[: len(positional)]
    assert [(p.name, p.default) for p in positional] == [(p.name, p.default) for p in expected]
    for p in ours[len(positional) :]:
        assert p.kind is p.KEYWORD_ONLY
        assert theirs[p.name].default == p.default


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_modules_are_torch_s(name, reduction):
    x = RANDOM.uniform(0.1, 0.9, (4, 3))
    target = np.array([0, 2, 1, 1]) if name == "CrossEntropyLoss" else RANDOM.uniform(0, 1, (4, 3))
    weight = RANDOM.uniform(0.5, 2, 3)
    options = {"BCELoss": ["weight"], "BCEWithLogitsLoss": ["weight", "pos_weight"]}.get(name, [])
    for given in ([], options):
        ours = getattr(nn, name)(reduction=reduction, **{k: Tensor(weight) for k in given})
        theirs = getattr(T, name)(reduction=reduction, **{k: torch.tensor(weight) for k in given})
        y = ours(Tensor(x), Tensor(target))
        their_y = theirs(torch.tensor(x), torch.tensor(target))
        np.testing.assert_allclose(y.numpy(), their_y.numpy(), rtol=1e-12)
        assert repr(ours) == repr(theirs)


def test_errors_are_one_sentence():
    with pytest.raises(ValueError, match=r"must have one shape, got \(3, 1\) and \(3,\)"):
        nn.MSELoss()(zeros(3, 1), zeros(3))


@pytest.mark.parametrize("loss", [nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()], ids=repr)
def test_targets_of_whole_numbers_keep_float32(loss):
    x = (zeros(3) + 1).requires_grad_() * 0.5
    value = loss(x, Tensor(np.array([0, 1, 1])))
    assert value.dtype == np.float32
    assert value.item() == loss(x, Tensor([0.0, 1.0, 1.0])).item()


def test_weights_are_buffers():
    """As in torch: saved, loaded, moved and turned into another type with the module."""
    loss = nn.BCEWithLogitsLoss(Tensor([1.0, 2.0]), pos_weight=Tensor([3.0, 4.0]))
    theirs = T.BCEWithLogitsLoss(torch.ones(2), pos_weight=torch.ones(2))
    assert list(loss.state_dict()) == list(theirs.state_dict()) == ["weight", "pos_weight"]
    assert loss.double().weight.dtype == np.float64
    assert list(nn.BCELoss().state_dict()) == [] and nn.BCELoss().weight is None
