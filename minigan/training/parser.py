"""A command line that helps: flags in groups, examples at the end, and a mistake in one line.

argparse does the work. But of a mistake it says eight lines and no way out; here it is one line,
with the flag or the name that was probably meant. First come the kinds of values that flags take.
Next: command.py, with the flags that the examples share.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from minigan.backend import automatic_backend
from minigan.distributed.joining import refuse_more_ranks_than_gpus
from minigan.errors import did_you_mean

BACKENDS = ("numpy", "cupy", "auto")


LARGEST = 2**31 - 1  # of what is counted: whatever is to be done so often, no end of it is seen


def positive(text: str) -> int:
    """A whole number from 1 to `LARGEST`, for argparse."""
    return _whole_number(text, 1, LARGEST)


def natural(text: str) -> int:
    """A whole number of at least 0, for argparse; seeds may be very large."""
    return _whole_number(text, 0)


def port(text: str) -> int:
    """The number of a port of this machine, or 0 for any that is free, for argparse."""
    return _whole_number(text, 0, 65_535)


def _whole_number(text: str, least: int, most: float = math.inf) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        message = f"must be a whole number of at least {least}, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    if number > most:
        raise argparse.ArgumentTypeError(f"must be at most {most}, not {text}")
    return number


def rate(text: str) -> float:
    """A positive number, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")
    return number


def fraction(text: str) -> float:
    """A number from 0 up to, but not including, 1, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"must lie in [0, 1), not {text!r}")
    return number


def decay(text: str) -> float | None:
    """A number from 0 up to, but not including, 1, or the word none, for argparse."""
    return None if text == "none" else fraction(text)


def path(text: str) -> Path:
    """A path, for argparse; ~ is the user's home, which bash leaves alone behind --out=."""
    return Path(text).expanduser() if text.startswith("~/") or text == "~" else Path(text)


def backend_name(text: str) -> str:
    """The name of a backend, for argparse: auto is settled here, with a line that says how."""
    if text not in BACKENDS:
        meant = did_you_mean(text, BACKENDS)
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(BACKENDS)}{meant}")
    if text != "numpy":
        refuse_more_ranks_than_gpus()
    if text != "auto":
        return text  # a GPU that is not there is refused where it is used
    backend, says = automatic_backend()
    print(says)
    return backend.name


METAVARS: dict[Any, str] = {  # what a flag of each kind takes, as --help says it
    positive: "N",
    natural: "N",
    port: "N",
    rate: "X",
    fraction: "X",
    decay: "X",
    float: "X",
    path: "PATH",
    backend_name: "NAME",
}


class Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of each flag that has one (switches have none to speak of), and N for a
    flag of numbers."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_none = action.default is None or action.default is False or action.default in ([], ())
        return action.help if has_none else super()._get_help_string(action)

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return METAVARS.get(action.type) or super()._get_default_metavar_for_optional(action)


class Parser(argparse.ArgumentParser):
    """The command line of one script, which `script` names: a file in examples/, say.

    `takes` is what it needs besides flags, for its usage; `examples` are flags that are worth
    trying; `leaves` is what it leaves behind: names of files, and what they are. --help ends with
    both, and docs/examples.md is made of them.
    """

    def __init__(
        self,
        script: str,
        description: str,
        *,
        takes: str = "",
        examples: Sequence[str] = (),
        leaves: Mapping[str, str] | None = None,
    ) -> None:
        path = Path(script or sys.argv[0])
        self.script = "/".join(path.parts[-2:])  # examples/mnist_gan.py, wherever that lies
        self.examples = [f"python {self.script} {flags}".strip() for flags in examples]
        self.leaves = dict(leaves or {})
        self.groups: dict[str, argparse._ArgumentGroup] = {}
        super().__init__(
            prog=f"python {self.script}",
            usage=" ".join(["%(prog)s", *takes.split(), "[flags]"]),
            description=description,
            formatter_class=Help,
            add_help=False,
        )
        # Who reads the help has found this flag.
        self.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)

    def group(self, title: str) -> argparse._ArgumentGroup:
        """The group of this title; it is made when it is first asked for."""
        if title not in self.groups:
            self.groups[title] = self.add_argument_group(title)
        return self.groups[title]

    def rows(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """The groups of --help: title, note, and its flags, each with what it takes and does."""
        formatter = self._get_formatter()
        return [
            (
                title,
                group.description or "",
                [
                    (formatter._format_action_invocation(flag), formatter._expand_help(flag))
                    for flag in group._group_actions
                ],
            )
            for title, group in self.groups.items()
        ]

    def format_help(self) -> str:
        parts = []
        if self.leaves:
            wide = max(map(len, self.leaves)) + 4
            screen = max(shutil.get_terminal_size().columns - 2, wide + 20)
            rows = [
                textwrap.fill(what, screen, initial_indent=f"  {name}".ljust(wide),
                              subsequent_indent=" " * wide)
                for name, what in self.leaves.items()
            ]  # fmt: skip
            parts.append("\n".join(["what it leaves:", *rows]))
        if self.examples:
            parts.append("\n".join(["examples:", *(f"  {command}" for command in self.examples)]))
        self.epilog = "\n\n".join(parts)
        return super().format_help()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        flags, unknown = self.parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            kind = f"flag {word}" if word.startswith("-") else f"place for {word}"
            known = self._option_string_actions
            self.error(f"there is no {kind}{did_you_mean(word, known)} (--help lists all flags)")
        return flags

    def error(self, message: str) -> NoReturn:
        """One line, and exit code 2."""
        self.exit(2, f"error: {message.removeprefix('argument ')}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            meant = did_you_mean(str(value), names)
            raise argparse.ArgumentError(action, f"{value} is none of {', '.join(names)}{meant}")
