"""Entropies and divergences against scipy, closed forms, and the properties that define them."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.evaluation.divergences import cross_entropy, entropy, js_divergence, kl_divergence

quick = settings(max_examples=60, deadline=None)
grid = np.linspace(-12, 12, 2401)
width = grid[1] - grid[0]


@st.composite
def distributions(draw, count):
    """`count` distributions over the same outcomes; a weight is often exactly 0."""
    outcomes = draw(st.integers(1, 8))
    weight = st.just(0.0) | st.floats(1e-300, 1)
    rows = draw(hnp.arrays(np.float64, (count, outcomes), elements=weight))
    sums = rows.sum(axis=1, keepdims=True)
    assume((sums > 1e-3).all())
    return list(rows / sums)


def bell(mean, deviation):
    return scipy.stats.norm(mean, deviation).pdf(grid)


# ---------------------------------------------------------------- against scipy


@quick
@given(distributions(2))
def test_all_four_match_scipy(pair):
    p, q = pair
    assert entropy(p) == pytest.approx(scipy.special.entr(p).sum(), abs=1e-12)
    expected = scipy.special.rel_entr(p, q).sum()
    assert kl_divergence(p, q) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    expected = scipy.special.entr(p).sum() + expected
    assert cross_entropy(p, q) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    m = (p + q) / 2
    expected = (scipy.special.rel_entr(p, m).sum() + scipy.special.rel_entr(q, m).sum()) / 2
    assert js_divergence(p, q) == pytest.approx(expected, abs=1e-12)


def test_the_root_of_jsd_is_scipys_distance():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    expected = scipy.spatial.distance.jensenshannon(p, q)
    assert js_divergence(p, q) ** 0.5 == pytest.approx(expected, rel=1e-12)


def test_entropy_of_known_densities():
    assert entropy(bell(1, 0.5), cell=width) == pytest.approx(
        scipy.stats.norm(1, 0.5).entropy(), abs=1e-9
    )
    # narrower than a unit, a density has less than no entropy
    assert entropy(bell(0, 0.1), cell=width) == pytest.approx(
        np.log(0.1 * np.sqrt(2 * np.pi * np.e)), abs=1e-6
    )


def test_a_sure_outcome_has_no_minus_sign():
    assert str(entropy([1.0])) == str(cross_entropy([1.0], [1.0])) == "0.0"


@quick
@given(st.floats(-2, 2), st.floats(0.3, 1.5), st.floats(-2, 2), st.floats(0.3, 1.5))
def test_kl_of_two_gaussians_has_a_closed_form(mean_p, sigma_p, mean_q, sigma_q):
    p, q = bell(mean_p, sigma_p), np.maximum(bell(mean_q, sigma_q), 1e-300)
    ratio = sigma_p / sigma_q
    expected = (ratio**2 + ((mean_p - mean_q) / sigma_q) ** 2 - 1) / 2 - np.log(ratio)
    assert kl_divergence(p, q, cell=width) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_cells_may_differ_in_width():
    """A grid that is dense where the density is."""
    points = np.sinh(np.linspace(-4, 4, 4001))
    cells = np.gradient(points)
    p, q = scipy.stats.norm(0, 1).pdf(points), scipy.stats.norm(1, 1).pdf(points)
    assert kl_divergence(p, q, cell=cells) == pytest.approx(0.5, abs=1e-4)


# ---------------------------------------------------------------- what defines them


@quick
@given(distributions(2))
def test_bounds_and_identities(pair):
    p, q = pair
    assert 0 <= entropy(p) + 1e-12 <= np.log(len(p)) + 2e-12
    assert kl_divergence(p, q) >= 0
    assert kl_divergence(p, p) == 0
    assert js_divergence(p, p) == pytest.approx(0, abs=1e-15)
    assert 0 <= js_divergence(p, q) <= np.log(2) + 1e-12
    assert js_divergence(p, q) == pytest.approx(js_divergence(q, p), abs=1e-15)
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl_divergence(p, q), abs=1e-9)


@quick
@given(distributions(3))
def test_the_root_of_jsd_obeys_the_triangle_inequality(three):
    a, b, c = three
    way = [js_divergence(*pair) ** 0.5 for pair in ((a, b), (b, c), (a, c))]
    assert way[2] <= way[0] + way[1] + 1e-7  # the root magnifies rounding


@quick
@given(distributions(2))
def test_jsd_is_what_an_outcome_says_about_the_coin(pair):
    """I(outcome; coin) = H(outcome) - H(outcome | coin)"""
    p, q = pair
    information = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    assert js_divergence(p, q) == pytest.approx(information, abs=1e-12)


@quick
@given(distributions(2), st.floats(0.1, 10))
def test_merging_outcomes_brings_distributions_closer(pair, cell):
    """And the unit of a density's grid does not matter."""
    p, q = (np.append(x, [0.0] * (len(x) % 2)) for x in pair)
    merged = [x.reshape(-1, 2).sum(axis=1) for x in (p, q)]
    for divergence in (kl_divergence, js_divergence):
        whole = divergence(p, q)
        assert divergence(*merged) <= whole + 1e-12
        assert divergence(p / cell, q / cell, cell=cell) == pytest.approx(whole, abs=1e-9)


