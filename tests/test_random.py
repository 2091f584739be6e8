"""Tests of the random numbers: the right bits, the right laws, a state of two integers."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from minigan.errors import UserError
from minigan.random import NumpyStream, Random, default_generator, fork_rng, manual_seed

MASK = 2**64 - 1
SEEDS = st.integers(0, 2**128 - 1)


def philox_block(counter: int, key: int) -> list[int]:
    """Philox4x64-10 as the paper writes it (section 4.3), in Python's integers."""
    c = [counter >> shift & MASK for shift in (0, 64, 128, 192)]
    k = [key & MASK, key >> 64]
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k[0], second & MASK, first >> 64 ^ c[3] ^ k[1], first & MASK]
        k = [(k[0] + 0x9E3779B97F4A7C15) & MASK, (k[1] + 0xBB67AE8584CAA73B) & MASK]
    return c


def reference_words(seed: int, offset: int, count: int) -> list[int]:
    blocks = -(-count // 4)
    words = [word for n in range(offset, offset + blocks) for word in philox_block(n + 1, seed)]
    return words[:count]


def reference_halves(seed: int, offset: int, count: int) -> list[int]:
    words = reference_words(seed, offset, -(-count // 2))
    return [half for word in words for half in (word & 0xFFFFFFFF, word >> 32)]


# --- bits -----------------------------------------------------------------------------------------


def test_reference_gives_the_authors_known_answers():
    """Counter 0 and key 0, from the test vectors the authors publish with their Random123."""
    assert philox_block(0, 0) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@given(seed=SEEDS, offset=st.integers(0, 2**62), count=st.integers(0, 23))
def test_words_are_philox_blocks(seed, offset, count):
    stream = NumpyStream(seed, offset)
    assert stream.words(count).tolist() == reference_words(seed, offset, count)
    assert stream.offset() == offset + -(-count // 4)


@given(seed=SEEDS, offset=st.integers(0, 2**40), count=st.integers(0, 19))
def test_every_method_is_the_stated_function_of_the_words(seed, offset, count):
    generator = Random()

    def draw(method, *arguments, **options):
        generator.load_state_dict({"seed": seed, "offset": offset})
        return getattr(generator, method)(*arguments, **options).tolist()

    halves = reference_halves(seed, offset, count)[:count]
    assert draw("uniform", count) == [(half >> 8) / 2**24 for half in halves]
    assert draw("uniform", count, "float64") == [half / 2**32 for half in halves]
    assert draw("bernoulli", 0.3, count, value=2.5) == [
        2.5 * (half < round(0.3 * 2**32)) for half in halves
    ]
    words = reference_words(seed, offset, count)
    assert draw("integers", 10, count) == [word % 10 for word in words]


def test_normal_is_box_and_mullers_formula():
    count = 10_001
    halves = np.array(reference_halves(5, 0, count), dtype=np.float64).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log((halves[:, 0] + 1) / 2**32))
    signed = halves[:, 1] - 2.0**32 * (halves[:, 1] >= 2**31)
    angle = 2 * math.pi * signed / 2**32
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    numbers = Random(5).normal(count, "float64")
    np.testing.assert_allclose(numbers, expected.reshape(-1)[:count], rtol=0, atol=3e-10)


def test_float32_numbers_are_the_float64_ones():
    single, double = Random(3), Random(3)
    normal = double.normal(12_345, "float64")
    assert np.array_equal(single.normal(12_345), normal.astype(np.float32))
    uniform = double.uniform(12_345, "float64")
    assert np.array_equal(single.uniform(12_345), np.floor(uniform * 2**24) / 2**24)
    assert single.state_dict() == double.state_dict()


# --- laws -----------------------------------------------------------------------------------------


def test_normal_has_the_moments_and_the_distribution_of_n01():
    numbers = Random(11).normal(1_000_000, "float64")
    n = len(numbers)
    assert abs(numbers.mean()) < 4 / math.sqrt(n)
    assert abs(numbers.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs(stats.skew(numbers)) < 4 * math.sqrt(6 / n)
    assert abs(stats.kurtosis(numbers)) < 4 * math.sqrt(24 / n)
    assert stats.kstest(numbers, stats.norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("bound", [2.0, 3.0, 4.0, 4.5])
def test_normal_tails_hold_as_many_numbers_as_they_should(bound):
    numbers = Random(12).normal(2_000_000)
    for tail in (np.count_nonzero(numbers > bound), np.count_nonzero(numbers < -bound)):
        expected = len(numbers) * stats.norm.sf(bound)
        assert abs(tail - expected) < 4 * math.sqrt(expected) + 1


def test_the_two_normals_of_a_word_are_independent():
    cosine, sine = Random(13).normal((500_000, 2), "float64").T
    limit = 4 / math.sqrt(len(cosine))
    assert abs(np.mean(cosine * sine)) < limit
    assert abs(np.corrcoef(cosine**2, sine**2)[0, 1]) < limit
    assert abs(np.corrcoef(np.abs(cosine), np.abs(np.roll(sine, 1)))[0, 1]) < limit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_is_uniform_and_below_one(dtype):
    numbers = Random(14).uniform(1_000_000, dtype)
    assert numbers.dtype == dtype
    assert 0 <= numbers.min() < 1e-5
    assert 1 - 1e-5 < numbers.max() < 1
    assert stats.kstest(numbers, stats.uniform.cdf).pvalue > 1e-3


def test_integers_are_equally_likely():
    numbers = Random(15).integers(10, (100, 1000))
    assert numbers.dtype == np.int64
    assert numbers.shape == (100, 1000)
    assert stats.chisquare(np.bincount(numbers.reshape(-1), minlength=10)).pvalue > 1e-3


@given(p_keep=st.floats(0, 1), value=st.sampled_from([1.0, 2.0, 1 / 0.7]))
def test_bernoulli_keeps_the_stated_share(p_keep, value):
    mask = Random(16).bernoulli(p_keep, 4000, "float64", value=value)
    assert set(mask.tolist()) <= {0.0, value}
    deviation = math.sqrt(p_keep * (1 - p_keep) / mask.size)
    assert abs(np.count_nonzero(mask) / mask.size - p_keep) <= 5 * deviation + 1e-3


def test_bernoulli_of_one_and_of_zero():
    assert Random(17).bernoulli(1.0, 10_000).all()
    assert not Random(17).bernoulli(0.0, 10_000).any()


def test_bernoulli_keeps_what_lies_below_the_threshold():
    half = int(NumpyStream(17).words(1)[0]) & 0xFFFFFFFF
    assert Random(17).bernoulli(half / 2**32, 1)[0] == 0
    assert Random(17).bernoulli((half + 1) / 2**32, 1)[0] == 1


def test_permutation_is_fair():
    """Each of the 24 orders of four numbers comes up equally often."""
    generator = Random(18)
    orders = [tuple(generator.permutation(4).tolist()) for _ in range(4800)]
    counts = [orders.count(order) for order in sorted(set(orders))]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


@given(n=st.integers(0, 200))
def test_permutation_is_a_permutation(n):
    order = Random(n).permutation(n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_forks_are_independent_of_each_other_and_of_their_parent():
    parent = Random(19)
    streams = [parent, parent.fork("sampling"), parent.fork("evaluation"), parent.fork(0)]
    streams += [Random(20), parent.fork("sampling").fork("sampling")]
    numbers = np.stack([stream.normal(200_000, "float64") for stream in streams])
    correlation = np.corrcoef(numbers) - np.eye(len(streams))
    assert np.abs(correlation).max() < 4.5 / math.sqrt(numbers.shape[1])
    assert stats.kstest(numbers.reshape(-1), stats.norm.cdf).pvalue > 1e-3


# --- state ----------------------------------------------------------------------------------------


def draw_some(generator: Random) -> list[list[float]]:
    draws = [
        generator.normal((3, 5)),
        generator.integers(7, 3),
        generator.uniform(2, "float64"),
        generator.permutation(6),
        generator.bernoulli(0.5, (2, 2)),
    ]
    return [draw.reshape(-1).tolist() for draw in draws]


@given(seed=SEEDS, rounds=st.integers(0, 3))
def test_a_saved_state_goes_on_with_the_same_numbers(seed, rounds):
    generator = Random(seed)
    for _ in range(rounds):
        draw_some(generator)
    state = generator.state_dict()
    blocks = 2 + 1 + 1 + 2 + 1  # 15 normals, 3 integers, 2 uniforms, 6 keys to sort, 4 mask values
    assert state == {"seed": seed, "offset": rounds * blocks}
    other = Random(1)
    other.load_state_dict(state)
    assert draw_some(other) == draw_some(generator)


def test_fork_neither_moves_its_parent_nor_depends_on_its_position():
    generator = Random(21)
    early = generator.fork("sampling")
    state = generator.state_dict()
    early.normal(100)
    assert generator.state_dict() == state
    generator.normal(100)
    late = generator.fork("sampling")
    assert np.array_equal(late.uniform(9), Random(21).fork("sampling").uniform(9))
    assert not np.array_equal(Random(21).fork(1).uniform(9), Random(21).fork("1").uniform(9))


def test_manual_seed_restarts_the_default_generator_of_this_thread_alone():
    generator = manual_seed(22)
    assert generator is default_generator()
    first = generator.normal(5)
    elsewhere = []
    thread = threading.Thread(
        target=lambda: elsewhere.append((manual_seed(23), default_generator().normal(5)))
    )
    thread.start()
    thread.join()
    assert elsewhere[0][0] is not generator
    assert np.array_equal(elsewhere[0][1], Random(23).normal(5))
    assert default_generator().state_dict() == {"seed": 22, "offset": 1}
    assert manual_seed(22) is generator
    assert np.array_equal(generator.normal(5), first)


def test_inside_fork_rng_the_callers_numbers_stand_still():
    generator = manual_seed(24)
    generator.normal(5)
    expected = Random(24)
    expected.normal(5)
    with pytest.raises(KeyError), fork_rng():
        before = default_generator().normal(3)  # they go on from where the caller's stood
        assert default_generator() is not generator
        with fork_rng():
            assert manual_seed(1) is default_generator()
            default_generator().normal(9)
        manual_seed(2)
        raise KeyError
    assert default_generator() is generator
    after = generator.normal(3)
    assert np.array_equal(before, after) and np.array_equal(after, expected.normal(3))


def test_a_generator_first_used_inside_fork_rng_begins_with_the_callers_seed(backend):
    found = []

    def work():
        manual_seed(26)
        with fork_rng():
            manual_seed(27, backend=backend)
        found.append(default_generator(backend=backend).state_dict())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [{"seed": 26, "offset": 0}]


def test_every_backend_draws_the_same_bits(backend):
    if backend.name == "numpy":
        pytest.skip("compares another backend with NumPy")
    ours, reference = Random(25, backend=backend).fork(3), Random(25).fork(3)
    for draw in (
        lambda g: g.normal((101, 7)),
        lambda g: g.normal(100_003, "float64"),
        lambda g: g.uniform(5),
        lambda g: g.uniform((0, 3)),
        lambda g: g.uniform((3, 5), "float64"),
        lambda g: g.bernoulli(0.7, (9, 9), value=1 / 0.7),
        lambda g: g.bernoulli(1.0, 3, "float64"),
        lambda g: g.integers(10, (4, 64)),
        lambda g: g.permutation(1000),
    ):
        found, expected = draw(ours), draw(reference)
        if not isinstance(found, np.ndarray):
            found = backend.to_numpy(found)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
        assert ours.state_dict() == reference.state_dict()
    reference.load_state_dict(ours.state_dict())
    ours.load_state_dict(reference.state_dict())
    assert backend.to_numpy(ours.normal(9)).tobytes() == reference.normal(9).tobytes()


def test_shapes_and_dtypes():
    generator = Random(24)
    assert generator.normal(()).shape == ()
    assert generator.normal(3).shape == (3,)
    assert generator.uniform((0, 3)).shape == (0, 3)
    assert generator.normal([2, 3], np.float64).dtype == np.float64
    assert generator.normal((2, 3)).dtype == np.float32
    assert generator.bernoulli(0.5, (4, 1, 3)).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: Random(-1), "seed is -1"),
        (lambda g: Random(2**128), "less than"),
        (lambda g: Random(1.5), "must be an int"),
        (lambda g: Random(True), "must be an int"),
        (lambda g: g.normal((2, -1)), "negative size"),
        (lambda g: g.normal(2, "float16"), "not float16"),
        (lambda g: g.uniform(2, "int64"), "not int64"),
        (lambda g: g.bernoulli(1.5, 2), "p_keep is 1.5"),
        (lambda g: g.bernoulli(math.nan, 2), "p_keep is nan"),
        (lambda g: g.integers(0, 2), "high is 0"),
        (lambda g: g.permutation(-1), "n is -1"),
        (lambda g: g.load_state_dict({"seed": 1}), "keys"),
        (lambda g: g.load_state_dict({"seed": 1, "offset": -1}), "offset is -1"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(UserError, match=words):
        call(Random())
