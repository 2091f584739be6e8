"""Each line that ran, once and in order, with what it left behind."""

import sys

import numpy as np

from minigan.live.lines import MOST_LINES, Lines, described, sources
from minigan.tensor import Tensor


def inner(x):
    return x + 1


def outer(a):
    b = a * 2
    for i in range(2):
        b = inner(b) + i
    return b


def unseen():
    hidden = 1
    return outer(Tensor(np.array([1.0, 2.0]))), hidden


FIRST = outer.__code__.co_firstlineno


def watched(functions, moved=lambda: 0, look=None):
    lines = Lines(functions, moved, look)
    with lines.watching() as noted:
        unseen()
    return noted


def test_lines_come_as_they_run():
    noted = watched([outer, inner])
    steps = [
        (line["function"], line["line"] - FIRST) for line in noted if line["function"] == "outer"
    ]
    assert steps == [("outer", n) for n in (1, 2, 3, 2, 3, 2, 4)]
    assert [line["event"] for line in noted if line["function"] == "inner"] == ["return"] * 2
    first = noted[0]["names"]
    assert {"name": "a", "shape": [2], "dtype": "float64", "low": 1.0, "high": 2.0} in first
    assert {"name": "b", "shape": [2], "dtype": "float64", "low": 2.0, "high": 4.0} in first
    assert [name["name"] for name in noted[1]["names"]] == ["i"]  # what is new, and nothing else


def test_it_looks_again_when_something_has_moved():
    counts = iter([0, 0, 0, 1, *[1] * 20])
    noted = watched([outer], lambda: next(counts), lambda: "seen")
    assert [line.get("look") for line in noted[:4]] == [None, None, "seen", None]


def test_whoever_traced_before_traces_again_also_after_an_error():
    def tracer(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        lines = Lines([outer], lambda: 0, None)
        try:
            with lines.watching():
                outer(None)
        except TypeError:
            pass
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_there_is_an_end_to_the_lines():
    def long():
        for _ in range(3 * MOST_LINES):
            pass

    lines = Lines([long], lambda: 0, None)
    with lines.watching() as noted:
        long()
    assert len(noted) == MOST_LINES


def test_what_is_said_of_a_variable():
    (half,) = described("x", 0.5)
    assert half == {
        "name": "x", "shape": [], "dtype": "float", "low": 0.5, "high": 0.5, "value": 0.5
    }  # fmt: skip
    assert [each["name"] for each in described("s", (Tensor(1.0), Tensor(2.0)))] == ["s[0]", "s[1]"]
    assert list(described("text", "no number")) == []
    (empty,) = described("e", np.zeros((0, 3)))
    assert "low" not in empty


def test_the_source_is_that_of_the_file():
    (source,) = sources([outer, outer])
    assert source["first"] == FIRST and source["text"].startswith("def outer(a):")
