"""Tests of flat memory: what is remembered lies in lines, and parameters stay where they are."""

import copy

import numpy as np
import pytest
import torch
from pair import WITH_STATE, Pair, T, each

import minigan
from minigan import Tensor, nn
from minigan.backend import get_backend
from minigan.optim import SGD, Adam


@each
def test_many_numbers(backend, small_pieces, ours, theirs, options):
    """Updates are cut into pieces, which end in the middle of a parameter, or hold several."""
    shapes = [(50, 61), (7,), (5, 3), (small_pieces,), (2, small_pieces - 3), ()]
    pair = Pair(backend, ours, theirs, options, shapes)
    for given_to in ([1] * 6, [1, 0, 1, 1, 1, 0], [1] * 6):
        pair.step(given_to)
    pair.check()


@each
def test_gradients_of_any_memory_order(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options, [(3, 4)])
    for _ in range(3):
        g = pair.random.normal(size=(4, 3)).T
        pair.parameters[0].grad = Tensor(g, backend=backend)
        pair.torch_s[0].grad = torch.tensor(g)
        pair.optimizer.step(), pair.torch_optimizer.step()
    pair.check()


@each
def test_what_is_remembered_lies_in_lines(backend, ours, theirs, options):
    """In the order in which the parameters lie in memory, and the state dict is a view of it."""
    pair = Pair(backend, ours, theirs, options, [(3, 4), (2,)])
    pair.parameters[0].array = backend.asarray(np.ones((4, 3))).T
    pair.optimizer = ours(pair.parameters, **options)
    pair.step()
    memory = pair.optimizer.memory
    assert memory.bounds == [0, 12, 14] and memory.orders == [(1, 0), (0,)]
    for name, line in memory.flat.items():
        assert line.shape == (14,)
        line[...] = backend.asarray(np.arange(14.0))
        first, second = [state[name] for state in pair.optimizer.state_dict()["state"].values()]
        assert first.T.tolist() == np.arange(12.0).reshape(4, 3).tolist()
        assert second.tolist() == [12, 13]
        assert [memory.owner(place) for place in (0, 11, 12, 13)] == [0, 0, 1, 1]


def test_counts_part_and_stay_apart(backend):
    parameters = [nn.Parameter(backend.asarray(np.zeros(i + 1))) for i in range(5)]
    optimizer = Adam(parameters)

    def step(*moved):
        for i, p in enumerate(parameters):
            p.grad = Tensor(np.ones(i + 1), backend=backend) if i in moved else None
        optimizer.step()
        stretches = optimizer.memory.stretches
        assert [s.first for s in stretches[1:]] == [s.last for s in stretches[:-1]]
        return [(s.first, s.last, int(s.count[0])) for s in stretches]

    assert step(0, 1, 2, 3, 4) == [(0, 5, 1)]
    assert step(1, 2) == [(0, 1, 1), (1, 3, 2), (3, 5, 1)]
    assert step(0, 1, 2, 3, 4) == [(0, 1, 2), (1, 3, 3), (3, 5, 2)]
    assert step(2) == [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 5, 2)]
    assert optimizer.memory.counts == [2, 3, 4, 2, 2]
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert optimizer.memory.counts == [2, 3, 4, 2, 2]


@each
def test_an_array_is_asked_once_and_one_that_took_its_place_again(
    backend, monkeypatch, ours, theirs, options
):
    """Every place where a parameter may lie, one after another, and back at the first."""
    pair = Pair(backend, ours, theirs, options, [(3, 4), (5,)])
    asked = []
    check = ours._check_parameter
    monkeypatch.setattr(
        ours, "_check_parameter", lambda self, p, i: [asked.append(i), check(self, p, i)]
    )
    p, their_p = pair.parameters[0], pair.torch_s[0]
    first = p.array
    places = [
        (lambda x: x, [0, 1]),  # before the first step, none is known
        (lambda x: x, []),
        (lambda x: backend.asarray(x.copy()), [0]),  # another array that lies alike
        (lambda x: backend.asarray(x.T.copy()).T, [0]),  # in another order: copied at each step
        (lambda x: p.array, [0]),
        (lambda x: backend.asarray(np.repeat(x, 2, axis=1))[:, ::2], [0]),  # with gaps
        (lambda x: first, [0]),
        (lambda x: first, []),
    ]
    for place, expected in places:
        numbers = their_p.detach().numpy().copy()
        p.array = place(numbers if p.array is not first else p.array)
        p.array[...] = backend.asarray(numbers)
        asked.clear()
        pair.step()
        assert asked == expected
        pair.check()


