"""Tests of the layers: torch's arguments, print, numbers and initial weights."""

import inspect

import numpy as np
import pytest
import torch
from scipy import stats

from minigan import Generator, Tensor, manual_seed, nn, zeros
from minigan.nn import init
from minigan.nn.module import LACKING
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients

T = torch.nn
RANDOM = np.random.default_rng(1)
VECTORS = RANDOM.normal(size=(6, 5))
SIGNALS = RANDOM.normal(size=(2, 5, 3))
IMAGES = RANDOM.normal(size=(2, 5, 3, 4))

# (arguments, keyword arguments) of each layer, and what to feed it
LAYERS = [
    ("Identity", (54, "ignored"), {"too": 1}, VECTORS),
    ("Linear", (5, 3), {}, VECTORS),
    ("Linear", (5, 3, False), {}, IMAGES.transpose(0, 2, 3, 1)),
    ("Linear", (5, 3), {"bias": False}, VECTORS[0]),
    ("Flatten", (), {}, IMAGES),
    ("Flatten", (0, 2), {}, IMAGES),
    ("Unflatten", (1, (5, 1)), {}, IMAGES),
    ("Unflatten", (-1, (2, 2)), {}, IMAGES),
    ("ReLU", (), {}, VECTORS),
    ("LeakyReLU", (), {}, VECTORS),
    ("LeakyReLU", (0.2,), {}, VECTORS),
    ("ELU", (), {}, IMAGES),
    ("ELU", (0.5,), {}, VECTORS),
    ("Tanh", (), {}, IMAGES),
    ("Sigmoid", (), {}, IMAGES),
    ("Softplus", (), {}, IMAGES),
    ("Softplus", (2, 1), {}, VECTORS),
    ("BatchNorm1d", (5,), {}, VECTORS),
    ("BatchNorm1d", (5, 0.8), {}, VECTORS),
    ("BatchNorm1d", (5, 1e-3, 0.3), {}, SIGNALS),
    ("BatchNorm1d", (5,), {"momentum": None}, VECTORS),
    ("BatchNorm1d", (5,), {"affine": False}, VECTORS),
    ("BatchNorm1d", (5,), {"track_running_stats": False}, SIGNALS),
    ("BatchNorm2d", (5,), {}, IMAGES),
    ("BatchNorm2d", (5, 1e-3, None, False, False), {}, IMAGES),
    ("BatchNorm1d", (5,), {"bias": False}, VECTORS),
    ("InstanceNorm2d", (5,), {}, IMAGES),
    ("InstanceNorm2d", (5, 1e-3, 0.3, True, True), {}, IMAGES),
    ("InstanceNorm2d", (5,), {"affine": True, "bias": False}, IMAGES[0]),
    ("LayerNorm", (4,), {}, IMAGES),
    ("LayerNorm", ([3, 4], 1e-3), {"bias": False}, IMAGES),
    ("LayerNorm", ((5,),), {"elementwise_affine": False}, VECTORS),
    ("Upsample", (), {"scale_factor": 2}, IMAGES),
    ("Upsample", ((4, 7), None, "bilinear"), {}, IMAGES),
    ("Upsample", (), {"scale_factor": (2, 3), "mode": "bilinear", "align_corners": True}, IMAGES),
    ("AvgPool2d", (2,), {}, IMAGES),
    ("AvgPool2d", ((3, 2), 1, 1, True, False), {}, IMAGES),
    ("Softmax", (1,), {}, VECTORS),
    ("LogSoftmax", (-1,), {}, VECTORS),
    ("Dropout", (0.0,), {}, VECTORS),
    ("Dropout2d", (0.0,), {}, IMAGES),
    ("Embedding", (7, 3), {}, np.array([[1, 6, 1], [0, 1, 4]])),
]
NAMES = sorted({name for name, *_ in LAYERS} | {"Dropout", "ModuleList"})


