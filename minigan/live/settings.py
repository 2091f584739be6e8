"""What can be chosen on the page: each setting says its name, its limits and what it is good for.

A setting is flat and plain, so that a link can hold it. The page draws a control from what
`describe` says, and knows nothing more; the engine takes no value that `checked` has not seen.

Next: choices.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from minigan.errors import UserError, did_you_mean
from minigan.live.protocol import shown

MOST_POINTS = 200  # of a drawing
FARTHEST = 2.5  # where a point of a drawing may lie, in x and in y

Settings = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all settings say of themselves."""

    name: str
    label: str
    group: str  # "run", "data", "generator", "discriminator" or "game"
    help: str
    default: Any
    live: bool = True  # whether it can be changed while the game runs

    kind = ""

    def describe(self) -> dict[str, Any]:
        """All of it, for the page."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"kind": self.kind, **own}

    def checked(self, value: Any) -> Any:
        """The value, if it is one of this setting's. Raises UserError."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Choice(Setting):
    """One of some words."""

    choices: tuple[str, ...]
    kind = "choice"

    def checked(self, value: Any) -> str:
        if isinstance(value, str) and value in self.choices:
            return value
        meant = did_you_mean(value, self.choices) if isinstance(value, str) else ""
        words = ", ".join(self.choices)
        raise UserError(f"{self.name} is one of {words}, not {shown(value)}{meant}")


@dataclass(frozen=True, kw_only=True)
class Number(Setting):
    """A number between two limits, which belong to it."""

    low: float
    high: float
    scale: str = "linear"  # or "log": how a slider should spread it
    kind = "number"

    def checked(self, value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.high:  # also if it is NaN
            raise UserError(
                f"{self.name} is a number from {self.low:g} to {self.high:g}, not {shown(value)}"
            )
        return float(value)


@dataclass(frozen=True, kw_only=True)
class Integer(Setting):
    """A whole number between two limits, which belong to it."""

    low: int
    high: int
    scale: str = "linear"
    kind = "integer"

    def checked(self, value: Any) -> int:
        if isinstance(value, float) and math.isfinite(value) and value == int(value):
            value = int(value)  # JavaScript has one kind of number
        if type(value) is not int or not self.low <= value <= self.high:
            raise UserError(
                f"{self.name} is a whole number from {self.low} to {self.high}, not {shown(value)}"
            )
        return value


@dataclass(frozen=True, kw_only=True)
class Points(Setting):
    """Points of the plane, drawn by hand: [[x, y], …]."""

    kind = "points"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "most": MOST_POINTS, "low": -FARTHEST, "high": FARTHEST}

    def checked(self, value: Any) -> list[list[float]]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_POINTS:
            raise UserError(
                f"{self.name} is a list of 1 to {MOST_POINTS} points [x, y], not {shown(value)}"
            )
        return [self._point(point) for point in value]

    def _point(self, point: Any) -> list[float]:
        is_pair = isinstance(point, list | tuple) and len(point) == 2
        numbers = is_pair and all(type(each) in (int, float) for each in point)
        if not numbers or not all(-FARTHEST <= each <= FARTHEST for each in point):
            raise UserError(
                f"{self.name} has points [x, y] of two numbers from {-FARTHEST} to {FARTHEST}, "
                f"not {shown(point)}"
            )
        return [float(each) for each in point]


def defaults(settings: Iterable[Setting]) -> Settings:
    """The value that each setting has where nobody chose one."""
    return {setting.name: setting.default for setting in settings}


def checked_values(settings: Iterable[Setting], values: Mapping[str, Any]) -> Settings:
    """The values, each checked. Raises UserError for one that is not right, or has no setting."""
    known = {setting.name: setting for setting in settings}
    for name in values:
        if name not in known:
            raise UserError(
                f"there is no setting {shown(name)}{did_you_mean(str(name), known)}; "
                f"there are {', '.join(known)}"
            )
    return {name: known[name].checked(value) for name, value in values.items()}
