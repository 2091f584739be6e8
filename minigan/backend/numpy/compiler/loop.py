"""From notes to a loop: the text of a function in LLVM's language, which any LLVM can compile.

Two kinds of loop are all that there is:

    each       y[i] = f(a[i], b[i], …)                    for every element
    columns    y[c] = Σ over rows r of f(a[r, c], b[c], …)    one row after the other

The functions are what NumPy calls the loops of a ufunc and of a generalized ufunc: they are handed
pointers, counts and strides (in bytes) in arrays of their own, and NumPy does the rest, such as
broadcasting. Each loop is written twice, for numbers that lie side by side, of which the processor
takes 8 or 16 at once, and for any others.

Next: machine.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.backend.numpy.compiler.trace import BOOL, FLOATS, Notes, Step, UntraceableError

IN_MEMORY = {"float32": "float", "float64": "double", "bool": "i8", "uint8": "i8", "int64": "i64"}
ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
COMPARISONS = {
    "less": "olt",
    "less_equal": "ole",
    "greater": "ogt",
    "greater_equal": "oge",
    "equal": "oeq",
    "not_equal": "une",
}
LOGIC = {"logical_and": "and", "logical_or": "or", "bitwise_and": "and", "bitwise_or": "or"}

# An element's place depends on its own index alone, so rounds of the loop may run at once, even if
# a result lies where an input did: LLVM is told so, and need not prove it. (!0 is a loop over
# numbers that lie side by side, !3 one over others, and !2 stands for all that they read or write.)
PARALLEL = """
!0 = distinct !{!0, !1}
!1 = !{!"llvm.loop.parallel_accesses", !2}
!2 = distinct !{}
!3 = distinct !{!3, !4}
!4 = !{!"llvm.loop.vectorize.enable", i1 false}
"""
INTRINSICS = """
declare float @llvm.sqrt.f32(float)
declare double @llvm.sqrt.f64(double)
declare float @llvm.fabs.f32(float)
declare double @llvm.fabs.f64(double)
"""


def each(notes: Notes, *, numbers: int = 0) -> str:
    """y[i] = f(a[i], b[i], …): the loop of a ufunc, whose last `numbers` inputs are one number."""
    types = operand_types(notes)
    inputs = len(types) - len(notes.results)
    arrays = [i for i in range(len(types)) if not inputs - numbers <= i < inputs]
    lines = [
        "define void @loop(ptr %pointers, ptr %counts, ptr %strides, ptr %data) {",
        "start:",
        "  %n = load i64, ptr %counts",
        *_loaded("pointers", "ptr", "p", len(types)),
        *_loaded("strides", "i64", "s", len(types)),
        *_side_by_side(arrays, types),
        "  %some = icmp sgt i64 %n, 0",
        "  br i1 %some, label %choose, label %end",
        "choose:",
        "  br i1 %side.by.side, label %dense, label %apart",
    ]
    for name in ("dense", "apart"):
        lines += [
            f"{name}:",
            f"  %{name}.i = phi i64 [0, %choose], [%{name}.next, %{name}]",
            *_body(notes, types, name, arrays),
            *_round(name, "%n", "end"),
        ]
    return "\n".join([*lines, "end:", "  ret void", "}", INTRINSICS, PARALLEL])


def columns(notes: Notes, rows: int) -> str:
    """y[c] = Σ over r of f: the loop of a generalized ufunc whose first `rows` inputs have rows.

    Its signature is (m,c), …, (c), … -> (c), …; `signature` writes it.
    """
    types = operand_types(notes)
    # After the strides between repetitions, which are not used, come those of (m,c) and of (c).
    lines = [
        "define void @loop(ptr %pointers, ptr %counts, ptr %strides, ptr %data) {",
        "start:",
        "  %m.at = getelementptr i64, ptr %counts, i64 1",
        "  %m = load i64, ptr %m.at",
        "  %n.at = getelementptr i64, ptr %counts, i64 2",
        "  %n = load i64, ptr %n.at",
        *_loaded("pointers", "ptr", "p", len(types)),
    ]
    place = len(types)
    for operand in range(len(types)):
        if operand < rows:
            lines += _load("strides", "i64", f"r{operand}", place)
            place += 1
        lines += _load("strides", "i64", f"s{operand}", place)
        place += 1
    lines += [
        *_side_by_side(range(len(types)), types),
        "  %some.rows = icmp sgt i64 %m, 0",
        "  %some.columns = icmp sgt i64 %n, 0",
        "  %some = and i1 %some.rows, %some.columns",
        "  br i1 %some, label %row, label %end",
        "row:",
        "  %r = phi i64 [0, %start], [%r.next, %row.end]",
        "  %first = icmp eq i64 %r, 0",
    ]
    for operand in range(rows):
        lines += [
            f"  %down{operand} = mul i64 %r, %r{operand}",
            f"  %q{operand} = getelementptr i8, ptr %p{operand}, i64 %down{operand}",
        ]
    lines += ["  br i1 %side.by.side, label %dense, label %apart"]
    for name in ("dense", "apart"):
        lines += [
            f"{name}:",
            f"  %{name}.i = phi i64 [0, %row], [%{name}.next, %{name}]",
            *_body(notes, types, name, range(len(types)), rows, adding=True),
            *_round(name, "%n", "row.end"),
        ]
    lines += [
        "row.end:",
        "  %r.next = add i64 %r, 1",
        "  %more.rows = icmp slt i64 %r.next, %m",
        "  br i1 %more.rows, label %row, label %end",
    ]
    return "\n".join([*lines, "end:", "  ret void", "}", INTRINSICS, PARALLEL])


def signature(inputs: int, rows: int, results: int) -> str:
    """Of the generalized ufunc: (m,c),(m,c),(c)->(c) for two inputs with rows and one without."""
    given = ["(m,c)"] * rows + ["(c)"] * (inputs - rows)
    return f"{','.join(given)}->{','.join(['(c)'] * results)}"


def operand_types(notes: Notes) -> list[np.dtype[Any]]:
    """The types of the inputs, and then of the results."""
    inputs = [step.dtype for step in notes.steps if step.name == "input"]
    types = [*inputs, *[notes.steps[number].dtype for number in notes.results]]
    for dtype in types:
        if dtype.name not in IN_MEMORY:
            raise UntraceableError(f"numbers of type {dtype}")
    return types


# ---------------------------------------------------------------------------------------------


def _load(array: str, kind: str, name: str, place: int) -> list[str]:
    return [
        f"  %{name}.at = getelementptr {kind}, ptr %{array}, i64 {place}",
        f"  %{name} = load {kind}, ptr %{name}.at",
    ]


def _loaded(array: str, kind: str, name: str, count: int) -> list[str]:
    return [line for i in range(count) for line in _load(array, kind, f"{name}{i}", i)]


def _side_by_side(operands: Sequence[int], types: Sequence[np.dtype[Any]]) -> list[str]:
    """%side.by.side: whether every operand's stride is the size of its numbers."""
    lines, so_far = [], "true"
    for i in operands:
        together = "%side.by.side" if i == operands[-1] else f"%near.up.to{i}"
        lines += [
            f"  %near{i} = icmp eq i64 %s{i}, {types[i].itemsize}",
            f"  {together} = and i1 {so_far}, %near{i}",
        ]
        so_far = together
    return lines


