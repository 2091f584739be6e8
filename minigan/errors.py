"""The one error that a person sees as a sentence: examples print it on one line and exit with 2.

Next: files.py.
"""

import inspect
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any


class UserError(ValueError):
    """What was asked for cannot be done; the message says why, and what to do instead."""

    def _render_traceback_(self) -> list[str]:
        """The same sentence in a notebook: IPython asks an error how it wants to be shown."""
        return [f"{type(self).__name__}: {self}"]


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """ "; did you mean --batch-size?" for the name that is most like a mistyped one, or nothing."""
    found = get_close_matches(word, list(names), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def refuse_lacking(
    owner: object,
    asked: Mapping[str, Any],
    instead: Mapping[str, str],
    speaking: Container[str] = (),
) -> None:
    """Raise TypeError for an argument that torch's class has and the owner's of that name lacks.

    `instead` says of each what to do without it. Switched off (False or None), as scripts from
    elsewhere spell it out, it changes nothing; to those in `speaking` False says something, too.
    """
    name = type(owner).__name__
    for argument, value in asked.items():
        if argument not in instead:
            known = inspect.signature(type(owner)).parameters
            raise TypeError(f"{name} has no argument {argument}{did_you_mean(argument, known)}")
        if value is not None and (value is not False or argument in speaking):
            raise TypeError(f"{name} has no {argument}={value}: {instead[argument]}")


@contextmanager
def as_user_error(what: str) -> Iterator[None]:
    """Inside, any error at all becomes a UserError that begins with `what`.

    For the moments when numbers out of a stranger's file are put to use: a key that is missing, a
    word where a number belongs or a negative width fail in as many ways as there are lines.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{what} ({reason})") from error
