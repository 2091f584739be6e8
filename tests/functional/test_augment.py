"""Tests of random changes of images: torch's numbers for formulas of our own, to second order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, grad
from minigan.functional import augment
from minigan.functional.augment import Shift
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients

SIDES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))


def images(*shape):
    return np.random.default_rng(1).normal(size=shape)


def each(*values):
    return np.array(values, float).reshape(-1, 1, 1, 1)


def torch_shifted(x, down, right, fill=0.0):
    """The same with torch's padding and slices, image by image."""
    n, c, h, w = x.shape
    moved = []
    for image, a, b in zip(x, down.tolist(), right.tolist(), strict=True):
        wide = torch.nn.functional.pad(image, (w, w, h, h), value=fill)
        top, left = (max(0, min(2 * s, s - d)) for s, d in ((h, a), (w, b)))
        moved.append(wide[:, top : top + h, left : left + w])
    return torch.stack(moved) if moved else x


def torch_cut(x, row, column, size, fill):
    y = x.clone()
    for n, (r, c) in enumerate(zip(row.tolist(), column.tolist(), strict=True)):
        top, left = r - size[0] // 2, c - size[1] // 2
        rows, columns = (
            slice(max(a, 0), max(a + s, 0)) for a, s in zip((top, left), size, strict=True)
        )
        y[n, :, rows, columns] = fill
    return y


COLORS = {
    "brightness": lambda x, u: x + u,
    "saturation": lambda x, u: (x - x.mean(1, keepdim=True)) * u + x.mean(1, keepdim=True),
    "contrast": lambda x, u: (
        (x - x.mean((1, 2, 3), keepdim=True)) * u + x.mean((1, 2, 3), keepdim=True)
    ),
}


@pytest.mark.parametrize("name", COLORS)
@given(sides=SIDES)
def test_colors_are_torch_s(backend, name, sides):
    inputs = [images(3, *sides), each(0.5, -0.3, 1.7)]
    assert_matches_torch(getattr(augment, name), COLORS[name], inputs, backend=backend)


@given(
    sides=SIDES,
    far=st.lists(st.tuples(st.integers(-7, 7), st.integers(-7, 7)), min_size=2, max_size=2),
    fill=st.sampled_from([0.0, 0.5]),
)
def test_translation_is_torch_s(backend, sides, far, fill):
    down, right = np.array(far).T

    def ours(x):
        here = x.backend.asarray
        return augment.translation(x, here(down), here(right), fill=fill)

    def theirs(x):
        return torch_shifted(x, down, right, fill)

    assert_matches_torch(ours, theirs, [images(2, *sides)], backend=backend)


@given(
    sides=SIDES,
    at=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=2, max_size=2),
    size=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    fill=st.sampled_from([0.0, 0.5]),
)
def test_cutout_is_torch_s(backend, sides, at, size, fill):
    row, column = np.array(at).T

    def ours(x):
        here = x.backend.asarray
        return augment.cutout(x, here(row), here(column), size, fill=fill)

    def theirs(x):
        return torch_cut(x, row, column, size, fill)

    assert_matches_torch(ours, theirs, [images(2, *sides)], backend=backend)


def all_of_them(x):
    here = x.backend.asarray
    amount = Tensor(each(0.3, -0.2).astype(x.dtype), backend=x.backend)
    x = augment.contrast(augment.saturation(augment.brightness(x, amount), amount + 1), amount + 1)
    down, right = here(np.array([1, -2])), here(np.array([-1, 0]))
    moved = augment.translation(x, down, right, fill=0.25)
    return augment.cutout(moved, here(np.array([0, 3])), here(np.array([2, 1])), (2, 3), fill=0.25)


def test_derivatives_of_all_of_them(backend):
    x = images(2, 3, 4, 5)
    check_gradients(lambda x: all_of_them(x) ** 2, [x], order=2, backend=backend)
    assert_keeps_float32(all_of_them, [x], backend=backend)


def test_a_shift_by_hand(backend):
    x = Tensor(np.arange(6.0).reshape(1, 1, 2, 3), backend=backend)
    down, right = (x.backend.asarray(np.array([d])) for d in (1, -1))
    assert Shift(down, right)(x).tolist() == [[[[0, 0, 0], [1, 2, 0]]]]


def test_the_channels_stay_last_in_memory(backend):
    x = Tensor(images(2, 4, 5, 3).transpose(0, 3, 1, 2), requires_grad=True, backend=backend)
    y = all_of_them(x)
    (gx,) = grad(y, x, y.detach())
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    assert gx.array.strides == x.array.strides


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 1, 0, 2)])
def test_nothing_to_shift(backend, shape):
    x = Tensor(np.ones(shape), backend=backend)
    far = x.backend.asarray(np.ones(shape[0], int))
    assert augment.translation(x, far, far).shape == shape


def test_infinity_is_shifted_out(backend):
    x = Tensor(np.array([[[[1.0, np.inf]]]]), backend=backend)
    down, right = (x.backend.asarray(np.array([d])) for d in (0, 1))
    assert augment.translation(x, down, right).tolist() == [[[[0.0, 1.0]]]]


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"contrast: images are \(N, C, H, W\), got shape \(2, 3"):
        augment.contrast(Tensor(images(2, 3)), Tensor(each(1, 1)))
    with pytest.raises(ValueError, match=r"each of 2 images has the shape \(2, 1, 1, 1\), got"):
        augment.brightness(Tensor(images(2, 3, 4, 4)), Tensor(each(1)))
    with pytest.raises(TypeError, match="saturation: the amount must be a Tensor"):
        augment.saturation(Tensor(images(2, 3, 4, 4)), 1.0)


def test_a_shift_in_the_same_direction_is_found():
    class Wrong(Shift):
        def dx(self, g, y, x):
            return Shift(self.down, self.right)(g)

    far = np.array([1])
    with pytest.raises(AssertionError, match="order 1, input 0"):
        check_gradients(lambda x: Wrong(far, far)(x), [images(1, 2, 3, 3)])
