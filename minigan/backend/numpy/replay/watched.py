"""Arrays that take notes: whatever a step asks of one is done, and written down.

A `Watched` stands for an array of NumPy, and answers as that would. It is not one: an array of
NumPy can be read behind everybody's back, by anything written in C. What a watched one is not asked
in a way that can be repeated (a number to decide something by, the whole array to be worked on
elsewhere) it answers all the same, and the notes *fail*. So a step that is watched does what it
always does; only the notes may come to nothing.

Next: kernels.py, what a backend is asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigan.backend.numpy.replay.notes import ABOUT_SHAPES, Call, Notes, Place, places, replaced

METHODS = {
    *("transpose", "reshape", "ravel", "squeeze", "swapaxes", "astype", "copy", "take", "clip"),
    *("sum", "mean", "max", "min", "prod", "argmax", "argmin", "all", "any", "repeat", "conj"),
}
FACTS = {"flags", "strides", "itemsize", "nbytes"}


class Watched(NDArrayOperatorsMixin):
    """An array of NumPy whose every use is written down."""

    __slots__ = ("notes", "array", "base", "number")
    number: int  # its place in the notes

    def __init__(self, notes: Notes, array: Any, base: Watched | None = None) -> None:
        self.notes, self.array = notes, array
        self.base = base  # the array in whose memory this one lies, if that is another
        self.number = notes.place(array, None if base is None else base.number)

    # ---- what is always the same -----------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def size(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        return len(self.array)

    # ---- what is written down --------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__":
            return noted(self.notes, ufunc, *inputs, **options)
        return noted(self.notes, getattr(ufunc, method), *inputs, **options)

    def __array_function__(
        self, function: Any, types: Any, inputs: Sequence[Any], options: dict[str, Any]
    ) -> Any:
        return noted(self.notes, function, *inputs, **options)

    def __getitem__(self, index: Any) -> Any:
        return noted(self.notes, operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        noted(self.notes, operator.setitem, self, index, value, writes=[self])

    @property
    def T(self) -> Any:  # noqa: N802
        return noted(self.notes, "transpose", self)

    def fill(self, value: Any) -> None:
        self[...] = value

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return lambda *inputs, **options: noted(self.notes, name, self, *inputs, **options)
        if name.startswith("__") or not hasattr(self.array, name):
            raise AttributeError(name)  # so that C asks for __array__ instead
        if name not in FACTS:
            self.notes.fail(f"it asks an array for {name}")
        return getattr(self.array, name)

    # ---- what cannot be repeated -----------------------------------------------------------------

    def _read(self) -> Any:
        self.notes.fail("it reads a number of an array")
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self.notes.fail("it works on an array in a way that cannot be watched")
        return np.array(self.array, dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        return bool(self._read())

    def __float__(self) -> float:
        return float(self._read())

    def __int__(self) -> int:
        return int(self._read())

    def __index__(self) -> int:
        return operator.index(self._read())

    def item(self, *place: Any) -> Any:
        return self._read().item(*place)

    def tolist(self) -> Any:
        return self._read().tolist()

    def __reduce__(self) -> Any:
        return self._read().__reduce__()


def noted(
    notes: Notes,
    function: Callable[..., Any] | str,
    *inputs: Any,
    writes: Sequence[Any] = (),
    **options: Any,
) -> Any:
    """Call the function (or the method of that name), write it down, and watch what comes out.

    `writes` are what it writes into, besides `out=`.
    """
    given, named = replaced((inputs, options), Watched, lambda x: x.array)
    if isinstance(function, str):
        found = getattr(given[0], function)(*given[1:], **named)
    else:
        found = function(*given, **named)
    results = found if isinstance(found, tuple | list) else () if found is None else (found,)
    if not all(isinstance(each, np.ndarray | np.generic) for each in results):
        if function not in ABOUT_SHAPES:
            notes.fail(f"it asks {getattr(function, '__name__', function)} for what is no array")
        return found
    places_of, named_places = replaced((inputs, options), Watched, lambda x: Place(x.number))
    for number in places([places_of, named_places]):
        if number in notes.unusable:
            notes.fail(notes.unusable[number])
    out = options.get("out")
    answers: list[Any] = list(out) if isinstance(out, tuple) else [] if out is None else [out]
    written = [*answers, *writes]
    if not all(isinstance(x, Watched) for x in written):
        notes.fail("it writes into an array that is not watched")
    made: tuple[int, ...] = ()
    if len(results) == 1 and not answers and _is_the_same(results[0], inputs[0]):
        return inputs[0]  # transposed by (0, 1), say, or reshaped to the shape that it has
    if not answers:
        owners = [x if x.base is None else x.base for x in found_in((inputs, options))]
        answers = [Watched(notes, each, _base(each, owners)) for each in results]
        made = tuple([answer.number for answer in answers])
    changed = tuple([x.number for x in written if isinstance(x, Watched)])
    notes.calls.append(Call(function, places_of, named_places, made, dict(np.geterr()), changed))
    return type(found)(answers) if isinstance(found, tuple | list) else (answers or [None])[0]


def found_in(value: Any) -> Iterator[Watched]:
    """The watched arrays within a value, in lists, tuples and dicts of them."""
    if isinstance(value, Watched):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from found_in(item)
    elif isinstance(value, dict):
        yield from found_in(list(value.values()))


def _base(array: Any, owners: Iterable[Watched]) -> Watched | None:
    """The one in whose memory an array lies, if it lies there."""
    memory = memory_of(array)
    return next((owner for owner in owners if memory_of(owner.array) is memory), None)


def _is_the_same(array: Any, given: Any) -> bool:
    """Whether an array has the same numbers in the same places as a watched one."""
    if not (isinstance(given, Watched) and isinstance(array, np.ndarray)):
        return False
    facts = [x.__array_interface__ for x in (array, np.asarray(given.array))]
    return all(facts[0][name] == facts[1][name] for name in ("data", "shape", "strides", "typestr"))


def memory_of(array: Any) -> Any:
    """The array that a chain of views ends at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
