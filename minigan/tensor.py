"""The whole engine: a Tensor remembers the Op that made it, and each Op knows its derivative.

An op is a formula and its derivative, on one screen. `forward` sees arrays and returns an array.
`backward(g, y)` sees tensors and returns tensors, so a gradient is made of ops like everything
else and can be differentiated again: every higher order comes for free.

Read from the top: Tensor, then Op and its two kinds (Elementwise, FusedOp), then the walk that
`backward` and `grad` share, then the arithmetic and shape ops themselves.
Next: functional/, where the networks' own functions are written in the same way.
"""

from __future__ import annotations

import inspect
import itertools
import math
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from typing import Any, TypeAlias

import numpy as np

from minigan.backend import Backend, backend_of, get_backend

Array: TypeAlias = Any  # a numpy.ndarray or a cupy.ndarray
Scalar: TypeAlias = float | int | bool
Shape: TypeAlias = tuple[int, ...]
Gradients: TypeAlias = "Tensor | None | tuple[Tensor | None, ...]"

_clock = itertools.count()  # next() on it is atomic: tensors of all threads share one order


# ---------------------------------------------------------------------------------------------
# Is the graph being recorded?  One answer per thread.


class _Mode(threading.local):
    recording = True
    detect_anomaly = False


_mode = _Mode()


class set_grad_enabled(ContextDecorator):  # noqa: N801  (torch's name)
    """Record the graph, or do not, inside a `with` block or a decorated function."""

    def __new__(cls, mode: Any = None) -> Any:
        """`@no_grad` means `@no_grad()`."""
        return cls()(mode) if callable(mode) else super().__new__(cls)  # type: ignore[call-arg]

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.outer: list[bool] = []

    def __enter__(self) -> None:
        self.outer.append(_mode.recording)
        _mode.recording = self.mode

    def __exit__(self, *error: object) -> None:
        _mode.recording = self.outer.pop()

    def __call__(self, function: Any) -> Any:
        if inspect.isgeneratorfunction(function):  # its body runs after the call has returned
            raise TypeError(f"{function.__name__} is a generator: write the block inside it")
        return super().__call__(function)

    def _recreate_cm(self) -> set_grad_enabled:
        return type(self)(self.mode)  # a decorated function may be running in two threads


class no_grad(set_grad_enabled):  # noqa: N801
    """Compute without recording: for sampling, for optimizers, for anything not to be learned."""

    def __init__(self, mode: bool = False) -> None:
        super().__init__(mode)


class enable_grad(set_grad_enabled):  # noqa: N801
    """Record again, inside a `no_grad` block."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__(mode)


def is_grad_enabled() -> bool:
    """Whether operations on this thread are being recorded."""
    return _mode.recording


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first op whose result, or whose gradient, holds a NaN or an infinity.

    It looks at every number that is made, and on a GPU it waits for each: for finding a fault.
    """
    outer, _mode.detect_anomaly = _mode.detect_anomaly, True
    try:
        yield
    finally:
        _mode.detect_anomaly = outer


# ---------------------------------------------------------------------------------------------
# Tensor