# ---- who looks at a parameter's memory, beside torch ---------------------------------------------


def leaves(x, backend):
    """The same numbers as a leaf of ours and of torch's."""
    ours = Tensor(x.copy(), requires_grad=True, backend=backend)
    return ours, torch.tensor(x, requires_grad=True)


LOOKS = {
    "detach": (lambda p: p.detach(), lambda p: p.detach()),
    "a slice": (lambda p: p.detach()[1:], lambda p: p.detach()[1:]),
    "transposed": (lambda p: p.detach().T, lambda p: p.detach().T),
}


@each
@pytest.mark.parametrize("look", LOOKS)
def test_twins_follow(backend, look, ours, theirs, options):
    """Made before the optimizer, after it, or between two steps."""
    ours_looks, theirs_look = LOOKS[look]
    p, their_p = leaves(np.arange(6.0).reshape(3, 2), backend)
    twins, their_twins = [ours_looks(p)], [theirs_look(their_p)]
    optimizer, their_optimizer = ours([p], **options), theirs([their_p], **options)
    for _ in range(3):
        twins.append(ours_looks(p))
        their_twins.append(theirs_look(their_p))
        optimizer.minimize((p * p).sum())
        their_optimizer.zero_grad()
        (their_p * their_p).sum().backward()
        their_optimizer.step()
        for twin, their_twin in zip(twins, their_twins, strict=True):
            np.testing.assert_allclose(twin.numpy(), their_twin.numpy(), 1e-12)
    assert twins[0][0].tolist() != [0, 1]


@each
def test_numpy_s_views_follow(ours, theirs, options):
    """On a processor; from a GPU numpy() copies, in torch as here."""
    p, their_p = leaves(np.array([1.0, 2.0]), get_backend("numpy"))
    views, their_views = [p.numpy()], [their_p.detach().numpy()]
    optimizer, their_optimizer = ours([p], **options), theirs([their_p], **options)
    views.append(p.numpy())
    their_views.append(their_p.detach().numpy())
    optimizer.minimize((p * p).sum())
    (their_p * their_p).sum().backward()
    their_optimizer.step()
    for view, their_view in zip(views, their_views, strict=True):
        np.testing.assert_allclose(view, their_view, 1e-12)
    assert p.tolist() != [1, 2]


def test_an_array_that_a_parameter_was_made_of_is_trained_with_it():
    """It is the parameter's memory, as under torch.from_numpy."""
    array, their_array = np.ones(2), np.ones(2)
    p, their_p = Tensor(array, requires_grad=True), torch.from_numpy(their_array).requires_grad_()
    SGD([p], 0.5).minimize(p.sum())
    their_p.sum().backward()
    T.SGD([their_p], 0.5).step()
    assert array.tolist() == their_array.tolist() == [0.5, 0.5]


def test_a_state_dict_taken_before_is_live(backend):
    network, their_network = nn.Linear(3, 2).to(backend), torch.nn.Linear(3, 2)
    their_network.load_state_dict(
        {name: torch.tensor(x.numpy()) for name, x in network.state_dict().items()}
    )
    state, their_state = network.state_dict(), their_network.state_dict()
    ones = Tensor(np.ones((1, 3), np.float32), backend=backend)
    SGD(network.parameters(), 0.1).minimize(network(ones).sum())
    their_network(torch.ones(1, 3)).sum().backward()
    T.SGD(their_network.parameters(), 0.1).step()
    for name, x in state.items():
        np.testing.assert_allclose(x.numpy(), their_state[name].numpy(), rtol=1e-6)


@pytest.mark.parametrize("moved", [True, False])
def test_a_graph_that_uses_a_twin_is_refused_when_the_twin_changed(backend, moved):
    """And only then: torch's verdict."""

    def verdict(optim, p, w):
        twin = p.detach()
        optimizer = optim.SGD([p], lr=1.0)
        y = (twin * w).sum()
        p.grad = None if not moved else w.detach()
        optimizer.step()
        try:
            y.backward()
        except RuntimeError:
            return "refused"
        return w.grad.tolist()

    w = [2.0, 3.0]
    kinds = [Tensor([1.0, 1.0], requires_grad=True, backend=backend)]
    kinds += [Tensor(w, requires_grad=True, backend=backend)]
    theirs = [torch.tensor(x, requires_grad=True) for x in ([1.0, 1.0], w)]
    found = verdict(minigan.optim, *kinds)
    assert found == verdict(torch.optim, *theirs)
    assert found == ("refused" if moved else [1, 1])


