"""What all optimizers share: which parameters they move, when, and torch's state dict.

An update writes into the parameters' own memory, as torch's does: whoever looks at it, by
`detach()`, `numpy()` or `state_dict()`, before or after the optimizer was made, sees them move.

Next: settings.py; then flat.py: what an optimizer remembers, drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minigan.backend import backend_of
from minigan.distributed.communicator import ranks
from minigan.errors import UserError
from minigan.optim.flat import FlatMemory
from minigan.optim.settings import ParameterGroup, check_not_negative
from minigan.tensor import Array, Tensor, no_grad

GROUPS = (
    "parameter groups are not supported: make one optimizer for each, and call the step() of all"
)


class Optimizer:
    """What all optimizers share: `zero_grad`, `minimize`, `step` and the state dict.

    A parameter whose `.grad` is None is left alone, and so is its state, as in torch. Several
    optimizers may share one: each keeps a state of its own.
    """

    state_names: tuple[str, ...] = ()  # torch's names of the lines that `memory.flat` may have

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = _leaves(params)
        self.lr = lr
        self.initial_lr: float | None = None  # where a scheduler began; see lr_scheduler.py
        self.check(self.options())
        if len({(p.dtype, p.backend) for p in self.params}) > 1:
            raise ValueError("all parameters of an optimizer must have one type and one backend")
        self.memory = FlatMemory(self.params, self.remembered(self.options()))

    # ---- settings -------------------------------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """What the formula reads, under torch's names."""
        return {"lr": self.lr}

    def settings(self) -> dict[str, Any]:
        """All that a parameter group holds: the options and, once it is known, `initial_lr`."""
        began = {} if self.initial_lr is None else {"initial_lr": self.initial_lr}
        return {**self.options(), **began}

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError if these settings make no sense."""
        check_not_negative(settings)

    def remembered(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the lines that an update with these settings needs."""
        return self.state_names

    def __repr__(self) -> str:
        """As torch prints it."""
        lines = [f"    {name}: {value}" for name, value in sorted(self.settings().items())]
        return "\n".join([f"{type(self).__name__} (", "Parameter Group 0", *lines, ")"])

    @property
    def param_groups(self) -> list[ParameterGroup]:
        """torch's way to the settings, to read and to write: `param_groups[0]["lr"]` is `lr`."""
        return [ParameterGroup(self)]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """torch's way to add parameters, which is refused: an optimizer keeps those it has."""
        raise TypeError(GROUPS)

    # ---- a step ---------------------------------------------------------------------------------

    def update(
        self, where: slice, parameters: Sequence[Array], gradients: Sequence[Array], count: Array
    ) -> None:
        """Move parameters in place and raise count.

        Parameters and gradients are lines, in order; flat[where] is what is remembered of them.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill those that there are with zeros.

        Why it must be asked for: `backward` *adds* to `.grad`, because a parameter that two losses
        depend on should get both gradients, and because several small batches, one after another,
        then are one large one. So somebody has to say where a new sum begins.
        """
        for p in self.params:
            if p.grad is not None:
                p.grad = None if set_to_none else p.grad.detach().zero_()

    def minimize(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss: zero_grad, backward, step."""
        self.zero_grad()
        loss.backward()
        self.step()

    @no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient. All is checked before anything is written."""
        self.check(self.options())  # an attribute can be given any value in between
        self._check_parameters()
        self._sum_over_ranks()
        memory = self.memory
        memory.part([p.grad is not None for p in self.params])
        for stretch in memory.stretches:
            some = self.params[stretch.first : stretch.last]
            gradients = [
                memory.line(p.grad.array, i)
                for i, p in enumerate(some, stretch.first)
                if p.grad is not None
            ]
            if not gradients:
                continue  # of a stretch, all move or none
            lines = [memory.own_line(p.array, i) for i, p in enumerate(some, stretch.first)]
            self.update(memory.where(stretch), lines, gradients, stretch.count)
            for i, (p, line) in enumerate(zip(some, lines, strict=True), stretch.first):
                if line is not memory.known.lines[i]:  # but a copy
                    memory.put_back(line, p.array, i)
                p.mark_changed()

    def _sum_over_ranks(self) -> None:
        """Let every gradient be that of the whole batch; here it is that of this rank's rows.

        One message: on the way, what is sent counts for little, and each sending for a lot.
        """
        if ranks().size == 1:
            return
        memory = self.memory
        given = [(i, p, p.grad) for i, p in enumerate(self.params) if p.grad is not None]
        sums = ranks().all_sums([memory.line(g.array, i) for i, _, g in given]) if given else []
        for (i, p, g), line in zip(given, sums, strict=True):
            p.grad = g.like(memory.shaped(line, i))

    def _check_parameters(self) -> None:
        """Raise RuntimeError if a parameter became another one, or its gradient does not fit."""
        known, shapes = self.memory.known.arrays, self.memory.shapes
        for i, p in enumerate(self.params):
            if p.array is not known[i]:
                self._check_parameter(p, i)
            if p.grad is not None and p.grad.array.shape != shapes[i]:
                raise RuntimeError(
                    f"the gradient of parameter {i} has shape {p.grad.shape} instead of {shapes[i]}"
                )

    def _check_parameter(self, p: Tensor, i: int) -> None:
        array, backend, dtype = p.array, self.memory.backend, self.memory.dtype
        shape = self.memory.shapes[i]
        if array.shape != shape or array.dtype != dtype or backend_of(array) is not backend:
            raise RuntimeError(
                f"parameter {i} was {dtype} of shape {shape} on {backend.name} when the "
                f"optimizer was made, and is {p.dtype} of shape {p.shape} on {p.backend.name} "
                "now (by .to() or .double()?); make the optimizer after that"
            )
        if not getattr(array.flags, "writeable", True):  # CuPy's always are
            raise RuntimeError(
                f"parameter {i} of shape {shape} lies in memory that cannot be written, such "
                "as an expanded array; train a copy of it: parameter.detach().clone()"
            )

    # ---- state, in torch's layout ---------------------------------------------------------------

    def not_finite(self) -> tuple[int, str] | None:
        """The first parameter, or moment of one, that holds NaN or infinity.

        As the parameter's index and the moment's name, which is "" for the parameter itself.
        """
        memory = self.memory
        lines = [memory.line(p.array, i) for i, p in enumerate(self.params)]
        flat = {"": memory.backend.concatenate(lines), **memory.flat}
        xp = memory.backend.xp
        finite = {name: xp.isfinite(line) for name, line in flat.items()}
        if bool(xp.stack([each.all() for each in finite.values()]).all()):  # a GPU is asked once
            return None
        return next(
            (memory.owner(int(each.argmin())), name)
            for name, each in finite.items()
            if not bool(each.all())
        )

    def state_dict(self) -> dict[str, Any]:
        """{"state": {i: {"step": …, name: array}}, "param_groups": [settings]}, as torch has it."""
        memory = self.memory
        state = {
            i: {"step": count, **{name: memory.view(line, i) for name, line in memory.flat.items()}}
            for i, count in enumerate(memory.counts)
            if count
        }
        group = {**self.settings(), "params": list(range(len(self.params)))}
        return {"state": state, "param_groups": [group]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` of this class, or of torch's, returned.

        All is checked before anything is written. Raises UserError that says what does not fit.
        """
        group, states = self._fitting(state_dict)
        steps = [int(state.get("step", bool(state))) for state in states]  # torch's SGD has none
        memory = self.memory
        memory.remember(self.remembered(group))
        for i, state in enumerate(states):
            for name, line in memory.flat.items():
                value = state.get(name)
                memory.view(line, i)[...] = 0 if value is None else memory.backend.asarray(value)
        for name in self.options():
            setattr(self, name, group[name])
        self.initial_lr = group.get("initial_lr")
        memory.counts = steps

    def _fitting(self, state_dict: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The settings of a state dict and each parameter's state, if they fit this optimizer."""
        mine, groups = type(self).__name__, state_dict.get("param_groups", [])
        if len(groups) != 1:
            raise UserError(f"{mine} takes a state of one parameter group, this has {len(groups)}")
        (group,) = groups
        if missing := [name for name in ("params", *self.options()) if name not in group]:
            raise UserError(f"the optimizer state has no {', '.join(missing)}: it is not {mine}'s")
        try:
            self.check(group)
        except ValueError as error:
            raise UserError(f"the optimizer state does not fit: {error}") from error
        if len(group["params"]) != len(self.params):
            raise UserError(
                f"the optimizer state is for {len(group['params'])} parameters, "
                f"this optimizer has {len(self.params)}"
            )
        needed = self.remembered(group)
        states = [state_dict["state"].get(key, {}) for key in group["params"]]
        for i, state in enumerate(states):
            for name in needed if state else ():
                if name not in state:
                    raise UserError(f"the optimizer state has no {name} of parameter {i}")
                value = state[name]  # None in a state of torch's SGD without momentum
                if value is not None and tuple(value.shape) != self.memory.shapes[i]:
                    raise UserError(
                        f"the optimizer state {name} of parameter {i} has shape "
                        f"{tuple(value.shape)} instead of {self.memory.shapes[i]}"
                    )
        return group, states


def _leaves(params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, if they can be trained: leaf tensors, none of them twice."""
    wanted = "an optimizer takes a list of tensors, such as network.parameters()"
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        raise TypeError(f"{wanted}, not a {type(params).__name__}")
    leaves: dict[int, Tensor] = {}
    for i, p in enumerate(params):
        if isinstance(p, dict):
            raise TypeError(GROUPS)
        if not isinstance(p, Tensor):
            raise TypeError(f"{wanted}; item {i} is a {type(p).__name__}")
        if p.op is not None:
            raise ValueError(
                f"parameter {i} of shape {p.shape} was computed, by {p.op.name}: an optimizer can "
                "only move the leaves that it was computed from"
            )
        if p.order in leaves:
            raise ValueError(f"parameter {i} of shape {p.shape} occurs twice")
        leaves[p.order] = p
    if not leaves:
        raise ValueError("an optimizer needs at least one parameter")
    return list(leaves.values())