class Tensor:
    """An array, and the op that made it.

    `data` is a NumPy or CuPy array, a number, or a nested list of numbers. Python floats become
    float32; arrays keep their type. Names and meanings are torch's.
    """

    __slots__ = ("data", "requires_grad", "grad", "op", "order", "_version")
    __array_ufunc__ = None  # so that `ndarray * tensor` asks the tensor, not NumPy

    data: Array
    requires_grad: bool
    grad: Tensor | None  # dL/d(this), for leaves that require it
    op: Op | None  # what made it; None for a leaf
    order: int  # its place in the order of creation
    _version: list[int]  # how often it was written in place; shared with its detached twins

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
        self.data = array if dtype is None else array.astype(dtype, copy=False)
        self._start()
        if isinstance(data, Tensor) and _owner(self.data) is _owner(data.data):
            self._version = data._version  # a second name of the same memory
        self.requires_grad_(requires_grad)

    def _start(self) -> None:
        self.requires_grad = False
        self.grad = None
        self.op = None
        self.order = next(_clock)
        self._version = [0]

    @staticmethod
    def _wrap(array: Array) -> Tensor:
        """A tensor of an array that is known to be one: no checks, no conversions."""
        tensor = Tensor.__new__(Tensor)
        # NumPy returns a bare number where an array without dimensions is meant
        tensor.data = np.asarray(array) if isinstance(array, np.generic) else array
        tensor._start()
        return tensor

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied (deepcopy) or pickled, it is a leaf with an order of its own, never its twin's."""
        return type(self), (self.data, self.requires_grad)

    # ---- what it is -----------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def backend(self) -> Backend:
        return backend_of(self.data)

    @property
    def is_leaf(self) -> bool:
        return self.op is None

    @property
    def version(self) -> int:
        """How often the numbers were overwritten in place, by an optimizer for instance."""
        return self._version[0]

    def dim(self) -> int:
        return self.data.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.data.shape if dim is None else self.data.shape[dim]

    def numel(self) -> int:
        return int(self.data.size)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a tensor without dimensions")
        return self.data.shape[0]

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

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # ---- out of the engine ------------------------------------------------------------------

    def item(self) -> Any:
        """The number in a tensor of one element. On a GPU this waits for it to be computed."""
        if self.data.size != 1:
            raise ValueError(f"item() takes a tensor of one element, this has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        return self.data.tolist()

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array: the same memory if they are there already."""
        return self.backend.to_numpy(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    def detach(self) -> Tensor:
        """The same numbers, without their history: gradients stop here."""
        tensor = Tensor._wrap(self.data)
        tensor._version = self._version
        return tensor

    def to(self, where: str | Backend | np.dtype[Any] | type) -> Tensor:
        """Another number type ("float64", minigan.float32) or another backend ("cupy")."""
        if isinstance(where, Backend) or (isinstance(where, str) and where in ("numpy", "cupy")):
            backend = get_backend(where)
            return self if backend is self.backend else Move(backend)(self)
        dtype = _number_type(where)
        if dtype == self.dtype:
            return self
        return Cast(dtype)(self if dtype.kind == "f" else self.detach())  # steps have no slope

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
        if self.requires_grad and _mode.recording:
            raise RuntimeError(
                "a tensor that requires grad cannot be written in place while the graph is "
                "being recorded; do it under no_grad(), or on detach()"
            )
        self.mark_changed()
        return self

    def copy_(self, source: Tensor | Array | Scalar) -> Tensor:
        self._writable().data[...] = _without_history(source)
        return self

    def fill_(self, value: Scalar) -> Tensor:
        self._writable().data[...] = value
        return self

    def zero_(self) -> Tensor:
        return self.fill_(0)

    def clamp_(self, min: Scalar | None = None, max: Scalar | None = None) -> Tensor:
        return self.copy_(self.detach().clamp(min, max))

    def __setitem__(self, index: Any, value: Tensor | Array | Scalar) -> None:
        self._writable().data[_plain_index(index)] = _without_history(value)

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
        self._writable().data[...] = result.data
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
        seed = _seed(self, gradient)
        leaves, table = _walk([self], [seed], None, create_graph, retain)
        given: list[Array] = [_owner(seed.data)]
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
            owner = _owner(g.data)
            if owner.size != g.data.size or any(owner is other for other in given):
                with set_grad_enabled(create_graph):
                    g = g.clone()
            given.append(_owner(g.data))
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
        return self if self.data.dtype.kind == "f" else self.float()

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

    # Comparisons give booleans, which have no derivative and so no op.

    def _compared(self, compare: Callable[..., Array], other: Any) -> Tensor:
        return Tensor._wrap(self.backend.elementwise(compare, [self.data, _array(other)]))

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
        return Tensor._wrap(self.data.argmax(axis=dim))

    # ---- shape ----------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        return Reshape(_shape(shape))(self)

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
        order = tuple(_axis(d, self.ndim) for d in _shape(dims))
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
        wanted = _shape(shape)
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
# Op: a formula and its derivative


class Op:
    """One function of tensors. An instance is one use of it: `Multiply()(a, b)`.

    A subclass writes
        forward(*arrays) -> array
        backward(g, y) -> one gradient per input, or None for an input that needs none
    where g = dL/dy and y is the output. Numbers that are not differentiated (a slope, an axis)
    are arguments of the constructor; the inputs are in `self.inputs`. `self.needs` says of each
    input whether its gradient is asked for: a rule skips the work of the others.
    """

    inputs: tuple[Any, ...] = ()  # empty before use, and again once the graph is freed
    freed: bool = False
    tracked: tuple[bool, ...] = ()  # which inputs required a gradient when the op ran
    needs: tuple[bool, ...] = ()  # ... and which of those the present backward pass asks for
    versions: tuple[int, ...] = ()  # of the inputs and of the output, at that time

    @property
    def name(self) -> str:
        return type(self).__name__

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name} has no forward formula")

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        raise NotImplementedError(f"{self.name} has no derivative")

    def apply(self, *arrays: Array) -> Array:
        """Run `forward`; the kinds of ops differ in how."""
        return self.forward(*arrays)

    def fit(self, g: Tensor, x: Tensor) -> Tensor:
        """Accept g as the gradient of x: its shape must be x's, or the rule is wrong."""
        if g.shape != x.shape:
            raise AssertionError(
                f"{self.name}.backward returned a gradient of shape {g.shape} "
                f"for an input of shape {x.shape}"
            )
        return g if g.dtype == x.dtype else g.to(x.dtype)

    def __call__(self, *inputs: Any) -> Tensor:
        arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
        try:
            array = self.apply(*arrays)
        except ValueError as error:
            raise self._explained(error, inputs) from error
        y = Tensor._wrap(array)
        first = inputs[0]
        if isinstance(first, Tensor) and _owner(y.data) is _owner(first.data):
            y._version = first._version  # a view: who writes to one writes to both
        if _mode.recording:
            tracked = tuple([isinstance(x, Tensor) and x.requires_grad for x in inputs])
            if True in tracked:
                self.inputs = inputs
                self.tracked = tracked
                self.versions = tuple(
                    [x._version[0] if isinstance(x, Tensor) else 0 for x in (*inputs, y)]
                )
                y.op = self
                y.requires_grad = True
        if _mode.detect_anomaly:
            _check_finite(y, f"the result of {self.name} on shapes {_shapes(inputs)}")
        return y

    def _explained(self, error: ValueError, inputs: Sequence[Any]) -> ValueError:
        message = f"{self.name}: {error}"
        if len(inputs) > 1 and str(_shapes(inputs)) not in message:
            message = f"{self.name} of shapes {_shapes(inputs)}: {error}"
        return type(error)(message) if type(error) is ValueError else error

    def check_unchanged(self, y: Tensor) -> None:
        """A rule uses the inputs as they were; refuse if somebody has overwritten them since."""
        if self.freed:
            raise RuntimeError(
                f"the graph behind this {self.name} was freed by an earlier backward; "
                "pass retain_graph=True to the first one to go through it twice"
            )
        for x, version in zip((*self.inputs, y), self.versions, strict=True):
            if isinstance(x, Tensor) and x._version[0] != version:
                raise RuntimeError(
                    f"a tensor of shape {x.shape} that {self.name} needs for its gradient was "
                    "overwritten in place after it was used; the usual cause is an optimizer "
                    "step between the forward and the backward pass"
                )


class Elementwise(Op):
    """An op that works on each element alone, after broadcasting its inputs to one shape.

    A broadcast input was read several times, so its gradient is the sum over those readings.
    That happens here and nowhere else; every other op must return exact shapes.
    """

    def apply(self, *arrays: Array) -> Array:
        array = next((a for a in arrays if hasattr(a, "shape")), None)
        if array is None:
            raise TypeError(f"{self.name} is a function of tensors, not of {_shapes(arrays)}")
        return backend_of(array).elementwise(self.forward, arrays)

    def fit(self, g: Tensor, x: Tensor) -> Tensor:
        if g.shape != x.shape:
            extra = g.ndim - x.ndim
            stretched = tuple(
                i for i, n in enumerate(g.shape) if i < extra or (x.shape[i - extra] == 1 and n > 1)
            )
            g = Sum(stretched, False)(g).reshape(x.shape)
        return super().fit(g, x)


class FusedOp(Op):
    """An op that is fast by hand and defined by a formula.

    `forward` and `backward_arrays(g, y)` work on whole arrays in few passes. `formula` says the
    same in plain ops. Ordinary training runs the arrays; when the gradient itself is to be
    differentiated, the engine differentiates the formula instead. So the formula is at once the
    documentation, the oracle of the tests and the second derivative.
    """

    def formula(self, *inputs: Any) -> Tensor:
        raise NotImplementedError(f"{self.name} has no formula")

    def backward_arrays(self, g: Array, y: Array) -> tuple[Array | None, ...]:
        raise NotImplementedError(f"{self.name} has no array backward")

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor | None, ...]:
        if not _mode.recording:
            gradients = self.backward_arrays(g.data, y.data)
            return tuple(None if d is None else Tensor._wrap(d) for d in gradients)
        # Stand-ins for the inputs: the walk below must end at them, not go on into their history.
        stand_ins = [Identity()(x) if isinstance(x, Tensor) else x for x in self.inputs]
        wanted = [x for x, need in zip(stand_ins, self.needs, strict=True) if need]
        found = iter(grad(self.formula(*stand_ins), wanted, g, create_graph=True))
        return tuple(next(found) if need else None for need in self.needs)


