"""The gradient penalty by hand and against torch: second derivatives where they matter."""

import numpy as np
import pytest
import torch

from minigan import functional, nn
from minigan.creation import ones
from minigan.gans.penalty import gradient_norms, slope_penalty, squared_gradient_norms
from minigan.random import Random
from minigan.tensor import Tensor, grad


def test_the_penalty_of_a_linear_critic_is_known():
    """f(x) = w · x has the slope ‖w‖ everywhere: the penalty is (‖w‖ − 1)², its gradient
    2 (‖w‖ − 1) w/‖w‖."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).double()
    w = np.random.default_rng(3).normal(size=(1, 12))
    critic[1].weight.array[...] = w
    images = Tensor(np.random.default_rng(4).normal(size=(5, 1, 3, 4)))
    norms = gradient_norms(critic, images)
    length = np.linalg.norm(w)
    np.testing.assert_allclose(norms.numpy(), np.full(5, length), rtol=1e-12)

    penalty = slope_penalty(norms)
    (gw,) = grad(penalty, critic[1].weight)
    assert penalty.item() == pytest.approx((length - 1) ** 2, rel=1e-12)
    np.testing.assert_allclose(gw.numpy(), 2 * (length - 1) * w / length, rtol=1e-12)


def test_each_image_has_a_norm_of_its_own():
    """f(x) = (Σ x)²/2 has the gradient Σ x at each of its n pixels: a norm of |Σ x| √n."""

    class HalfSquare(nn.Module):
        def forward(self, x):
            return x.flatten(1).sum(1) ** 2 / 2

    images = np.random.default_rng(5).normal(size=(3, 2, 2, 4))
    expected = abs(images.sum((1, 2, 3))) * 4
    norms = gradient_norms(HalfSquare(), Tensor(images)).numpy()
    np.testing.assert_allclose(norms, expected, rtol=1e-9)
    squares = squared_gradient_norms(HalfSquare(), Tensor(images)).numpy()
    np.testing.assert_allclose(squares, expected**2, rtol=1e-9)


def test_a_flat_critic_has_a_finite_penalty():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 1))
    critic[1].weight.array[...] = 0
    penalty = slope_penalty(gradient_norms(critic, ones(3, 1, 2, 2)))
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(critic[1].weight.grad.numpy()).all()


def test_the_gradient_of_the_penalty_of_a_linear_critic():
    critic = nn.Linear(2, 1)
    critic.load_state_dict({"weight": np.array([[3.0, 4.0]]), "bias": np.zeros(1)})
    penalty = slope_penalty(gradient_norms(critic, Tensor(Random(0).normal((7, 2)))))
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    penalty.backward()  # d(‖w‖ - 1)²/dw = 2 (‖w‖ - 1) w / ‖w‖
    np.testing.assert_allclose(critic.weight.grad.numpy(), [[8 * 3 / 5, 8 * 4 / 5]], rtol=1e-6)


def test_the_penalty_of_a_perceptron_is_torchs():
    critic = nn.Sequential(
        nn.Linear(2, 9), nn.LeakyReLU(0.2), nn.Linear(9, 9), nn.LeakyReLU(0.2), nn.Linear(9, 1)
    ).double()
    points = np.random.default_rng(0).normal(size=(11, 2))
    slope_penalty(gradient_norms(critic, Tensor(points))).backward()

    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 9),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(9, 9),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(9, 1),
    ).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in critic.state_dict().items()})
    x = torch.tensor(points, requires_grad=True)
    (g,) = torch.autograd.grad(theirs(x).sum(), x, create_graph=True)
    ((g.norm(dim=1) - 1) ** 2).mean().backward()
    for name, parameter in critic.named_parameters():
        expected = theirs.get_parameter(name).grad
        if name.endswith("bias"):  # it bends nothing: slopes of a leaky ReLU are constants
            assert parameter.grad is None and (expected is None or not expected.any())
        else:
            np.testing.assert_allclose(parameter.grad.numpy(), expected, atol=1e-12)


def test_a_penalty_leaves_torch_s_gradients_and_none_where_torch_leaves_zeros():
    """Between its kinks such a critic is linear: its slope depends neither on x nor on biases."""
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(5, 4)), [random.normal(size=s) for s in ((6, 4), (6,), (1, 6))]

    def penalty(f, grad, x, w1, b1, w2):
        score = f.linear(f.leaky_relu(f.linear(x, w1, b1), 0.2), w2)
        (slope,) = grad(score.sum(), [x], create_graph=True)
        return ((slope.norm(2, dim=1) - 1) ** 2).mean()

    ours = [Tensor(a, requires_grad=True) for a in (x, *weights)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, *weights)]
    penalty(functional, grad, *ours).backward()
    penalty(torch.nn.functional, torch.autograd.grad, *theirs).backward()
    assert [each.grad is None for each in ours] == [True, False, True, False]
    for mine, its in zip(ours, theirs, strict=True):
        expected = its.grad.numpy()
        if mine.grad is None:
            assert not expected.any()
        else:
            np.testing.assert_allclose(mine.grad.numpy(), expected, rtol=1e-12)
