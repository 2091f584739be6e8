"""Tests of ranks as real processes: one result, and how they end.

Each of them starts Python several times, which takes seconds.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minigan.training.checkpoint import load_checkpoint

MPIEXEC = Path(sys.executable).with_name("mpiexec")
PROGRAM = Path(__file__).with_name("program.py")
mpi = pytest.mark.skipif(not MPIEXEC.exists(), reason='pip install "minigan[mpi]"')


def started(ranks, *flags, **environment):
    """The program on so many ranks; 0 for a process without mpiexec."""
    start = [str(MPIEXEC), "-n", str(ranks)] if ranks else []
    return subprocess.Popen(
        [*start, sys.executable, str(PROGRAM), *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def ended(process, within=60):
    out, err = process.communicate(timeout=within)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    return process.returncode, errors, out + err


def ran(ranks, *flags, **environment):
    return ended(started(ranks, *flags, **environment))


def weights(folder):
    return load_checkpoint(folder / "checkpoint.safetensors").tensors


@mpi
def test_four_processes_then_two_then_one_end_where_one_does(tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert ran(0, "--out", whole, "--max-steps", 30)[0] == 0
    for ranks, steps in ((4, 12), (2, 21), (0, 30)):
        code, errors, said = ran(ranks, "--out", shared, "--max-steps", steps, "--resume")
        assert code == 0 and errors == [], said
        assert said.count("saved in") == 1
    for name, array in weights(whole).items():
        np.testing.assert_allclose(weights(shared)[name], array, rtol=0, atol=1e-11, err_msg=name)
    metrics = [(folder / "metrics.csv").read_text().splitlines() for folder in (whole, shared)]
    assert len(metrics[0]) == len(metrics[1]) == 31


@mpi
@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        ("raise", 1, "error: ZeroDivisionError: a fault to order (rank 1 of 2; all end)"),
        ("memory", 2, "error: there is not enough memory for this; ask for less (rank 1 of 2"),
        ("kill", 9, "error: rank 1 of 2 ended without a word: it was killed"),
        ("bit", 2, "error: iteration 15: the weights of rank 1 are no longer those of the others"),
    ],
)
def test_one_rank_fails_and_all_end_with_one_line(tmp_path, fault, code, line):
    """And the same command with fewer ranks goes on."""
    run = ["--out", tmp_path, "--max-steps", 20, "--checkpoint-every", 5]
    began = time.monotonic()
    found, errors, said = ran(2, *run, "--fault", fault, "--at", 12)
    assert time.monotonic() - began < 50
    assert found == code, said
    assert len(errors) == 1 and errors[0].startswith(line), said
    assert load_checkpoint(tmp_path / "checkpoint.safetensors").metadata["iteration"] == 10
    assert ran(0, *run, "--resume")[0] == 0


@mpi
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_mpiexec_is_asked_to_stop_and_all_ranks_stop_after_one_save(tmp_path, number):
    process = started(2, "--out", tmp_path, "--pause", 0.05, "--checkpoint-every", 1000)
    while not (tmp_path / "metrics.csv").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    code, errors, said = ended(process)
    assert code == 130 and errors == []
    assert said.count("stopped at iteration") == 1
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    last = load_checkpoint(tmp_path / "checkpoint.safetensors").metadata["iteration"]
    assert len(rows) - 1 == last


@mpi
def test_ranks_with_other_arguments_are_refused(tmp_path):
    program = [sys.executable, str(PROGRAM), "--out", str(tmp_path)]
    command = [str(MPIEXEC), "-n", "1", *program, ":", "-n", "1", *program, "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "differ in arguments" in line and "'--seed', '1'" in line
    assert not (tmp_path / "config.json").exists()


@mpi
def test_a_rank_that_never_starts_ends_the_others(tmp_path):
    program = [sys.executable, str(PROGRAM), "--out", str(tmp_path)]
    command = [str(MPIEXEC), "-n", "2", *program, ":", "-n", "1", sys.executable, "-c", "exit(1)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "error: 3 processes were to start, and only these ranks did" in done.stderr


@mpi
def test_more_ranks_than_rows_are_refused(tmp_path):
    code, errors, said = ran(2, "--out", tmp_path, "--system", "wgan_gp", "--rows", 1)
    assert code == 2, said
    assert len(errors) == 1 and "2 processes share batches of 1 images" in errors[0]


@mpi
def test_a_mistake_in_the_command_is_said_once(tmp_path):
    code, _, said = ran(2, "--nonsense")
    assert code == 2 and said.count("there is no flag --nonsense") == 1


def test_mpiexec_without_mpi4py_is_one_line(tmp_path):
    (tmp_path / "mpi4py").mkdir()
    (tmp_path / "mpi4py" / "__init__.py").write_text('raise ImportError("no mpi4py")')
    search = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    place = {"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "1"}
    code, errors, said = ran(0, "--out", tmp_path / "run", **place, PYTHONPATH=search)
    assert code == 2, said
    assert len(errors) == 1 and 'pip install "minigan[mpi]"' in errors[0]


@mpi
def test_two_mpis_mixed_up_are_one_line(tmp_path):
    place = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    here = {"OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_COMM_WORLD_LOCAL_SIZE": "1"}
    code, errors, said = ran(0, "--out", tmp_path, **place, **here)
    assert code == 2 and len(errors) == 1, said
    assert "mpiexec is of another MPI than mpi4py's, MPICH" in errors[0]