@each
def test_a_graph_from_before_the_optimizer(backend, ours, theirs, options):
    """It goes backward after the optimizer was made, and its gradient moves the parameter."""
    p, their_p = leaves(np.array([1.0, -2.0]), backend)
    loss, their_loss = (p * p * p).sum(), (their_p * their_p * their_p).sum()
    optimizer, their_optimizer = ours([p], **options), theirs([their_p], **options)
    memory = p.array
    for each_loss in (loss, their_loss):
        each_loss.backward()
    assert p.grad.tolist() == their_p.grad.tolist() == [3, 12]
    optimizer.step(), their_optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), their_p.detach().numpy(), 1e-12)
    assert p.array is memory


@each
def test_two_optimizers_and_a_twin(backend, ours, theirs, options):
    p, their_p = leaves(np.array([[1.0, -2.0], [0.5, 4.0]]), backend)
    twin, their_twin = p.detach(), their_p.detach()
    optimizers = [ours([p], **options), SGD([p], 0.1)]
    theirs_too = [theirs([their_p], **options), T.SGD([their_p], 0.1)]
    for i in (0, 1, 1, 0):
        optimizers[i].minimize((p * p).sum())
        theirs_too[i].zero_grad()
        (their_p * their_p).sum().backward()
        theirs_too[i].step()
        np.testing.assert_allclose(twin.numpy(), their_twin.numpy(), 1e-12)


@WITH_STATE
def test_a_loaded_network_and_a_loaded_state(backend, ours, theirs, options):
    """load_state_dict writes where the network and its optimizer are, and both go on as torch's."""
    pair = Pair(backend, ours, theirs, options)
    twins = [p.detach() for p in pair.parameters]
    pair.step()
    numbers = [p.numpy().copy() for p in pair.parameters]
    state = copy.deepcopy(pair.optimizer.state_dict())
    their_state = copy.deepcopy(pair.torch_optimizer.state_dict())
    pair.step([1, 0, 1, 1])
    for p, their_p, x in zip(pair.parameters, pair.torch_s, numbers, strict=True):
        p.detach().copy_(backend.asarray(x))
        their_p.data.copy_(torch.tensor(x))
    pair.optimizer.load_state_dict(state)
    pair.torch_optimizer.load_state_dict(their_state)
    for _ in range(3):
        pair.step()
        pair.check()
    for twin, p in zip(twins, pair.parameters, strict=True):
        assert twin.tolist() == p.tolist()


@each
def test_parameters_with_gaps_between_their_numbers(backend, ours, theirs, options):
    """Every second column of an array: those are written, the others are not."""
    x = np.arange(24.0).reshape(3, 8)
    whole, their_whole = backend.asarray(x.copy()), torch.tensor(x)
    pair = Pair(backend, ours, theirs, options, [(3, 4), (2,)])
    pair.parameters[0] = Tensor(whole[:, ::2], requires_grad=True)
    pair.torch_s[0] = their_whole[:, ::2].requires_grad_()
    pair.optimizer = ours(pair.parameters, **options)
    pair.torch_optimizer = theirs(pair.torch_s, **options)
    for _ in range(3):
        pair.step()
        np.testing.assert_allclose(backend.to_numpy(whole), their_whole.detach().numpy(), 1e-12)
    assert not np.allclose(backend.to_numpy(whole)[:, ::2], x[:, ::2])


@pytest.mark.parametrize("ours", [SGD, Adam])
def test_memory_that_cannot_be_written(ours):
    """An expanded array is one number many times; torch refuses it too, and at the step too."""
    p = Tensor(np.broadcast_to(np.ones(1), 3), requires_grad=True)
    q = Tensor(np.ones(2), requires_grad=True)
    optimizer = ours([q, p])
    (p.sum() + q.sum()).backward()
    words = r"parameter 1 of shape \(3,\) lies in memory that cannot be written"
    with pytest.raises(RuntimeError, match=words):
        optimizer.step()
    assert q.tolist() == [1, 1] and optimizer.state_dict()["state"] == {}
    their_p = torch.ones(1).expand(3).requires_grad_()
    their_p.sum().backward()
    with pytest.raises(RuntimeError, match="single memory location"):
        T.SGD([their_p], 0.1).step()
