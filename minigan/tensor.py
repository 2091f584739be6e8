"""Tensor: torch's names on a node of the graph. A phone book: look things up, do not read through.

What is behind the names is in engine/. Here a method checks its arguments, brings them into the
form that an op takes, and applies it.

Next: creation.py; then functional/, where the networks' own functions are written in the same way
as the engine's ops.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigan.backend import Backend, backend_of, get_backend
from minigan.backend.device import Device, backend_named, device_of
from minigan.engine.arithmetic import (
    Abs,
    Add,
    AMax,
    Cast,
    Clamp,
    Copy,
    Divide,
    Exp,
    Exponential,
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
from minigan.engine.node import Array, Node, Scalar, Shape, owner
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
from minigan.engine.walk import grad, seed_of, walk

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

    def like(self, array: Array) -> Tensor:
        return Tensor.of(array)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, or copied, it is a leaf with an order of its own, never its twin's."""
        return type(self), (self.array, self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf in memory of its own, and its gradient with it, as in torch."""
        twin = type(self)(copy.deepcopy(self.array, memo), self.requires_grad)
        twin.grad = copy.deepcopy(self.grad, memo)
        memo[id(self)] = twin
        return twin

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
        text = np.array2string(self.numpy(), separator=", ", prefix="Tensor(", threshold=50)
        made = f", made by {self.op.name}" if self.op else ""
        leaf = ", requires_grad=True" if self.requires_grad and not made else ""
        return f"Tensor({text}, dtype={self.dtype}{leaf}{made})"

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

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array: the same memory if they are there already."""
        return self.backend.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

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

    def fill_(self, value: Scalar) -> Tensor:
        self._writable().array[...] = value
        return self

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def clamp_(self, min: Scalar | None = None, max: Scalar | None = None) -> Tensor:
        return self.copy_(self.detach().clamp(min, max))

    def __setitem__(self, index: Any, value: Tensor | Array | Scalar) -> None:
        self._writable().array[_plain_index(index)] = _without_history(value)

    def _updated(self, result: Tensor) -> Tensor:
        """What `x += …` makes of x: its memory takes the result. But if gradients go through the
        result, the old numbers may be needed, and x becomes the name of a new tensor."""
        if result.requires_grad and not (self.requires_grad and self.is_leaf):
            return result
        if result.shape != self.shape or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise ValueError(
                f"a tensor of shape {self.shape} and type {self.dtype} cannot take a result of "
                f"shape {result.shape} and type {result.dtype} in place"
            )
        self._writable().array[...] = result.array
        return self

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
    ) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that this tensor was made from.

        `gradient` weights the elements of self, and has its shape; a single number needs none.
        The graph is freed on the way unless `retain_graph` (by default, `create_graph`).
        """
        retain = create_graph if retain_graph is None else retain_graph
        seed = seed_of(self, gradient)
        leaves, table = walk([self], [seed], None, create_graph, retain)
        given: list[Array] = [owner(seed.array)]
        for leaf in leaves:
            g = table.get(leaf.order)
            if g is None:
                continue
            if leaf.grad is not None:
                with set_grad_enabled(create_graph):
                    leaf.grad = leaf.grad + g
                continue
            # Two leaves of `a + b` receive one array, and a leaf of a sum one number for all its
            # places. Each gets memory of its own, or clipping one in place would clip others.
            memory = owner(g.array)
            if memory.size != g.array.size or any(memory is other for other in given):
                with set_grad_enabled(create_graph):
                    g = g.clone()
            given.append(owner(g.array))
            leaf.grad = g

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
        """Itself, or float32 for whole numbers, whose quotients are fractions."""
        return self if self.array.dtype.kind == "f" else self.float()

    def __matmul__(self, other: Any) -> Tensor:
        return MatMul()(*_operands(self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return MatMul()(*_operands(other, self))

    def __neg__(self) -> Tensor:
        return Negate()(self)

    def __pow__(self, exponent: Scalar) -> Tensor:
        x, p = _operands(self, exponent)
        if isinstance(p, Tensor):
            raise TypeError("the exponent of ** is a plain number; write exp(b * log(a)) instead")
        return Power(p)(x)

    pow = __pow__

    def __rpow__(self, base: Scalar) -> Tensor:
        b, x = _operands(base, self)
        if isinstance(b, Tensor):
            raise TypeError("the base of ** is a tensor or a plain number, not an array")
        return Exponential(b)(x)

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
        return Exp()(self)

    def log(self) -> Tensor:
        return Log()(self)

    def sqrt(self) -> Tensor:
        return Sqrt()(self)

    def abs(self) -> Tensor:
        return Abs()(self)

    __abs__ = abs

    def clamp(self, min: Scalar | None = None, max: Scalar | None = None) -> Tensor:
        return Clamp(min, max)(self)

    # ---- sums -----------------------------------------------------------------------------------

    def sum(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        return Sum(_axes(dim, self.ndim), keepdim)(self)

    def mean(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        axes = _axes(dim, self.ndim)
        return Sum(axes, keepdim)(self) / _count(self.shape, axes)

    def var(
        self,
        dim: int | Sequence[int] | None = None,
        correction: int = 1,
        keepdim: bool = False,
    ) -> Tensor:
        """Σ(x − mean)² / (n − correction); torch's default divides by n − 1."""
        axes = _axes(dim, self.ndim)
        squares = (self - self.mean(axes, keepdim=True)) ** 2
        return Sum(axes, keepdim)(squares) / (_count(self.shape, axes) - correction)

    def std(
        self,
        dim: int | Sequence[int] | None = None,
        correction: int = 1,
        keepdim: bool = False,
    ) -> Tensor:
        """√var. Where all are equal, and √ infinitely steep, its slope is 0, as torch has it."""
        variance = self.var(dim, correction, keepdim)
        equal = variance == 0
        return (variance + equal).sqrt() - equal

    def norm(
        self, p: Scalar = 2, dim: int | Sequence[int] | None = None, keepdim: bool = False
    ) -> Tensor:
        """(Σ |x|ᵖ)^(1/p), for p > 0; for p = 2 its slope at 0 is 0, as torch has it."""
        if not 0 < p < math.inf:
            raise ValueError(f"a norm needs a p above 0 and finite, not {p}")
        if p == 1:
            return self.abs().sum(dim, keepdim)
        powers = (self**2 if p == 2 else self.abs() ** p).sum(dim, keepdim)
        nothing = powers == 0
        return (powers + nothing) ** (1 / p) - nothing

    def amax(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The largest element; equal ones share the gradient, as in torch."""
        return AMax(_axes(dim, self.ndim), keepdim)(self)

    def amin(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The smallest element, likewise."""
        return -(-self).amax(dim, keepdim)

    def max(self) -> Tensor:
        """The largest of all; over a dimension, where torch's max also finds places, see amax."""
        return self.amax()

    def min(self) -> Tensor:
        """The smallest of all; over a dimension, see amin."""
        return self.amin()

    def argmax(self, dim: int | None = None) -> Tensor:
        return Tensor.of(self.array.argmax(axis=dim))

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

    def squeeze(self, dim: int | None = None) -> Tensor:
        drop = range(self.ndim) if dim is None else [_axis(dim, self.ndim)]
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
        return Permute(tuple(reversed(range(self.ndim))))(self)

    @property
    def T(self) -> Tensor:  # noqa: N802
        return self.t()

    def expand(self, *shape: Any) -> Tensor:
        """Repeat along dimensions of size 1, without copying; -1 keeps a dimension."""
        wanted = shape_of(shape)
        if len(wanted) < self.ndim:
            raise ValueError(f"a tensor of shape {self.shape} cannot be expanded to {wanted}")
        own = (1,) * (len(wanted) - self.ndim) + self.shape
        return Expand(tuple(o if w == -1 else w for o, w in zip(own, wanted, strict=True)))(self)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        tensors = [part for part in parts if isinstance(part, Tensor)]
        return Index(_plain_index(index))(self, *tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def clone(self) -> Tensor:
        return Copy()(self)


# ---------------------------------------------------------------------------------------------
# Functions, by torch's names


def as_tensor(x: Any) -> Tensor:
    """x itself if it is a tensor, else a tensor of it."""
    return x if isinstance(x, Tensor) else Tensor(x)


def exp(input: Tensor) -> Tensor:
    return Exp()(input)


def log(input: Tensor) -> Tensor:
    return Log()(input)


def sqrt(input: Tensor) -> Tensor:
    return Sqrt()(input)


def absolute(input: Tensor) -> Tensor:
    return Abs()(input)


def clamp(input: Tensor, min: Scalar | None = None, max: Scalar | None = None) -> Tensor:
    return Clamp(min, max)(input)


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
    """The tensors joined along a dimension that they all have."""
    if not tensors:
        raise ValueError("there is nothing to join")
    types = [x.dtype for x in tensors]
    dtype = np.result_type(*([t for t in types if t.kind == "f"] or types))
    return Concatenate(dim)(*[x.to(dtype) for x in tensors])


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
        return np.dtype(where)
    except TypeError:
        raise TypeError(
            f'{where!r} is neither a backend ("numpy" or "cupy") nor a number type such as float64'
        ) from None


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


def _count(shape: Shape, axes: Shape) -> int:
    return math.prod(shape[a] for a in axes)


def _plain_index(index: Any) -> Any:
    """Tensors in an index become arrays; as in torch, bytes are a mask and not places."""
    if isinstance(index, tuple):
        return tuple(_plain_index(i) for i in index)
    if not isinstance(index, Tensor):
        return index
    return index.array.astype(bool) if index.dtype == np.uint8 else index.array
