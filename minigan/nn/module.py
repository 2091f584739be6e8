"""Module: a function with parameters, found by looking at its attributes.

There is no registration: whatever attribute is a Parameter, a Buffer or a Module belongs to it,
and its name in a state dict is the path of attributes that leads there, as in torch.

Next: layers.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from minigan.backend import Backend
from minigan.errors import UserError
from minigan.tensor import Array, Tensor


class Parameter(Tensor):
    """A tensor that is to be learned."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A tensor that a module keeps and saves but does not learn, such as a running mean."""

    __slots__ = ()


class Module:
    """The base of all layers and networks: subclasses write `forward`."""

    training: bool = True

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    # ---- what is inside -----------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, each with its path."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _named_tensors(self, kind: type[Tensor]) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()  # a parameter that two layers share is still one parameter
        for path, module in self.named_modules():
            for name, value in module._own_tensors():
                if isinstance(value, kind) and value.order not in seen:
                    seen.add(value.order)
                    yield f"{path}.{name}" if path else name, value

    def _own_tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Buffer):
                yield name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return self._named_tensors(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        return self._named_tensors(Buffer)

    def buffers(self) -> Iterator[Buffer]:
        return (buffer for _, buffer in self.named_buffers())

    # ---- state ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Every parameter and buffer as an array, by torch's names. Not copies: live memory."""
        return {
            f"{path}.{name}" if path else name: tensor.data
            for path, module in self.named_modules()
            for name, tensor in module._own_tensors()
        }

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy tensors or arrays into the parameters and buffers of the same names.

        Shapes must agree, and with `strict` so must the names. All is checked before anything
        is written. Raises UserError that lists what is missing, unexpected or misshapen.
        """
        own = {
            f"{path}.{name}" if path else name: tensor
            for path, module in self.named_modules()
            for name, tensor in module._own_tensors()
        }
        faults = []
        if strict:
            faults += [f"missing {name}" for name in own if name not in state]
            faults += [f"unexpected {name}" for name in state if name not in own]
        faults += [
            f"{name} has shape {tuple(state[name].shape)} instead of {tensor.shape}"
            for name, tensor in own.items()
            if name in state and tuple(state[name].shape) != tensor.shape
        ]
        if faults:
            raise UserError(f"cannot load into {type(self).__name__}: {'; '.join(faults)}")
        for name, tensor in own.items():
            if name in state:
                value = state[name]
                array = value.data if isinstance(value, Tensor) else value
                tensor.data[...] = tensor.backend.asarray(array)
                tensor.mark_changed()

    # ---- settings -------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Let batch norm use the batch's own statistics, and dropout drop."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Let batch norm use its running statistics, and dropout do nothing."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = None

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call function(module) for every module below, then for this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, where: str | Backend | np.dtype[Any] | type) -> Self:
        """Move to a backend ("cupy") or turn into a number type ("float64"), in place.

        Make the optimizers afterwards: they hold on to the memory of the parameters.
        """
        moving = isinstance(where, Backend) or where in ("numpy", "cupy")
        for tensor in [*self.parameters(), *self.buffers()]:
            if moving or tensor.dtype.kind == "f":  # a count stays a whole number
                tensor.data = tensor.detach().to(where).data
            tensor.grad = None
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    # ---- printing ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments, as they stand between the parentheses when a layer is printed."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        inside = self.extra_repr()
        if lines:
            inside = "\n" + "\n".join(lines) + "\n"
        return f"{type(self).__name__}({inside})"


class Sequential(Module):
    """Modules one after another: given as arguments, or as an OrderedDict of named ones."""

    def __init__(self, *modules: Module | OrderedDict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            named: Mapping[str, Any] = modules[0]
        else:
            named = {str(i): module for i, module in enumerate(modules)}
        for name, module in named.items():
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules, {name} is a {type(module).__name__}")
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        for name, layer in self.named_children():
            try:
                x = layer(x)
            except ValueError as error:
                raise _located(error, name, layer) from error
        return x

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        named = list(self.named_children())[index]
        return Sequential(OrderedDict(named)) if isinstance(named, list) else named[1]


def _located(error: ValueError, name: str, layer: Module) -> ValueError:
    """The same error, saying in which layer it arose (the innermost one, named once)."""
    message = str(error)
    if " [in layer " in message:
        return error
    first_line = repr(layer).split("\n")[0]
    return type(error)(f"{message} [in layer {name}: {first_line}]")


@contextmanager
def frozen(module: Module) -> Iterator[None]:
    """Inside, the module's parameters are constants: no gradient of theirs is computed.

    A generator's step needs the gradient *through* the discriminator, not that *of* it.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad = True
