"""A run of one's own script trains to its end and saves, whoever listens and however it may draw.

The examples are started by run_command, whose console is tested in training/test_console.py. Here
`run` is called as a script or a notebook calls it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigan.training.checkpoint import load_checkpoint

SCRIPT = """
import sys
from pathlib import Path
{before}
from small_run import small_run
flags = ["--max-steps", "9", "--sample-every", "5"]
sys.exit(small_run(Path(sys.argv[1]), *flags, describe=lambda _: "D’s é → 한글"))
"""


def train(folder, before="", *, environment=None, **options):
    """The exit code of a run of nine iterations in a process of its own, which must be saved."""
    command = [sys.executable, "-c", SCRIPT.format(before=before), str(folder)]
    code = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        env={**os.environ, **(environment or {})},
        timeout=120,
        **options,
    ).returncode
    saved = load_checkpoint(folder / "checkpoint.safetensors").metadata["iteration"]
    assert saved == 9 and (folder / "losses.png").exists() and (folder / "progress.gif").exists()
    return code


@pytest.mark.parametrize("how", ["pipe", "full", "closed"])
def test_a_listener_that_is_gone(how, tmp_path):
    read, nowhere = os.pipe()
    os.close(read)
    if how == "full":
        os.close(nowhere)
        nowhere = os.open("/dev/full", os.O_WRONLY)
    options = {"stdout": nowhere, "stderr": nowhere}
    if how == "closed":
        options["preexec_fn"] = lambda: [os.close(number) for number in (1, 2)]
    assert train(tmp_path / "run", **options) == 0
    os.close(nowhere)


def test_no_console_at_all(tmp_path):
    assert train(tmp_path / "run", "sys.stdout = sys.stderr = None") == 0


def test_a_console_that_lacks_letters(tmp_path):
    said = tmp_path / "said"
    with open(said, "wb") as file:
        environment = {"PYTHONIOENCODING": "ascii:strict"}
        assert train(tmp_path / "run", stderr=file, environment=environment) == 0
    assert rb"D\u2019s \xe9 \u2192" in said.read_bytes()


def test_matplotlib_of_a_notebook_and_no_place_for_its_cache(tmp_path):
    environment = {"MPLBACKEND": "module://nowhere", "MPLCONFIGDIR": "/proc/nowhere"}
    assert train(tmp_path / "run", environment=environment) == 0
