"""Tests of the two texts of a graph: SVG and DOT."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from minigan.graph.boxes import Arrow, Box, Graph
from minigan.graph.pictures import dot, svg

NASTY = 'a <b> & "c" \\ d'
GRAPH = Graph(
    [
        Box("learned", NASTY, ("float64 = 3",), "gradient 24"),
        Box("constant", "constant", ("float32 (2,)",)),
        Box("made", "b = Add", ("float64 = 6",), None, "y = a + b < c"),
        Box("layer", "D.model.0", ("Affine → Logistic", "7 parameters", "float32 (4, 1)")),
    ],
    [Arrow(0, 2, "a", True), Arrow(1, 2, "b", False), Arrow(2, 3, "", True), Arrow(0, 3, "", True)],
)
NAME = "{http://www.w3.org/2000/svg}"


def test_svg_is_xml_with_all_words_in_it():
    tree = ElementTree.fromstring(svg(GRAPH))
    words = [text.text for text in tree.iter(f"{NAME}text")]
    assert {NASTY, "gradient 24", "Affine → Logistic", "a", "b", "7 parameters"} <= set(words)
    assert [title.text for title in tree.iter(f"{NAME}title")] == ["y = a + b < c"]


def test_arrows_without_a_gradient_and_constants_are_dashed():
    tree = ElementTree.fromstring(svg(GRAPH))
    lines = [path for path in tree.iter(f"{NAME}path") if path.get("fill") == "none"]
    assert ["stroke-dasharray" in line.keys() for line in lines] == [False, True, False, False]
    boxes = [box for box in tree.iter(f"{NAME}rect")][1:]
    assert ["stroke-dasharray" in box.keys() for box in boxes] == [False, True, False, False]


def test_arrows_begin_and_end_on_the_edges_of_boxes():
    tree = ElementTree.fromstring(svg(GRAPH))
    edges = [
        {side: float(box.get(side)) for side in ("x", "y", "width", "height")}
        for box in list(tree.iter(f"{NAME}rect"))[1:]
    ]
    lines = [path.get("d") for path in tree.iter(f"{NAME}path") if path.get("fill") == "none"]
    for line, arrow in zip(lines, GRAPH.arrows, strict=True):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", line)]
        source, target = edges[arrow.source], edges[arrow.target]
        assert source["x"] <= numbers[0] <= source["x"] + source["width"]
        assert numbers[1] == pytest.approx(source["y"] + source["height"], abs=0.11)
        assert target["x"] <= numbers[-2] <= target["x"] + target["width"]
        assert numbers[-1] + 6 == pytest.approx(target["y"], abs=0.11)  # the head's length


def test_two_arrows_between_two_boxes_are_two_lines():
    graph = Graph(GRAPH.boxes[:3:2], [Arrow(0, 1, "a", True), Arrow(0, 1, "b", True)])
    assert len(set(re.findall(r'<path d="(M[^"]*)" fill="none"', svg(graph)))) == 2


def test_the_same_graph_gives_the_same_text():
    assert svg(GRAPH) == svg(GRAPH) and dot(GRAPH) == dot(GRAPH)


def test_dot():
    text = dot(GRAPH)
    assert r'n0 [label="a <b> & \"c\" \\ d\nfloat64 = 3\ngradient 24"' in text
    assert 'n1 -> n2 [label="b", style=dashed];' in text and 'n0 -> n2 [label="a"];' in text
    assert text.count("->") == 4


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it():
    read = subprocess.run(["dot", "-Tplain"], input=dot(GRAPH), capture_output=True, text=True)
    assert read.returncode == 0 and read.stderr == "" and read.stdout.count("\nedge ") == 4
