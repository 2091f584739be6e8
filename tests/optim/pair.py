"""The same parameters under one of our optimizers and under torch's."""

import numpy as np
import pytest
import torch

from minigan import Tensor, nn
from minigan.optim import SGD, Adam, RMSprop

T = torch.optim
SHAPES = [(3, 4), (5,), (), (2, 3, 1, 2)]
OPTIMIZERS = [
    (SGD, T.SGD, {"lr": 0.1}),
    (SGD, T.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    (Adam, T.Adam, {}),
    (Adam, T.Adam, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    (Adam, T.Adam, {"lr": 0.01, "betas": (0.0, 0.9), "eps": 1e-3}),
    (Adam, T.Adam, {"lr": 0.01, "weight_decay": 0.2}),
    (RMSprop, T.RMSprop, {}),
    (RMSprop, T.RMSprop, {"lr": 5e-5, "alpha": 0.9}),
    (RMSprop, T.RMSprop, {"lr": 0.02, "momentum": 0.7, "eps": 1e-3}),
    (RMSprop, T.RMSprop, {"lr": 0.02, "centered": True, "weight_decay": 0.2}),
    (RMSprop, T.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.5, "alpha": 0.8}),
]
each = pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMIZERS)
# One that remembers something, of each kind
WITH_STATE = pytest.mark.parametrize(
    ("ours", "theirs", "options"), OPTIMIZERS[3:7] + OPTIMIZERS[9:]
)


class Pair:
    """The same parameters twice: under our optimizer, and under torch's."""

    def __init__(self, backend, ours, theirs, options, shapes=SHAPES, dtype=np.float64):
        self.random = np.random.default_rng(1)
        host = [self.random.normal(size=shape).astype(dtype) for shape in shapes]
        self.parameters = [nn.Parameter(backend.asarray(x.copy())) for x in host]
        self.torch_s = [torch.nn.Parameter(torch.tensor(x)) for x in host]
        self.optimizer = ours(self.parameters, **options)
        self.torch_optimizer = theirs(self.torch_s, **options)
        self.backend, self.dtype = backend, dtype

    def step(self, given=None, scale=1.0):
        """One step with random gradients, for those parameters that are `given` one."""
        for i, (p, their_p) in enumerate(zip(self.parameters, self.torch_s, strict=True)):
            g = np.asarray(self.random.normal(size=p.shape) * scale, self.dtype)
            some = given is None or given[i]
            p.grad = Tensor(self.backend.asarray(g)) if some else None
            their_p.grad = torch.tensor(g) if some else None
        self.optimizer.step()
        self.torch_optimizer.step()

    def check(self, tolerance=1e-12):
        for p, their_p in zip(self.parameters, self.torch_s, strict=True):
            expected = their_p.detach().numpy()
            np.testing.assert_allclose(p.numpy(), expected, tolerance, tolerance)


def on_host(state_dict):
    """The state with copies of its arrays, as NumPy's."""
    state = {
        i: {name: np.array(Tensor(value).numpy()) for name, value in entries.items()}
        for i, entries in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


def to_torch(state_dict):
    host = on_host(state_dict)
    for entries in host["state"].values():
        entries |= {name: torch.tensor(value) for name, value in entries.items()}
    return host
