"""How a module of this package answers for names that it does not hold itself.

Next: torch/__init__.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def forward(
    name: str, *homes: str, instead: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """The `__getattr__` of the module that stands for torch's `name`.

    It looks a name up in the modules `homes`, in their order. What none of them has is an
    AttributeError that says what to use, as far as `instead` knows.
    """

    def __getattr__(wanted: str) -> Any:  # noqa: N807
        for home in homes if not wanted.startswith("_") else ():
            module = importlib.import_module(home)
            if hasattr(module, wanted):
                return getattr(module, wanted)
        advice = (instead or {}).get(wanted, "docs/porting.md lists what there is")
        raise AttributeError(f"minigan has no {name}.{wanted}: {advice}")

    return __getattr__
