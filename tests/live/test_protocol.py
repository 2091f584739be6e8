"""Requests from anybody: what is right is read, and what is wrong is said in one line."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.live import protocol

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_a_request_is_read():
    request = protocol.read_request(b'{"protocol": 1, "id": 7, "ask": "frame"}')
    assert request == {"protocol": 1, "id": 7, "ask": "frame"}
    answer = protocol.accepted(request, {"round": np.int64(3), "rate": float("inf")})
    assert json.loads(protocol.write_answer(answer)) == {
        "protocol": 1,
        "id": 7,
        "ok": True,
        "round": 3,
        "rate": None,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "cannot be read as JSON"),
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 20_000, "cannot be read as JSON"),
        (b"[]", "is a JSON object, not []"),
        (b'{"protocol": 2}', "this is protocol 1, and the request is of 2"),
        (b"{}", "is of null"),
        (b'{"protocol": 1, "a": ' + b"[" * 9 + b"]" * 9 + b"}", "at most 6 deep"),
        (b" " * (protocol.MOST_BYTES + 1), "at most 65,536 bytes, and this one 65,537"),
    ],
)
def test_what_is_no_request_is_refused(text, says):
    with pytest.raises(UserError, match=says.replace("[", r"\[")):
        protocol.read_request(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_are_refused(text):
    try:
        assert protocol.read_request(text)["protocol"] == 1
    except UserError as error:
        assert "\n" not in str(error)


@given(JSON)
def test_any_value_can_be_shown_and_bears_an_id_or_none(value):
    assert len(protocol.shown(value)) <= protocol.MOST_SHOWN + 1
    refused = protocol.refused({"id": value}, "no")
    assert json.loads(protocol.write_answer(refused))["id"] == refused["id"]


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_an_array_travels_as_its_bytes(dtype):
    values = np.arange(6).reshape(2, 3).T  # not in C order
    sent = protocol.array(values, dtype)
    bytes_ = base64.b64decode(sent["data"])
    received = np.frombuffer(bytes_, np.dtype(dtype).newbyteorder("<")).reshape(sent["shape"])
    np.testing.assert_array_equal(received, values)


@pytest.mark.parametrize("value", [None, True, "3", -1, 2**60, 1.5, [1]])
def test_a_whole_number_is_checked(value):
    with pytest.raises(UserError, match="n is a whole number from 0 up"):
        protocol.whole({"n": value}, "n")


@pytest.mark.parametrize("value", [None, True, "3", float("nan"), float("inf"), 10**400, {}])
def test_a_number_is_checked(value):
    with pytest.raises(UserError, match="x is a number"):
        protocol.number({"x": value}, "x")


def test_a_mistyped_word_is_guessed():
    with pytest.raises(UserError, match="did you mean frame"):
        protocol.word({"ask": "frme"}, "ask", ["frame", "go"])
