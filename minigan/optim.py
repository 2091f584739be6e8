"""Optimizers: how a gradient becomes a step. The formulas are torch's.

All parameters of an optimizer live in one flat array, of which each `parameter.data` becomes a
view; Adam's two moments are flat arrays beside it. An update then walks one line of memory, and
whoever trains on several machines can send it as one message.

Next: data/, then gans/gan.py, where two of these play against each other.
"""

from __future__ import annotations

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

    A parameter whose `.grad` is None is left alone, and so is its state, as in torch.
    """

    state_names: tuple[str, ...] = ()  # torch's names of the flat arrays below

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = list(params)
        if not self.params:
            raise ValueError("an optimizer needs at least one parameter")
        if lr < 0:
            raise ValueError(f"the learning rate must not be negative, got {lr}")
        if len({(p.dtype, p.backend) for p in self.params}) > 1:
            raise ValueError("all parameters of an optimizer must have one type and one backend")
        self.lr = lr
        xp = self.params[0].backend.xp
        ends = list(itertools.accumulate(p.numel() for p in self.params))
        self.bounds = [0, *ends]  # parameter i is flat[bounds[i] : bounds[i + 1]]
        self.flat = xp.empty(ends[-1], self.params[0].dtype)
        self.orders = [_memory_order(p.data) for p in self.params]
        for i, p in enumerate(self.params):
            view = self._view(self.flat, i)
            view[...] = p.data
            p.data = view
        self.state = [xp.zeros_like(self.flat) for _ in self.state_names]
        self.runs = [Run(0, len(self.params), xp.zeros(1, np.int64))]

    def _view(self, flat: Array, i: int) -> Array:
        """Parameter i's part of a flat array, in its shape and in its memory order."""
        shape, order = self.params[i].shape, self.orders[i]
        in_memory = flat[self.bounds[i] : self.bounds[i + 1]].reshape([shape[a] for a in order])
        return in_memory.transpose(sorted(range(len(order)), key=order.__getitem__))

    def options(self) -> dict[str, Any]:
        """The settings, under torch's names."""
        return {"lr": self.lr}

    def update(self, where: slice, gradients: list[Array], count: Array) -> None:
        """Move flat[where] in place and raise count; the gradients are lines, in order."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def minimize(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss: zero_grad, backward, step."""
        self.zero_grad()
        loss.backward()
        self.step()

    @no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for p in self.params:
            if (p.data if p.data.base is None else p.data.base) is not self.flat:
                raise RuntimeError(
                    f"a parameter of shape {p.shape} was given other memory after the optimizer "
                    "was made (by .to() or .double()?); make the optimizer after that"
                )
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
        """Take over what `state_dict` of this class, or of torch's, returned."""
        (group,) = state_dict["param_groups"]
        if len(group["params"]) != len(self.params):
            raise UserError(
                f"the optimizer state is for {len(group['params'])} parameters, "
                f"this optimizer has {len(self.params)}"
            )
        backend = self.params[0].backend
        steps = []
        for i, p in enumerate(self.params):
            saved = state_dict["state"].get(i, {})
            steps.append(int(saved.get("step", bool(saved))))  # torch's SGD does not count them
            for name, flat in zip(self.state_names, self.state, strict=True):
                value = saved.get(name)
                if value is not None and tuple(value.shape) != p.shape:
                    raise UserError(
                        f"the optimizer state {name} of parameter {i} has shape "
                        f"{tuple(value.shape)} instead of {p.shape}"
                    )
                self._view(flat, i)[...] = 0 if value is None else backend.asarray(value)
        for name in self.options():
            setattr(self, name, group[name])
        self.runs, start = [], 0
        for step, same in itertools.groupby(steps):
            length = len(list(same))
            count = backend.xp.full(1, step, np.int64)
            self.runs.append(Run(start, start + length, count))
            start += length


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
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam's betas must lie in [0, 1), got {betas}")
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lr", "betas", "eps", "weight_decay")}

    def update(self, where: slice, gradients: list[Array], count: Array) -> None:
        options = AdamStep(self.lr, self.betas[0], self.betas[1], self.eps, self.weight_decay)
        mean, square = (moment[where] for moment in self.state)
        backend_of(self.flat).adam(self.flat[where], gradients, mean, square, count, options)
