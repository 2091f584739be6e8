"""torch's own sample inputs, for every function and method that has a name of torch's here.

torch tests each of its operations on a list of samples, with odd shapes and every argument, and on
a list of wrong calls. Here minigan gets the same, and must give the same numbers, first and second
derivatives, and types; must write in place what torch writes; and must refuse what torch refuses.
What it does not take it must refuse as well, in words that stand in the table below: nothing may be
quietly different.

The samples are computed with NumPy; CuPy has the same operations in tests of their own.
"""

import itertools
import re

import numpy as np
import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

import minigan as mg

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, on its own samples

SAMPLES = 60  # of an operation, at most
REFUSALS = (TypeError, ValueError, IndexError, RuntimeError, OverflowError, mg.UserError)

# Left out, and why: what minigan says to these samples, by torch's name for the operation
KEYWORD = "unexpected keyword argument '{}'"
MEMORY = KEYWORD.format("memory_format"), "the order of axes in memory is each op's own affair"
REFUSED = {
    "div.floor_rounding": (KEYWORD.format("rounding_mode"), "no GAN rounds a quotient"),
    "div.trunc_rounding": (KEYWORD.format("rounding_mode"), "no GAN rounds a quotient"),
    "double": MEMORY,
    "float": MEMORY,
    "long": MEMORY,
    "to": MEMORY,
    "nn.functional.batch_norm": (r"expected \(N, C", "numbers without channels"),
    **{
        f"nn.functional.pad.{mode}": ('only mode="constant"', "no GAN here pads with its pictures")
        for mode in ("circular", "reflect", "replicate", "replicate_negative")
    },
    "norm.nuc": ("a norm has a number for its p", "it needs singular values"),
}
# ... and to those of whole numbers
REFUSED_TYPES = {
    "add": (
        "out of bounds for uint8",
        "bytes have no negative multiples, which torch wraps around",
    ),
    "sub": ("out of bounds for uint8", "likewise"),
    "arange": ("whole numbers have whole steps", "torch leaves out fractions, each in its own way"),
    "linspace": ("linspace gives fractions", "likewise"),
    "pow": ("negative integer powers", "torch says 0"),
    "__rpow__": ("negative integer powers", "torch says 0"),
}
# Their samples are for other tests: tests/functional/
ELSEWHERE = {
    "nn.functional.avg_pool2d": "of pictures of floating-point numbers",
    "nn.functional.embedding": "torch's function takes the labels first, its samples do not",
    "nn.functional.interpolate": "of pictures of floating-point numbers, in two modes",
}
# Chance has the same shape and type here and in torch, not the same numbers
RANDOM = {"normal", "uniform", "rand_like", "randn", "randn_like", "randint"} | {
    "nn.functional.dropout",
    "nn.functional.dropout2d",
}
# Wrong in torch and right here: a wider domain, with one meaning
WIDER = {
    "maximum": "the other may be a number",
    "minimum": "the other may be a number",
    "mean": "whole numbers have a mean, in float32",
}


def names(op):
    return op.name, f"{op.name}.{op.variant_test_name}".rstrip(".")


def function_of_ours(op):
    if op.name == "where":  # torch's samples have the condition in the second place
        return lambda input, condition, other: mg.where(condition, input, other)
    *path, name = op.name.split(".")
    if path not in ([], ["nn", "functional"]):
        return None
    function = getattr(mg.nn.functional if path else mg, name, None)
    return None if isinstance(function, type) or not callable(function) else function


def cases():
    """(operation, kind, ours, torch's) for all that exists here."""
    for op in op_db:
        if torch.float64 not in op.dtypes or not ELSEWHERE.keys().isdisjoint(names(op)):
            continue
        if function := function_of_ours(op):
            yield op, "function", function, op.op
        method = getattr(mg.Tensor, op.name, None)
        if method and op.method_variant:
            yield op, "method", method, op.method_variant
        method = getattr(mg.Tensor, f"{op.name}_", None)
        if method and op.inplace_variant:
            yield op, "in place", method, op.inplace_variant


CASES = {f"{names(case[0])[1]}, {case[1]}": case for case in cases()}


def converted(x, backend, pairs):
    """An argument of torch's as one of ours. Tensors that require grad are noted in `pairs`."""
    if isinstance(x, torch.Tensor):
        ours = mg.tensor(x.detach().numpy(), requires_grad=x.requires_grad, backend=backend)
        if x.requires_grad:
            pairs.append((ours, x))
        return ours
    if isinstance(x, torch.dtype):
        return getattr(mg, str(x).removeprefix("torch."))
    if isinstance(x, list | tuple):
        return type(x)([converted(each, backend, pairs) for each in x])
    if isinstance(x, slice):
        return slice(*[converted(each, backend, pairs) for each in (x.start, x.stop, x.step)])
    return x


def arguments(sample, backend, pairs):
    args = [converted(x, backend, pairs) for x in (sample.input, *sample.args)]
    options = {name: converted(x, backend, pairs) for name, x in sample.kwargs.items()}
    if options.get("device") == "cpu":  # torch's word for where numbers live; ours is `backend`
        del options["device"]
    return args, options


def tensors(y):
    y = y if isinstance(y, tuple | list) else [y]
    return [x for x in y if isinstance(x, mg.Tensor | torch.Tensor)]