def test_several_dimensions_are_one_distribution():
    p, q = np.full((2, 3), 1 / 6), np.array([[0.5, 0.1, 0.1], [0.1, 0.1, 0.1]])
    assert kl_divergence(p, q) == pytest.approx(kl_divergence(p.ravel(), q.ravel()), rel=1e-15)


# ---------------------------------------------------------------- zeros, and the smallest numbers


def test_what_never_happens_adds_nothing():
    assert entropy([1.0, 0.0]) == 0
    assert kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert js_divergence([1.0, 0.0, 0.0], [0.5, 0.5, 0.0]) == pytest.approx(
        (np.log(4 / 3) + np.log(2 / 3) / 2 + np.log(2) / 2) / 2
    )


def test_what_q_rules_out_costs_infinitely_much():
    assert kl_divergence([0.5, 0.5], [1.0, 0.0]) == np.inf
    assert cross_entropy([0.5, 0.5], [1.0, 0.0]) == np.inf
    assert js_divergence([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.log(2))


def test_the_smallest_float_is_no_trap():
    """Half of it is 0: a mean m of 0 where p is not would make the divergence infinite."""
    tiny = np.nextafter(0, 1)
    assert js_divergence([1.0, tiny], [1.0, 0.0]) == pytest.approx(0, abs=1e-300)
    assert kl_divergence([1.0, tiny], [1.0, tiny]) == 0


def test_float32_and_cut_tails_are_brought_to_a_sum_of_one():
    p = np.full(1000, 1e-3, np.float32)
    assert entropy(p) == pytest.approx(np.log(1000), rel=1e-12)
    near = np.abs(grid) < 3.5  # 0.05 % is cut off
    p, q = bell(0, 1)[near], bell(0, 1.02)[near]
    assert kl_divergence(p, q, cell=width) >= 0


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("p", "words"),
    [
        ([0.5, 0.6], "sums to 1.1"),
        ([1.5, -0.5], "none negative"),
        ([np.nan, 1.0], "finite"),
        ([], "at least one"),
    ],
)
def test_what_is_no_distribution_is_refused(p, words):
    with pytest.raises(UserError, match=f"entropy: p.*{words}"):
        entropy(p)
    with pytest.raises(UserError, match=words):
        kl_divergence([1.0], p)


def test_a_density_without_its_cell_is_refused():
    with pytest.raises(UserError, match="give the width of the grid's cells"):
        entropy(bell(0, 1))
    with pytest.raises(UserError, match="wider than 0"):
        entropy(bell(0, 1), cell=-width)
    with pytest.raises(UserError, match="cell is one width or one for each"):
        entropy(bell(0, 1), cell=np.ones(3))


def test_different_outcomes_are_refused():
    with pytest.raises(UserError, match=r"\(2,\) and \(3,\)"):
        js_divergence([0.5, 0.5], [0.2, 0.3, 0.5])
