r"""Openings: what a leaf's commitment hides, kept apart from the log so that it can be destroyed.

``commitment = SHA-256(DOMAIN ‖ salt ‖ payload)`` with `DOMAIN` the 24 bytes below and a fresh random salt of 32
bytes per entry: both have fixed length, so no other split of the bytes gives the same hash. Without the salt a
commitment tells nothing, even to somebody who tries every phone number there is.

The payload is canonical JSON, so that whoever has the fields has the bytes:

* one object; UTF-8 without byte order mark; no white space between tokens;
* keys sorted by code point (which is also the order of their UTF-8 bytes), none twice;
* values are strings, integers from -2^63 to 2^64-1, true, false, null, lists and objects: no fractions, no
  exponents, no ``-0``; binary values are written as lower-case hexadecimal strings;
* in strings only what must be escaped is: ``\"`` ``\\`` ``\b`` ``\t`` ``\n`` ``\f`` ``\r``, and other characters
  below U+0020 as ``\u00xx`` with lower-case hexadecimal digits.
"""

import json
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any, Never

import orjson

from optout.kit.values import dataclass

DOMAIN = b"optout.v1/tlog/opening\n\x00"
SALT_BYTES = 32
NO_PREVIOUS = 2**64 - 1
"""The back-pointer of a subject's first entry: it has no previous one."""

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_MAX_INT_CHARS = 20
_MAX_DEPTH = 16


class OpeningReason(Enum):
    """Why an opening or its payload was refused."""

    SALT_LENGTH = "SALT_LENGTH"
    NOT_JSON = "NOT_JSON"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    NOT_CANONICAL = "NOT_CANONICAL"
    KEY_TYPE = "KEY_TYPE"
    VALUE_TYPE = "VALUE_TYPE"
    INTEGER_RANGE = "INTEGER_RANGE"
    NOT_UNICODE = "NOT_UNICODE"
    """A lone surrogate, which UTF-8 cannot write."""
    TOO_DEEP = "TOO_DEEP"


class OpeningError(ValueError):
    """An opening was refused; only `reason` says why, never the content."""

    def __init__(self, reason: OpeningReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """Salt (32 bytes) and payload of one entry. Its `repr` shows neither."""

    salt: bytes
    payload: bytes

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_BYTES:
            raise OpeningError(OpeningReason.SALT_LENGTH)

    def __repr__(self) -> str:
        return f"Opening(payload of {len(self.payload)} bytes)"

    def commitment(self) -> bytes:
        """Compute the 32 bytes that stand in the leaf."""
        return commitment(self.salt, self.payload)

    def verify(self, commitment: bytes) -> bool:
        """Tell whether this is the opening of `commitment`, which is public: how long it takes may tell of it."""
        # As `commitment` does; the salt's length was looked at when this was made.
        return sha256(DOMAIN + self.salt + self.payload).digest() == commitment


def commitment(salt: bytes, payload: bytes) -> bytes:
    """Commit to `payload` under a secret `salt`; raises `OpeningError` unless that has 32 bytes."""
    if len(salt) != SALT_BYTES:
        raise OpeningError(OpeningReason.SALT_LENGTH)
    return sha256(DOMAIN + salt + payload).digest()


def encode_payload(fields: Mapping[str, Any]) -> bytes:
    """Write canonical JSON.

    Raises `OpeningError` (KEY_TYPE, VALUE_TYPE, INTEGER_RANGE, NOT_UNICODE, TOO_DEEP). Types are taken exactly:
    of an enumeration give the value, of bytes the hexadecimal digits.
    """
    plain = dict(fields)
    _check_value(plain, _MAX_DEPTH)
    return _write(plain)


def encode_typed(fields: dict[str, Any]) -> bytes:
    """Write the same bytes as `encode_payload` without looking at every value first.

    For maps that typed code has built from plain values; whatever else slips in is found when it is read.
    """
    return _write(fields)


def decode_payload(payload: bytes) -> dict[str, Any]:
    """Read canonical JSON, and nothing else: the same fields never come from two different payloads.

    Raises `OpeningError` (NOT_JSON, NOT_AN_OBJECT, NOT_CANONICAL and the reasons of `encode_payload`).
    """
    try:
        fields = orjson.loads(payload)
        if _is_plainly_canonical(fields, payload):
            return fields  # type: ignore[no-any-return]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return _decode_slowly(payload)


def _is_plainly_canonical(fields: object, payload: bytes) -> bool:
    """True of most canonical payloads and of no others: the rest is looked at value by value.

    What is written again as it was has its keys in order and once, and its integers in range. A fraction or an exponent
    would stand behind a colon, a comma or a bracket once digits and signs are gone; few brackets nest shallowly.
    """
    if type(fields) is not dict or _write(fields) != payload or b":." in payload.translate(_MARK_POINTS, _UNMARKED):
        return False
    return payload.count(b"{") + payload.count(b"[") <= _MAX_DEPTH or _is_shallow(fields, _MAX_DEPTH)


def _is_shallow(value: Any, depth: int) -> bool:
    for item in value.values() if type(value) is dict else value:
        if type(item) in _NESTED and (depth == 1 or not _is_shallow(item, depth - 1)):
            return False
    return True


def _decode_slowly(payload: bytes) -> dict[str, Any]:
    """Read canonical JSON and say, of what is none, why."""
    try:
        fields = _DECODER.decode(payload.decode())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise OpeningError(OpeningReason.NOT_JSON) from None
    if type(fields) is not dict:
        raise OpeningError(OpeningReason.NOT_AN_OBJECT)
    _check_value(fields, _MAX_DEPTH)
    if _write(fields) != payload:
        raise OpeningError(OpeningReason.NOT_CANONICAL)
    return fields


def _refuse_number(_: str) -> Never:
    raise OpeningError(OpeningReason.VALUE_TYPE)


def _read_int(text: str) -> int:
    # Bounded before it is converted: conversion of long digit strings is quadratic.
    if len(text) > _MAX_INT_CHARS:
        raise OpeningError(OpeningReason.INTEGER_RANGE)
    return int(text)


_DECODER = json.JSONDecoder(parse_int=_read_int, parse_float=_refuse_number, parse_constant=_refuse_number)
_MARK_POINTS = bytes.maketrans(b",[eE", b"::..")
_UNMARKED = bytes(set(range(256)) - set(b'",:[.eEus'))
"""All but what shows where a fraction stands, and the letters by which ``true`` and ``false`` are none."""
_NESTED = frozenset({dict, list})
_PLAIN = frozenset({str, bool, type(None)})


def _write(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise OpeningError(OpeningReason.NOT_UNICODE) from None


def _check_value(value: Any, depth: int) -> None:
    if depth == 0:
        raise OpeningError(OpeningReason.TOO_DEEP)
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise OpeningError(OpeningReason.KEY_TYPE)
        items = value.values()
    else:
        items = value
    for item in items:
        kind = type(item)
        if kind in _PLAIN:
            continue
        if kind is int:
            if not _MIN_INT <= item <= _MAX_INT:
                raise OpeningError(OpeningReason.INTEGER_RANGE)
        elif kind in {dict, list, tuple}:
            _check_value(item, depth - 1)
        else:
            raise OpeningError(OpeningReason.VALUE_TYPE)
