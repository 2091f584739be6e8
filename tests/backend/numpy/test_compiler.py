"""Tests of the compiler: a compiled formula gives NumPy's results to the last bit.

Formulas are drawn, and so are the numbers: signed zeros, infinities and NaN among them, in any
strides. What the notes and loops look like is nobody's business but that of their readers.
"""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan import nn
from minigan.backend import get_backend
from minigan.backend.interface import AdamStep
from minigan.backend.numpy.arrays import COMPILED, PIECE, NumpyBackend
from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.compiler.trace import UntraceableError, trace
from minigan.errors import UserError
from minigan.tensor import Tensor

pytest.importorskip("llvmlite", reason='the compiler needs the extra "fast"')

SINGLE, DOUBLE = np.dtype("float32"), np.dtype("float64")
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 1.0, -1.0, 3e38, 1e-20]


def compiler():
    return Compiler()


def same(a, b):
    """Equal in type and in each bit, but for what NaN it is and the sign of a 0 that max chose."""
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def to_the_bit(a, b):
    whole = f"u{a.dtype.itemsize}"
    nan = np.isnan(a) & np.isnan(b)
    return same(a, b) and np.array_equal(a.view(whole)[~nan], b.view(whole)[~nan])


def numbers(seed, shape, dtype):
    values = np.random.default_rng(seed).normal(size=shape)
    flat = values.reshape(-1)
    flat[:: max(1, len(flat) // 40)][: len(EDGES)] = EDGES[: len(flat[:: max(1, len(flat) // 40)])]
    with np.errstate(over="ignore"):
        return values.astype(dtype)


UNARY = [np.negative, np.sqrt, np.absolute, lambda x: x * x, lambda x: x * 0.3 + 1, lambda x: 2 - x]
BINARY = [np.add, np.subtract, np.multiply, np.divide]
CHOICES = [
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: a * (b >= 0),
    lambda a, b: (a < b) * a.dtype.type(0.5) + (a != b) * a.dtype.type(2),
    lambda a, b: np.where((a <= 0) | ~(b == b), b, 1.0),
]


@st.composite
def formulas(draw):
    """A formula of two arrays, some steps deep, as a function and as NumPy computes it."""
    steps = draw(st.lists(st.integers(0, len(UNARY) + len(BINARY) + len(CHOICES) - 1), min_size=2,
                          max_size=7))  # fmt: skip
    picks = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=len(steps),
                          max_size=len(steps)))  # fmt: skip

    def formula(a, b, steps=str(steps), picks=str(picks)):
        found = [a, b]
        for step, (i, j) in zip(eval(steps), eval(picks), strict=True):
            x, y = found[i % len(found)], found[j % len(found)]
            functions = [*UNARY, *BINARY, *CHOICES]
            found.append(functions[step](x) if step < len(UNARY) else functions[step](x, y))
        return found[-1]

    return formula


@given(formulas(), st.sampled_from([SINGLE, DOUBLE]), st.integers(0, 99), st.sampled_from("CFST"))
@settings(max_examples=25)
def test_a_formula_gives_numpy_s_bits(formula, dtype, seed, layout):
    a, b = (numbers(seed + i, (13, 7), dtype) for i in range(2))
    if layout == "F":
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    elif layout == "S":
        a, b = a[::2, ::3], b[::2, ::3]
    elif layout == "T":
        b = b[0]  # broadcast
    compiled = compiler().each(formula, [a, b])
    if compiled is None:  # fewer than two passes, or an input that is not used
        try:
            assert trace(formula, [dtype, dtype]).operations < 2
        except UntraceableError as error:
            assert "no result depends" in str(error)
        return
    with np.errstate(all="ignore"):
        assert to_the_bit(compiled(a, b), np.asarray(formula(a, b)))


@pytest.mark.parametrize("choice", ["maximum", "minimum"])
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_the_larger_and_the_smaller_of_two(choice, dtype):
    a, b = np.meshgrid(*[np.array(EDGES, dtype)] * 2)
    compiled = compiler().each(lambda a, b: getattr(np, choice)(a, b * 1.0), [a, b])
    assert same(
        compiled(a, b), getattr(np, choice)(a, b)
    )  # of 0 and -0 NumPy takes one or the other