def pair(name, arguments, options):
    """Our layer and torch's, with the same random weights."""
    ours, theirs = getattr(nn, name)(*arguments, **options), getattr(T, name)(*arguments, **options)
    for i, parameter in enumerate(ours.parameters()):
        parameter.array[...] = np.random.default_rng(i).normal(size=parameter.shape)
    state = {key: torch.tensor(np.asarray(a)) for key, a in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours.double(), theirs.double()


@pytest.mark.parametrize(("name", "arguments", "options", "x"), LAYERS)
def test_layer_is_torch_s(backend, name, arguments, options, x):
    ours, theirs = pair(name, arguments, options)
    assert repr(ours) == repr(theirs)
    shapes = {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    assert {key: a.shape for key, a in ours.state_dict().items()} == shapes
    assert list(ours.state_dict()) == list(shapes)
    for training in (True, False):
        ours.train(training), theirs.train(training)
        assert_matches_torch(ours, theirs, [x], tolerance=1e-9, backend=backend)
    check_gradients(ours, [x], 1, backend=backend)
    assert_keeps_float32(ours, [x], backend=backend)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("ReLU", (True,)), ("LeakyReLU", (0.2, True)), ("ELU", (1.0, True)), ("Dropout", (0.3, True))],
)
def test_inplace_is_accepted_and_overwrites_nothing(name, arguments):
    layer = getattr(nn, name)(*arguments)
    assert repr(layer) == repr(getattr(T, name)(*arguments))
    x = Tensor(VECTORS.copy())
    layer(x)
    np.testing.assert_array_equal(x.numpy(), VECTORS)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_torch_s_in_name_order_and_default(name):
    """All positional ones begin as torch's do. Keyword-only ones are torch's too, or our own."""
    ours = list(inspect.signature(getattr(nn, name)).parameters.values())
    ours = [p for p in ours if p.kind is not p.VAR_KEYWORD]  # what is to be refused by name
    theirs = inspect.signature(getattr(T, name)).parameters
    if any(p.kind is p.VAR_POSITIONAL for p in theirs.values()):
        return  # Tanh and Sigmoid take nothing, Identity takes anything
    positional = [p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    expected = list(theirs.values())[: len(positional)]
    assert [(p.name, p.default) for p in positional] == [(p.name, p.default) for p in expected]
    for p in ours[len(positional) :]:
        assert p.kind is p.KEYWORD_ONLY
        assert p.name == "generator" or theirs[p.name].default == p.default


MINIMAL = {
    "AvgPool2d": (2,),
    "BatchNorm1d": (3,),
    "BatchNorm2d": (3,),
    "Conv2d": (1, 2, 3),
    "ConvTranspose2d": (1, 2, 3),
    "Embedding": (3, 2),
    "InstanceNorm2d": (3,),
    "LayerNorm": (3,),
    "Linear": (2, 3),
    "Unflatten": (1, (2, 2)),
}


def lacked():
    """(name, parameter) for all that a layer or loss of torch's takes and ours of that name lacks.

    Names that begin with _ are torch's own affair.
    """
    for name in nn.__all__:
        ours, theirs = getattr(nn, name), getattr(T, name, None)
        if isinstance(ours, type) and issubclass(ours, nn.Module) and theirs:
            known = inspect.signature(ours).parameters
            for p in inspect.signature(theirs).parameters.values():
                named = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
                if named and p.name not in known and not p.name.startswith("_"):
                    yield pytest.param(name, p, id=f"{name}-{p.name}")


@pytest.mark.parametrize(("name", "p"), list(lacked()))
def test_what_torch_s_has_and_ours_lacks_is_refused_with_what_to_do(name, p):
    make, given = getattr(nn, name), MINIMAL.get(name, ())
    if p.default is None or p.default is False:  # spelled out, it asks for nothing
        make(*given, **{p.name: p.default})
    for asked in (0, "cpu", True):
        with pytest.raises(TypeError, match=f"^{name} has no {p.name}={asked}: .{{20}}"):
            make(*given, **{p.name: asked})


def test_the_table_of_what_is_lacking_holds_nothing_else():
    assert {case.values[1].name for case in lacked()} == set(LACKING)


def test_a_slip_of_the_pen_is_told_from_what_torch_has():
    with pytest.raises(TypeError, match=r"^Linear has no argument bais; did you mean bias\?"):
        nn.Linear(2, 3, bais=False)
    with pytest.raises(TypeError, match=r"^Tanh has no argument slope"):
        nn.Tanh(slope=0.1)
    # In torch the sum: False says something here.
    with pytest.raises(TypeError, match=r'size_average=False: say reduction="mean", "sum"'):
        nn.BCELoss(size_average=False)
    assert nn.Linear(2, 3, device=None, dtype=None).weight.shape == (3, 2)


# ---- initial weights ----------------------------------------------------------------------------


def drawn_evenly(array, bound):
    """Is it U(−bound, bound)? By its limits, its variance and a Kolmogorov-Smirnov test."""
    numbers = np.asarray(array).ravel()
    return (
        0.99 * bound < abs(numbers).max() <= bound
        and abs(numbers.var() / (bound**2 / 3) - 1) < 0.1
        and stats.kstest(numbers, "uniform", (-bound, 2 * bound)).pvalue > 1e-3
    )


def test_linear_begins_as_torch_s():
    manual_seed(1)
    torch.manual_seed(1)
    layer, theirs = nn.Linear(70, 900), T.Linear(70, 900)
    bound = 1 / np.sqrt(70)
    for parameter in (layer.weight, layer.bias, theirs.weight.detach(), theirs.bias.detach()):
        assert drawn_evenly(parameter, bound)
    narrower = init.uniform_(nn.Parameter(np.empty((900, 70))), -0.95 * bound, 0.95 * bound)
    assert not drawn_evenly(narrower, bound)


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 3), (3, 0), (0, 0)])
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_linear_layer_without_inputs_or_outputs(inputs, outputs):
    ours, theirs = nn.Linear(inputs, outputs), T.Linear(inputs, outputs)
    assert ours.weight.shape == tuple(theirs.weight.shape)
    y, their_y = ours(zeros(2, inputs)), theirs(torch.zeros(2, inputs))
    assert y.shape == tuple(their_y.shape)
    if not inputs:
        assert y.tolist() == their_y.tolist()  # a bias that begins at 0


