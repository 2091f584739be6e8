"""Tests of what several functions refuse: the sentence, and what passes."""

import numpy as np
import pytest

from minigan import Tensor, nn, ones, zeros
from minigan.functional import conv2d, linear
from minigan.functional.checks import check_range, check_same_shape, check_types


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
