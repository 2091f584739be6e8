"""A system of one's own: one Python file outside the package, named on the command line.

The file is run because a person has named it, and never because a checkpoint asks for it: a
checkpoint holds a name and settings, no code and no path. Every field of the system's settings is a
flag of the command that trains it. Next: progress.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import traceback
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args, get_type_hints

from minigan.errors import UserError, as_user_error
from minigan.gans import GAN, SYSTEMS
from minigan.training.checkpoint import check_plain
from minigan.training.command import with_flags
from minigan.training.parser import Parser, path

# What a system must have. The last two may be made in a constructor of its own instead: see GAN.
METHODS = {
    "step": "step(real, labels), which plays a round",
    "networks": "networks(), which makes a generator and a discriminator",
    "optimizer": "optimizer(network), which makes what moves one of them",
}


def add_system_flag(group: argparse._ActionsContainer, *, required: bool = False) -> None:
    """The flag that names the file, in a group of --help."""
    what = "run this file, such as my_gan.py, which defines a system of your own"
    group.add_argument("--system", type=path, required=required, metavar="FILE", help=what)


def own_system(file: Path | None) -> type[GAN] | None:
    """The system that a Python file defines; None if no file is named.

    Runs the file. Raises UserError, one line, if it cannot be read or run, or if it does not hold
    exactly one whole system with a name of its own.
    """
    if file is None:
        return None
    module = _run(file)
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, GAN) and each.__module__ == module.__name__
    ]
    found = list(dict.fromkeys(found))  # a second name for a class is no second class
    # A class that others in the file build upon is a part of theirs.
    systems = [one for one in found if not any(issubclass(o, one) for o in found if o is not one)]
    if not systems:
        raise UserError(f"{file} defines no system: a class that derives from minigan.gans.GAN")
    if len(systems) > 1:
        names = " and ".join(system.__name__ for system in systems)
        raise UserError(f"{file} defines {len(systems)} systems, {names}: one file, one system")
    _check(systems[0], file)
    return systems[0]


def _run(file: Path) -> ModuleType:
    """The module that the file makes, under a name that no installed module has."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise UserError(f"--system: {file} cannot be read ({error.strerror or error})") from error
    module = ModuleType(f"own system {file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look there for the types of their fields
    try:
        exec(compile(source, str(file), "exec", dont_inherit=True), vars(module))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise UserError(f"{error.filename or file}{line}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        steps = traceback.extract_tb(error.__traceback__)
        lines = [step.lineno for step in steps if step.filename == str(file)]
        line = f", line {lines[-1]}" if lines else ""
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{file}{line}: {reason}") from error
    return module


def _check(system: type[GAN], file: Path) -> None:
    """Raise UserError for what a class lacks, which would otherwise be found in mid-run."""
    who = f"{system.__name__} in {file}"
    for method, what in METHODS.items():
        built = method != "step" and system.__init__ is not GAN.__init__
        if getattr(system, method) is getattr(GAN, method) and not built:
            raise UserError(f"{who} has no method {what}")
    name = getattr(system, "name", None)
    if not isinstance(name, str) or not name:
        raise UserError(f'{who} has no name: give it one, name = "my_gan"')
    if name in SYSTEMS:
        theirs = SYSTEMS[name].__name__
        raise UserError(f"{who} is called {name!r}, as minigan's {theirs} is: give it another name")
    settings: Any = getattr(system, "settings", None)
    if not dataclasses.is_dataclass(type(settings)):  # nor is the class itself what is wanted
        raise UserError(
            f"{who} has no default settings: make each of their fields have a default, and write "
            "settings = Settings() in the class"
        )
    try:
        check_plain(dataclasses.asdict(settings), f"{system.__name__}.settings")
    except TypeError as error:
        raise UserError(f"{file}: {error}, as a checkpoint holds them") from error


# ---------------------------------------------------------------------------------------------
# A flag for each field of its settings

# Fields that every training goes by, and the others that a recipe of minigan's may have, too.
NEEDED = {"epochs": "int", "batch_size": "int", "drop_last": "bool", "average": "float | None"}
COMMON = ("lr", "beta1", "latent_dim", "image_size", "channels")


def add_settings_flags(parser: Parser, system: type[GAN]) -> None:
    """A flag for each field that is a number, a word or a switch, unless the parser has one.

    `latent_dim: int = 128` becomes `--latent-dim N`; a bool has `--spectral` and `--no-spectral`.
    A flag that is not given is not in what is parsed.

    Raises UserError if a training cannot go by these settings.
    """
    with as_user_error(f"the settings of {system.name!r} have types that cannot be read"):
        hints = get_type_hints(type(system.settings))
    lacking = [f"{name}: {kind}" for name, kind in NEEDED.items() if name not in hints]
    if lacking:
        needs = ", ".join(lacking)
        raise UserError(f"the settings of {system.name!r} lack what a training goes by: {needs}")
    group = parser.group(f"settings of {system.name}")
    for field in dataclasses.fields(system.settings):
        kinds = [kind for kind in get_args(hints[field.name]) if kind is not NoneType]
        kind = kinds[0] if len(kinds) == 1 else hints[field.name]  # of `float | None`: float
        if kind not in (int, float, str, bool):
            continue
        default = str(getattr(system.settings, field.name)).replace("%", "%%")
        look: dict[str, Any] = {"default": argparse.SUPPRESS, "help": f"(default: {default})"}
        if kind is bool:
            look["action"] = argparse.BooleanOptionalAction
        else:
            look |= {"type": kind, "metavar": {int: "N", float: "X", str: "WORD"}[kind]}
        flag = f"--{field.name.replace('_', '-')}"
        try:
            group.add_argument(flag, **look)
        except argparse.ArgumentError:  # the parser has this flag
            if field.name not in (*NEEDED, *COMMON):
                raise UserError(
                    f"the settings of {system.name!r} have a field {field.name!r}, but {flag} is "
                    "a flag of every run: give the field another name"
                ) from None


def own_settings(system: type[GAN], flags: argparse.Namespace, **others: Any) -> Any:
    """The system's settings, with the values of the flags, and with those of `others` it has."""
    names = {field.name for field in dataclasses.fields(system.settings)}
    return with_flags(
        system.settings, flags, **{name: value for name, value in others.items() if name in names}
    )
