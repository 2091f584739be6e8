"""What page and engine say to each other: JSON, one request and one answer, over any way there is.

    {"protocol": 1, "id": 7, "ask": "frame", "wants": ["samples"]}
    {"protocol": 1, "id": 7, "ok": true, "round": 812, "samples": {"real": {…}, …}, …}
    {"protocol": 1, "id": 8, "ok": false, "error": "there is no …; choose …"}

schema.json has all of it. An array travels as its bytes, little-endian, in C order, in base64; a
number that is not finite as null, since JSON has no word for it. Whoever asks may be anybody: a
request is measured before it is read, and what is wrong with it is said in one line.

Next: settings.py.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError, did_you_mean

PROTOCOL = 1
MOST_BYTES = 64 * 1024  # of a request
MOST_DEPTH = 6  # of what lies within what
MOST_SHOWN = 60  # characters of a wrong value, in an error
SCHEMA = Path(__file__).parent / "schema.json"

Request = Mapping[str, Any]
Answer = dict[str, Any]


def read_request(text: bytes | str) -> Request:
    """A request out of its JSON. Raises UserError."""
    if len(text) > MOST_BYTES:
        raise UserError(f"a request has at most {MOST_BYTES:,} bytes, and this one {len(text):,}")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError("a request is a JSON object; this one cannot be read as JSON") from error
    return checked(request)


def checked(request: Any) -> Request:
    """The request, if it is an object of this protocol that is not too deep. Raises UserError."""
    if not isinstance(request, Mapping):
        raise UserError(f"a request is a JSON object, not {shown(request)}")
    if not _is_shallow(request, MOST_DEPTH):
        raise UserError(f"a request has lists and objects at most {MOST_DEPTH} deep")
    if request.get("protocol") != PROTOCOL:
        raise UserError(
            f"this is protocol {PROTOCOL}, and the request is of {shown(request.get('protocol'))}; "
            "load the page again"
        )
    return request


def identity(request: Any) -> int | str | None:
    """The request's id, which the answer bears as well: a number or a short word, or none."""
    given = request.get("id") if isinstance(request, Mapping) else None
    if isinstance(given, str) and len(given) <= MOST_SHOWN:
        return given
    return given if type(given) is int and abs(given) < 2**53 else None


def accepted(request: Request, content: Mapping[str, Any]) -> Answer:
    """The answer to a request that could be met."""
    return {"protocol": PROTOCOL, "id": identity(request), "ok": True, **plain(content)}


def refused(request: Any, error: object) -> Answer:
    """The answer to one that could not be, with the reason on one line."""
    line = " ".join(str(error).split())
    return {"protocol": PROTOCOL, "id": identity(request), "ok": False, "error": line}


def write_answer(answer: Answer) -> bytes:
    """An answer as JSON."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def array(values: Any, dtype: str = "float32") -> dict[str, Any]:
    """An array as the page reads it: float32, int32 or uint8."""
    numbers = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
    data = base64.b64encode(numbers.tobytes()).decode("ascii")
    return {"dtype": dtype, "shape": list(np.shape(values)), "data": data}


def plain(value: Any) -> Any:
    """The same with NumPy's numbers as Python's, and null for those that are not finite."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# ---- what a request holds ----------------------------------------------------------------------


def whole(request: Request, name: str, default: int | None = None, *, low: int = 0) -> int:
    """A whole number of the request. Raises UserError if it is none, or below `low`."""
    value = request.get(name, default)
    if type(value) is not int or not low <= value < 2**53:
        raise UserError(f"{name} is a whole number from {low} up, not {shown(value)}")
    return value


def number(request: Request, name: str, default: float | None = None) -> float:
    """A finite number of the request. Raises UserError if it is none."""
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{name} is a number, not {shown(value)}")
    if not abs(value) < 1e15:  # also if it is NaN
        raise UserError(f"{name} is a number of at most 15 digits, not {shown(value)}")
    return float(value)


def word(request: Request, name: str, choices: Any, default: str | None = None) -> str:
    """One of some words. Raises UserError for another, and says which was probably meant."""
    value, words = request.get(name, default), list(choices)
    if not isinstance(value, str) or value not in words:
        meant = did_you_mean(value, words) if isinstance(value, str) else ""
        raise UserError(f"{name} is one of {', '.join(words)}, not {shown(value)}{meant}")
    return value


def truth(request: Request, name: str, default: bool | None = None) -> bool:
    """True or false. Raises UserError for anything else."""
    value = request.get(name, default)
    if type(value) is not bool:
        raise UserError(f"{name} is true or false, not {shown(value)}")
    return value


def entries(request: Request, name: str) -> Mapping[str, Any]:
    """An object within the request. Raises UserError if it is none."""
    value = request.get(name)
    if not isinstance(value, Mapping):
        raise UserError(f"{name} is an object of names and values, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    """A value as an error shows it: as JSON, and no longer than a line has room for."""
    if isinstance(value, int) and abs(value) >= 10**MOST_SHOWN:
        return "a number too long to be shown"
    try:
        text = json.dumps(value, ensure_ascii=True, default=lambda other: type(other).__name__)
    except (ValueError, TypeError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _is_shallow(value: Any, depth: int) -> bool:
    if isinstance(value, Mapping):
        return depth > 0 and all(_is_shallow(inner, depth - 1) for inner in value.values())
    if isinstance(value, list | tuple):
        return depth > 0 and all(_is_shallow(inner, depth - 1) for inner in value)
    return True
