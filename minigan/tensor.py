"""Tensor: torch's names on a node of the graph. A phone book: look things up, do not read through.

What is behind the names is in engine/. Here a method checks its arguments, brings them into the
form that an op takes, and applies it.

Next: creation.py; then functional/, where the networks' own functions are written in the same way
as the engine's ops.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from minigan.backend import Backend, backend_of, get_backend
from minigan.backend.device import Device, backend_named, device_of
from minigan.engine.arithmetic import (
    Abs,
    Add,
    AMax,
    AMin,
    Cast,
    Clamp,
    Copy,
    Divide,
    Exp,
    Log,
    MatMul,
    Maximum,
    Minimum,
    Move,
    Multiply,
    Negate,
    Power,
    Sqrt,
    Subtract,
    Sum,
    Where,
)
from minigan.engine.fused import FusedOp
from minigan.engine.hooks import Handle, add_hook, keep
from minigan.engine.node import Array, Node, Scalar, Shape, owner, shapes
from minigan.engine.op import Elementwise, Gradients, Op
from minigan.engine.recording import (
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
    this_thread,
)
from minigan.engine.shape import Concatenate, Expand, Index, Permute, Reshape
from minigan.engine.walk import backward, grad, to_the_end
from minigan.random import Random, default_generator

# What is written with tensors needs these, too, and may take them from here.
__all__ = [
    "Array",
    "Elementwise",
    "FusedOp",
    "Gradients",
    "Op",
    "Scalar",
    "Shape",
    "Tensor",
    "absolute",
    "as_tensor",
    "cat",
    "clamp",
    "detect_anomaly",
    "enable_grad",
    "exp",
    "grad",
    "is_grad_enabled",
    "log",
    "maximum",
    "minimum",
    "no_grad",
    "set_grad_enabled",
    "sqrt",
    "stack",
    "where",
]


class Tensor(Node):
    """An array, and the op that made it.

    `data` is a NumPy or CuPy array, a number, or a nested list of numbers. Python floats become
    float32; arrays keep their type. Names and meanings are torch's. The array itself is `.array`.
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that `ndarray * tensor` asks the tensor, not NumPy

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: Any = None,
        backend: str | Backend | None = None,
    ) -> None:
        source = _array(data)
        home = _home(source) if backend is None else get_backend(backend)
        array = home.asarray(source)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"a tensor holds numbers; {str(data)[:50]!r} is {array.dtype}")
        number_type(array.dtype if dtype is None else dtype)
        if dtype is None and array.dtype == np.float64 and not hasattr(source, "dtype"):
            dtype = np.float32
        self.array = array if dtype is None else array.astype(dtype, copy=False)
        self._start()
        if isinstance(data, Tensor) and owner(self.array) is owner(data.array):
            self._version = data._version  # a second name of the same memory
        self.requires_grad_(requires_grad)

    @staticmethod
    def of(array: Array) -> Tensor:
        """A tensor of an array that is known to be one: no checks, no conversions."""
        tensor = Tensor.__new__(Tensor)
        # NumPy returns a bare number where an array without dimensions is meant
        tensor.array = np.asarray(array) if isinstance(array, np.generic) else array
        tensor._start()
        return tensor

    like = of  # an op asks one of its inputs, and so needs no import of this class

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, or copied, it is a leaf with an order of its own, never its twin's."""
        return type(self), (self.array, self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf in memory of its own, and its gradient with it, as in torch."""
        twin = type(self)(self._copied_array(memo), self.requires_grad)
        twin.grad = copy.deepcopy(self.grad, memo)
        memo[id(self)] = twin
        return twin

    def _copied_array(self, memo: dict[int, Any]) -> Array:
        """In the same order of memory, which CuPy's own deep copy does not keep."""
        if id(self.array) not in memo:
            memo[id(self.array)] = self.array.copy(order="K")
        return memo[id(self.array)]

    # ---- what it is -----------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def backend(self) -> Backend:
        return backend_of(self.array)

    @property
    def device(self) -> Device:
        return device_of(self.backend)

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_leaf(self) -> bool:
        return self.op is None

    @property
    def version(self) -> int:
        """How often the numbers were overwritten in place, by an optimizer for instance."""
        return self._version[0]

    def dim(self) -> int:
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.array.shape if dim is None else self.array.shape[dim]

    def numel(self) -> int:
        return int(self.array.size)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a tensor without dimensions")
        return self.array.shape[0]

    def __repr__(self) -> str:
        """The numbers; of more than 50, those at the edges, and the shape."""
        text = np.array2string(
            self.numpy(),
            separator=", ",
            prefix="Tensor(",
            threshold=50,
            edgeitems=3 if self.ndim < 3 else 1,  # of a batch of images, a dozen lines
        )
        shown = self.shape == (0,) or 0 < self.numel() <= 50
        shape = "" if shown else f", shape={self.shape}"
        made = f", made by {self.op.name}" if self.op else ""
        leaf = ", requires_grad=True" if self.requires_grad and not made else ""
        return f"Tensor({text}{shape}, dtype={self.dtype}{leaf}{made})"

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        """A whole number in a tensor counts and indexes like any other."""
        return operator.index(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # ---- out of the engine ------------------------------------------------------------------

    def item(self) -> Any:
        """The number in a tensor of one element. On a GPU this waits for it to be computed."""
        if self.array.size != 1:
            raise ValueError(f"item() takes a tensor of one element, this has shape {self.shape}")
        return self.array.item()

    def tolist(self) -> Any:
        return self.array.tolist()

    def storage(self) -> Tensor:
        """All numbers, in a row: what torch's older scripts take their `tolist()` of."""
        return self.detach().flatten()

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array: the same memory if they are there already."""
        return self.backend.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    @property
    def ctypes(self) -> NoReturn:
        """Where an array's numbers begin: safetensors.numpy asks, and would write them as they lie.

        A tensor's may lie in another order than C's. Raises AttributeError, as a name does that
        is not there; earlier versions ask for `tobytes`, with the same answer.
        """
        raise AttributeError(
            "a tensor's numbers may lie in any order of axes, and safetensors.numpy writes them as "
            "they lie: give it {name: numpy.ascontiguousarray(x) for name, x in state.items()}"
        )

    tobytes = ctypes

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def detach(self) -> Tensor:
        """The same numbers, without their history: gradients stop here."""
        tensor = Tensor.of(self.array)
        tensor._version = self._version
        return tensor

    @property
    def data(self) -> Tensor:
        """torch's old name for `detach()`: assigned, its memory becomes this tensor's own."""
        return self.detach()

    @data.setter
    def data(self, source: Tensor) -> None:
        if not isinstance(source, Tensor):
            raise TypeError(
                f"a tensor's data is a tensor, not a {type(source).__name__}; the array behind it "
                "is .array"
            )
        if self.op is not None:
            raise RuntimeError(f"the data of a tensor that {self.op.name} made cannot be replaced")
        self.array = source.array
        self.mark_changed()

    def to(self, where: Any) -> Tensor:
        """Another number type ("float64", minigan.float32) or another backend ("cupy").

        torch's names of the backends are known, too: "cpu", "cuda", "cuda:0".
        """
        if (name := backend_named(where)) is not None:
            backend = get_backend(name)
            return self if backend is self.backend else Move(backend)(self)
        dtype = number_type(where)
        if dtype == self.dtype:
            return self
        return Cast(dtype)(self if dtype.kind == "f" else self.detach())  # steps have no slope

    def cpu(self) -> Tensor:
        return self.to("numpy")

    def type_as(self, other: Tensor) -> Tensor:
        return self.to(other.backend).to(other.dtype)

    def cuda(self, device: Any = None) -> Tensor:
        return self.to("cupy")

    def type(self, kind: Any) -> Tensor:
        """torch's older name of `to`: a number type, or a type of tensors, which has a home too."""
        home = getattr(kind, "backend", self.backend)
        return self.to(home).to(getattr(kind, "dtype", kind))

    def float(self) -> Tensor:
        return self.to(np.float32)

    def double(self) -> Tensor:
        return self.to(np.float64)

    def long(self) -> Tensor:
        return self.to(np.int64)

    # ---- in place: only where no gradient is being recorded -----------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors have gradients, this one is {self.dtype}")
        if self.op is not None and not requires_grad:
            raise RuntimeError("requires_grad can be switched off on leaves only; use detach()")
        self.requires_grad = requires_grad
        return self

    def mark_changed(self) -> None:
        """Say that the numbers were overwritten: a graph that needs the old ones complains."""
        self._version[0] += 1

    def _writable(self) -> Tensor:
        if self.requires_grad and this_thread.recording:
            raise RuntimeError(
                "a tensor that requires grad cannot be written in place while the graph is "
                "being recorded; do it under no_grad(), or on detach()"
            )
        self.mark_changed()
        return self

    def copy_(self, source: Tensor | Array | Scalar) -> Tensor:
        self._writable().array[...] = _without_history(source)
        return self

    def _take(self, result: Tensor) -> Tensor:
        """Its memory takes what was computed from it, if that fits."""
        if result.shape != self.shape or _rank(result.dtype) > _rank(self.dtype):
            raise ValueError(
                f"a tensor of shape {self.shape} and type {self.dtype} cannot take a result of "
                f"shape {result.shape} and type {result.dtype} in place"
            )
        array = self._writable().array
        array[...] = _without_history(result)
        return self

    def add_(self, other: Any, *, alpha: Scalar = 1) -> Tensor:
        return self._take(self.add(other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Scalar = 1) -> Tensor:
        return self._take(self.sub(other, alpha=alpha))

    def mul_(self, other: Any) -> Tensor:
        return self._take(self * other)

    def div_(self, other: Any) -> Tensor:
        return self._take(self / other)

    def fill_(self, value: Scalar) -> Tensor:
        self._writable().array[...] = value
        return self

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        return self._take(self.clamp(min, max))

    def normal_(
        self, mean: Scalar = 0, std: Scalar = 1, *, generator: Random | None = None
    ) -> Tensor:
        """Numbers of N(mean, std²), from `generator` or from this thread's default one."""
        if std < 0:
            raise ValueError(f"normal_ needs a std of at least 0, not {std}")
        source = generator or default_generator(backend=self.backend)
        return self.copy_(source.normal(self.shape, self.dtype) * std + mean)

    def uniform_(self, a: Scalar = 0, b: Scalar = 1, *, generator: Random | None = None) -> Tensor:
        """Numbers drawn evenly from [a, b), likewise."""
        if a > b:
            raise ValueError(f"uniform_ goes from a number to a larger one, not {a} to {b}")
        source = generator or default_generator(backend=self.backend)
        return self.copy_(source.uniform(self.shape, self.dtype) * (b - a) + a)

    def __setitem__(self, index: Any, value: Tensor | Array | Scalar) -> None:
        self._writable().array[_plain_index(index)] = _without_history(value)

    def _updated(self, result: Tensor) -> Tensor:
        """What `x += …` makes of x: its memory takes the result. But if gradients go through the
        result, the old numbers may be needed, and x becomes the name of a new tensor."""
        if result.requires_grad and not (self.requires_grad and self.is_leaf):
            return result
        return self._take(result)

    def __iadd__(self, other: Any) -> Tensor:
        return self._updated(self + other)

    def __isub__(self, other: Any) -> Tensor:
        return self._updated(self - other)

    def __imul__(self, other: Any) -> Tensor:
        return self._updated(self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._updated(self / other)

    # ---- derivatives --------------------------------------------------------------------------

    def backward(
        self,
        gradient: Tensor | Array | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that this tensor was made from.

        With `inputs`, to that of these leaves alone; what only leads to others is not computed.
        `gradient` weights the elements of self, and has its shape; a single number needs none.
        The graph is freed on the way unless `retain_graph` (by default, `create_graph`).

        A single number is taken for a mean over this rank's rows of a batch. Where several
        processes share the batch, it counts for its share of the mean over all rows.
        """
        retain = create_graph if retain_graph is None else retain_graph
        to_the_end(backward(self, gradient, retain, inputs), create_graph)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call hook(gradient) whenever this tensor's gradient has been computed; what it returns,
        unless None, takes the gradient's place. The replay of a recorded step runs no Python,
        and so no hook."""
        if not self.requires_grad:
            raise RuntimeError("a tensor that does not require grad has no gradient to hook on")
        return add_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is no leaf in its `.grad`, too."""
        if not self.requires_grad:
            raise RuntimeError("a tensor that does not require grad has no gradient to retain")
        if self.op is not None and keep not in self.hooks:
            self.hooks = (*self.hooks, keep)

    # ---- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return Add()(*_operands(self, other))

    def __radd__(self, other: Any) -> Tensor:
        return Add()(*_operands(other, self))

    def __sub__(self, other: Any) -> Tensor:
        return Subtract()(*_operands(self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return Subtract()(*_operands(other, self))

    def __mul__(self, other: Any) -> Tensor:
        return Multiply()(*_operands(self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return Multiply()(*_operands(other, self))

    def __truediv__(self, other: Any) -> Tensor:
        return Divide()(*_operands(self._floating(), other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return Divide()(*_operands(other, self._floating()))

    def _floating(self) -> Tensor:
        """Itself, or float32 for whole numbers, whose quotients and roots are fractions."""
        return self if self.array.dtype.kind == "f" else self.float()

    def add(self, other: Any, *, alpha: Scalar = 1) -> Tensor:
        return self + (other if alpha == 1 else other * alpha)

    def sub(self, other: Any, *, alpha: Scalar = 1) -> Tensor:
        return self - (other if alpha == 1 else other * alpha)

    def mul(self, other: Any) -> Tensor:
        return self * other

    def div(self, other: Any) -> Tensor:
        return self / other

    def __matmul__(self, other: Any) -> Tensor:
        return _product(*_operands(self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return _product(*_operands(other, self))

    def matmul(self, other: Tensor) -> Tensor:
        return self @ other

    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices, and of nothing else."""
        if self.ndim != 2 or mat2.ndim != 2:
            raise ValueError(f"mm multiplies matrices, not shapes {self.shape} and {mat2.shape}")
        return self @ mat2

    def __neg__(self) -> Tensor:
        return Negate()(self)

    def neg(self) -> Tensor:
        return -self

    def __pow__(self, exponent: Any) -> Tensor:
        x = self.long() if self.array.dtype.kind == "b" else self
        return Power()(*_operands(x, exponent))

    def __rpow__(self, base: Any) -> Tensor:
        return Power()(*_operands(base, self))

    def pow(self, exponent: Any) -> Tensor:
        return self**exponent

    def square(self) -> Tensor:
        return self**2

    # Comparisons give booleans, which have no derivative and so no op.

    def _compared(self, compare: Callable[..., Array], other: Any) -> Tensor:
        return Tensor.of(self.backend.elementwise(compare, [self.array, _array(other)]))

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compared(operator.eq, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return self._compared(operator.ne, other)

    def __lt__(self, other: Any) -> Tensor:
        return self._compared(operator.lt, other)

    def __le__(self, other: Any) -> Tensor:
        return self._compared(operator.le, other)

    def __gt__(self, other: Any) -> Tensor:
        return self._compared(operator.gt, other)

    def __ge__(self, other: Any) -> Tensor:
        return self._compared(operator.ge, other)

    __hash__ = object.__hash__

    def exp(self) -> Tensor:
        return Exp()(self._floating())

    def log(self) -> Tensor:
        return Log()(self._floating())

    def sqrt(self) -> Tensor:
        return Sqrt()(self._floating())

    def abs(self) -> Tensor:
        return Abs()(self)

    __abs__ = abs

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """min(max(x, min), max): a bound is a number, a tensor, or None."""
        if min is None and max is None:
            raise ValueError("clamp needs a minimum, a maximum or both")
        x, low = (self, min) if min is None else _operands(self, min)
        x, high = (x, max) if max is None else _operands(x, max)
        return Clamp()(x, low, high)

    # ---- sums -----------------------------------------------------------------------------------

    def sum(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        return Sum(_axes(dim, self.ndim), keepdim)(self)

    def mean(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        axes = _axes(dim, self.ndim)
        return Sum(axes, keepdim)(self) / _count(self.shape, axes)

    def var(
        self,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: Scalar | None = None,
    ) -> Tensor:
        """Σ(x − mean)² / (n − correction); the correction is 1 or, if not unbiased, 0."""
        if isinstance(dim, bool):  # torch's x.var(False)
            dim, unbiased = None, dim
        axes = _axes(dim, self.ndim)
        squares = (self - self.mean(axes, keepdim=True)) ** 2
        count = _count(self.shape, axes) - (unbiased if correction is None else correction)
        return Sum(axes, keepdim)(squares) / max(count, 0)

    def std(
        self,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: Scalar | None = None,
    ) -> Tensor:
        """√var. Where all are equal, and √ infinitely steep, its slope is 0, as torch has it."""
        variance = self.var(dim, unbiased, keepdim, correction=correction)
        equal = variance == 0  # √(0 + 1) − 1 is 0, and not steep
        return (variance + equal).sqrt() - equal

    def norm(
        self,
        p: Scalar | str = 2,
        dim: int | Sequence[int] | None = None,
        keepdim: bool = False,
    ) -> Tensor:
        """(Σ |x|ᵖ)^(1/p), and what it tends to: p = ∞ the largest |x|, −∞ the smallest; for p = 0
        the number of those that are not 0. "fro" is 2. Where x is 0 its slope is 0, as in torch."""
        p = 2 if p == "fro" else p
        if isinstance(p, str):
            raise ValueError(f'a norm has a number for its p, or "fro"; not {p!r}')
        if p in (math.inf, -math.inf):
            return self.abs().amax(dim, keepdim) if p > 0 else self.abs().amin(dim, keepdim)
        if p == 1:
            return self.abs().sum(dim, keepdim)
        if p == 0:  # 0⁰ counts as 0 here
            return (self.abs() ** 0 * (self != 0)).sum(dim, keepdim)
        if p == 2:
            powers = self**2
        elif p > 1:
            powers = self.abs() ** p
        else:  # the power is infinitely steep at 0
            zero = self == 0
            powers = where(zero, 0.0 if p > 0 else math.inf, (self.abs() + zero) ** p)
        total = powers.sum(dim, keepdim)
        nothing = total == 0  # as in std
        return (total + nothing) ** (1 / p) - nothing

    def amax(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The largest element; equal ones share the gradient, as in torch."""
        return AMax(_axes(dim, self.ndim), keepdim)(self)

    def amin(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The smallest element, likewise."""
        return AMin(_axes(dim, self.ndim), keepdim)(self)

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest of all: `max()`. Over a dimension, the largest and their places: `max(dim)`.
        Of two tensors, the larger elements: `max(other)`, which is maximum."""
        if dim is None:
            return self.amax()
        if not isinstance(dim, int):
            return maximum(self, dim)
        return self._chosen(self.argmax(dim, keepdim=True), dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest, likewise."""
        if dim is None:
            return self.amin()
        if not isinstance(dim, int):
            return minimum(self, dim)
        return self._chosen(self.argmin(dim, keepdim=True), dim, keepdim)

    def _chosen(self, places: Tensor, dim: int, keepdim: bool) -> ValuesAndIndices:
        """One element along a dimension: the gradient goes to it alone, even if others equal it."""
        if self.ndim == 0:
            return ValuesAndIndices(self.clone(), places)
        index: list[Any] = []
        for axis, n in enumerate(self.shape):  # each place in all other dimensions
            index.append(self.backend.xp.arange(n).reshape([-1] + [1] * (self.ndim - axis - 1)))
        index[dim] = places
        found = ValuesAndIndices(self[tuple(index)], places)
        return found if keepdim else ValuesAndIndices(*[x.squeeze(dim) for x in found])

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The place of the largest, the first of several: in the flattened tensor, or along dim."""
        return self._places(self.array.argmax, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The place of the smallest, likewise."""
        return self._places(self.array.argmin, dim, keepdim)

    def _places(self, find: Callable[..., Array], dim: int | None, keepdim: bool) -> Tensor:
        axis = None if dim is None else _axis(dim, self.ndim)
        places = Tensor.of(find(axis=axis if self.ndim else None))  # CuPy's number has no axis 0
        if not keepdim:
            return places
        axes = _axes(dim, self.ndim)
        return places.reshape([1 if a in axes else n for a, n in enumerate(self.shape)])

    # ---- shape ----------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        return Reshape(shape_of(shape))(self)

    view = reshape  # torch's view refuses to copy; here a reshape copies only where it must

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        start, end = _axis(start_dim, self.ndim), _axis(end_dim, self.ndim)
        if start > end:
            raise ValueError(f"flatten goes from a dimension to a later one, not {start} to {end}")
        size = math.prod(self.shape[start : end + 1])  # not -1: with N = 0 it could be any number
        return self.reshape(*self.shape[:start], size, *self.shape[end + 1 :])

    def view_as(self, other: Tensor) -> Tensor:
        return self.view(other.shape)

    def contiguous(self) -> Tensor:
        """With the last axis innermost in memory: itself if it is, or else a copy."""
        return self if self.array.flags.c_contiguous else Copy("C")(self)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Tensor:
        dims = range(self.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
        drop = [_axis(d, self.ndim) for d in dims]
        return self.reshape(tuple(n for i, n in enumerate(self.shape) if i not in drop or n != 1))

    def unsqueeze(self, dim: int) -> Tensor:
        at = _axis(dim, self.ndim + 1)
        return self.reshape((*self.shape[:at], 1, *self.shape[at:]))

    def permute(self, *dims: Any) -> Tensor:
        order = tuple(_axis(d, self.ndim) for d in shape_of(dims))
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"permute names each of {self.ndim} dimensions once, not {order}")
        return Permute(order)(self)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        order = list(range(self.ndim))
        dim0, dim1 = _axis(dim0, self.ndim), _axis(dim1, self.ndim)
        if order:
            order[dim0], order[dim1] = order[dim1], order[dim0]
        return self.permute(order)

    def t(self) -> Tensor:
        if self.ndim > 2:
            raise ValueError(f"t() turns a matrix around; for shape {self.shape} say permute")
        return self.T

    @property
    def T(self) -> Tensor:  # noqa: N802
        """With the dimensions in the opposite order."""
        return Permute(tuple(reversed(range(self.ndim))))(self)

    def expand(self, *shape: Any) -> Tensor:
        """Repeat along dimensions of size 1, without copying; -1 keeps a dimension."""
        wanted = shape_of(shape)
        if len(wanted) < self.ndim:
            raise ValueError(f"a tensor of shape {self.shape} cannot be expanded to {wanted}")
        own = (1,) * (len(wanted) - self.ndim) + self.shape
        return Expand(tuple(o if w == -1 else w for o, w in zip(own, wanted, strict=True)))(self)

    def expand_as(self, other: Tensor) -> Tensor:
        return self.expand(other.shape)

    def repeat(self, *repeats: Any) -> Tensor:
        """The tensor laid out side by side: `repeat(2, 3)` twice downwards, three times across."""
        times = shape_of(repeats)
        if len(times) < self.ndim:
            raise ValueError(
                f"repeat needs {self.ndim} numbers for shape {self.shape}, not {times}"
            )
        own = (1,) * (len(times) - self.ndim) + self.shape
        apart = self.reshape([n for size in own for n in (1, size)])
        side_by_side = apart.expand([n for pair in zip(times, own, strict=True) for n in pair])
        return side_by_side.reshape([t * n for t, n in zip(times, own, strict=True)])

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        tensors = [part for part in parts if isinstance(part, Tensor)]
        return Index(_plain_index(index))(self, *tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def clone(self) -> Tensor:
        return Copy()(self)


class ValuesAndIndices(NamedTuple):
    """What max and min over a dimension find: the elements, and their places along it."""

    values: Tensor
    indices: Tensor


# ---------------------------------------------------------------------------------------------
# Functions, by torch's names


def function(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method as a function of its object: torch.mean(x, 1) is x.mean(1)."""

    @functools.wraps(method)
    def of(input: Tensor, *arguments: Any, **options: Any) -> Any:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{method.__name__} is a function of a Tensor, not of a {type(input).__name__}: "
                "make one with minigan.tensor or from_numpy"
            )
        return method(input, *arguments, **options)

    return of


def as_tensor(x: Any) -> Tensor:
    """x itself if it is a tensor, else a tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


exp, log, sqrt, absolute = map(function, (Tensor.exp, Tensor.log, Tensor.sqrt, Tensor.abs))
clamp = function(Tensor.clamp)


def maximum(input: Tensor, other: Tensor | Array | Scalar) -> Tensor:
    return Maximum()(*_operands(input, other))


def minimum(input: Tensor, other: Tensor | Array | Scalar) -> Tensor:
    return Minimum()(*_operands(input, other))


def where(condition: Tensor | Array, input: Any, other: Any) -> Tensor:
    """input where the condition holds, else other.

    Where a side is not taken its derivative is 0, but a NaN or infinity in *its own* history would
    still spoil the sum: keep both sides finite.
    """
    condition = as_tensor(condition)
    if condition.dtype != np.bool_:
        raise TypeError(f"the condition of where is true or false, not {condition.dtype}")
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = Tensor(input, backend=condition.backend)
    return Where()(condition, *_operands(input, other))


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors joined along a dimension that they all have; as in torch, one of shape (0,) is
    nothing, and goes with all."""
    if not tensors:
        raise ValueError("there is nothing to join")
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"only tensors are joined, not a {type(x).__name__}")
    types = [x.dtype for x in tensors]
    tensors = [x for x in tensors if x.shape != (0,)] or tensors[:1]
    dtype = np.result_type(*([t for t in types if t.kind == "f"] or types))
    return Concatenate(_axis(dim, tensors[0].ndim))(*[x.to(dtype) for x in tensors])


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors joined along a new dimension."""
    return cat([x.unsqueeze(dim) for x in tensors], dim)


# ---------------------------------------------------------------------------------------------
# Small helpers of the public face


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Tensor) else x


def _home(data: Any) -> Backend:
    """The backend of an array; NumPy for anything else that can become one."""
    try:
        return backend_of(data)
    except TypeError:
        return get_backend("numpy")


def number_type(where: Any) -> np.dtype[Any]:
    try:
        dtype = np.dtype(where)
    except TypeError:
        raise TypeError(
            f'{where!r} is neither a backend ("numpy" or "cupy") nor a number type such as float64'
        ) from None
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        raise TypeError(
            f"minigan has no {dtype}: in half precision NumPy's own sums lose digits and overflow, "
            "and wider numbers no GPU has; take float32 or float64"
        )
    return dtype


def _without_history(x: Any) -> Any:
    """The numbers of what is written into a tensor's memory, where no gradient can follow."""
    if this_thread.recording and isinstance(x, Tensor) and x.requires_grad:
        raise RuntimeError(
            "a tensor that requires grad cannot be written into another one: its gradient would be "
            "lost; join tensors with cat, stack or where, or write its detach()"
        )
    return _array(x)


def _operands(a: Any, b: Any) -> tuple[Any, Any]:
    """Both sides of an operator, of which at least one is a tensor; plain numbers stay what they
    are.

    A side of whole numbers, or without dimensions, takes the floating-point type of the other, and
    whole numbers that meet a float become float32, all as in torch. NumPy would widen to float64.
    """
    if not isinstance(a, Tensor):
        a = _operand(a, b)
    elif not isinstance(b, Tensor):
        b = _operand(b, a)
    if not isinstance(a, Tensor):
        return a, b if b.array.dtype.kind == "f" or isinstance(a, int) else b.float()
    if not isinstance(b, Tensor):
        return a if a.array.dtype.kind == "f" or isinstance(b, int) else a.float(), b
    if a.array.dtype is b.array.dtype:
        return a, b
    if a.dtype.kind == "f" and (b.dtype.kind != "f" or b.ndim == 0 < a.ndim):
        b = b.to(a.dtype)
    elif b.dtype.kind == "f" and (a.dtype.kind != "f" or a.ndim == 0 < b.ndim):
        a = a.to(b.dtype)
    return a, b


def _product(a: Any, b: Any) -> Tensor:
    """a b; as in torch, a vector is a row on the left, a column on the right, and one axis less."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.ndim > 1 < b.ndim:
            return MatMul()(a, b)
        if a.ndim and b.ndim and a.shape[-1] == b.shape[-2 if b.ndim > 1 else -1]:
            rows = a if a.ndim > 1 else a.unsqueeze(0)
            y = MatMul()(rows, b if b.ndim > 1 else b.unsqueeze(1))
            y = y if b.ndim > 1 else y.squeeze(-1)
            return y if a.ndim > 1 else y.squeeze(-2 if b.ndim > 1 else -1)
    raise ValueError(f"MatMul: cannot multiply matrices of shapes {shapes([a, b])}")


def _operand(x: Any, like: Tensor) -> Any:
    """The other side of an operator: a tensor, or a plain number, which stays one."""
    if isinstance(x, np.generic):
        x = x.item()  # to NumPy a float64 number is wide, and would make float32 arrays float64
    if isinstance(x, float | int):  # bool is an int
        return x
    if hasattr(x, "__array__"):
        return Tensor(x, backend=like.backend)
    raise TypeError(f"cannot combine a Tensor with a {type(x).__name__}")


def shape_of(sizes: tuple[Any, ...]) -> Shape:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    return tuple(operator.index(n) for n in sizes)


def _axis(dim: int, ndim: int) -> int:
    """A dimension counted from the front; a tensor without dimensions has one to speak of."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(f"dimension {dim} does not exist in a tensor of {ndim} dimensions")
    return dim % max(ndim, 1)


def _axes(dim: int | Sequence[int] | None, ndim: int) -> Shape:
    if dim is None or (isinstance(dim, Sequence) and not dim):  # torch: no dimension means all
        return tuple(range(ndim))
    dims = [dim] if isinstance(dim, int) else dim
    axes = sorted(_axis(d, ndim) for d in dims)
    if len(set(axes)) < len(axes):
        raise ValueError(f"a dimension is named twice in {tuple(dims)}")
    return tuple(axes) if ndim else ()


def _rank(dtype: np.dtype[Any]) -> int:
    """Truth values fit into whole numbers, and those into fractions, but not the other way."""
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


def _count(shape: Shape, axes: Shape) -> int:
    return math.prod(shape[a] for a in axes)


def _plain_index(index: Any) -> Any:
    """Tensors in an index become arrays; as in torch, bytes are a mask and not places."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    if not isinstance(index, Tensor):
        return index
    return index.array.astype(bool) if index.dtype == np.uint8 else index.array
