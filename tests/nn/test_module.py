"""Tests of Module and Sequential: torch's names, order, print and state; class definitions run."""

import copy
import textwrap
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors import numpy as safetensors

import minigan
from minigan import Tensor, grad, nn, no_grad, zeros
from minigan.errors import UserError
from minigan.optim import SGD
from minigan.training import load_checkpoint, save_checkpoint

# Class definitions as people write them for torch. Only the import line differs.
DEFINITIONS = textwrap.dedent(
    """
    class Generator(nn.Module):
        def __init__(self):
            super(Generator, self).__init__()

            def block(inputs, outputs, normalize=True):
                layers = [nn.Linear(inputs, outputs)]
                if normalize:
                    layers.append(nn.BatchNorm1d(outputs, 0.8))
                layers.append(nn.LeakyReLU(0.2, inplace=True))
                return layers

            self.model = nn.Sequential(
                *block(10, 8, normalize=False), *block(8, 16), nn.Linear(16, 12), nn.Tanh()
            )

        def forward(self, z):
            image = self.model(z)
            return image.view(image.size(0), 1, 3, 4)


    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1 = nn.Sequential(
                OrderedDict([("fc1", nn.Linear(12, 7)), ("act1", nn.LeakyReLU())])
            )
            self.layer2 = nn.Sequential(
                OrderedDict(
                    [("fc2", nn.Linear(7, 1)), ("bn2", nn.BatchNorm1d(1)), ("act2", nn.Sigmoid())]
                )
            )

        def forward(self, x):
            return self.layer2(self.layer1(x.view(x.size(0), -1)))


    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.label_emb = nn.Embedding(10, 5)
            self.model = nn.Sequential(
                nn.Linear(17, 9), nn.ReLU(True), nn.Dropout(0.0), nn.Flatten(), nn.Linear(9, 1)
            )
            self.scale = nn.Parameter(ones(1))

        def forward(self, x, labels):
            c = self.label_emb(labels)
            return self.model(cat([x.view(x.size(0), 12), c], 1)).squeeze() * self.scale


    class Gate(nn.Module):
        def forward(self, x, strength, offset=0.0):
            return x * torch.sigmoid(strength) + offset


    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(5, 5) for _ in range(3)])
            self.blocks.append(nn.Linear(5, 4))
            self.gate = Gate()
            self.add_module("head", nn.Linear(4, 2))
            self.register_parameter("slope", nn.Parameter(torch.full((1,), 0.3)))
            self.register_parameter("offset", None)
            self.register_buffer("average", torch.zeros(4))
            self.register_buffer("unused", None)

        def forward(self, x):
            for block in self.blocks[:-1]:
                x = x + F.leaky_relu(block(x), 0.2, inplace=True)
            x = F.dropout(F.relu(self.blocks[-1](x), inplace=True), 0.0, self.training)
            self.average = 0.9 * self.average + 0.1 * torch.mean(x.detach(), 0)
            x = self.gate(x, strength=self.slope, offset=self.average)
            return torch.tanh(self.head(x))


    def weights_init(m):
        name = m.__class__.__name__
        if name.find("Linear") != -1:
            nn.init.normal_(m.weight.data, 0.0, 0.02)
        elif name.find("BatchNorm") != -1:
            nn.init.normal_(m.weight.data, 1.0, 0.02)
            nn.init.constant_(m.bias.data, 0)
    """
)


def define(imports):
    names = {"OrderedDict": OrderedDict}
    exec(imports + DEFINITIONS, names)
    return names


IMPORTS = "import {0}{1}\nimport {0}.nn.functional as F\nfrom {0} import cat, nn, ones\n"
OURS = define(IMPORTS.format("minigan", " as torch"))
THEIRS = define(IMPORTS.format("torch", ""))
INPUTS = {
    "Generator": [np.random.default_rng(1).normal(size=(6, 10))],
    "Discriminator": [np.random.default_rng(2).normal(size=(6, 1, 3, 4))],
    "Conditional": [np.random.default_rng(3).normal(size=(6, 1, 3, 4)), np.arange(6)],
    "Residual": [np.random.default_rng(4).normal(size=(6, 5))],
}


def torch_state(module):
    return {name: torch.tensor(np.asarray(array)) for name, array in module.state_dict().items()}


