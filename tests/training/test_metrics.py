"""The table of a run: whole rows at once, exact when it goes on, and never mistaken for another."""

from contextlib import closing

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.training.metrics import Metrics, read_metrics


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def row(iteration):
    return {"iteration": iteration, "D loss": np.float32(1 / iteration), "D(x), mean": 0.5}


def test_metrics_are_in_the_file_at_once(path):
    with closing(Metrics(path)) as metrics:
        metrics.append({"iteration": 1, "D loss": np.float32(0.1), "G loss": float("nan")})
        expected = "iteration,D loss,G loss\n1,0.1,nan\n"
        assert path.read_text() == expected
        metrics.append({"iteration": 2, "D loss": 1e-7, "G loss": float("inf")})
        assert path.read_text() == expected + "2,1e-07,inf\n"
        with pytest.raises(ValueError, match="do not fit the columns"):
            metrics.append({"iteration": 3, "D loss": 1.0})
    columns = read_metrics(path)
    assert columns["iteration"].tolist() == [1, 2]
    assert columns["D loss"].tolist() == [0.1, 1e-7]
    assert np.isnan(columns["G loss"][0]) and np.isinf(columns["G loss"][1])


def test_the_first_column_is_the_iteration(path):
    with pytest.raises(ValueError, match="iteration"):
        Metrics(path).append({"epoch": 1, "iteration": 1})


def test_names_with_commas_and_half_a_last_row(path):
    with closing(Metrics(path)) as metrics:
        for iteration in (1, 2, 3):
            metrics.append(row(iteration))
    with open(path, "a") as file:
        file.write("4,0.2")
    columns = read_metrics(path)
    assert list(columns) == list(row(1)) and columns["iteration"].tolist() == [1, 2, 3]


def test_it_is_cut_back_and_goes_on(path):
    with closing(Metrics(path)) as whole:
        for iteration in (1, 2, 3, 4):
            whole.append(row(iteration))
    expected = path.read_bytes()
    with open(path, "a") as file:
        file.write("5,0.2")
    with pytest.raises(UserError, match="Cannot write"):
        Metrics(path).append(row(5))  # never after a row that is half written
    with closing(Metrics(path)) as again:
        again.cut_back_to(2)
        with pytest.raises(ValueError, match="do not fit the columns"):
            again.append({"iteration": 3})
        for iteration in (3, 4):
            again.append(row(iteration))
    assert path.read_bytes() == expected


def test_cut_back_to_nothing_there_is_no_table(path):
    with closing(Metrics(path)) as metrics:
        metrics.append(row(1))
        metrics.cut_back_to(0)
    assert not path.exists()


@pytest.mark.parametrize(
    "text", ["a,b\n1\n", "a\nx\n", 'a\n"\n', "a\n" + "9" * 200_000 + "," * 3 + "\n"]
)
def test_tables_that_are_none(path, text):
    path.write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv cannot be read"):
        read_metrics(path)
