"""Tests of forward hooks: who listens to a module is told of its outputs, as in torch."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import torch

from minigan import Tensor, nn, ones, zeros


def double(module, inputs, output):
    return output * 2


def note(seen, name):
    return lambda module, inputs, output: seen.append((name, module, inputs, output))


def test_a_hook_gets_the_module_the_positional_inputs_and_the_output():
    class Sum(nn.Module):
        def forward(self, a, b, scale=1.0):
            return (a + b) * scale

    seen, module, a, b = [], Sum(), ones(2), zeros(2)
    module.register_forward_hook(note(seen, "it"))
    y = module(a, b, scale=3.0)
    ((_, who, inputs, output),) = seen
    assert who is module and output is y
    assert len(inputs) == 2 and inputs[0] is a and inputs[1] is b


# ---- beside torch: one script for both libraries, which must do the same ------------------------


@pytest.fixture(params=[nn, torch.nn], ids=["minigan", "torch"])
def library(request):
    return request.param


def make(library):
    network = library.Sequential(library.Identity(), library.Sequential(library.Identity()))
    return network, (ones(3) if library is nn else torch.ones(3))


def test_what_a_hook_returns_takes_the_output_s_place(library):
    network, x = make(library)
    network[0].register_forward_hook(double)
    network[0].register_forward_hook(lambda module, inputs, output: output + 1)
    network.register_forward_hook(lambda module, inputs, output: None)
    assert network(x).tolist() == [3.0] * 3


def test_the_order_of_calls(library):
    network, x = make(library)
    seen = []
    for path, module in network.named_modules():
        module.register_forward_hook(note(seen, path))
    network[0].register_forward_hook(note(seen, "0 again"))
    network(x)
    assert [name for name, *_ in seen] == ["0", "0 again", "1.0", "1", ""]


def test_remove_ends_one_registration_and_no_other(library):
    network, x = make(library)
    first = network.register_forward_hook(double)
    second = network.register_forward_hook(double)  # the same function once more
    assert network(x).tolist() == [4.0] * 3
    first.remove()
    first.remove()
    assert network(x).tolist() == [2.0] * 3
    second.remove()
    assert network(x).tolist() == [1.0] * 3


def test_a_handle_is_a_block_too(library):
    network, x = make(library)
    with pytest.raises(ZeroDivisionError), network.register_forward_hook(double):
        assert network(x).tolist() == [2.0] * 3
        raise ZeroDivisionError
    assert network(x).tolist() == [1.0] * 3


def test_a_hook_may_remove_itself(library):
    network, x = make(library)
    seen = []

    def once(module, inputs, output):
        seen.append("once")
        handle.remove()

    handle = network.register_forward_hook(once)
    network.register_forward_hook(note(seen, "always"))
    network(x), network(x)
    assert len(seen) == 3 and seen[0] == "once"


def test_forward_itself_and_a_failure_tell_nobody(library):
    network, x = make(library)
    seen = []
    network.register_forward_hook(note(seen, "it"))
    network.forward(x)
    with pytest.raises(TypeError):
        network(x, x)
    assert seen == []


def test_a_deep_copy_has_the_hooks_and_handles_of_its_original_leave_them(library):
    network, x = make(library)
    handle = network[0].register_forward_hook(double)
    twin = copy.deepcopy(network)
    handle.remove()
    assert network(x).tolist() == [1.0] * 3
    assert twin(x).tolist() == [2.0] * 3


def test_a_pickled_network_has_them_too(library):
    network, x = make(library)
    network[0].register_forward_hook(double)
    assert pickle.loads(pickle.dumps(network))(x).tolist() == [2.0] * 3


def test_they_are_no_state_and_are_not_printed(library):
    network, heard = library.Linear(3, 2), library.Linear(3, 2)
    heard.register_forward_hook(double)
    assert list(heard.state_dict()) == list(network.state_dict())
    assert repr(heard) == repr(network)
    assert list(heard.modules()) == [heard]


# -------------------------------------------------------------------------------------------------


def test_gradients_flow_through_what_a_hook_returns():
    layer = nn.Linear(3, 2)
    x = Tensor(np.ones((1, 3), np.float32), requires_grad=True)
    layer.register_forward_hook(double)
    layer(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[0], 2 * layer.weight.numpy().sum(0))


def test_a_handle_s_module_is_freed_without_the_garbage_collector():
    """A module knows its hooks and not their handles: no circle."""
    layer = nn.Linear(3, 2)
    layer.register_forward_hook(double)
    gone = weakref.ref(layer)
    gc.disable()
    try:
        del layer
        assert gone() is None
    finally:
        gc.enable()


def test_a_hook_before_the_forward_pass_sees_and_may_replace_the_inputs():
    layer, seen = nn.ReLU(), []
    x = Tensor([-1.0, 2.0])
    handle = layer.register_forward_pre_hook(lambda module, inputs: seen.append((module, inputs)))
    assert layer(x).tolist() == [0, 2]
    assert seen[0][0] is layer and seen[0][1][0] is x
    with layer.register_forward_pre_hook(lambda module, inputs: -inputs[0]):
        assert layer(x).tolist() == [1, 0]
    with layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 3,)):
        assert layer(x).tolist() == [0, 6]
    handle.remove()
    handle.remove()  # changes nothing
    assert layer(x).tolist() == [0, 2] and len(seen) == 3