@pytest.mark.parametrize("name", INPUTS)
def test_a_class_definition_runs_with_another_import_line(name):
    ours, theirs = OURS[name](), THEIRS[name]()
    assert repr(ours) == repr(theirs)
    shapes = [(key, tuple(value.shape)) for key, value in theirs.state_dict().items()]
    assert [(key, value.shape) for key, value in ours.state_dict().items()] == shapes
    parameters = [(key, tuple(value.shape)) for key, value in theirs.named_parameters()]
    assert [(key, value.shape) for key, value in ours.named_parameters()] == parameters
    buffers = [key for key, _ in theirs.named_buffers()]
    assert [key for key, _ in ours.named_buffers()] == buffers
    assert [key for key, _ in ours.named_modules()] == [key for key, _ in theirs.named_modules()]


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("training", [True, False])
def test_a_checkpoint_of_either_loads_in_the_other(name, training):
    """And then both compute the same, gradients included."""
    ours, theirs = OURS[name]().double(), THEIRS[name]().double()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    ours.load_state_dict(theirs.state_dict())
    ours.train(training), theirs.train(training)
    y = ours(*[Tensor(x) for x in INPUTS[name]])
    their_y = theirs(*[torch.tensor(x) for x in INPUTS[name]])
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), atol=1e-12)
    (y**2).sum().backward()
    (their_y**2).sum().backward()
    for (key, p), their_p in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), their_p.grad.numpy(), atol=1e-10, err_msg=key)
    again = THEIRS[name]().double()
    again.load_state_dict(torch_state(ours))  # strictly: running statistics have moved as torch's
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(again.state_dict()[key], value, atol=1e-12, err_msg=key)


def test_weights_init_by_class_name():
    net = OURS["Generator"]().apply(OURS["weights_init"])
    state = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    assert abs(state["model.0.weight"]).max() < 0.12
    assert 0.8 < state["model.3.weight"].min() < state["model.3.weight"].max() < 1.2
    assert not state["model.3.bias"].any() and state["model.0.bias"].any()


# ---- names --------------------------------------------------------------------------------------


class Nested(nn.Module):
    def __init__(self):
        self.inner = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Tanh(), nn.Linear(2, 4)))
        self.scale = nn.Parameter(np.ones(4))
        self.count = nn.Buffer(np.array(0))
        self.settings = {"a": 1}
        self.plain = Tensor([1.0])  # neither learned nor saved
        self.nothing = None


def test_what_a_module_holds():
    net = Nested()
    names = ["scale", "inner.0.weight", "inner.0.bias", "inner.1.1.weight", "inner.1.1.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.named_buffers()] == ["count"]
    assert list(net.state_dict()) == ["scale", "count", *names[1:]]
    assert [name for name, _ in net.named_children()] == ["inner"]
    assert next(net.modules()) is net and len(list(net.modules())) == 6
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in net.parameters())
    assert not any(b.requires_grad for b in net.buffers())
    assert list(net.children()) == [net.inner]