def test_embedding_begins_normal():
    manual_seed(1)
    weight = nn.Embedding(200, 100).weight.numpy()
    assert stats.kstest(weight.ravel(), "norm").pvalue > 1e-3
    assert weight.std() == pytest.approx(1, abs=0.01)


def test_batch_norm_begins_neutral():
    state = nn.BatchNorm1d(4).state_dict()
    assert {key: a.tolist() for key, a in state.items()} == {
        "weight": [1, 1, 1, 1],
        "bias": [0, 0, 0, 0],
        "running_mean": [0, 0, 0, 0],
        "running_var": [1, 1, 1, 1],
        "num_batches_tracked": 0,
    }


def test_the_seed_fixes_the_weights():
    def weights():
        return nn.Linear(3, 2).weight.tolist()

    manual_seed(5)
    first, second = weights(), weights()
    manual_seed(5)
    assert weights() == first != second


# ---- batch norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize(("name", "x"), [("BatchNorm1d", VECTORS), ("BatchNorm2d", IMAGES)])
def test_running_statistics_are_torch_s(backend, name, x, momentum):
    ours, theirs = pair(name, (5,), {"momentum": momentum})
    ours.to(backend)
    for step in range(4):
        if step == 2:  # a look in eval mode moves nothing
            ours.eval()(Tensor(x, backend=backend)), theirs.eval()(torch.tensor(x))
            ours.train(), theirs.train()
        batch = x * (step + 1) + step
        ours(Tensor(batch, backend=backend)), theirs(torch.tensor(batch))
        for key, value in theirs.state_dict().items():
            found = ours.state_dict()[key].numpy()
            np.testing.assert_allclose(found, value.numpy(), rtol=1e-12, err_msg=key)
    assert ours.num_batches_tracked.item() == 4
    ours.eval(), theirs.eval()
    y = ours(Tensor(x, backend=backend))
    np.testing.assert_allclose(y.numpy(), theirs(torch.tensor(x)).detach().numpy(), atol=1e-12)


