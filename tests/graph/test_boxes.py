"""Tests of the boxes of a graph: one for each tensor, and arrows between them."""

import numpy as np
import pytest

import minigan as mg
from minigan.functional import linear
from minigan.graph.boxes import Arrow, arrows_to, box_of, history, inputs_of


def test_history_is_all_that_took_part_oldest_first(backend):
    x = mg.ones(3, requires_grad=True, backend=backend)
    constant = mg.ones(3, backend=backend)
    mask = x * constant
    y = mg.where(mask.detach() > 0, mask, x)
    found = history(y)
    assert [t.order for t in found] == sorted(t.order for t in found) and found[-1] is y
    assert {t.order for t in found} >= {x.order, constant.order, mask.order, y.order}
    assert len(found) == 5  # and the condition
    assert history(constant) == [constant] and inputs_of(constant) == []


def test_a_freed_graph_is_not_drawn(backend):
    x = mg.ones(3, requires_grad=True, backend=backend)
    y = (x * 2).sum()
    y.backward(retain_graph=True)
    assert len(history(y)) == 3
    y.backward()
    with pytest.raises(RuntimeError, match="behind this Sum was freed .* retain_graph=True"):
        history(y)


def test_what_was_freed_before_a_tensor_is_said_in_its_box(backend):
    x = mg.ones(3, requires_grad=True, backend=backend)
    middle = x * 2
    middle.sum().backward()
    late = middle + 1
    assert [t.order for t in history(late)] == [middle.order, late.order]
    assert box_of(middle, {}).lines == ("float32 (3,) = [2, 2, 2]", "before it: freed")
    assert arrows_to(middle, {middle.order: 0}) == []


def test_boxes_say_kind_name_type_shape_and_gradient(backend):
    x = mg.ones(3, requires_grad=True, backend=backend)
    c = mg.zeros(2, 5, backend=backend)
    y = x / 4
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    names = {x.order: "x", y.order: "y"}
    box = box_of(x, names)
    assert (box.kind, box.title, box.gradient) == ("learned", "x", "gradient [0.25, 0.25, 0.25]")
    box = box_of(y, names)
    assert (box.kind, box.title, box.lines[0]) == ("made", "y = Divide", "b = 4")
    assert box.gradient == "gradient [1, 1, 1]" and box.hint.startswith("y = a / b")
    assert box_of(c, {}).title == "constant" and box_of(x, {}).title == "leaf"
    assert box_of(c, {}).lines == ("float32 (2, 5)",) and box_of(c, {}).gradient is None
    frozen = mg.ones(3, backend=backend)
    assert box_of(frozen, {frozen.order: "net.0.bias"}).kind == "learned"
    assert box_of(frozen, {frozen.order: "z"}).kind == "constant"


def test_a_large_gradient_is_a_norm(backend):
    x = mg.ones(5, 5, requires_grad=True, backend=backend)
    (x * 2).sum().backward()
    assert box_of(x, {}).gradient == "‖gradient‖ 10"


def test_arrows_carry_the_op_s_own_names_where_it_has_several_inputs(backend):
    x = mg.ones(2, 3, requires_grad=True, backend=backend)
    w = mg.ones(4, 3, backend=backend)
    y = linear(x, w)
    places = {x.order: 0, w.order: 1, y.order: 2}
    assert arrows_to(y, places) == [Arrow(0, 2, "x", True), Arrow(1, 2, "w", False)]
    twice = x * x
    assert arrows_to(twice, {x.order: 0, twice.order: 1}) == [
        Arrow(0, 1, "a", True),
        Arrow(0, 1, "b", True),
    ]
    one = x + 1
    assert arrows_to(one, {x.order: 0, one.order: 1}) == [Arrow(0, 1, "", True)]
    joined = mg.cat([x, w])  # of any number of inputs: they have one name together
    assert [a.label for a in arrows_to(joined, {**places, joined.order: 3})] == ["", ""]
    assert arrows_to(y, {y.order: 0}) == []  # what has no box has no arrow


def test_numbers_of_any_kind(backend):
    flags = mg.tensor(np.array([True, False]), backend=backend)
    assert box_of(flags, {}).lines == ("bool (2,) = [1, 0]",)
