"""Schedulers: a learning rate that changes while a run goes on. The formulas are torch's.

    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    for epoch in range(100):
        train_for_an_epoch()
        scheduler.step()

A scheduler writes `optimizer.lr`, and that is all it does. Two of them on one optimizer act one
after the other. It counts its own steps: call them epochs, or batches, if `step()` comes after
each. A recorded step on a GPU looks its rate up before each replay and is recorded anew under
another one, so a rate should not change more often than once in many steps there.

Next: ../data/loader.py; then ../gans/gan.py, where two optimizers play against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from minigan.errors import UserError
from minigan.optim.optimizer import Optimizer


class LRScheduler:
    """What all schedulers share. A new kind says in `get_lr` what the rate is at `last_epoch`.

    The rate at which the first scheduler of an optimizer began is kept there, as `initial_lr` of
    its parameter group: torch's place, so that it is saved with the optimizer's state.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a scheduler takes an optimizer, not a {type(optimizer).__name__}")
        self.check(vars(self))
        (group,) = optimizer.param_groups
        if last_epoch == -1:
            group.setdefault("initial_lr", group["lr"])
        elif "initial_lr" not in group:
            raise KeyError(
                f"last_epoch={last_epoch} goes on with a run, but the optimizer knows no "
                "initial_lr: load its state first, or set optimizer.param_groups[0]['initial_lr']"
            )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"]]
        self.last_epoch = last_epoch
        self._step_count = 0
        self.step()

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError if these settings make no sense."""

    def get_lr(self) -> list[float]:
        """The rate at `last_epoch` of each parameter group, of which there is one."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rate that the last step set."""
        return self._last_lr

    def step(self) -> None:
        """Go on by one epoch. The first step is that of the constructor, to epoch 0."""
        self._step_count += 1
        self.last_epoch += 1
        (group,), (lr,) = self.optimizer.param_groups, self.get_lr()
        group["lr"] = lr
        self._last_lr = [lr]

    def state_dict(self) -> dict[str, Any]:
        """All numbers of the scheduler, under torch's names. The optimizer saves its own."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` of this class, or of torch's, returned.

        All is checked before anything is written. Raises UserError that says what does not fit.
        The optimizer's rate comes with the optimizer's own state.
        """
        names, mine = list(self.state_dict()), type(self).__name__
        if missing := [name for name in names if name not in state_dict]:
            raise UserError(f"the scheduler state has no {', '.join(missing)}: it is not {mine}'s")
        if (groups := len(state_dict["base_lrs"])) != 1:
            raise UserError(f"{mine} takes a state of one parameter group, this has {groups}")
        try:
            self.check(state_dict)
        except ValueError as error:
            raise UserError(f"the scheduler state does not fit: {error}") from error
        for name in names:
            setattr(self, name, state_dict[name])


class StepLR(LRScheduler):
    """lr ← gamma · lr, once in `step_size` epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def check(self, settings: Mapping[str, Any]) -> None:
        _check_at_least("step_size", settings, 1)
        _check_at_least("gamma", settings, 0)

    def get_lr(self) -> list[float]:
        lr = self.optimizer.lr
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr]


class LambdaLR(LRScheduler):
    """lr ← initial_lr · lr_lambda(epoch): the classic linear decay is `lambda t: 1 - t / T`.

    A list of one function is taken, too: torch's, of one for each parameter group.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda]
        super().__init__(optimizer, last_epoch)

    def check(self, settings: Mapping[str, Any]) -> None:
        functions = settings["lr_lambdas"]
        if len(functions) != 1:
            raise ValueError(
                "LambdaLR takes one function, since an optimizer has one parameter group here; "
                f"got {len(functions)}"
            )

    def get_lr(self) -> list[float]:
        return [
            base * function(self.last_epoch)
            for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """As of every scheduler; of the function, what it holds if it is an object, else None."""
        held = [
            None if isinstance(function, FunctionType) else dict(getattr(function, "__dict__", {}))
            for function in self.lr_lambdas
        ]
        return {**super().state_dict(), "lr_lambdas": held}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = functions  # the state has only what these are to hold
        for function, held in zip(functions, state_dict["lr_lambdas"], strict=True):
            if held:
                vars(function).update(held)


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + ½ (initial_lr − eta_min)(1 + cos(πt / T_max))

    Half a wave down in T_max epochs, and up again if there are more (Loshchilov and Hutter 2017,
    equation 5, without the restarts). Each rate is made from the one before, as in torch, so that
    another scheduler's factor stays in it.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def check(self, settings: Mapping[str, Any]) -> None:
        _check_at_least("T_max", settings, 1)
        _check_at_least("eta_min", settings, 0)

    def get_lr(self) -> list[float]:
        lr, low, t, period = self.optimizer.lr, self.eta_min, self.last_epoch, self.T_max
        if self._step_count == 1:
            return [lr]
        if (t - 1 - period) % (2 * period) == 0:  # the last was the lowest, of which 0/0 is left
            return [lr + (self.base_lrs[0] - low) * (1 - math.cos(math.pi / period)) / 2]
        height, height_before = (1 + math.cos(math.pi * at / period) for at in (t, t - 1))
        return [height / height_before * (lr - low) + low]


def _check_at_least(name: str, settings: Mapping[str, Any], least: int) -> None:
    if not settings[name] >= least:  # so that NaN does not pass
        raise ValueError(f"{name} must be at least {least}, got {settings[name]}")
