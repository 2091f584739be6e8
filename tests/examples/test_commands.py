"""What all commands do with a mistake: one sentence, and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.training.checkpoint import save_checkpoint

Example = Callable[[str], ModuleType]
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_digit_is_asked_of_a_conditional_system_only(example: Example, trained: Path) -> None:
    with pytest.raises(UserError, match="a dcgan cannot be asked for a class"):
        example("conditional_gan").main(["--digit", "7", "--out", str(trained)])


@pytest.mark.parametrize(
    "command", [["dcgan.py", "--data", "nowhere"], ["sample.py", "x"], ["latent_walk.py", "x"]]
)
def test_and_one_line_with_exit_code_2(command: list[str], tmp_path: Path) -> None:
    script, *arguments = command
    done = subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("script", ["sample", "latent_walk"])
def test_wrong_checkpoints_and_digits_are_named(
    example: Example, script: str, trained: Path, conditional: Path, tmp_path: Path
) -> None:
    main = example(script).main
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, {"a": np.zeros(3)}, {"system": "toaster"})
    for path, arguments, words in (
        (tmp_path / "none.safetensors", [], "none.safetensors"),
        (other, [], "holds a .toaster., which is no system of minigan"),
        (trained, ["--digit", "3"], "a dcgan cannot be asked for a class"),
        (
            conditional,
            ["--digit", "10"],
            "10 is none of the classes .* 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
    ):
        with pytest.raises(UserError, match=words):
            main([str(path), *arguments, "--out", str(tmp_path / "page.png")])
