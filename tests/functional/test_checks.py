"""Tests of what several functions refuse: the sentence, and what passes."""

import numpy as np
import pytest

from minigan import Tensor, functional, nn, ones, zeros
from minigan.functional import conv2d, linear
from minigan.functional.checks import check_range, check_same_shape, check_tensors, check_types


def test_types_that_differ(backend):
    single, double = ones(2, 3, backend=backend), ones(2, 3, dtype="float64", backend=backend)
    check_types("it", single, single)
    check_types("it", double, double)
    with pytest.raises(ValueError, match="it: the input is float64 and the weight float32; turn"):
        check_types("it", double, single)
    with pytest.raises(ValueError, match="linear: the input is float32 and the weight float64"):
        linear(single, double)
    with pytest.raises(ValueError, match="conv2d: the input is float32 and the weight float64"):
        conv2d(single.reshape(1, 1, 2, 3), double.reshape(1, 1, 2, 3))


def test_equal_types_need_not_be_one_object():
    x = Tensor(np.ones((2, 3), np.dtype(np.float32, metadata={"from": "a file"})))
    assert x.array.dtype is not np.dtype(np.float32)
    check_types("it", x, ones(2, 3))


def test_shapes_that_differ():
    check_same_shape("it", zeros(3, 1), ones(3, 1))
    with pytest.raises(ValueError, match=r"^it: input and target .* got \(3, 1\) and \(3,\)$"):
        check_same_shape("it", zeros(3, 1), zeros(3))


def test_labels_out_of_range():
    check_range("it", np.array([0, 4]), 5)
    check_range("it", np.array([], np.int64), 0)
    for labels, wrong in (([0, 5], 5), ([-1, 7], -1)):
        with pytest.raises(ValueError, match=f"^it: label {wrong} is outside the range 0 to 4$"):
            check_range("it", np.array(labels), 5)
    with pytest.raises(ValueError, match="embedding: label 7 is outside the range 0 to 6"):
        nn.Embedding(7, 3)(Tensor([7]))


# ---- an array, a number or nothing in the place of a tensor -------------------------------------

IMAGES, LABELS = np.ones((2, 4, 6, 6), np.float32), np.array([0, 1])
# What each function is called with besides its input; layers below
FUNCTIONS = {
    "avg_pool2d": (2,),
    "batch_norm": (None, None),
    "binary_cross_entropy": (ones(2, 4, 6, 6),),
    "binary_cross_entropy_with_logits": (ones(2, 4, 6, 6),),
    "conv2d": (ones(3, 4, 3, 3),),
    "conv_transpose2d": (ones(4, 3, 3, 3),),
    "cross_entropy": (Tensor(LABELS),),
    "interpolate": (3,),
    "l1_loss": (ones(2, 4, 6, 6),),
    "layer_norm": ((6,),),
    "linear": (ones(3, 6),),
    "maxout": (2,),
    "mse_loss": (ones(2, 4, 6, 6),),
    "pad": ((1, 1),),
}
LAYERS = [
    nn.AvgPool2d(2),
    nn.BatchNorm1d(4),
    nn.BatchNorm2d(4),
    nn.Conv2d(4, 3, 3),
    nn.ConvTranspose2d(4, 3, 3),
    nn.Dropout(),
    nn.Dropout2d(),
    nn.ELU(),
    nn.Flatten(),
    nn.InstanceNorm2d(4),
    nn.LayerNorm(6),
    nn.LeakyReLU(),
    nn.Linear(6, 3),
    nn.LogSoftmax(1),
    nn.Maxout(6, 3, 2),
    nn.ReLU(),
    nn.Sigmoid(),
    nn.Softmax(1),
    nn.Softplus(),
    nn.Tanh(),
    nn.Unflatten(1, (2, 2)),
    nn.Upsample(scale_factor=2),
]
LOSSES = [nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss(), nn.L1Loss(), nn.MSELoss()]
WRONG = [IMAGES, IMAGES.tolist(), 3.0, None]
# Labels may be arrays, and whatever comes into Identity goes out.
LENIENT = {"embedding", "Embedding", "Identity"}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("name", sorted(set(functional.__all__) - LENIENT))
def test_a_function_names_what_is_no_tensor(name, wrong):
    words = f"^{name}: the input must be a Tensor, this is of type {type(wrong).__name__}; wrap it"
    with pytest.raises(TypeError, match=words):
        getattr(functional, name)(wrong, *FUNCTIONS.get(name, ()))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_says_what_is_no_tensor(layer, wrong):
    words = f"the input must be a Tensor, this is of type {type(wrong).__name__}; wrap it with mi"
    for module in (layer, nn.Sequential(layer)):
        with pytest.raises(TypeError, match=words):
            module(wrong)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_loss_says_what_is_no_tensor(loss):
    with pytest.raises(TypeError, match="the input must be a Tensor, this is of type ndarray"):
        loss(IMAGES, ones(2, 4, 6, 6))
    if not isinstance(loss, nn.CrossEntropyLoss):  # labels may be an array
        with pytest.raises(TypeError, match="the target must be a Tensor, this is of type ndarray"):
            loss(ones(2, 4, 6, 6), IMAGES)


def test_every_layer_and_loss_is_among_these():
    modules = {
        name
        for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }
    others = {"Module", "ModuleList", "Sequential"}
    assert {type(m).__name__ for m in LAYERS + LOSSES} == modules - others - LENIENT


def test_a_weight_that_is_no_tensor():
    with pytest.raises(TypeError, match="linear: the weight must be a Tensor, this is of type nda"):
        linear(ones(2, 3), np.ones((4, 3), np.float32))
    with pytest.raises(TypeError, match="conv2d: the bias must be a Tensor, this is of type list"):
        conv2d(ones(1, 1, 3, 3), ones(1, 1, 3, 3), [0.0])
    check_tensors("it", ones(3), weight=None)
