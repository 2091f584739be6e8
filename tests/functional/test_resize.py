"""Tests of resizing: torch's numbers for whatever sizes, to second order; the order of memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, grad
from minigan import functional as F  # noqa: N812
from minigan.functional.resize import Resize
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import pairs

MODES = [("nearest", None), ("bilinear", None), ("bilinear", False), ("bilinear", True)]
SIDES = pairs(1, 7)


def both(**options):
    return (
        lambda x: F.interpolate(x, **options),
        lambda x: torch.nn.functional.interpolate(x, **options),
    )


def images(*shape):
    return np.random.default_rng(1).normal(size=shape)


@given(size=SIDES, out=SIDES, mode=st.sampled_from(MODES))
def test_a_size_is_torch_s(backend, size, out, mode):
    ours, theirs = both(size=out, mode=mode[0], align_corners=mode[1])
    assert_matches_torch(ours, theirs, [images(2, 3, *size)], backend=backend)


@given(
    size=SIDES,
    factor=st.sampled_from([1, 2, 3, 1.5, 2.5, 1.3, (2, 3), (1.7, 2.0)]),
    mode=st.sampled_from(MODES),
)
def test_a_scale_factor_is_torch_s(backend, size, factor, mode):
    ours, theirs = both(scale_factor=factor, mode=mode[0], align_corners=mode[1])
    assert_matches_torch(ours, theirs, [images(2, 3, *size)], backend=backend)


@pytest.mark.parametrize("out", [1, 2, 5, 7, 14, 28, 60, 64])
@pytest.mark.parametrize("size", [1, 3, 7, 10, 28, 49])
def test_nearest_picks_torch_s_pixel(size, out):
    ours, theirs = both(size=(out, 1))
    pixels = np.arange(size, dtype=np.float32).reshape(1, 1, size, 1)
    assert ours(Tensor(pixels)).tolist() == theirs(torch.tensor(pixels)).tolist()


@pytest.mark.parametrize(("mode", "corners"), MODES)
def test_derivatives(backend, mode, corners):
    ours, _ = both(scale_factor=(2, 1.5), mode=mode, align_corners=corners)
    check_gradients(ours, [images(2, 1, 2, 3)], backend=backend)
    assert_keeps_float32(ours, [images(2, 1, 2, 3)], backend=backend)


def test_the_channels_stay_last_in_memory(backend):
    x = Tensor(images(2, 4, 5, 3).transpose(0, 3, 1, 2), requires_grad=True, backend=backend)
    y = both(scale_factor=2)[0](x)
    (gx,) = grad(y, x, y.detach())
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    assert gx.array.strides == x.array.strides


def test_no_images(backend):
    ours, theirs = both(scale_factor=2)
    assert_matches_torch(ours, theirs, [images(0, 3, 2, 2)], backend=backend)


def test_a_wrong_transpose_is_found():
    class Wrong(Resize):
        def dx(self, g, y, x):
            return Resize(self.q.T, self.p.T)(g)

    p, q = np.random.default_rng(2).normal(size=(2, 3, 3))
    with pytest.raises(AssertionError, match="order 1, input 0"):
        check_gradients(lambda x: Wrong(p, q)(x), [images(1, 2, 3, 3)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either size or scale_factor"),
        ({"size": 4, "scale_factor": 2}, "either size or scale_factor"),
        ({"size": 0}, "would leave no pixel"),
        ({"scale_factor": 0.1}, "would leave no pixel"),
        ({"scale_factor": -2.0}, "above 0 and finite"),
        ({"size": 4, "mode": "bicubic"}, '"nearest" or "bilinear", not \'bicubic\''),
        ({"size": 4, "align_corners": True}, "align_corners is for"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        F.interpolate(Tensor(images(2, 3, 4, 4)), **options)


def test_images_of_other_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"images are \(N, C, H, W\), got shape \(3, 4\)"):
        F.interpolate(Tensor(images(3, 4)), 2)
