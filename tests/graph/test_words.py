"""Tests of what tensors, rules and gradients are called."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.functional import linear
from minigan.graph.words import about, called, names_of, norm, rule_of, settings_of, size
from minigan.tensor import Elementwise


def test_names_are_those_of_parameters_and_of_a_dictionary():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    x = mg.zeros(2)
    assert names_of(None) == {}
    assert list(names_of(net).values()) == ["0.weight", "0.bias"]
    assert list(names_of(dict(net.named_parameters())).values()) == ["0.weight", "0.bias"]
    mixed = names_of({"x": x, "net": net})
    assert mixed[x.order] == "x" and mixed[net[0].bias.order] == "net.0.bias"


def test_what_has_no_names_is_refused():
    with pytest.raises(TypeError, match="names are a module, or a dictionary .* not a list"):
        names_of([mg.zeros(2)])
    with pytest.raises(TypeError, match="'x' names a int, not a tensor or a module"):
        names_of({"x": 3})


def test_few_numbers_are_shown_and_of_more_the_shape(backend):
    def tensor(*data):
        return mg.tensor(np.array(*data), backend=backend)

    assert about(tensor(36.0)) == "float64 = 36"
    assert about(tensor([1, 2])) == "int64 (2,) = [1, 2]"
    assert about(tensor([[1.0]])) == "float64 (1, 1)"
    assert about(mg.zeros(3, 5, backend=backend)) == "float32 (3, 5)"
    assert size(tensor([1 / 3, 2.0])) == "[0.333333, 2]"
    assert size(tensor([[3.0, 4.0]])) == "(1, 2) of norm 5"
    assert norm(tensor([3.0]), tensor([[4.0]])) == 5


def test_a_norm_does_not_overflow():
    assert norm(mg.full((2,), 3e30)) == pytest.approx(3e30 * 2**0.5)


def test_an_input_is_called_by_its_name_or_shape():
    x = mg.zeros(2, 3)
    assert called(x, {x.order: "x"}) == "x" and called(x, {}) == "(2, 3)"
    assert (
        called(0.5, {}) == "0.5" and called("a very long word indeed", {}) == "a very long word in…"
    )


def test_a_rule_is_the_first_line_of_the_docstring():
    class Twice(Elementwise):
        def forward(self, a):
            return 2 * a

    x = mg.ones(2, requires_grad=True)
    assert rule_of((x * x).op) == "y = a · b        dL/da = g · b        dL/db = g · a"
    assert rule_of(Twice()(x).op) == ""  # and not that of the class that it was made from


def test_settings_are_the_inputs_that_are_no_tensors():
    x, w = mg.ones(2, 3, requires_grad=True), mg.ones(4, 3)
    assert settings_of((x / 4).op) == ["b = 4"] and settings_of((2 - x).op) == ["a = 2"]
    assert settings_of(linear(x, w).op) == []  # a bias that is None is none
