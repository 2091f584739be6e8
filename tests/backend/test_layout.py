"""Tests of the order of axes in memory: the drawing in layout.py, and the way there and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend import layout


def test_the_drawing() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    assert [stride // 4 for stride in x.strides] == [12, 4, 2, 1]
    last = layout.from_line(np.array([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]), x.shape, (0, 2, 3, 1))
    assert (last == x).all()
    assert [stride // 8 for stride in last.strides] == [12, 1, 6, 3]
    assert layout.axes_in_memory(last) == (0, 2, 3, 1)
    assert layout.inverse((0, 2, 3, 1)) == (0, 3, 1, 2)
    assert layout.as_line(last).tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert layout.as_line(last)[7] == x[0, 1, 1, 0] == 6


@given(order=st.permutations(range(4)), shape=st.tuples(*[st.integers(1, 4)] * 4))
def test_a_line_is_a_view_and_there_is_a_way_back(order: list[int], shape: tuple[int, ...]) -> None:
    line = np.arange(np.prod(shape))
    a = layout.from_line(line, shape, order)
    assert a.shape == shape and np.shares_memory(a, line)
    assert layout.is_dense(a)
    assert layout.as_line(a).tolist() == line.tolist()
    assert np.shares_memory(layout.as_line(a), line)
    again = layout.from_line(layout.as_line(a), shape, layout.axes_in_memory(a))
    assert (again == a).all()
    if min(shape) > 1:  # the stride of a single element means nothing
        assert layout.same_layout([a, again])
    assert (a.transpose(order).transpose(layout.inverse(order)) == a).all()


def test_what_has_gaps_or_lies_otherwise_is_told() -> None:
    a = np.zeros((4, 6))
    assert not layout.is_dense(a[:, ::2]) and not layout.is_dense(np.broadcast_to(a[0], (4, 6)))
    assert layout.same_layout([a, a + 1])
    assert layout.same_layout([a, a.astype(np.float32)])
    assert not layout.same_layout([a, a.reshape(6, 4)])
    assert not layout.same_layout([a, np.asfortranarray(a)])