def test_a_shared_parameter_is_one_parameter():
    """An optimizer must not be given it twice; a state dict has both of its names, as torch's."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def shared(nn):
    """One layer in two places of a list, in another list, and by a name of its own."""
    act, net = nn.LeakyReLU(), nn.Sequential()
    net.append(nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 3), act))
    net.append(net[0][0]).append(act)
    net.add_module("again", net[0])
    return net


def test_a_shared_layer_is_one_layer():
    ours, theirs = shared(nn), shared(torch.nn)
    for names in ("named_modules", "named_children", "named_parameters"):
        found = [name for name, _ in getattr(ours, names)()]
        assert found == [name for name, _ in getattr(theirs, names)()]
    assert len(list(ours.modules())) == len(list(theirs.modules())) == 5
    every = [name for name, _ in theirs.named_modules(remove_duplicate=False)]
    assert [name for name, _ in ours.named_modules(remove_duplicate=False)] == every
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs) and len(ours) == len(theirs) == 4
    theirs.load_state_dict(torch_state(ours))
    x = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(Tensor(x)).numpy(), theirs(torch.tensor(x)).detach(), rtol=1e-5)


def test_a_module_that_holds_itself():
    net = nn.Linear(3, 2)
    net.me = net
    assert list(net.modules()) == [net] and len(list(net.parameters())) == 2
    assert not net.eval().training and net.double().weight.dtype == np.float64


def test_what_may_replace_what():
    """Else a parameter would be learned no more, or a buffer saved no more, without a word."""
    net = Nested()
    net.count = net.count + 1
    assert type(net.count) is nn.Buffer and net.state_dict()["count"] == 1
    with pytest.raises(TypeError, match="count is a Buffer, which keeps no graph"):
        net.count = net.scale.sum()
    with pytest.raises(TypeError, match="scale is a Parameter: only a Parameter or None"):
        net.scale = net.scale * 2
    net.scale = None
    assert "scale" not in net.state_dict()


def test_what_may_be_registered():
    net = nn.Sequential()
    with pytest.raises(TypeError, match="Sequential takes modules, a is a float"):
        net.add_module("a", 0.2)
    with pytest.raises(TypeError, match="a is a Tensor instead of a Parameter"):
        net.register_parameter("a", Tensor([1.0]))
    with pytest.raises(TypeError, match="persistent"):
        net.register_buffer("a", Tensor([1.0]), persistent=False)
    assert vars(net) == {}


def test_module_without_forward():
    with pytest.raises(NotImplementedError, match="Nested has no forward"):
        Nested()(1)


# ---- state --------------------------------------------------------------------------------------


def test_state_dict_is_live_memory_and_loading_copies():
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    state = net.state_dict()
    other.load_state_dict(state)
    with no_grad():
        net.weight.zero_()
    assert not state["weight"].numpy().any()
    assert other.weight.numpy().any()


@pytest.mark.parametrize("library", [nn, torch.nn], ids=["minigan", "torch"])
def test_a_state_dict_is_of_detached_tensors_as_in_torch(library):
    net = library.Sequential(library.Linear(4, 3), library.BatchNorm1d(3))
    for name, tensor in net.state_dict().items():
        assert type(tensor).__name__ == "Tensor" and not tensor.requires_grad, name
        assert tensor.numpy().shape == tuple(tensor.shape)
    best = copy.deepcopy(net.state_dict())
    with no_grad(), torch.no_grad():
        net[0].weight.zero_()
    assert best["0.weight"].numpy().any()
    net.load_state_dict(best)
    assert net[0].weight.tolist() == best["0.weight"].tolist()


def test_safetensors_refuses_a_state_dict_and_never_scrambles_one(tmp_path):
    """It writes memory as it lies, and weights do not lie in C order."""
    layers = nn.Linear(4, 3), nn.Conv2d(2, 3, 4), nn.ConvTranspose2d(2, 3, 4)
    state = nn.Sequential(*layers).state_dict()
    says = r"writes them as they lie: give it \{name: numpy.ascontiguousarray\(x\) for name"
    with pytest.raises(AttributeError, match=says):
        safetensors.save_file(state, tmp_path / "a")
    with pytest.raises(AttributeError, match=says):
        state["0.weight"].tobytes()  # versions before 0.8 ask for this
    assert not hasattr(state["0.weight"], "ctypes")
    # What the error says instead, and the other ways out.
    safetensors.save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, tmp_path / "a")
    save_checkpoint(tmp_path / "b", {k: v.numpy() for k, v in state.items()}, {})
    np.savez(tmp_path / "c.npz", **state)
    ways = (
        safetensors.load_file(tmp_path / "a"),
        load_checkpoint(tmp_path / "b").tensors,
        dict(np.load(tmp_path / "c.npz")),
        {name: torch.tensor(tensor.numpy()).numpy() for name, tensor in state.items()},
    )
    for back in ways:
        assert list(sorted(back)) == list(sorted(state))
        for name, tensor in state.items():
            np.testing.assert_array_equal(back[name], tensor.numpy(), err_msg=name)


def test_loading_takes_tensors_and_arrays_and_keeps_types():
    net = nn.Linear(3, 2)
    net.load_state_dict({"weight": Tensor(np.ones((2, 3))), "bias": np.array([1, 2])})
    assert net.bias.tolist() == [1, 2] and net.weight.dtype == net.bias.dtype == np.float32


def test_what_does_not_fit_is_listed_and_nothing_is_written():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    state = {name: np.full(tensor.shape, 7.0) for name, tensor in net.state_dict().items()}
    del state["1.running_mean"]
    state |= {"1.extra": np.ones(1), "0.bias": np.ones((2, 1))}
    with pytest.raises(UserError) as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "cannot load into Sequential: missing 1.running_mean; unexpected 1.extra; "
        "0.bias has shape (2, 1) instead of (2,)"
    )
    assert not any((tensor.array == 7).any() for tensor in net.state_dict().values())
    with pytest.raises(UserError, match=r"Sequential: 0.bias has shape"):
        net.load_state_dict(state, strict=False)
    net.load_state_dict({"0.bias": np.array([7, 7]), "more": 1}, strict=False)
    assert net[0].bias.tolist() == [7, 7]


def test_loading_between_forward_and_backward_is_noticed():
    net = nn.Linear(3, 2)
    x = Tensor(np.ones((1, 3), np.float32), requires_grad=True)
    y = net(x).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()


# ---- settings -----------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    net = Nested()
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    net.inner.train()
    assert not net.training and net.inner[1].training
    assert nn.Linear(1, 1).training  # nothing global has changed


def test_types():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    net(zeros(4, 3)).sum().backward()
    assert net.double() is net
    types = {name: array.dtype for name, array in net.state_dict().items()}
    assert types.pop("1.num_batches_tracked") == np.int64
    assert set(types.values()) == {np.dtype("float64")}
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert net(zeros(4, 3, dtype="float64")).dtype == np.float64
    assert net.float()[0].weight.dtype == np.float32
    assert net.to("float64")[0].weight.dtype == net.to(np.float64)[0].weight.dtype == np.float64


def test_nothing_moves_where_nothing_changes(backend):
    """So an optimizer that was made before goes on working."""
    net = nn.Linear(3, 2).to(backend)
    optimizer = SGD(net.parameters(), 0.1)
    net.float().to(backend).to("float32")
    before = np.array(net.bias.tolist())
    optimizer.minimize(net(zeros(1, 3, backend=backend)).sum())
    np.testing.assert_allclose(net.bias.tolist(), before - 0.1, rtol=1e-6)


@pytest.mark.parametrize(("turned", "followed"), [("double", False), ("float", True)])
@pytest.mark.parametrize("library", [nn, torch.nn], ids=["minigan", "torch"])
def test_twins_from_before_keep_the_old_memory_as_in_torch(library, turned, followed):
    """`double` makes new memory, which a twin from before does not see. `float` changes nothing."""
    net = library.Linear(3, 2)
    weight, state = net.weight, net.state_dict()["weight"]
    twin = weight.detach()
    array = twin.numpy()
    getattr(net, turned)()
    assert net.weight is weight
    with no_grad(), torch.no_grad():
        weight.zero_()
    assert weight.tolist() == [[0] * 3] * 2
    for old in (twin, array, state):
        assert str(old.dtype).endswith("float32")
        assert (old.tolist() == weight.tolist()) is followed


@pytest.mark.parametrize("library", [minigan, torch], ids=["minigan", "torch"])
def test_a_write_to_a_moved_parameter_is_charged_to_twins_from_before_as_in_torch(library):
    """They share a version still: a graph that needs such a twin complains, though it is whole."""
    net = library.nn.Linear(3, 2)
    twin = net.weight.detach()
    net.double()
    y = (library.ones(2, 3).requires_grad_() * twin).sum()
    with no_grad(), torch.no_grad():
        net.weight.zero_()
    with pytest.raises(RuntimeError, match="overwritten in place|modified by an inplace operation"):
        y.backward()


def test_moving_to_a_backend(backend):
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(backend)
    assert {t.backend for t in [*net.parameters(), *net.buffers()]} == {backend}
    x = zeros(4, 3, backend=backend)
    assert net(x).backend is backend
    assert net.to("numpy")(zeros(4, 3)).backend.name == "numpy"


def test_torchs_names_of_devices():
    net = nn.Linear(3, 2)
    assert net.to("cpu") is net and net.cpu() is net and net.weight.device == "cpu"
    with pytest.raises(TypeError, match="'cuda:x' is neither"):
        net.to("cuda:x")


@pytest.mark.parametrize("where", ["gpu", "mps", "float31"])
def test_moving_to_nowhere(where):
    with pytest.raises(TypeError, match=rf"'{where}' is neither a backend .*numpy.*cupy.* float64"):
        nn.Linear(3, 2).to(where)


def test_zero_grad_and_requires_grad():
    net = nn.Linear(3, 2)
    net(zeros(1, 3)).sum().backward()
    assert net.weight.grad is not None
    net.zero_grad()
    assert net.weight.grad is None and net.bias.grad is None
    assert net.requires_grad_(False) is net and not net.weight.requires_grad
    assert not net(zeros(1, 3)).requires_grad


def test_apply_visits_children_first():
    seen = []
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Tanh()))
    assert net.apply(lambda m: seen.append(m)) is net
    assert seen == [net[0], net[1][0], net[1], net]


def test_frozen():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    net[0].bias.requires_grad_(False)
    x = Tensor(np.ones((4, 3), np.float32), requires_grad=True)
    with pytest.raises(KeyError), nn.frozen(net):
        y = net(x)
        assert not any(p.requires_grad for p in net.parameters())
        raise KeyError
    assert [p.requires_grad for p in net.parameters()] == [True, False, True, True]
    y.sum().backward()
    assert x.grad is not None and all(p.grad is None for p in net.parameters())


def test_a_deep_copy_is_another_network():
    """As for an average of the weights: both may even be in one graph."""
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    twin = copy.deepcopy(net)
    x = Tensor(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    net(x)
    assert net[1].num_batches_tracked.item() == 1 and twin[1].num_batches_tracked.item() == 0
    loss = (net(x) ** 2).sum() + 10 * (twin(x) ** 2).sum()
    g, g_twin = grad(loss, [net[1].weight, twin[1].weight])
    np.testing.assert_allclose(g_twin.numpy(), 10 * g.numpy(), rtol=1e-5)


# ---- Sequential ---------------------------------------------------------------------------------


def test_sequential_is_a_list_of_layers():
    layers = [nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)]
    net = nn.Sequential(*layers)
    assert len(net) == 3 and list(net) == layers and net[-1] is layers[2]
    head = net[:2]
    assert isinstance(head, nn.Sequential) and list(head) == layers[:2]
    x = Tensor(np.ones((1, 3), np.float32))
    assert net[2](head(x)).tolist() == net(x).tolist()
    named = nn.Sequential(OrderedDict(first=layers[0], second=layers[1]))
    assert named.second is layers[1] and list(named[1:].state_dict()) == []
    assert nn.Sequential()(x) is x


def test_sequential_takes_modules_only():
    with pytest.raises(TypeError, match="Sequential takes modules, 1 is a float"):
        nn.Sequential(nn.Tanh(), 0.2)
    with pytest.raises(TypeError, match="Sequential takes modules, 0 is a NoneType"):
        nn.Sequential(None)


def test_module_list():
    def make(nn):
        return nn.ModuleList(
            [nn.Tanh(), nn.Linear(3, 2), nn.Sequential(nn.Linear(1, 1)), nn.Tanh(), nn.Tanh()]
        )

    ours, theirs = make(nn), make(torch.nn)
    assert repr(ours) == repr(theirs) and repr(nn.ModuleList()) == repr(torch.nn.ModuleList())
    assert repr(ours[1:3]) == repr(theirs[1:3]) and ours[-1] is list(ours)[4]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours.extend(ours[1:3])) == repr(theirs.extend(theirs[1:3])) and len(ours) == 7
    with pytest.raises(TypeError, match="ModuleList takes modules, 7 is a str"):
        ours.append("Tanh")
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        ours(1)


def test_shapes_that_do_not_fit_name_the_layer():
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(12, 7), nn.Tanh()), nn.Linear(6, 1))
    with pytest.raises(ValueError) as error:
        net(zeros(2, 3, 4))
    assert str(error.value) == (
        "linear: the input of shape (2, 7) must end in the weight's 6 inputs (weight (1, 6)) "
        "[in layer 2: Linear(in_features=6, out_features=1, bias=True)]"
    )
    with pytest.raises(ValueError, match=r"\[in layer 0: Linear\(in_features=12"):
        net(zeros(2, 3, 5))


def test_the_copy_of_a_network_has_no_gradients():
    for lib in (minigan, torch):
        layer = lib.nn.Linear(2, 1)
        layer(lib.ones(1, 2)).sum().backward()
        twin = copy.deepcopy(layer)
        assert layer.weight.grad is not None and twin.weight.grad is None
        assert twin.weight.tolist() == layer.weight.tolist()