def test_bytes_become_numbers():
    pixels = np.arange(256, dtype=np.uint8)

    def scaled(x):
        return x.astype(np.float32) / 127.5 - 1

    assert to_the_bit(compiler().each(scaled, [pixels])(pixels), scaled(pixels))


def test_what_is_written_in_place_is_followed():
    def formula(memory, x, y):
        z = np.subtract(x, y, out=memory)
        z *= z
        y += z
        return y, np.sqrt(z, out=z)

    x, y = numbers(0, 50, SINGLE), numbers(1, 50, SINGLE)
    compiled = compiler().each(formula, [x, y], memory=1)
    with np.errstate(all="ignore"):
        found = compiled(x, y)
        wanted = formula(np.empty_like(x), x, y.copy())
    assert all(to_the_bit(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: x if x > 0 else -x,
        lambda x: np.exp(x) * 2,
        lambda x: x.sum() * x,
        lambda x: np.tanh(x) + x,
        lambda x: [1, 2],
        lambda x: x.astype(np.int64) * 2,
        lambda x: np.add(x, x, where=x > 0),
    ],
)
def test_what_symbols_cannot_follow_is_left_to_numpy(formula):
    with pytest.raises(UntraceableError):
        trace(formula, [SINGLE])
    assert compiler().each(formula, [np.ones(3, SINGLE)]) is None


def test_memory_is_not_read_before_it_is_written():
    with pytest.raises(UntraceableError, match="read before"):
        trace(lambda memory, x: x + memory, [SINGLE, SINGLE], memory=1)


def test_formulas_with_one_code_are_told_apart():
    x = np.arange(4, dtype=SINGLE)
    ours = compiler()
    double, triple = (lambda x, k=k: k * x + 0.0 * x for k in (2.0, 3.0))
    assert ours.each(double, [x])(x).tolist() == [0, 2, 4, 6]
    assert ours.each(triple, [x])(x).tolist() == [0, 3, 6, 9]
    assert ours.each(double, [x]) is ours.each(double, [x])  # made once


def test_a_number_that_changes_all_the_time_is_not_compiled_each_time(monkeypatch):
    monkeypatch.setattr("minigan.backend.numpy.compiler.VARIANTS", 3)
    x, ours = np.ones(4, SINGLE), compiler()
    found = [ours.each(lambda x, k=k: k * x + 1.0, [x]) for k in (2.0, 3.0, 4.0, 5.0)]
    assert [one is not None for one in found] == [True, True, True, False]
    assert ours.each(lambda x: x * x - 1.0, [x])(x).tolist() == [0, 0, 0, 0]  # another formula


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("strided", [False, True])
def test_columns_are_added_up_as_numpy_adds_them(dtype, strided):
    x, y = numbers(2, (37, 66), dtype), numbers(3, (37, 66), dtype)
    center = numbers(4, 66, dtype)

    def formula(x, y, center):
        return (x - center) * y

    with np.errstate(all="ignore"):
        operands = [a[..., ::2] if strided else a for a in (x, y, center)]
        compiled = compiler().columns(formula, operands, rows=2)
        wanted = formula(*operands).copy(order="C").sum(axis=0)
        assert to_the_bit(compiled(*operands), wanted)
        first = *[a[:1] for a in operands[:2]], operands[2]  # of which −0 becomes 0, as in any sum
        assert to_the_bit(compiled(*first), formula(*first).sum(axis=0))


# ---- the backend with and without it -------------------------------------------------------------


@pytest.fixture
def both():
    """A backend that compiles, and one that does not."""
    with_it, without = NumpyBackend(), NumpyBackend()
    without.compiler.on = False
    return with_it, without


