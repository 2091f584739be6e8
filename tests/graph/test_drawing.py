"""Tests of `draw`: what one gets, and where it can be kept."""

import pytest

import minigan as mg
from minigan import UserError, nn
from minigan.graph import draw


def test_a_drawing_is_shown_saved_and_printed(backend, tmp_path):
    a = mg.tensor(3.0, requires_grad=True, backend=backend)
    b = a + a
    picture = draw(b * b, {"a": a, "b": b})
    assert repr(picture).startswith("Drawing(3 boxes, 4 arrows;")
    assert picture._repr_svg_() == picture.svg() and "b = Add" in picture.svg()
    for path in (tmp_path / "graph.svg", str(tmp_path / "graph.dot")):
        picture.save(path)
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture.svg()
    assert (tmp_path / "graph.dot").read_text(encoding="utf-8") == picture.dot()
    with pytest.raises(UserError, match=r"graph.png must end in .svg or .dot"):
        picture.save(tmp_path / "graph.png")


def test_gradients_are_in_the_picture_after_a_backward_that_kept_them(backend):
    a = mg.tensor(3.0, requires_grad=True, backend=backend)
    b = a + a
    c = b * b
    b.retain_grad()
    c.backward(retain_graph=True)
    boxes = {box.title: box.gradient for box in draw(c, {"a": a, "b": b, "c": c}).graph.boxes}
    assert boxes == {"a": "gradient 24", "b = Add": "gradient 12", "c = Multiply": None}


def test_names_may_be_a_module(backend):
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).to(backend)
    y = net(mg.ones(4, 2, backend=backend)).sum()
    titles = [box.title for box in draw(y, net).graph.boxes]
    assert "0.weight" in titles and "0.bias" in titles
    assert [box.title for box in draw(y, net, fold=1).graph.boxes] == ["constant", "0", "Sum"]


def test_a_leaf_is_a_picture_too(backend):
    picture = draw(mg.ones(2, backend=backend))
    assert len(picture.graph.boxes) == 1 and picture.svg().count("<rect") == 2


def test_a_freed_graph_and_wrong_names_are_refused(backend):
    y = mg.ones(2, requires_grad=True, backend=backend).sum()
    with pytest.raises(TypeError, match="names are a module"):
        draw(y, ["y"])
    y.backward()
    with pytest.raises(RuntimeError, match="this Sum was freed"):
        draw(y)


def test_a_graph_too_large_to_be_seen_says_what_to_do(backend):
    y = mg.ones(2, requires_grad=True, backend=backend)
    for _ in range(400):
        y = y + 1
    with pytest.raises(ValueError, match="401 boxes .* give `names`"):
        draw(y).svg()
