"""torch's types of tensors: FloatTensor and its kin make a tensor, and are what `.type()` takes.

To minigan they are all one class, with a number type and a home. Next: creation.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend import Backend, get_backend
from minigan.creation import zeros
from minigan.tensor import Tensor as MiniganTensor


class TensorType(type):
    """Called, it makes a tensor: of a size, `FloatTensor(2, 3)`, or of data, `FloatTensor([2])`.

    torch leaves a tensor that is given by its size as its memory was; here it is zeros. A tuple is
    data, as in torch: unpack a shape, `FloatTensor(*x.shape)`, for ours is a tuple.
    """

    dtype: Any = np.float32
    place: str = "numpy"

    @property
    def backend(cls) -> Backend:
        return get_backend(cls.place)

    def __call__(cls, *data: Any) -> MiniganTensor:
        if len(data) == 1 and not isinstance(data[0], int | np.integer):
            source = data[0]
            array = source.array if isinstance(source, MiniganTensor) else source
            return MiniganTensor(array, dtype=cls.dtype, backend=cls.backend)
        return zeros(*(data or (0,)), dtype=cls.dtype, backend=cls.backend)

    def __instancecheck__(cls, x: Any) -> bool:
        """Every tensor is a Tensor; the others ask for its numbers and its home, too."""
        if cls.__name__ == "Tensor" or not isinstance(x, MiniganTensor):
            return isinstance(x, MiniganTensor)
        return x.dtype == cls.dtype and x.backend.name == cls.place

    def __getattr__(cls, name: str) -> Any:
        """`Tensor.add` is the method, to be called with a tensor."""
        return getattr(MiniganTensor, name)


class Tensor(metaclass=TensorType):
    """float32, from any data; whatever minigan computes is an instance of it."""


class FloatTensor(metaclass=TensorType):
    """float32"""


class DoubleTensor(metaclass=TensorType):
    """float64"""

    dtype = np.float64


class LongTensor(metaclass=TensorType):
    """int64"""

    dtype = np.int64


class IntTensor(metaclass=TensorType):
    """int32"""

    dtype = np.int32


class ByteTensor(metaclass=TensorType):
    """uint8"""

    dtype = np.uint8


class BoolTensor(metaclass=TensorType):
    """true or false"""

    dtype = np.bool_


CPU_TYPES = (FloatTensor, DoubleTensor, LongTensor, IntTensor, ByteTensor, BoolTensor)
