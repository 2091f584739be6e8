"""Shared matrix products: right, cut by their shape alone, and held up by no thread that sleeps."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend.numpy import products
from minigan.backend.numpy.arrays import NumpyBackend
from minigan.backend.numpy.products import GRAIN, PART, cuts, matmul
from minigan.backend.numpy.threads import Share, Threads

POOLS = {count: Threads(count) for count in (1, 2, 3)}
LARGE = (64, 784, 512)  # the MLP GAN's discriminator meets a batch


@contextmanager
def small_parts() -> Iterator[None]:
    """Inside, products of a few hundred multiplications are shared out, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "PART", 1 << 8)
        patch.setattr(products, "HEAD_START", 1 << 6)
        patch.setattr(products, "UNSHARED", 0)
        patch.setattr(products, "ROW", 0)
        yield


@contextmanager
def nobody_helps(threads: Threads) -> Iterator[None]:
    """Inside, the threads of the pool do not come to run, as on a machine that others use."""
    go_on, stuck = threading.Event(), [threading.Event() for _ in range(threads.count - 1)]

    def wait(reached: threading.Event) -> None:
        reached.set()
        go_on.wait(20)

    shares = [Share(lambda reached=reached: wait(reached)) for reached in stuck]
    for share in shares:
        threads._pool().put(share)
    assert all(reached.wait(20) for reached in stuck)
    try:
        yield
    finally:
        go_on.set()
        for share in shares:
            share.result()


def operands(shape: tuple[int, int, int], dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows, depth, columns = shape
    return rng.normal(size=(rows, depth)).astype(dtype), rng.normal(size=(depth, columns)).astype(
        dtype
    )


@given(
    st.tuples(*[st.integers(0, 90)] * 3),
    st.sampled_from(list(POOLS)),
    st.tuples(st.booleans(), st.booleans()),
    st.sampled_from(["float32", "float64", "int64", "bool"]),
    st.integers(0, 2**32 - 1),
)
def test_products_of_whole_numbers_are_exact(shape, count, turned, dtype, seed) -> None:
    rng, (rows, depth, columns) = np.random.default_rng(seed), shape
    a, b = rng.integers(-4, 5, (rows, depth)), rng.integers(-4, 5, (depth, columns))
    given = [
        np.asfortranarray(x.astype(dtype)) if turn else x.astype(dtype)
        for x, turn in zip((a, b), turned, strict=True)
    ]
    with small_parts():
        y = matmul(POOLS[count], *given)
    expected = np.matmul(*given)
    assert y.dtype == expected.dtype and y.flags.c_contiguous
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [LARGE, (784, 64, 512), (64, 256, 1), (1, 9000, 1000), (1000, 9000, 1)]
)
def test_the_bytes_do_not_depend_on_who_computes(shape: tuple[int, int, int], dtype: str) -> None:
    for count in (2, 3):
        threads = POOLS[count]
        a, b = operands(shape, dtype)
        together = [matmul(threads, a, b).tobytes() for _ in range(3)]
        with nobody_helps(threads):
            alone = matmul(threads, a, b).tobytes()
        assert set(together) == {alone}


def test_the_bytes_do_not_depend_on_what_another_thread_multiplies() -> None:
    """Two programs' threads train at once: one's products change the library's setting."""
    a, b = operands(LARGE)
    expected, found = matmul(POOLS[2], a, b).tobytes(), []

    def train() -> None:
        for _ in range(30):
            found.append(matmul(POOLS[2], a, b).tobytes())

    others = [threading.Thread(target=train) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert len(found) == 90 and set(found) == {expected}


def test_a_large_product_is_shared_and_a_small_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    run = Threads.run

    def watched(self, work, pieces):
        seen.append(len(pieces))
        return run(self, work, pieces)

    monkeypatch.setattr(Threads, "run", watched)
    for shape in [(256, 128, 128), (256, 2, 64), (0, 3, 4), LARGE]:
        matmul(POOLS[2], *operands(shape))
    assert seen == [2]
    matmul(POOLS[1], *operands(LARGE))
    assert seen == [2]


@given(st.integers(1, 3000), st.integers(1, 1 << 26), st.integers(2, 9))
def test_the_cuts_cover_everything_once_and_the_first_is_the_longest(length, size, most) -> None:
    found = cuts(length, size, most)
    assert [i for some in found for i in range(length)[some]] == list(range(length))
    assert len(found) <= most and (len(found) == 1 or size >= 2 * PART)
    sizes = [some.stop - some.start for some in found]
    assert min(sizes) > 0 and sizes[0] >= max(sizes) - GRAIN
    assert all(some.start % GRAIN == 0 for some in found)


def test_stacks_and_vectors_are_numpy_s_and_a_misfit_is_its_error() -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    with small_parts():
        np.testing.assert_array_equal(matmul(POOLS[2], a, a.transpose(0, 2, 1))[1], a[1] @ a[1].T)
        assert matmul(POOLS[2], a[0], np.ones(4)).tolist() == a[0].sum(axis=1).tolist()
        with pytest.raises(ValueError, match="matmul"):
            matmul(POOLS[2], a[0], a[1])


def test_a_compiled_step_tells_openblas_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, told = NumpyBackend(), []
    monkeypatch.setattr(backend.threads, "_set_blas", told.append)
    monkeypatch.setattr(backend.threads, "count", 2)

    @backend.compiled
    def step(times: int) -> None:
        for _ in range(times):
            backend.matmul(a, a)

    a = operands((300, 300, 300))[0]
    for played in range(3):
        step(5)
        assert len(told) == 2 * (played + 1) and set(told[0]) == {1}
