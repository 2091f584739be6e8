"""minigan as somebody gets it who ports a script: torch's loop, word for word, and other imports.

The text of torch_eager.py is read, and two of its lines are changed. So nothing is faster here by
what minigan's own training loop does: the discriminator is not frozen while the generator learns,
and no step is recorded.
"""

from __future__ import annotations

import minigan  # isort: skip

from pathlib import Path
from types import ModuleType
from typing import Any

from contenders import UnsupportedError, Work, minigan_
from contenders.cases import Operation

IMPORTS = {
    "import torch\n": "import minigan.compat.torch as torch\n",
    "from torch import nn\n": "from minigan.compat.torch import nn\n",
}


def ported(path: Path) -> ModuleType:
    """A file that imports torch, as a module that imports minigan instead."""
    text = path.read_text(encoding="utf-8")
    for line, other in IMPORTS.items():
        if text.count(line) != 1:
            raise ValueError(f"{path.name}: not once {line.strip()!r}")
        text = text.replace(line, other)
    module = ModuleType("ported")
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module


_theirs: Any = ported(Path(__file__).with_name("torch_eager.py"))


class Contender(_theirs.Contender):
    """The loop of a tutorial, with minigan under torch's names."""

    def __init__(self, threads: int) -> None:
        minigan.backend.prepare_process()  # as the examples do
        super().__init__(threads)

    def versions(self) -> dict[str, str]:
        return minigan_.versions()

    def operation(self, case: Operation) -> dict[str, Work]:
        raise UnsupportedError("minigan's operations are the same, whoever names them")
