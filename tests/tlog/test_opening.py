import enum
import json
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.opening import (
    DOMAIN,
    NO_PREVIOUS,
    Opening,
    OpeningError,
    OpeningReason,
    commitment,
    decode_payload,
    encode_payload,
)

SALT = bytes(range(32))
PAYLOAD = b'{"label":"00ff","previous":18446744073709551615,"version":1}'

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
payloads = st.dictionaries(texts, values, max_size=6)


class Colour(enum.IntEnum):
    RED = 1


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth - 1):
        inner = {"a": inner}
    return inner


def test_commitment_of_known_opening_is_the_documented_hash() -> None:
    assert DOMAIN == b"optout.v1/tlog/opening\n\x00"
    assert len(DOMAIN) == 24
    assert commitment(SALT, PAYLOAD) == sha256(DOMAIN + SALT + PAYLOAD).digest()
    assert commitment(SALT, PAYLOAD).hex() == "cb5a658f6aae09d075dea6c2a595e71294a17c93714785806f95f6fa35da383c"


def test_verify_of_the_opening_accepts_it_and_no_other() -> None:
    opening = Opening(SALT, PAYLOAD)
    committed = opening.commitment()

    assert opening.verify(committed)
    assert not Opening(SALT, PAYLOAD + b" ").verify(committed)
    assert not Opening(bytes(32), PAYLOAD).verify(committed)
    assert not opening.verify(committed[:-1])


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33)])
def test_opening_with_a_salt_of_another_length_is_refused(salt: bytes) -> None:
    for make in (Opening, commitment):
        with pytest.raises(OpeningError) as raised:
            make(salt, PAYLOAD)
        assert raised.value.reason is OpeningReason.SALT_LENGTH


def test_repr_of_an_opening_shows_neither_salt_nor_payload() -> None:
    assert repr(Opening(SALT, PAYLOAD)) == f"Opening(payload of {len(PAYLOAD)} bytes)"


@given(payloads)
def test_decode_payload_of_what_was_encoded_gives_the_fields_back(fields: dict[str, Any]) -> None:
    payload = encode_payload(fields)

    assert decode_payload(payload) == fields
    assert json.loads(payload) == fields


@given(payloads, st.randoms(use_true_random=False))
def test_encode_payload_in_any_order_of_keys_gives_the_same_bytes(fields: dict[str, Any], random: Any) -> None:
    shuffled = list(fields.items())
    random.shuffle(shuffled)
    assert encode_payload(dict(shuffled)) == encode_payload(fields)


@given(payloads, st.integers(0), st.integers(0, 255))
def test_decode_payload_of_any_changed_byte_never_gives_the_same_fields(
    fields: dict[str, Any], position: int, byte: int
) -> None:
    payload = bytearray(encode_payload(fields))
    position %= len(payload)
    if payload[position] == byte:
        return
    payload[position] = byte
    try:
        assert decode_payload(bytes(payload)) != fields
    except OpeningError as error:
        assert error.args == (error.reason.value,)  # noqa: PT017


@given(st.floats(allow_nan=False, allow_infinity=False), texts)
def test_decode_payload_of_any_fraction_is_refused_however_it_is_written(fraction: float, beside: str) -> None:
    for value in (fraction, [fraction], [1, fraction], {"b": fraction}):
        payload = orjson.dumps({"a": value, "c": beside})
        with pytest.raises(OpeningError) as raised:
            decode_payload(payload)
        assert raised.value.reason is OpeningReason.VALUE_TYPE


def test_encode_payload_of_known_fields_gives_the_golden_bytes() -> None:
    fields = {
        "后": "新",
        "b": [True, False, None, -1, NO_PREVIOUS],
        "a": {"z": "", "A": '"\\/\b\t\n\f\r\x00\x7f\u2028'},
        "\U0001f600": 1,
        "\uffff": 2,
    }
    text = '{"a":{"A":"\\"\\\\/\\b\\t\\n\\f\\r\\u0000\x7f\u2028","z":""},"b":[true,false,null,-1,18446744073709551615]'
    assert encode_payload(fields).decode() == text + ',"后":"新","\uffff":2,"\U0001f600":1}'


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", OpeningReason.NOT_JSON),
        (b'{"a":1', OpeningReason.NOT_JSON),
        (b'\xef\xbb\xbf{"a":1}', OpeningReason.NOT_JSON),
        (b'{"a":"\xff"}', OpeningReason.NOT_JSON),
        (b"[" * 100_000, OpeningReason.NOT_JSON),
        (b"[1]", OpeningReason.NOT_AN_OBJECT),
        (b"null", OpeningReason.NOT_AN_OBJECT),
        (b'{"a":1.0}', OpeningReason.VALUE_TYPE),
        (b'{"a":1e3}', OpeningReason.VALUE_TYPE),
        (b'{"a":NaN}', OpeningReason.VALUE_TYPE),
        (b'{"a":-0}', OpeningReason.NOT_CANONICAL),
        (b'{"a":1,"a":1}', OpeningReason.NOT_CANONICAL),
        (b'{"b":1,"a":1}', OpeningReason.NOT_CANONICAL),
        (b'{"a": 1}', OpeningReason.NOT_CANONICAL),
        (b'{"a":1}\n', OpeningReason.NOT_CANONICAL),
        (b'{"a":"\\u0041"}', OpeningReason.NOT_CANONICAL),
        (b'{"a":"\\/"}', OpeningReason.NOT_CANONICAL),
        (b'{"a":"\\u001F"}', OpeningReason.NOT_CANONICAL),
        (b'{"a":"\\ud800"}', OpeningReason.NOT_UNICODE),
        (b'{"a":18446744073709551616}', OpeningReason.INTEGER_RANGE),
        (b'{"a":' + b"9" * 5000 + b"}", OpeningReason.INTEGER_RANGE),
        (json.dumps(nested(17), separators=(",", ":")).encode(), OpeningReason.TOO_DEEP),
    ],
)
def test_decode_payload_of_anything_not_canonical_gives_the_reason(payload: bytes, reason: OpeningReason) -> None:
    with pytest.raises(OpeningError) as raised:
        decode_payload(payload)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.0, OpeningReason.VALUE_TYPE),
        (b"00", OpeningReason.VALUE_TYPE),
        (Colour.RED, OpeningReason.VALUE_TYPE),
        ({1, 2}, OpeningReason.VALUE_TYPE),
        ({1: 2}, OpeningReason.KEY_TYPE),
        ([2**64], OpeningReason.INTEGER_RANGE),
        ({"a": -(2**63) - 1}, OpeningReason.INTEGER_RANGE),
        ("\ud800", OpeningReason.NOT_UNICODE),
        (nested(16), OpeningReason.TOO_DEEP),
    ],
)
def test_encode_payload_of_what_json_cannot_carry_exactly_is_refused(value: Any, reason: OpeningReason) -> None:
    with pytest.raises(OpeningError) as raised:
        encode_payload({"value": value})
    assert raised.value.reason is reason
