"""Holds answers of a real session to schema.json."""

import json

from minigan.live.protocol import SCHEMA, write_answer

DEFINITIONS = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
ANSWERS = {"hello": "hello", "look": "look"}  # to all other requests a frame


def conforms(answer, ask):
    """Raise unless the answer, as the page gets it, is what schema.json says of this request."""
    import jsonschema

    received = json.loads(write_answer(answer))
    name = ANSWERS.get(ask, "frame") if received["ok"] else "refused"
    if received.get("unchanged"):
        name = "unchanged"
    jsonschema.validate(received, {"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS})
    return received
