"""Tests that N ranks train the function that one process trains, and hold the same bits."""

import functools

import numpy as np
import pytest
from games import SMALL, farthest, played, seen_of

from minigan.distributed import run_in_threads

one_process = functools.cache(played)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SMALL)
def test_ranks_end_where_one_process_ends(name, size):
    """Weights, moments, running statistics, averages, losses, and where the random numbers are."""
    first, *others = run_in_threads(size, lambda: played(name))
    for other in others:
        for key, array in first.items():
            np.testing.assert_array_equal(other[key], array, err_msg=key)
    wanted = one_process(name)
    for keys, within in zip(seen_of(name, first), (1e-11, 1e-8), strict=True):
        assert farthest(*({key: each[key] for key in keys} for each in (first, wanted))) < within
    if size == 1:
        assert farthest(first, wanted) == 0


@pytest.mark.parametrize("size", [2, 3])
def test_the_same_ranks_make_the_same_bytes(size):
    one, other = (run_in_threads(size, lambda: played("gan", 8))[0] for _ in range(2))
    assert farthest(one, other) == 0


def test_float32_stays_float32_and_close():
    first = run_in_threads(3, lambda: played("dcgan", 8, dtype="float32"))[0]
    wanted = played("dcgan", 8, dtype="float32")
    assert {key: a.dtype for key, a in first.items()} == {key: a.dtype for key, a in wanted.items()}
    assert farthest(first, wanted) < 1e-3


@pytest.mark.parametrize("fault", ["noise", "weight", "statistics", "gradient"])
def test_a_fault_is_noticed(fault, monkeypatch):
    """Each of the four things that ranks must do together is seen by the comparison above."""
    from minigan.distributed.communicator import Communicator, Rows
    from minigan.functional import normalization
    from minigan.optim import Optimizer

    if fault == "noise":  # every rank draws the first rows
        monkeypatch.setattr(Rows, "start", property(lambda rows: 0))
        monkeypatch.setattr(Rows, "stop", property(lambda rows: rows[2] - rows[1]))
    elif fault == "weight":  # a plain average of uneven parts
        monkeypatch.setattr(Communicator, "weight", property(lambda us: 1 / us.size))
    elif fault == "statistics":  # each rank's own

        def own(rows):
            return *normalization.backend_of(rows).column_moments(rows), len(rows)

        monkeypatch.setattr(normalization, "moments_over_ranks", own)
    else:
        monkeypatch.setattr(Optimizer, "_sum_over_ranks", lambda optimizer: None)
    try:
        first = run_in_threads(3, lambda: played("gan", 4))[0]
    except ValueError as error:  # the ranks part, which the checksum sees
        assert "no longer those" in str(error)
        return
    assert farthest(first, played("gan", 4)) > 1e-6