# ---------------------------------------------------------------------------------------------
# The walk


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """d(outputs)/d(inputs), weighted by `grad_outputs`; no `.grad` is touched.

    One gradient per input, of its shape. With `create_graph` the gradients can themselves be
    differentiated. An input that the outputs do not depend on is an error, or None with
    `allow_unused`. Only what leads to `inputs` is computed: a gradient penalty with respect to an
    image does not cost the gradients of the weights.
    """
    roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    weights: Sequence[Tensor | None]
    if grad_outputs is None or isinstance(grad_outputs, Tensor):
        weights = [grad_outputs] * len(roots)
    else:
        weights = grad_outputs
    for x in wanted:
        if not x.requires_grad:
            raise RuntimeError(f"an input of shape {x.shape} does not require grad")
    retain = create_graph if retain_graph is None else retain_graph
    seeds = [_seed(y, g) for y, g in zip(roots, weights, strict=True)]
    _, table = _walk(roots, seeds, {x.order for x in wanted}, create_graph, retain)
    found = tuple(table.get(x.order) for x in wanted)
    if not allow_unused and any(g is None for g in found):
        shape = wanted[[g is None for g in found].index(True)].shape
        raise RuntimeError(f"the outputs do not depend on an input of shape {shape}")
    return found


def _walk(
    roots: Sequence[Tensor],
    seeds: Sequence[Tensor],
    wanted: set[int] | None,
    create_graph: bool,
    retain_graph: bool,
) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Carry gradients from the roots towards the leaves (or only towards the `wanted` tensors).

    Returns the leaves, and a table from a tensor's creation number to its gradient. The table
    belongs to this call: a rule may call `grad` while the walk is under way.

    Why an order is needed at all: in `b = a + a; c = b + b` two gradients arrive at b, and b's
    rule may run only when both are there. An op's inputs exist before its output does, so going
    through the tensors from the youngest to the oldest visits every user of b before b itself.
    """
    made, leaves = _history(roots)
    useful = None if wanted is None else _leading_to(wanted, made)
    table: dict[int, Tensor] = {}
    with set_grad_enabled(create_graph):
        for y, seed in zip(roots, seeds, strict=True):
            _accumulate(table, y, seed)
        for y in reversed(made):
            op = y.op
            assert op is not None
            if useful is not None and y.order not in useful:
                continue
            if wanted is None or y.order not in wanted:
                g = table.pop(y.order, None)  # nobody asks for it: let its memory go
            else:
                g = table.get(y.order)
            if g is None:
                continue
            op.check_unchanged(y)
            op.needs = tuple(
                [
                    t and (useful is None or x.order in useful)
                    for x, t in zip(op.inputs, op.tracked, strict=True)
                ]
            )
            gradients = op.backward(g, y)
            if not isinstance(gradients, tuple):
                gradients = (gradients,)
            for x, need, gx in zip(op.inputs, op.needs, gradients, strict=True):
                if need and gx is not None:
                    if _mode.detect_anomaly:
                        _check_finite(gx, f"a gradient made by {op.name} for shape {x.shape}")
                    _accumulate(table, x, op.fit(gx, x))
            if not retain_graph:
                op.inputs, op.freed = (), True
    return leaves, table


def _history(roots: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """All tensors that the roots were made from, oldest first: those made by ops, and leaves."""
    found: dict[int, Tensor] = {}
    waiting = list(roots)
    while waiting:
        y = waiting.pop()
        if y.order in found:
            continue
        found[y.order] = y
        if y.op is not None and not y.op.freed:
            waiting.extend([x for x, t in zip(y.op.inputs, y.op.tracked, strict=True) if t])
    in_order = [found[order] for order in sorted(found)]
    return [y for y in in_order if y.op is not None], [y for y in in_order if y.op is None]


def _leading_to(wanted: set[int], made: Sequence[Tensor]) -> set[int]:
    """The creation numbers of the wanted tensors and of every tensor that depends on one.

    What a freed op depended on is no longer known. It counts, so that the walk complains there.
    """
    useful = set(wanted)
    for y in made:
        assert y.op is not None
        if y.op.freed or any(
            t and x.order in useful for x, t in zip(y.op.inputs, y.op.tracked, strict=True)
        ):
            useful.add(y.order)
    return useful


def _accumulate(table: dict[int, Tensor], x: Tensor, g: Tensor) -> None:
    earlier = table.get(x.order)
    table[x.order] = g if earlier is None else earlier + g


def _seed(y: Tensor, gradient: Tensor | Array | None) -> Tensor:
    """The gradient to start from: given, or 1 for a single number."""
    if not y.requires_grad:
        raise RuntimeError(
            "this tensor does not depend on anything that requires grad, so it has no gradient"
        )
    if gradient is None:
        if y.numel() != 1:
            raise RuntimeError(
                f"backward of a tensor of shape {y.shape} needs a gradient of that shape; "
                "only a single number can do without"
            )
        return Tensor._wrap(y.backend.xp.ones_like(y.data))
    g = gradient if isinstance(gradient, Tensor) else Tensor(gradient, backend=y.backend)
    if g.shape != y.shape:
        raise RuntimeError(f"the gradient has shape {g.shape}, the tensor has shape {y.shape}")
    return g.to(y.dtype)


def _check_finite(x: Tensor, what: str) -> None:
    if x.dtype.kind == "f" and not bool(x.backend.xp.isfinite(x.data).all()):
        raise FloatingPointError(f"{what} holds NaN or infinity")


# ---------------------------------------------------------------------------------------------
# Small helpers of the public face


def _array(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _home(data: Any) -> Backend:
    """The backend of an array; NumPy for anything else that can become one."""
    try:
        return backend_of(data)
    except TypeError:
        return get_backend("numpy")


def _number_type(where: Any) -> np.dtype[Any]:
    try:
        return np.dtype(where)
    except TypeError:
        raise TypeError(
            f'{where!r} is neither a backend ("numpy" or "cupy") nor a number type such as float64'
        ) from None


def _without_history(x: Any) -> Any:
    """The numbers of what is written into a tensor's memory, where no gradient can follow."""
    if _mode.recording and isinstance(x, Tensor) and x.requires_grad:
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
        return a, b if b.data.dtype.kind == "f" or isinstance(a, int) else b.float()
    if not isinstance(b, Tensor):
        return a if a.data.dtype.kind == "f" or isinstance(b, int) else a.float(), b
    if a.data.dtype is b.data.dtype:
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


