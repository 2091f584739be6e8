"""torch's own inputs for its modules, given to ours: results, both derivatives, names of the state.

`module_db` is the list with which torch tests its modules. Each entry of a module that we have is
run here: the same arguments, the same weights, the same keywords.
"""

import numpy as np
import pytest
import torch
from torch.testing._internal.common_modules import module_db

from minigan import Tensor, nn
from minigan.nn import Module
from minigan.testing import assert_matches_torch

OURS = {
    info.module_cls.__name__: info for info in module_db if hasattr(nn, info.name.split(".")[-1])
}
# What is left out, and why.
LEFT_OUT = {
    ("CrossEntropyLoss", "2d_ignore_index_mean"): "its two labels are ignored: the mean over none "
    "is NaN, here as in torch, and two NaNs cannot be compared",
}


def cases():
    for name, info in sorted(OURS.items()):
        for training in (False, True) if info.train_and_eval_differ else (True,):
            torch.manual_seed(0)
            inputs = info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
            )
            for i, each in enumerate(inputs):
                if (name, each.desc) in LEFT_OUT:
                    continue
                mode = "training" if training else "eval"
                yield pytest.param(name, each, training, id=f"{name}-{i}-{each.desc}-{mode}")


def ours_of(x):
    if isinstance(x, torch.Tensor):
        return Tensor(x.detach().numpy().copy(), requires_grad=x.requires_grad)
    return x


def built(name, given):
    arguments = [ours_of(x) for x in given.args]
    options = {key: ours_of(x) for key, x in given.kwargs.items()}
    return getattr(nn, name)(*arguments, **options)


class ByKeyword(Module):
    """Calls a module with its inputs' names."""

    def __init__(self, module, names):
        self.module, self.names = module, names

    def forward(self, *inputs):
        positional = len(inputs) - len(self.names)
        return self.module(
            *inputs[:positional], **dict(zip(self.names, inputs[positional:], strict=True))
        )


class ByKeywordInTorch(torch.nn.Module):
    """The same for torch's."""

    def __init__(self, module, names):
        super().__init__()
        self.module, self.names = module, names

    forward = ByKeyword.forward


@pytest.mark.parametrize(("name", "case", "training"), list(cases()))
def test_module_on_torch_s_inputs(name, case, training):
    given, fed = case.constructor_input, case.forward_input
    ours = built(name, given).double()
    theirs = OURS[name].module_cls(*given.args, **given.kwargs).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.train(training), theirs.train(training)
    inputs = [ours_of(x) for x in (*fed.args, *fed.kwargs.values())]
    names = list(fed.kwargs)
    pair = ByKeyword(ours, names), ByKeywordInTorch(theirs, names)
    if any(x.requires_grad for x in (*inputs, *ours.parameters())):
        assert_matches_torch(*pair, inputs, tolerance=1e-9)
    else:
        y, their_y = ours(*inputs), theirs(*fed.args, **fed.kwargs)
        np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-12)


def error_cases():
    for name, info in sorted(OURS.items()):
        if info.module_error_inputs_func is None:
            continue
        errors = info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=True
        )
        for i, each in enumerate(errors):
            yield pytest.param(name, each, id=f"{name}-{i}")


@pytest.mark.parametrize(("name", "case"), list(error_cases()))
def test_what_torch_refuses_is_refused(name, case):
    given, fed = case.module_error_input.constructor_input, case.module_error_input.forward_input

    def run():
        module = built(name, given).double()
        if fed is not None:
            module(*map(ours_of, fed.args), **{k: ours_of(x) for k, x in fed.kwargs.items()})

    with pytest.raises((ValueError, TypeError, IndexError)):
        run()


def test_all_of_torch_s_list_that_we_have_is_run():
    assert len(OURS) == 22 and len(list(cases())) == 228
