"""Optimizers: how a gradient becomes a step. The formulas are torch's.

All parameters of an optimizer live in one flat array, of which each `parameter.data` becomes a
view; Adam's two moments are flat arrays beside it. An update then walks one line of memory, and
whoever trains on several machines can send it as one message.

Next: data/, then gans/gan.py, where two of these play against each other.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import AdamStep, backend_of
from minigan.errors import UserError
from minigan.tensor import Array, Tensor, no_grad


class Run(NamedTuple):
    """Neighboring parameters that have had the same number of updates."""

    first: int  # index of the first parameter, and one past the last
    last: int
    count: Array  # (1,) int64, on the parameters' backend so that a recorded step can raise it


class Optimizer:
    """What SGD and Adam share: the flat memory, `zero_grad`, `minimize` and the state dict.

    A parameter whose `.grad` is None is left alone, and so is its state, as in torch. One that
    two optimizers share moves to the flat memory of whichever takes a step.
    """

    state_names: tuple[str, ...] = ()  # torch's names of the flat arrays below

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = _leaves(params)
        if lr < 0:
            raise ValueError(f"the learning rate must not be negative, got {lr}")
        if len({(p.dtype, p.backend) for p in self.params}) > 1:
            raise ValueError("all parameters of an optimizer must have one type and one backend")
        self.lr = lr
        xp = self.params[0].backend.xp
        ends = list(itertools.accumulate(p.numel() for p in self.params))
        self.bounds = [0, *ends]  # parameter i is flat[bounds[i] : bounds[i + 1]]
        self.flat = xp.empty(ends[-1], self.params[0].dtype)
        self.shapes = [p.shape for p in self.params]
        self.orders = [_memory_order(p.data) for p in self.params]
        self._bring_home()
        self.state = [xp.zeros_like(self.flat) for _ in self.state_names]
        self.runs = [Run(0, len(self.params), xp.zeros(1, np.int64))]

    def _view(self, flat: Array, i: int) -> Array:
        """Parameter i's part of a flat array, in its shape and in its memory order."""
        shape, order = self.shapes[i], self.orders[i]
        in_memory = flat[self.bounds[i] : self.bounds[i + 1]].reshape([shape[a] for a in order])
        return in_memory.transpose(sorted(range(len(order)), key=order.__getitem__))

    def _bring_home(self) -> None:
        """Let every parameter lie in the flat array, wherever it has been put."""
        for i, p in enumerate(self.params):
            if p.data.base is self.flat:
                continue
            now = (p.shape, p.dtype, p.backend)
            if now != (self.shapes[i], self.flat.dtype, backend_of(self.flat)):
                raise RuntimeError(
                    f"parameter {i} was {self.flat.dtype} of shape {self.shapes[i]} on "
                    f"{backend_of(self.flat).name} when the optimizer was made, and is {p.dtype} "
                    f"of shape {p.shape} on {p.backend.name} now (by .to() or .double()?); make "
                    "the optimizer after that"
                )
            home = self._view(self.flat, i)
            home[...] = p.data
            p.data = home

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """torch's way to the settings, to read and to write: `param_groups[0]["lr"]` is `lr`."""
        return [vars(self)]  # the attributes themselves, `params` included

    def options(self) -> dict[str, Any]:
        """The settings, under torch's names."""
        return {"lr": self.lr}

    def update(self, where: slice, gradients: list[Array], count: Array) -> None:
        """Move flat[where] in place and raise count; the gradients are lines, in order."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill those that there are with zeros."""
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
        """Move every parameter that has a gradient."""
        self._bring_home()
        self._split_runs()
        for run in self.runs:
            params = self.params[run.first : run.last]
            gradients = [
                p.grad.data.transpose(order).reshape(-1)  # a view where the orders agree
                for p, order in zip(params, self.orders[run.first : run.last], strict=True)
                if p.grad is not None
            ]
            if gradients:
                where = slice(self.bounds[run.first], self.bounds[run.last])
                self.update(where, gradients, run.count)
                for p in params:
                    p.mark_changed()

    def _split_runs(self) -> None:
        """Let no run hold parameters with and without a gradient: their counts part here."""
        runs = []
        for run in self.runs:
            start = run.first
            has_gradient = [p.grad is not None for p in self.params[run.first : run.last]]
            groups = [len(list(group)) for _, group in itertools.groupby(has_gradient)]
            for length in groups:
                count = run.count if len(groups) == 1 else run.count.copy()
                runs.append(Run(start, start + length, count))
                start += length
        self.runs = runs

    def not_finite(self) -> tuple[int, str] | None:
        """The first parameter that holds NaN or infinity, or whose moment does, or None.

        Its index, and the moment's name ("" for the parameter itself). Each flat array is looked at
        in one piece: on a GPU, that is two kernels.
        """
        xp = backend_of(self.flat).xp
        for name, flat in zip(("", *self.state_names), (self.flat, *self.state), strict=True):
            finite = xp.isfinite(flat)
            if not bool(finite.all()):
                return bisect.bisect(self.bounds, int(finite.argmin())) - 1, name
        return None

    # ---- state, in torch's layout ---------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """{"state": {i: {"step": …, name: array}}, "param_groups": [settings]}, as torch has it."""
        state: dict[int, dict[str, Any]] = {}
        for run in self.runs:
            step = int(run.count[0])
            for i in range(run.first, run.last) if step else ():
                arrays = [self._view(flat, i) for flat in self.state]
                state[i] = {"step": step, **dict(zip(self.state_names, arrays, strict=True))}
        group = {**self.options(), "params": list(range(len(self.params)))}
        return {"state": state, "param_groups": [group]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` of this class, or of torch's, returned.

        All is checked before anything is written. Raises UserError that says what does not fit.
        """
        group, states = self._fitting(state_dict)
        steps = [int(state.get("step", bool(state))) for state in states]  # torch's SGD has none
        backend = backend_of(self.flat)
        for i, state in enumerate(states):
            for name, flat in zip(self.state_names, self.state, strict=True):
                value = state.get(name)
                self._view(flat, i)[...] = 0 if value is None else backend.asarray(value)
        for name in self.options():
            setattr(self, name, group[name])
        self.runs, start = [], 0
        for step, same in itertools.groupby(steps):
            length = len(list(same))
            count = backend.xp.full(1, step, np.int64)
            self.runs.append(Run(start, start + length, count))
            start += length

    def _fitting(self, state_dict: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The settings of a state dict and each parameter's state, if they fit this optimizer."""
        mine, groups = type(self).__name__, state_dict.get("param_groups", [])
        if len(groups) != 1:
            raise UserError(f"{mine} takes a state of one parameter group, this has {len(groups)}")
        (group,) = groups
        if missing := [name for name in ("params", *self.options()) if name not in group]:
            raise UserError(f"the optimizer state has no {', '.join(missing)}: it is not {mine}'s")
        if len(group["params"]) != len(self.params):
            raise UserError(
                f"the optimizer state is for {len(group['params'])} parameters, "
                f"this optimizer has {len(self.params)}"
            )
        states = [state_dict["state"].get(key, {}) for key in group["params"]]
        for i, state in enumerate(states):
            for name in self.state_names if state else ():
                if name not in state:
                    raise UserError(f"the optimizer state has no {name} of parameter {i}")
                value = state[name]  # None in a state of torch's SGD without momentum
                if value is not None and tuple(value.shape) != self.shapes[i]:
                    raise UserError(
                        f"the optimizer state {name} of parameter {i} has shape "
                        f"{tuple(value.shape)} instead of {self.shapes[i]}"
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
            raise TypeError("parameter groups are not supported: make one optimizer for each")
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


def _memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the widest step in memory to the narrowest: (0, 1, …) for C order."""
    return tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))


class SGD(Optimizer):
    """p ← p − lr · v, with v = g, or with momentum μ: v ← μ · v + (1 − dampening) · g

    The first v is g itself. Nesterov's variant moves by g + μ · v. `weight_decay` adds λp to g.
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum needs a momentum and no dampening")
        self.momentum, self.dampening = momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        return {name: getattr(self, name) for name in names}

    def update(self, where: slice, gradients: list[Array], count: Array) -> None:
        xp = backend_of(self.flat).xp
        p, v = self.flat[where], self.state[0][where]
        g = backend_of(self.flat).concatenate(gradients)
        if self.weight_decay:
            g += self.weight_decay * p
        if self.momentum:
            share = xp.where(count == 0, 1, 1 - self.dampening).astype(g.dtype)
            v *= self.momentum
            v += share * g
            g = g + self.momentum * v if self.nesterov else v
        p -= self.lr * g
        count += 1


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²  (Kingma and Ba 2015, algorithm 1)

    p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)

    eps is added after the bias correction, as in the paper and in torch. `weight_decay` adds λp
    to g.
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if np.shape(betas) != (2,) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam's betas must be two numbers of [0, 1), got {betas}")
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lr", "betas", "eps", "weight_decay")}

    def update(self, where: slice, gradients: list[Array], count: Array) -> None:
        options = AdamStep(self.lr, self.betas[0], self.betas[1], self.eps, self.weight_decay)
        mean, square = (moment[where] for moment in self.state)
        backend_of(self.flat).adam(self.flat[where], gradients, mean, square, count, options)