@pytest.mark.parametrize("shape", [(64, 1024), (3, 5000), (2, 3, 150, 200)])
def test_kernels_of_columns_and_elements_do_not_change_a_bit(both, shape):
    rng = np.random.default_rng(0)
    x, g = (rng.normal(size=shape).astype(SINGLE).reshape(-1, shape[-1]) for _ in range(2))
    a, b, c = (rng.normal(size=shape[-1]).astype(SINGLE) for _ in range(3))
    results = []
    for backend in both:
        results.append(
            [
                backend.column_sums(x),
                backend.column_products(g, x, a),
                *backend.column_moments(x),
                backend.column_affine(x, a, b),
                backend.column_affine(x, a, g, b, c),
                backend.elementwise(
                    nn.LeakyReLU(0.2)(Tensor(x[:1], requires_grad=True)).op.forward, [x]
                ),  # fmt: skip
            ]
        )
    assert all(to_the_bit(p, q) for p, q in zip(*results, strict=True))
    assert both[0].compiler._made and not both[1].compiler._made


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_adam_does_not_change_a_bit(both, dtype, weight_decay):
    sizes = [7, PIECE, 3, 2 * PIECE + 5]
    found = []
    for backend in both:
        rng = np.random.default_rng(0)
        p = [rng.normal(size=n).astype(dtype) for n in sizes]
        m, v = (np.zeros(sum(sizes), dtype) for _ in range(2))
        count = np.zeros(1, np.int64)
        for _ in range(3):
            g = [rng.normal(size=n).astype(dtype) for n in sizes]
            backend.adam(p, g, m, v, count, AdamStep(1e-3, 0.5, 0.999, 1e-8, weight_decay))
        found.append([*p, m, v])
    assert all(to_the_bit(a, b) for a, b in zip(*found, strict=True))


def test_small_arrays_are_not_worth_it(both):
    with_it, _ = both
    small = np.ones(COMPILED - 1, SINGLE)
    with_it.elementwise(lambda x: x * 2 + 1, [small])
    assert not with_it.compiler._made


def test_threads_that_compile_at_once_get_one_function():
    ours, found = compiler(), []
    x = np.ones(10, SINGLE)

    def formula(x):
        return x * 2 + 1

    threads = [threading.Thread(target=lambda: found.append(ours.each(formula, [x])))
               for _ in range(8)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(one is found[0] for one in found)


CHILD = """
import os, numpy as np
from minigan.backend.numpy.compiler import Compiler
ours, x = Compiler(), np.ones(10, np.float32)
compiled = ours.each(lambda x: x * 2 + 1, [x])
print(compiled is not None, flush=True)
child = os.fork()
again = ours.each(lambda x: x * 3 + 1, [x])
if child == 0:
    os._exit(0 if compiled(x)[0] == 3 and again(x)[0] == 4 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_goes_on_compiling():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "0"]


def test_without_llvmlite_numpy_runs_the_formula(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.delitem(sys.modules, "minigan.backend.numpy.compiler.machine", raising=False)
    ours = compiler()
    assert ours.each(lambda x: x * 2 + 1, [np.ones(3, SINGLE)]) is None
    assert not ours.on
    with pytest.raises(UserError, match=r'pip install "minigan\[fast\]"'):
        ours.explain(lambda x: x * 2 + 1, [SINGLE])


def test_a_broken_llvm_is_said_once_and_left_alone(monkeypatch):
    from minigan.backend.numpy.compiler import machine

    monkeypatch.setattr(machine.llvm, "get_host_cpu_name", lambda: "abacus-9000")
    monkeypatch.setattr(machine.Machine, "_target", broken)
    ours = compiler()
    with pytest.warns(UserWarning, match="LLVM fails: no such processor"):
        assert ours.each(lambda x: x * 2 + 1, [np.ones(3, SINGLE)]) is None
    assert ours.each(lambda x: x * 2 + 2, [np.ones(3, SINGLE)]) is None


def broken(self):
    raise RuntimeError("no such processor")


def test_a_variable_switches_it_off(monkeypatch):
    monkeypatch.setenv("MINIGAN_COMPILE", "0")
    assert compiler().each(lambda x: x * 2 + 1, [np.ones(3, SINGLE)]) is None


def test_all_of_the_way_can_be_read():
    text = get_backend("numpy").compiler.explain(lambda x: np.maximum(x, x * 0.2), [SINGLE])
    parts = [line for line in text.splitlines() if line.startswith("----")]
    assert len(parts) == 4
    assert "maximum" in text and "fmul float" in text and "ret" in text