def _owner(array: Array) -> Array:
    """The array whose memory this one is, or is a view of."""
    while isinstance(array.base, type(array)):  # else it is None, or memory from elsewhere
        array = array.base
    return array


def _shapes(inputs: Iterable[Any]) -> str:
    return " and ".join(str(tuple(x.shape)) if hasattr(x, "shape") else repr(x) for x in inputs)


def _shape(sizes: tuple[Any, ...]) -> Shape:
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
    dims = range(ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = sorted(_axis(d, ndim) for d in dims)
    if len(set(axes)) < len(axes):
        raise ValueError(f"a dimension is named twice in {tuple(dims)}")
    return tuple(axes) if ndim else ()


def _count(shape: Shape, axes: Shape) -> int:
    return math.prod(shape[a] for a in axes)


def _plain_index(index: Any) -> Any:
    """Tensors in an index become arrays."""
    if isinstance(index, tuple):
        return tuple(_array(i) for i in index)
    return _array(index)


def _kept(shape: Shape, axes: Shape) -> Shape:
    """The shape with the summed axes kept as 1, ready to be broadcast back."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


# ---------------------------------------------------------------------------------------------
# Arithmetic.  Each docstring is the formula and its derivatives.


class Add(Elementwise):
    """y = a + b        dL/da = g        dL/db = g"""

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g, g


class Subtract(Elementwise):
    """y = a − b        dL/da = g        dL/db = −g"""

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g, -g if self.needs[1] else None


class Multiply(Elementwise):
    """y = a · b        dL/da = g · b        dL/db = g · a"""

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        a, b = self.inputs
        return g * b if self.needs[0] else None, g * a if self.needs[1] else None


class Divide(Elementwise):
    """y = a / b        dL/da = g / b        dL/db = −g · y / b"""

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        _, b = self.inputs
        return g / b if self.needs[0] else None, -g * y / b if self.needs[1] else None


class Negate(Elementwise):
    """y = −a        dL/da = −g"""

    def forward(self, a: Array) -> Array:
        return -a

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return -g


class Power(Elementwise):
    """y = aᵖ        dL/da = g · p · aᵖ⁻¹, for a plain number p"""

    def __init__(self, p: Scalar) -> None:
        self.p = p

    def forward(self, a: Array) -> Array:
        return a * a if self.p == 2 else a**self.p

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        if self.p == 0:  # a⁰ is constant, also at 0, where 0 · a⁻¹ would be NaN
            return g * 0
        return g * (self.p * a ** (self.p - 1))


class Exp(Elementwise):
    """y = eᵃ        dL/da = g · y"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.exp(a)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g * y


class Log(Elementwise):
    """y = ln a        dL/da = g / a"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.log(a)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g / a


class Sqrt(Elementwise):
    """y = √a        dL/da = g / 2y"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.sqrt(a)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g / (2 * y)


class Abs(Elementwise):
    """y = |a|        dL/da = g · sign a, which is 0 at 0"""

    def forward(self, a: Array) -> Array:
        return abs(a)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g * Tensor._wrap(a.backend.xp.sign(a.data))


class Clamp(Elementwise):
    """y = min(max(a, low), high)        dL/da = g where low ≤ a ≤ high, else 0"""

    def __init__(self, low: Scalar | None, high: Scalar | None) -> None:
        if low is None and high is None:
            raise ValueError("clamp needs a minimum, a maximum or both")
        self.low, self.high = low, high

    def forward(self, a: Array) -> Array:
        xp = backend_of(a).xp
        y = a if self.low is None else xp.maximum(a, a.dtype.type(self.low))
        return y if self.high is None else xp.minimum(y, a.dtype.type(self.high))

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        inside = a.data == a.data
        if self.low is not None:
            inside &= a.data >= self.low
        if self.high is not None:
            inside &= a.data <= self.high
        return g * Tensor._wrap(inside.astype(a.dtype))


class Maximum(Elementwise):
    """y = max(a, b)        dL/da = g where a > b, g/2 where a = b, else 0; dL/db likewise"""

    def forward(self, a: Array, b: Array) -> Array:
        return backend_of(a).xp.maximum(a, b)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        a, b = self.inputs
        share_a, share_b = _shares(_array(a), _array(b), g)
        return g * share_a, g * share_b


class Minimum(Elementwise):
    """y = min(a, b)        dL/da = g where a < b, g/2 where a = b, else 0; dL/db likewise"""

    def forward(self, a: Array, b: Array) -> Array:
        return backend_of(a).xp.minimum(a, b)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        a, b = self.inputs
        share_b, share_a = _shares(_array(a), _array(b), g)
        return g * share_a, g * share_b


def _shares(a: Array | Scalar, b: Array | Scalar, g: Tensor) -> tuple[Tensor, Tensor]:
    """Which is larger: 1 for it and 0 for the other, or 1/2 for each where they are equal."""
    share_a: Array = (a > b) * 1.0 + (a == b) * 0.5
    share_a = share_a.astype(g.dtype)
    return Tensor._wrap(share_a), Tensor._wrap(1 - share_a)


class Where(Elementwise):
    """y = a where the condition holds, else b        dL/da = g there, else 0; dL/db the rest"""

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return backend_of(condition).xp.where(condition, a, b)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        inside = self.inputs[0].to(g.dtype)
        ga = g * inside if self.needs[1] else None
        return None, ga, g * (1 - inside) if self.needs[2] else None


class Cast(Elementwise):
    """y = a in another number type        dL/da = g in a's type"""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def forward(self, a: Array) -> Array:
        return a.astype(self.dtype)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g.to(a.dtype)


class Move(Op):
    """y = a, in the memory of another backend        dL/da = g, moved back"""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def forward(self, a: Array) -> Array:
        return self.backend.asarray(backend_of(a).to_numpy(a))

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g.to(a.backend)


class Identity(Op):
    """y = a        dL/da = g"""

    def forward(self, a: Array) -> Array:
        return a

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g


class Copy(Identity):
    """y = a, in memory of its own        dL/da = g"""

    def forward(self, a: Array) -> Array:
        return a.copy(order="K")  # in the same memory order


# ---------------------------------------------------------------------------------------------
# Products and sums


class MatMul(Op):
    """y = a b        dL/da = g bᵀ        dL/db = aᵀ g

    (…, N, K) · (…, K, M) → (…, N, M); leading dimensions are broadcast.
    """

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(f"cannot multiply matrices of shapes {a.shape} and {b.shape}")
        return backend_of(a).matmul(a, b)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        a, b = self.inputs
        ga = _batch_fit(g @ b.transpose(-1, -2), a) if self.needs[0] else None
        gb = _batch_fit(a.transpose(-1, -2) @ g, b) if self.needs[1] else None
        return ga, gb


def _batch_fit(g: Tensor, x: Tensor) -> Tensor:
    """Sum over the leading dimensions along which x was broadcast."""
    return g if g.shape == x.shape else Add().fit(g, x)


class Sum(Op):
    """y = Σ a over some axes        dL/da = g, repeated along them"""

    def __init__(self, axes: Shape, keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim

    def forward(self, a: Array) -> Array:
        if a.dtype.kind != "f":
            a = a.astype(np.int64)  # booleans are counted, and small integers must not overflow
        return backend_of(a).sum(a, self.axes, self.keepdim)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g.reshape(_kept(a.shape, self.axes)).expand(a.shape)


class AMax(Op):
    """y = max a over some axes        dL/da = g at the largest, shared where several are equal"""

    def __init__(self, axes: Shape, keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim

    def forward(self, a: Array) -> Array:
        return a.max(axis=self.axes, keepdims=self.keepdim)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        kept = _kept(a.shape, self.axes)
        largest = (a.data == y.data.reshape(kept)).astype(a.dtype)
        share = Tensor._wrap(largest / largest.sum(axis=self.axes, keepdims=True))
        return g.reshape(kept) * share


# ---------------------------------------------------------------------------------------------
# Shape


class Reshape(Op):
    """y = a in another shape        dL/da = g in a's shape"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, a: Array) -> Array:
        return a.reshape(self.shape)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        (a,) = self.inputs
        return g.reshape(a.shape)


class Permute(Op):
    """y = a with its axes in another order        dL/da = g with them put back"""

    def __init__(self, order: Shape) -> None:
        self.order = order

    def forward(self, a: Array) -> Array:
        return a.transpose(self.order)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return g.permute(back)


class Expand(Elementwise):
    """y = a repeated along axes of size 1        dL/da = Σ g over those axes"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def apply(self, a: Array) -> Array:
        return self.forward(a)

    def forward(self, a: Array) -> Array:
        return a if a.shape == self.shape else backend_of(a).xp.broadcast_to(a, self.shape)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g  # Elementwise sums it back to a's shape


class Index(Op):
    """y = a[i]        dL/da = zeros with g added at i

    Tensors in i are inputs, too, so that somebody watches whether they are overwritten.
    """

    def __init__(self, index: Any) -> None:
        self.index = index

    def forward(self, a: Array, *parts: Array) -> Array:
        return a[self.index]

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        a, *parts = self.inputs
        return Scatter(self.index, a.shape)(g), *[None for _ in parts]


class Scatter(Op):
    """y = zeros with a added at i, once for every time i names a place        dL/da = g[i]"""

    def __init__(self, index: Any, shape: Shape) -> None:
        self.index, self.shape = index, shape

    def forward(self, a: Array) -> Array:
        xp = backend_of(a).xp
        y = xp.zeros(self.shape, a.dtype)
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        if any(hasattr(part, "__array__") or isinstance(part, Sequence) for part in parts):
            xp.add.at(y, self.index, a)  # an index array may name one place twice
        else:
            y[self.index] = a
        return y

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        return g[self.index]


class Concatenate(Op):
    """y = the inputs one after another along an axis        dL/dxᵢ = xᵢ's piece of g"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        return backend_of(arrays[0]).concatenate(arrays, self.axis)

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        before = (slice(None),) * (self.axis % g.ndim)
        ends = list(itertools.accumulate(x.shape[self.axis] for x in self.inputs))
        starts = [0, *ends[:-1]]
        return tuple(
            g[(*before, slice(start, end))] if need else None
            for start, end, need in zip(starts, ends, self.needs, strict=True)
        )


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


def abs_(input: Tensor) -> Tensor:
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
