"""What could silently give a wrong gradient: each case is run here and in torch.

The table in docs/reliability.md says of each what happens; a test compares it with this file.
"""

import re
import threading
from pathlib import Path

import pytest
import torch

import minigan as mg

TABLE = Path(__file__).parents[2] / "docs" / "reliability.md"

# Each case takes minigan or torch and returns gradients that are right, or raises RuntimeError.


def leaf(lib, *numbers):
    x = lib.zeros(len(numbers))
    for place, number in enumerate(numbers):
        x[place] = number
    return x.requires_grad_()


def constant(lib, *numbers):
    return leaf(lib, *numbers).detach()


def input_overwritten(lib):
    """an input is overwritten before backward"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x * w).sum()
    w.zero_()
    y.backward()


def input_overwritten_through_a_view(lib):
    """an input is overwritten through a view of it"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x * w).sum()
    w.view(2, 1)[0] = 0
    y.backward()


def view_overwritten_through_its_base(lib):
    """a view is overwritten through the tensor that it is a view of"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4, 5)
    y = (x * w[1:]).sum()
    w.zero_()
    y.backward()


def output_overwritten(lib):
    """an output that the rule uses is overwritten"""
    x = leaf(lib, 1, 2)
    y = x.exp()
    y.detach().zero_()
    y.sum().backward()


def weights_moved(lib):
    """an optimizer steps between forward and backward"""
    w = leaf(lib, 1, 2)
    optimizer = lib.optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    (w * 2).sum().backward()
    optimizer.step()
    loss.backward()


def weights_loaded(lib):
    """weights are loaded between forward and backward"""
    layer = lib.nn.Linear(2, 2)
    loss = (layer(lib.ones(1, 2)) ** 2).sum()
    inner = (layer.weight * layer.weight).sum()
    layer.load_state_dict({name: value * 2 for name, value in layer.state_dict().items()})
    (loss + inner).backward()


def leaf_overwritten_while_recording(lib):
    """a leaf is overwritten while the graph is recorded"""
    x = leaf(lib, 1, 2)
    x.zero_()


def written_into_another(lib):
    """a tensor that requires grad is written into another one"""
    x, other = leaf(lib, 1, 2), lib.zeros(2)
    other[0] = x[1] * 2
    other.sum().backward()
    assert x.grad.tolist() == [0, 2]


def condition_overwritten(lib):
    """the condition of `where` is overwritten before backward"""
    x, condition = leaf(lib, 1, 2), constant(lib, 1, 0) > 0
    y = lib.where(condition, x, x * 2).sum()
    condition.fill_(False)
    y.backward()
    assert x.grad.tolist() == [1, 2]


def index_overwritten(lib):
    """an index, or the labels of an embedding, is overwritten before backward"""
    x, index = leaf(lib, 1, 2), constant(lib, 1, 1).long()
    y = x[index].sum()
    index.fill_(0)
    y.backward()
    assert x.grad.tolist() == [0, 2]


def labels_overwritten(lib):
    """the labels of a cross entropy are overwritten before backward"""
    x, labels = leaf(lib, 0, 0), constant(lib, 1).long()
    y = lib.nn.CrossEntropyLoss()(x.reshape(1, 2), labels)
    labels.fill_(0)
    y.backward()
    assert x.grad.tolist() == [0.5, -0.5]


def copy_overwritten(lib):
    """a copy of an input is overwritten"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x * w).sum()
    w.clone().zero_()
    y.backward()
    assert x.grad.tolist() == [3, 4]


def unneeded_input_overwritten(lib):
    """an input is overwritten whose value no rule needs"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x + w).sum()
    w.zero_()
    y.backward()
    assert x.grad.tolist() == [1, 1]


def input_overwritten_through_its_data(lib):
    """an input is overwritten through its `.data`"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x * w).sum()
    w.data.zero_()
    y.backward()
    assert x.grad.tolist() == [3, 4]