def test_statistics_hold_no_graph(backend):
    layer = nn.BatchNorm1d(5).to(backend)
    x = Tensor(VECTORS.astype(np.float32), requires_grad=True, backend=backend)
    for _ in range(3):
        layer(x).sum().backward()
    for buffer in layer.buffers():
        assert buffer.op is None and not buffer.requires_grad
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float32


def test_without_statistics_every_batch_is_its_own():
    layer = nn.BatchNorm1d(5, track_running_stats=False).eval()
    np.testing.assert_allclose(layer(Tensor(VECTORS)).numpy().mean(0), 0, atol=1e-12)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(Tensor(VECTORS[:1]))


@pytest.mark.parametrize("x", [VECTORS[:1], SIGNALS[:1, :, :1]])
def test_one_value_per_channel_is_an_error_in_training_only(x):
    layer = nn.BatchNorm1d(5).double()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(Tensor(x))
    assert layer.eval()(Tensor(x)).shape == x.shape


@pytest.mark.parametrize(
    ("layer", "x", "words"),
    [
        (nn.BatchNorm1d(4), VECTORS, r"BatchNorm1d\(4\): expected 2 or 3 dim.* shape \(6, 5\)"),
        (nn.BatchNorm1d(5), IMAGES, "expected 2 or 3 dimensions with 5 channels"),
        (nn.BatchNorm2d(5), VECTORS, "expected 4 dimensions with 5 channels"),
        (nn.BatchNorm2d(4), IMAGES, r"got shape \(2, 5, 3, 4\)"),
    ],
)
def test_batch_norm_of_another_shape(layer, x, words):
    with pytest.raises(ValueError, match=words):
        layer(Tensor(x.astype(np.float32)))


# ---- dropout, embedding -------------------------------------------------------------------------


def test_dropout_drops_in_training_only():
    layer = nn.Dropout(0.3)
    x = Tensor(np.ones((50, 40), np.float32))
    assert set(np.unique(layer(x).numpy())) == {0, np.float32(1 / 0.7)}
    assert layer.eval()(x) is x
    assert repr(layer) == repr(T.Dropout(0.3))
    own = [nn.Dropout(0.3, generator=Generator(4))(x).tolist() for _ in range(2)]
    assert own[0] == own[1]


def test_dropout2d_drops_whole_channels(backend):
    layer = nn.Dropout2d(0.3)
    x = Tensor(np.ones((50, 40, 2, 3), np.float32), backend=backend)
    y = layer(x).numpy()
    assert (y == y[:, :, :1, :1]).all()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
    assert 0.25 < (y == 0).mean() < 0.35
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"images are \(N, C, H, W\), got shape \(6, 5\)"):
        nn.Dropout2d()(Tensor(VECTORS))


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("x", [VECTORS[0], VECTORS, SIGNALS, IMAGES], ids=["1", "2", "3", "4"])
def test_softmax_guesses_torch_s_dimension(name, x):
    ours, theirs = getattr(nn, name)(), getattr(T, name)()
    np.testing.assert_allclose(ours(Tensor(x)).numpy(), theirs(torch.tensor(x)).numpy(), 1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_dropout_with_what_is_no_probability(p):
    with pytest.raises(ValueError, match=f"from 0 to 1, not {p}"):
        nn.Dropout(p)


def test_a_label_without_a_row_is_one_sentence():
    with pytest.raises(ValueError, match="label 7 is outside the range 0 to 6"):
        nn.Embedding(7, 3)(Tensor([7]))


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Linear(3, 2), (4, 3)), (nn.Conv2d(3, 2, 1), (4, 3, 2, 2))]
)
def test_float64_that_meets_float32_weights_is_refused_as_in_torch(layer, shape):
    network = nn.Sequential(layer)
    with pytest.raises(ValueError, match=r"input is float64 and the weight float32.*in layer 0"):
        network(Tensor(np.ones(shape)))
    network.double()(Tensor(np.ones(shape)))
