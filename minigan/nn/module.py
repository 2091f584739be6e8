"""Module: a function with parameters, found by looking at its attributes.

There is no registration: whatever attribute is a Parameter, a Buffer or a Module belongs to it,
and its name in a state dict is the path of attributes that leads there, as in torch.

Next: layers.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any, Self

import numpy as np

from minigan.backend import Backend
from minigan.backend.device import backend_named
from minigan.errors import UserError, refuse_lacking
from minigan.tensor import Tensor, number_type

AFTERWARDS = "make the layer, and then say layer.to(…)"
MEAN_OR_SUM = 'say reduction="mean", "sum" or "none"'
LACKING = {  # torch's arguments that no layer here has: what to do without them
    "device": AFTERWARDS,
    "dtype": AFTERWARDS,
    "padding_idx": "labels are never padded; multiply the result by a mask",
    "max_norm": "scale the rows of its weight after each step, under no_grad()",
    "norm_type": "leave it out: it belongs to max_norm",
    "scale_grad_by_freq": "leave it out: each row's gradient is the sum over its places",
    "sparse": "leave it out: gradients are dense",
    "recompute_scale_factor": "give the size of the result instead",
    "size_average": MEAN_OR_SUM,
    "reduce": MEAN_OR_SUM,
}


class Parameter(Tensor):
    """A tensor that is to be learned."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """The copy of a network begins without gradients, as in torch."""
        twin = type(self)(self._copied_array(memo), self.requires_grad)
        memo[id(self)] = twin
        return twin


class Buffer(Tensor):
    """A tensor that a module keeps and saves but does not learn, such as a running mean."""

    __slots__ = ()


class Module:
    """The base of all layers and networks: subclasses write `forward`."""

    training: bool = True
    _forward_pre_hooks: tuple[Callable[..., Any], ...] = ()  # who is told before each
    _forward_hooks: tuple[Callable[..., Any], ...] = ()  # who is told of each output

    def __init__(self, **lacking: Any) -> None:
        """There is nothing to prepare. A layer hands on what it does not know, to be refused."""
        refuse_lacking(self, lacking, LACKING, speaking=("size_average", "reduce"))

    def forward(self, *inputs: Any) -> Any:
        """What the module computes. Call the module itself, not this: hooks are told then."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any, **named_inputs: Any) -> Any:
        for hook in self._forward_pre_hooks:
            changed = hook(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        y = self.forward(*inputs, **named_inputs)
        for hook in self._forward_hooks:
            changed = hook(self, inputs, y)
            y = y if changed is None else changed
        return y

    def register_forward_hook(
        self, hook: Callable[[Any, tuple[Any, ...], Any], Any]
    ) -> RemovableHandle:
        """Call hook(module, inputs, output) after each forward pass, until the handle's `remove`.

        Hooks are called in the order in which they came. What one returns, unless it is None,
        takes the output's place. `inputs` are the positional ones. As in torch, a call of
        `forward` itself tells no hook, and neither does a forward pass that raises; a deep copy
        has the hooks of its original, which the original's handles do not remove. On a GPU the
        replay of a recorded step runs no Python, and so no hook.
        """
        own = partial(hook)  # an object of its own, for `remove` to find: a hook may come twice
        self._forward_hooks = (*self._forward_hooks, own)
        return RemovableHandle(self, own)

    def register_forward_pre_hook(
        self, hook: Callable[[Any, tuple[Any, ...]], Any]
    ) -> RemovableHandle:
        """Call hook(module, inputs) before each forward pass; what it returns, unless None, takes
        the inputs' place. All else as in `register_forward_hook`.
        """
        own = partial(hook)
        self._forward_pre_hooks = (*self._forward_pre_hooks, own)
        return RemovableHandle(self, own)

    # ---- what is inside -----------------------------------------------------------------------

    def _own(self, *kinds: type) -> Iterator[tuple[str, Any]]:
        """The attributes that are of one of these kinds."""
        for name, value in vars(self).items():
            if isinstance(value, kinds):
                yield name, value

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, each once."""
        seen: set[Module] = set()
        for name, child in self._own(Module):
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below, without their names."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each with its path: the first one, if it has several.

        `memo` holds those that have been met. Without `remove_duplicate`, each path counts.
        """
        met: set[Module] = set() if memo is None else memo
        if self in met:
            return
        if remove_duplicate:
            met.add(self)
        yield prefix, self
        for name, child in self._own(Module):
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(met, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _named_tensors(
        self, *kinds: type, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()  # a parameter that two layers share is still one parameter
        for path, module in self.named_modules(remove_duplicate=remove_duplicate):
            for name, value in module._own(*kinds):
                if value.order not in seen:
                    if remove_duplicate:
                        seen.add(value.order)
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All that is to be learned, here and below, each once, with its path: "0.weight"."""
        return self._named_tensors(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        """All that is to be learned, as an optimizer wants it."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """What is kept and saved but not learned, here and below, each once, with its path."""
        return self._named_tensors(Buffer)

    def buffers(self) -> Iterator[Buffer]:
        """What is kept and saved but not learned, without its paths."""
        return (buffer for _, buffer in self.named_buffers())

    # An attribute is all that it takes. These are for names that are no identifiers, or computed.

    def add_module(self, name: str, module: Module) -> None:
        """setattr, for modules only. Raises TypeError for anything else."""
        if not isinstance(module, Module):
            kind = type(module).__name__
            raise TypeError(f"{type(self).__name__} takes modules, {name} is a {kind}")
        setattr(self, name, module)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """setattr, for a Parameter or None only. Raises TypeError for anything else."""
        if not isinstance(param, Parameter | None):
            raise TypeError(f"{name} is a {type(param).__name__} instead of a Parameter")
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Keep a tensor as a Buffer on the same memory."""
        setattr(self, name, None if tensor is None else Buffer(tensor))

    def __setattr__(self, name: str, value: Any) -> None:
        """A tensor in the place of a buffer becomes one; none takes the place of a parameter."""
        before = vars(self).get(name) if type(value) is Tensor else None
        if isinstance(before, Parameter):
            raise TypeError(f"{name} is a Parameter: only a Parameter or None can replace it")
        if isinstance(before, Buffer):
            if value.requires_grad:
                raise TypeError(f"{name} is a Buffer, which keeps no graph: assign .detach()")
            value = Buffer(value)
        super().__setattr__(name, value)

    # ---- state ----------------------------------------------------------------------------------

    def _state(self) -> dict[str, Tensor]:
        """Every parameter and buffer; one that is shared has several names."""
        return dict(self._named_tensors(Parameter, Buffer, remove_duplicate=False))

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and buffer, detached, by torch's names. Not copies: live memory.

        The numbers may lie in another order than C's (flat.py says why), and safetensors.numpy
        writes memory as it lies. A tensor refuses it; what it gets should be np.ascontiguousarray
        of each. `training.save_checkpoint`, np.savez and torch.tensor look at shapes and strides.
        """
        return {name: tensor.detach() for name, tensor in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy tensors or arrays into the parameters and buffers of the same names.

        Shapes must agree, and with `strict` so must the names. All is checked before anything
        is written. Raises UserError that lists what is missing, unexpected or misshapen.
        """
        own = self._state()
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
                array = value.array if isinstance(value, Tensor) else value
                tensor.array[...] = tensor.backend.asarray(array)
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
        """Learn the parameters from now on, or no more."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients: an optimizer passes over a parameter whose gradient is None."""
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

        Make the optimizers afterwards: what they remember has the parameters' type and place.
        Detached twins, `numpy()` and state dicts from before: a parameter that moves or is turned
        gets new memory, as in torch, and they keep the old numbers, silently. One that is there
        already stays where it lies, and its twins go on following it.
        """
        moving = backend_named(where) is not None
        if not moving:
            number_type(where)  # or an error, before anything is changed
        for tensor in [*self.parameters(), *self.buffers()]:
            if moving or tensor.dtype.kind == "f":  # a count stays a whole number
                tensor.array = tensor.detach().to(where).array
            tensor.grad = None
        return self

    def cuda(self, device: Any = None) -> Self:
        """Move to the GPU, in place: see `to`."""
        return self.to("cupy")

    def cpu(self) -> Self:
        """Move to NumPy, in place: see `to`."""
        return self.to("numpy")

    def float(self) -> Self:
        """Turn into float32, in place: see `to`."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Turn into float64, in place: see `to`."""
        return self.to(np.float64)

    # ---- printing ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments, as they stand between the parentheses when a layer is printed."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + text.replace("\n", "\n  ") for name, text in self._printed_children()
        ]
        inside = self.extra_repr()
        if lines:
            inside = "\n" + "\n".join(lines) + "\n"
        return f"{type(self).__name__}({inside})"

    def _printed_children(self) -> Iterator[tuple[str, str]]:
        return ((name, repr(child)) for name, child in self._own(Module))


class RemovableHandle:
    """What registering a hook returns: `remove()`, or the end of a `with`, ends the calls."""

    def __init__(self, module: Module, hook: Callable[..., Any]) -> None:
        self.module, self.hook = module, hook

    def remove(self) -> None:
        """Call the hook no more. A second time changes nothing."""
        for kind in ("_forward_pre_hooks", "_forward_hooks"):
            hooks = getattr(self.module, kind)
            if self.hook in hooks:
                setattr(self.module, kind, tuple(hook for hook in hooks if hook is not self.hook))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove()


class _Row(Module):
    """What Sequential and ModuleList share: modules in a row, by default named by their places."""

    def append(self, module: Module) -> Self:
        """One module more, named by its place."""
        self.add_module(str(len(self)), module)
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own(Module))


class ModuleList(_Row):
    """Modules to be indexed, looped over and called by the module that holds them.

    In a plain list they would not be found: their parameters would not be learned.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(modules or ())

    def extend(self, modules: Iterable[Module]) -> Self:
        """Several modules more, in their order."""
        for module in modules:
            self.append(module)
        return self

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self)[index]
        return ModuleList(found) if isinstance(found, list) else found

    def _printed_children(self) -> Iterator[tuple[str, str]]:
        """Neighbors that print alike share a line, as in torch."""
        for text, alike in groupby(super()._printed_children(), lambda printed: printed[1]):
            names = [name for name, _ in alike]
            if len(names) == 1:
                yield names[0], text
            else:
                yield f"{names[0]}-{names[-1]}", f"{len(names)} x {text}"


class Sequential(_Row):
    """Modules one after another: given as arguments, or as an OrderedDict of named ones."""

    def __init__(self, *modules: Module | OrderedDict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            named: Mapping[str, Any] = modules[0]
        else:
            named = {str(i): module for i, module in enumerate(modules)}
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for name, layer in self._own(Module):
            try:
                input = layer(input)
            except ValueError as error:
                raise _located(error, name, layer) from error
        return input

    def __getitem__(self, index: int | slice) -> Any:
        named = list(self._own(Module))[index]
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