def _round(name: str, count: str, then: str) -> list[str]:
    """The end of a round: to the next index, or out."""
    kind = "!0" if name == "dense" else "!3"
    return [
        f"  %{name}.next = add i64 %{name}.i, 1",
        f"  %{name}.more = icmp slt i64 %{name}.next, {count}",
        f"  br i1 %{name}.more, label %{name}, label %{then}, !llvm.loop {kind}",
    ]


def _body(
    notes: Notes,
    types: Sequence[np.dtype[Any]],
    name: str,
    arrays: Sequence[int],
    rows: int = 0,
    *,
    adding: bool = False,
) -> list[str]:
    """One element: load the inputs, take the steps, store the results (or add them up)."""
    lines: list[str] = []

    def address(operand: int) -> str:
        start = f"%q{operand}" if operand < rows else f"%p{operand}"
        kind, at = IN_MEMORY[types[operand].name], f"%{name}.at{operand}"
        if operand not in arrays:
            return start
        if name == "dense":
            lines.append(f"  {at} = getelementptr {kind}, ptr {start}, i64 %{name}.i")
        else:
            lines.append(f"  {at}.far = mul i64 %{name}.i, %s{operand}")
            lines.append(f"  {at} = getelementptr i8, ptr {start}, i64 {at}.far")
        return at

    values: list[str] = []
    inputs = 0
    for number, step in enumerate(notes.steps):
        result = f"%{name}.{number}"
        if step.name == "input":
            at, kind = address(inputs), IN_MEMORY[step.dtype.name]
            loaded = f"{result}.byte" if step.dtype == BOOL else result
            lines.append(f"  {loaded} = load {kind}, ptr {at}, !llvm.access.group !2")
            if step.dtype == BOOL:
                lines.append(f"  {result} = icmp ne i8 {loaded}, 0")
            inputs += 1
        elif step.name == "constant":
            result = _constant(step)
        elif step.name == "memory":
            result = "nothing"
        else:
            lines += _instructions(result, step, notes, [values[i] for i in step.of])
        values.append(result)
    for operand, number in enumerate(notes.results, inputs):
        at = address(operand)
        lines += _stored(at, values[number], notes.steps[number], f"{name}.{operand}", adding)
    return lines


