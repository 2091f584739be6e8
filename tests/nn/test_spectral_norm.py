"""Tests of spectral norm: torch's weights step by step, its gradients, its names."""

import copy
import pickle

import numpy as np
import pytest
import torch

from minigan import Tensor, manual_seed, nn
from minigan.nn.utils import spectral_norm
from minigan.testing import check_gradients

T = torch.nn
LAYERS = {
    "linear": ("Linear", (4, 3), (5, 4)),
    "conv": ("Conv2d", (3, 4, 3), (2, 3, 5, 4)),
    "transposed": ("ConvTranspose2d", (3, 4, 3), (2, 3, 5, 4)),
    "embedding": ("Embedding", (5, 3), None),
}


def pair(name, **options):
    kind, arguments, shape = LAYERS[name]
    ours = spectral_norm(getattr(nn, kind)(*arguments), **options).double()
    theirs = T.utils.spectral_norm(getattr(T, kind)(*arguments), **options).double()
    state = {key: torch.tensor(np.asarray(a)) for key, a in ours.state_dict().items()}
    theirs.load_state_dict(state)
    random = np.random.default_rng(1)
    x = random.integers(0, 5, 6) if shape is None else random.normal(size=shape)
    return ours, theirs, x


@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"dim": 1}, {"eps": 0.5}])
@pytest.mark.parametrize("name", LAYERS)
def test_steps_are_torch_s(backend, name, options):
    ours, theirs, x = pair(name, **options)
    ours.to(backend)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mode in (True, True, False, True):
        ours.train(mode), theirs.train(mode)
        # two passes, and then the one backward pass: as a critic has it
        y = sum((ours(Tensor(x, backend=backend)) ** 2).sum() for _ in range(2))
        their_y = sum((theirs(torch.tensor(x)) ** 2).sum() for _ in range(2))
        assert y.item() == pytest.approx(their_y.item(), rel=1e-9)
        ours.zero_grad(), theirs.zero_grad()
        y.backward(), their_y.backward()
        for (key, a), (their_key, b) in zip(
            ours.named_parameters(), theirs.named_parameters(), strict=True
        ):
            assert key == their_key
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-7, atol=1e-9)
        for key, value in theirs.state_dict().items():
            found = ours.state_dict()[key].numpy()
            np.testing.assert_allclose(found, value.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["linear", "conv"])
def test_derivatives_of_both_orders(backend, name):
    ours, _, x = pair(name)
    check_gradients(ours.eval(), [x[:1]], backend=backend)


def test_the_largest_stretch_becomes_1():
    manual_seed(1)
    layer = spectral_norm(nn.Linear(7, 5), n_power_iterations=100)
    layer(Tensor(np.zeros((1, 7), np.float32)))
    assert np.linalg.norm(layer.weight.numpy(), 2) == pytest.approx(1, abs=1e-5)


def test_eval_mode_moves_nothing():
    layer = spectral_norm(nn.Linear(4, 3)).eval()
    before = {key: x.numpy().copy() for key, x in layer.state_dict().items()}
    layer(Tensor(np.ones((1, 4), np.float32)))
    for key, a in layer.state_dict().items():
        np.testing.assert_array_equal(a, before[key])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_alone(copied):
    layer = spectral_norm(nn.Linear(4, 3))
    x = Tensor(np.ones((1, 4), np.float32))
    twin = copied(layer)
    before = twin.weight_u.tolist()
    assert layer(x).shape == (1, 3)
    assert twin.weight_u.tolist() == before != layer.weight_u.tolist()
    assert twin(x).tolist() == layer.eval()(x).tolist()


def test_what_is_refused():
    with pytest.raises(ValueError, match="Tanh has no parameter 'weight'"):
        spectral_norm(nn.Tanh())
    with pytest.raises(ValueError, match=r"a matrix is needed, bias has shape \(3,\)"):
        spectral_norm(nn.Linear(4, 3), "bias")
    with pytest.raises(ValueError, match="at least 1 power iteration, not 0"):
        spectral_norm(nn.Linear(4, 3), n_power_iterations=0)
    with pytest.raises(ValueError, match="has no parameter 'weight'"):
        spectral_norm(spectral_norm(nn.Linear(4, 3)))
