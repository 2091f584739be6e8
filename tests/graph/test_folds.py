"""Tests of folding: ops know their layer by the names of the parameters that they read."""

import pytest

import minigan as mg
from minigan import nn
from minigan.functional import binary_cross_entropy
from minigan.gans import dcgan
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.gans.penalty import gradient_norms, slope_penalty
from minigan.graph.boxes import history
from minigan.graph.folds import COMFORTABLE, graph_of
from minigan.graph.words import names_of


def titles(graph):
    return [box.title for box in graph.boxes]


def arrows(graph):
    """Pairs of titles, which is what one sees."""
    named = titles(graph)
    return sorted((named[arrow.source], named[arrow.target]) for arrow in graph.arrows)


@pytest.fixture(scope="module")
def gan():
    return MLPGAN(RECIPES["corrected"], seed=0)


@pytest.fixture(scope="module")
def names(gan):
    return names_of({"G": gan.generator, "D": gan.discriminator})


@pytest.fixture(scope="module")
def g_loss(gan):
    with nn.frozen(gan.discriminator):
        score = gan.discriminator(gan.generator(gan.noise(4)))
    return history(binary_cross_entropy(score, gan.ones(4, 1)))


def test_every_tensor_has_a_box_where_nothing_is_folded(g_loss, names):
    graph = graph_of(g_loss, names, 0)
    assert len(graph.boxes) == len(g_loss) and titles(graph)[0] == "G.model.0.weight"


def test_the_loss_of_the_mlp_gan_is_readable_by_itself(g_loss, names):
    graph = graph_of(g_loss, names, None)
    layers = [box for box in graph.boxes if box.kind == "layer"]
    assert [box.title for box in layers] == [
        *[f"G.model.{i}" for i in (0, 2, 3, 5, 6, 8, 9, 11)],
        *[f"D.model.{i}" for i in (0, 2, 4)],
    ]
    assert layers[2].lines == ("BatchNorm → LeakyRectifier", "512 parameters", "float32 (4, 256)")
    assert "G.model.3.weight float32 (256,)" in layers[2].hint
    assert layers[7].lines[0] == "Affine → HyperbolicTangent"
    others = [box.title for box in graph.boxes if box.kind != "layer"]
    assert others == ["constant", "constant", "Reshape", "Reshape", *others[4:]]
    assert others[4:] == ["BinaryCrossEntropy", "Sum", "Divide"]
    assert len(graph.arrows) == len(graph.boxes) - 1  # one way down, and the targets


def test_a_network_can_be_one_box(g_loss, names):
    for fold, g, d in ((2, "G.model", "D.model"), (1, "G", "D")):
        graph = graph_of(g_loss, names, fold)
        assert titles(graph).count(g) == titles(graph).count(d) == 1
        assert (g, "Reshape") in arrows(graph) and (d, "BinaryCrossEntropy") in arrows(graph)
        assert graph.boxes[titles(graph).index(g)].lines == (
            "Affine → … 11 more … → HyperbolicTangent",
            "1,510,032 parameters",
            "float32 (4, 784)",
        )


def test_a_network_used_twice_is_two_boxes(gan, names):
    fake = gan.generator(gan.noise(4)).detach()
    scores = [gan.discriminator(images) for images in (gan.zeros(4, 784), fake)]
    loss = (scores[0] + scores[1]).mean()
    graph = graph_of(history(loss), names, 1)
    assert titles(graph).count("D") == 2 and titles(graph).count("constant") == 2
    loss.backward(retain_graph=True)
    boxes = [box for box in graph_of(history(loss), names, 1).boxes if box.title == "D"]
    assert len({box.gradient for box in boxes}) == 1 and boxes[0].gradient.startswith("‖gradient‖")


def test_what_lies_between_two_ops_of_a_layer_is_of_it():
    class Odd(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            y = self.first(x)
            return self.second((y.exp() * y).abs())

    net = Odd()
    graph = graph_of(history(net(mg.ones(2, 3)).sum()), names_of({"net": net}), 1)
    assert titles(graph) == ["constant", "net", "Sum"]


def test_an_input_with_a_name_is_no_parameter():
    layer, x = nn.Linear(3, 3), mg.ones(2, 3)
    graph = graph_of(history(layer(x).sum()), names_of({"layer": layer, "x": x}), 1)
    assert titles(graph) == ["x", "layer", "Sum"]
    assert graph.boxes[1].lines[1] == "12 parameters"


def test_an_activation_goes_with_its_layer_and_what_has_a_second_user_does_not():
    layer = nn.Linear(3, 3)
    y = layer(mg.ones(2, 3))
    names = names_of({"layer": layer})
    assert titles(graph_of(history(y.exp().sum()), names, 1)) == ["constant", "layer", "Sum"]
    both = (y.exp() + y).sum()
    assert titles(graph_of(history(both), names, 1)) == ["constant", "layer", "Exp", "Add", "Sum"]


def test_a_fold_that_would_run_in_a_circle_is_left_open():
    """a, then b, then a again, with a short cut from the first to the last."""
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    y = a(mg.ones(2, 3))
    loss = a(b(y) + y).sum()
    graph = graph_of(history(loss), names_of({"a": a, "b": b}), 1)
    assert all(arrow.source < arrow.target for arrow in graph.arrows)
    assert titles(graph).count("b") == 1

    again = a(y + b(y) * y)
    graph = graph_of(history(again), names_of({"net": a, "net.b": b}), 1)
    assert all(arrow.source < arrow.target for arrow in graph.arrows)
    assert titles(graph) == ["constant", "net"]


def test_a_circle_opens_no_box_but_its_own():
    """What comes before it, and what comes after it, stays folded."""
    first, a, b, last = (nn.Linear(3, 3) for _ in range(4))
    z = a(mg.tanh(first(mg.ones(2, 3))))
    loss = mg.tanh(last(a(z + b(z))))
    names = names_of({"first": first, "a": a, "b": b, "last": last})
    graph = graph_of(history(loss), names, 1)
    assert {"first", "last", "a.weight"} <= set(titles(graph)) and "a" not in titles(graph)
    assert all(arrow.source < arrow.target for arrow in graph.arrows)


def test_a_long_graph_takes_no_time():
    y = mg.ones(2, requires_grad=True)
    for _ in range(5000):
        y = y + 1
    assert len(graph_of(history(y), {}, None).boxes) == 5001


def test_the_graph_of_a_gradient_can_be_folded(gan, names):
    loss = slope_penalty(gradient_norms(gan.discriminator, gan.zeros(4, 784) + 0.1))
    for fold in (None, 0, 1, 2, 3):
        graph = graph_of(history(loss), names, fold)
        assert all(arrow.source < arrow.target for arrow in graph.arrows)
        assert titles(graph)[-1] == "Divide"


def test_convolutions():
    net = dcgan.Generator(dcgan.Recipe(ngf=8))
    graph = graph_of(history(net(mg.randn(2, 100, 1, 1)).sum()), names_of({"G": net}), 3)
    layers = [box for box in graph.boxes if box.kind == "layer"]
    assert [box.title for box in layers] == [f"G.main.{i}" for i in (0, 1, 3, 4, 6, 7, 9, 10, 12)]
    assert layers[0].lines == (
        "TransposedConvolution",
        "102,400 parameters",
        "float32 (2, 64, 4, 4)",
    )


def test_without_names_nothing_is_folded(g_loss):
    graph = graph_of(g_loss, {}, None)
    assert len(graph.boxes) == len(g_loss) > COMFORTABLE
    assert {box.kind for box in graph.boxes} == {"learned", "constant", "made"}