def _stored(at: str, value: str, step: Step, name: str, adding: bool) -> list[str]:
    kind, lines = IN_MEMORY[step.dtype.name], []
    if adding:  # in the first row to zero, as np.sum does: of −0 it makes 0
        so_far, total = f"%{name}.so.far", f"%{name}.total"
        lines = [
            f"  {so_far}.memory = load {kind}, ptr {at}, !llvm.access.group !2",
            f"  {so_far} = select i1 %first, {kind} 0.0, {kind} {so_far}.memory",
            f"  {total} = fadd {kind} {so_far}, {value}",
        ]
        value = total
    if step.dtype == BOOL:
        byte = f"%{name}.byte"
        lines.append(f"  {byte} = zext i1 {value} to i8")
        value = byte
    return [*lines, f"  store {kind} {value}, ptr {at}, !llvm.access.group !2"]


def _register(dtype: np.dtype[Any]) -> str:
    return "i1" if dtype == BOOL else IN_MEMORY[dtype.name]


def _constant(step: Step) -> str:
    if step.dtype == BOOL:
        return "true" if step.value else "false"
    if step.dtype in FLOATS:  # LLVM writes any float by the bits of a double
        return f"0x{np.float64(step.value).view(np.uint64):016X}"
    return str(int(step.value))


def _instructions(result: str, step: Step, notes: Notes, of: Sequence[str]) -> list[str]:
    """The lines that take one step; `of` names what it is taken with."""
    before = notes.steps[step.of[-1]].dtype  # the type in which it is computed
    kind = _register(before)
    if step.name in ARITHMETIC:
        return [f"  {result} = {ARITHMETIC[step.name]} {kind} {of[0]}, {of[1]}"]
    if step.name in COMPARISONS and before in FLOATS:
        return [f"  {result} = fcmp {COMPARISONS[step.name]} {kind} {of[0]}, {of[1]}"]
    if step.name in LOGIC and before == BOOL:
        return [f"  {result} = {LOGIC[step.name]} i1 {of[0]}, {of[1]}"]
    if step.name in ("logical_not", "invert") and before == BOOL:
        return [f"  {result} = xor i1 {of[0]}, true"]
    if step.name == "negative":
        return [f"  {result} = fneg {kind} {of[0]}"]
    if step.name in ("sqrt", "absolute"):
        function = f"llvm.{'sqrt' if step.name == 'sqrt' else 'fabs'}.f{8 * before.itemsize}"
        return [f"  {result} = call {kind} @{function}({kind} {of[0]})"]
    if step.name == "where":
        return [f"  {result} = select i1 {of[0]}, {kind} {of[1]}, {kind} {of[2]}"]
    if step.name in ("maximum", "minimum"):  # of equal ones the second, of a NaN the NaN
        sign = "ogt" if step.name == "maximum" else "olt"
        return [
            f"  {result}.c = fcmp {sign} {kind} {of[0]}, {of[1]}",
            f"  {result}.m = select i1 {result}.c, {kind} {of[0]}, {kind} {of[1]}",
            f"  {result}.nan = fcmp uno {kind} {of[0]}, {of[0]}",
            f"  {result} = select i1 {result}.nan, {kind} {of[0]}, {kind} {result}.m",
        ]
    if step.name == "cast":
        how = _conversion(before, step.dtype)
        return [f"  {result} = {how} {kind} {of[0]} to {_register(step.dtype)}"]
    raise UntraceableError(f"{step.name} of {before}")


def _conversion(before: np.dtype[Any], after: np.dtype[Any]) -> str:
    if before in FLOATS and after in FLOATS:
        return "fpext" if after.itemsize > before.itemsize else "fptrunc"
    if after in FLOATS and before.kind in "bu":
        return "uitofp"
    if after in FLOATS and before.kind == "i":
        return "sitofp"
    raise UntraceableError(f"{before} as {after}")