def assert_same(ours, theirs, tolerance, what, numbers=True):
    assert tuple(ours.shape) == tuple(theirs.shape), what
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch."), what
    if numbers:
        theirs = theirs.detach().numpy()
        np.testing.assert_allclose(
            ours.numpy(), theirs, rtol=tolerance, atol=tolerance, err_msg=what
        )


def assert_same_derivatives(ours, theirs, pairs, orders=2):
    """For random weights of the outputs; then of the gradients, and so on."""
    random = np.random.default_rng(0)
    leaves, their_leaves = zip(*pairs, strict=True)
    for order in range(1, orders + 1):
        if not theirs:
            return
        weights = [random.normal(size=tuple(y.shape)) for y in theirs]
        found = mg.grad(
            ours,
            leaves,
            [x.like(x.backend.asarray(w)) for x, w in zip(ours, weights, strict=True)],
            create_graph=True,
            allow_unused=True,
        )
        expected = torch.autograd.grad(
            theirs,
            their_leaves,
            [torch.tensor(w) for w in weights],
            create_graph=True,
            allow_unused=True,
        )
        ours, theirs = [], []
        for x, y in zip(found, expected, strict=True):
            if x is None or y is None:  # to one of the two it is a constant, to the other flat
                assert not any(abs(each).sum().item() for each in (x, y) if each is not None)
                continue
            assert_same(x, y, 1e-8, f"derivative of order {order}")
            if x.requires_grad and y.requires_grad:
                ours.append(x)
                theirs.append(y)


def compare(op, ours, theirs, sample, backend, tolerance=1e-10):
    pairs = []
    args, options = arguments(sample, backend, pairs)
    y = tensors(ours(*args, **options))
    expected = tensors(theirs(sample.input, *sample.args, **sample.kwargs))
    assert len(y) == len(expected)
    for p, q in zip(y, expected, strict=True):
        assert_same(p, q, tolerance, "forward", op.name not in RANDOM)
        assert p.requires_grad == q.requires_grad or not pairs
    if pairs and op.name not in RANDOM:
        chosen = [(p, q) for p, q in zip(y, expected, strict=True) if q.requires_grad]
        if chosen:
            assert_same_derivatives(*map(list, zip(*chosen, strict=True)), pairs)


def compare_in_place(op, ours, theirs, sample, backend, tolerance=1e-10):
    with mg.no_grad(), torch.no_grad():
        (x, *args), options = arguments(sample, backend, [])
        x = x.detach().clone()
        before = x.version
        expected = sample.input.detach().clone()
        try:
            theirs(expected, *sample.args, **sample.kwargs)
        except RuntimeError:  # the result does not fit
            with pytest.raises(REFUSALS):
                ours(x, *args, **options)
            return
        assert ours(x, *args, **options) is x and x.version > before
        assert_same(x, expected, tolerance, "in place", op.name not in RANDOM)


@pytest.mark.parametrize("case", CASES)
def test_samples_are_torch_s(case):
    op, kind, ours, theirs = CASES[case]
    torch.manual_seed(0)
    samples = op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd)
    check = compare_in_place if kind == "in place" else compare
    full_name = names(op)[1]
    message, _ = REFUSED.get(full_name, (None, None))
    refused = 0
    for sample in itertools.islice(samples, SAMPLES):
        try:
            check(op, ours, theirs, sample, "numpy")
        except REFUSALS as error:
            if message is None or not re.search(message, str(error)):
                raise AssertionError(f"{case} of {sample}") from error
            refused += 1
        except AssertionError as error:
            raise AssertionError(f"{case} of {sample}") from error
    assert bool(refused) == (message is not None), "the table of what is left out is out of date"


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("case", CASES)
def test_other_types_are_torch_s(case, dtype):
    op, kind, ours, theirs = CASES[case]
    if getattr(torch, dtype) not in op.dtypes:
        return
    torch.manual_seed(0)
    samples = op.sample_inputs("cpu", getattr(torch, dtype), requires_grad=False)
    check = compare_in_place if kind == "in place" else compare
    allowed = "|".join([REFUSED.get(names(op)[1], "-")[0], REFUSED_TYPES.get(op.name, "-")[0]])
    for sample in itertools.islice(samples, SAMPLES // 4):
        try:
            check(op, ours, theirs, sample, "numpy", tolerance=1e-5)
        except REFUSALS as error:
            if not re.search(allowed, str(error)):
                raise AssertionError(f"{case} of {sample}") from error
        except AssertionError as error:
            raise AssertionError(f"{case} of {sample}") from error


@pytest.mark.parametrize(
    "case",
    [
        case
        for case, (op, *_) in CASES.items()
        if op.error_inputs_func and WIDER.keys().isdisjoint(names(op))
    ],
)
def test_what_torch_refuses_is_refused(case):
    op, kind, ours, theirs = CASES[case]
    for wrong in op.error_inputs("cpu"):
        if kind != "function" and not isinstance(wrong.sample_input.input, torch.Tensor):
            continue  # a method of no tensor
        with pytest.raises(REFUSALS) as error:
            args, options = arguments(wrong.sample_input, "numpy", [])
            ours(*args, **options)
            pytest.fail(f"{case} takes {wrong.sample_input}; torch: {wrong.error_regex}")
        assert len(str(error.value)) > 10