def memory_overwritten(lib):
    """the memory itself (`x.array`, `x.numpy()`) is written to"""
    x, w = leaf(lib, 1, 2), constant(lib, 3, 4)
    y = (x * w).sum()
    w.numpy()[:] = 0
    y.backward()
    assert x.grad.tolist() == [3, 4]


def backward_twice(lib):
    """backward goes twice through a graph"""
    x = leaf(lib, 1, 2)
    y = (x * x).sum()
    y.backward()
    y.backward()


def backward_twice_and_retained(lib):
    """backward goes twice through a graph that the first one retained"""
    x = leaf(lib, 1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]


def two_losses_of_one_part(lib):
    """two losses share a part, and each goes backward"""
    x = leaf(lib, 1, 2)
    shared = x * x
    shared.sum().backward()
    shared.sum().backward()


def gradients_of_a_sum(lib):
    """one of two leaves' gradients, equal by their rule, is clipped in place"""
    a, b = leaf(lib, 1, 2), leaf(lib, 3, 4)
    (a + b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [1, 1]


def gradient_handed_in(lib):
    """the gradient handed to backward is written to later"""
    x, given = leaf(lib, 1, 2), constant(lib, 5, 6)
    x.clone().backward(given)
    given.zero_()
    assert x.grad.tolist() == [5, 6]


def backward_without_recording(lib):
    """backward under no_grad, of a graph recorded before"""
    x = leaf(lib, 1, 2)
    y = (x * x).sum()
    with lib.no_grad():
        y.backward()
    assert x.grad.tolist() == [2, 4]


def backward_in_another_thread(lib):
    """backward in another thread than forward"""
    x = leaf(lib, 1, 2)
    y = (x * x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad.tolist() == [2, 4]


CASES = {
    case: outcome
    for outcome, cases in {
        ("error", "error"): [
            input_overwritten,
            input_overwritten_through_a_view,
            view_overwritten_through_its_base,
            output_overwritten,
            weights_moved,
            weights_loaded,
            leaf_overwritten_while_recording,
            condition_overwritten,
            index_overwritten,
            backward_twice,
            two_losses_of_one_part,
        ],
        ("right", "error"): [labels_overwritten],
        ("error", "right"): [written_into_another, unneeded_input_overwritten],
        ("right", "right"): [
            copy_overwritten,
            backward_twice_and_retained,
            gradients_of_a_sum,
            gradient_handed_in,
            backward_without_recording,
            backward_in_another_thread,
        ],
        ("error", "wrong"): [input_overwritten_through_its_data],
        ("wrong", "wrong"): [memory_overwritten],
    }.items()
    for case in cases
}


def outcome_of(case, lib):
    try:
        case(lib)
    except RuntimeError as error:
        assert len(str(error)) > 40  # it explains
        return "error"
    except AssertionError:
        return "wrong"
    return "right"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_right_or_an_error(case):
    assert (outcome_of(case, mg), outcome_of(case, torch)) == CASES[case]


def test_a_backward_that_fails_changes_no_gradient():
    x, y = leaf(mg, 1, 2), leaf(mg, 3, 4)
    freed = y * y
    freed.sum().backward()
    before = y.grad.tolist()
    with pytest.raises(RuntimeError, match="was freed"):
        ((x * 2).sum() + freed.sum()).backward()
    assert x.grad is None and y.grad.tolist() == before


def test_who_writes_to_memory_can_say_so():
    x, w = leaf(mg, 1, 2), constant(mg, 3, 4)
    y = (x * w).sum()
    w.array[:] = 0
    w.mark_changed()
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()


def test_the_table_in_the_docs_says_the_same():
    row = re.compile(r"^\| (.+?) \| (\w+) \| (\w+) \| `(\w+)` \|$", re.MULTILINE)
    assert row.findall(TABLE.read_text(encoding="utf-8")) == [
        (case.__doc__, *outcome, case.__name__) for case, outcome in CASES.items()
    ]
