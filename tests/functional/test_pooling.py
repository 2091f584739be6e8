"""Tests of average pooling: torch's numbers for whatever windows, to second order."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from minigan import Tensor
from minigan import functional as F  # noqa: N812
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import pairs


def images(*shape):
    return np.random.default_rng(1).normal(size=shape)


@given(
    size=pairs(1, 8),
    kernel=pairs(1, 4),
    stride=st.none() | pairs(1, 4),
    half=st.booleans(),
    ceil_mode=st.booleans(),
    include=st.booleans(),
    divisor=st.sampled_from([None, None, 3, -2]),
    batch=st.sampled_from([(2, 3), (3,)]),
)
def test_avg_pool2d_is_torch_s(
    backend, size, kernel, stride, half, ceil_mode, include, divisor, batch
):
    padding = tuple(k // 2 for k in kernel) if half else (0, 0)
    assume(all(n + 2 * p >= k for n, p, k in zip(size, padding, kernel, strict=True)))
    rest = kernel, stride, padding, ceil_mode, include, divisor
    assert_matches_torch(
        lambda x: F.avg_pool2d(x, *rest),
        lambda x: torch.nn.functional.avg_pool2d(x, *rest),
        [images(*batch, *size)],
        backend=backend,
    )


def test_derivatives(backend):
    def pooled(x):
        return F.avg_pool2d(x, 2, 1, 1, count_include_pad=False)

    check_gradients(pooled, [images(1, 2, 2, 3)], backend=backend)
    assert_keeps_float32(pooled, [images(1, 2, 2, 3)], backend=backend)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel_size": 0}, "must not be 0"),
        ({"kernel_size": 2, "stride": 0}, "must not be 0"),
        ({"kernel_size": 2, "divisor_override": 0}, "must not be 0"),
        (
            {"kernel_size": 2, "padding": 2},
            r"at most half of the kernel, got \(2, 2\) for \(2, 2\)",
        ),
        ({"kernel_size": 5}, r"\(5, 5\) is larger than the images of shape \(2, 3, 4, 4\)"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        F.avg_pool2d(Tensor(images(2, 3, 4, 4)), **options)
