"""Reading fields of requests: each reader returns the domain's value or refuses with the field's name.

All readers raise RefusedError (MISSING_FIELD, INVALID_FIELD, or the reason that the contract names for the field).
``field`` is the path from the request's top, such as ``instruction.evidence.original_digest``. What was refused is
never repeated in the error: it may be a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.api.mapping_enums import EnumTable
from gateway.domain.errors import Reason, RefusedError
from optout.kit.number import NumberError, NumberReason, PhoneNumber, parse_number

MAX_ID_CHARS = 128
DIGEST_BYTES = 32
MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 100

_PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]+", re.ASCII)
_LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())

D = TypeVar("D", bound=Enum)
W = TypeVar("W", bound=int)


def missing(field: str) -> RefusedError:
    """The refusal of a request without a required field."""
    return RefusedError(Reason.MISSING_FIELD, "a required field is missing", field=field)


def invalid(field: str, detail: str) -> RefusedError:
    """The refusal of a field that is not of its form."""
    return RefusedError(Reason.INVALID_FIELD, detail, field=field)


def read_text(value: str, field: str, max_chars: int) -> str:
    """An optional text of at most ``max_chars`` printable characters."""
    if len(value) > max_chars:
        raise invalid(field, f"longer than {max_chars} characters")
    if value and not value.isprintable():
        raise invalid(field, "holds control characters")
    return value


def require_text(value: str, field: str, max_chars: int) -> str:
    """A text as `read_text` takes it, but not empty."""
    if not value:
        raise missing(field)
    return read_text(value, field, max_chars)


def require_id(value: str, field: str) -> str:
    """An idempotency key: 1 to 128 printable ASCII characters."""
    if not value:
        raise missing(field)
    if len(value) > MAX_ID_CHARS or not _PRINTABLE_ASCII.fullmatch(value):
        raise invalid(field, f"not 1 to {MAX_ID_CHARS} printable ASCII characters")
    return value


def read_digest(value: bytes, field: str) -> str:
    """A SHA-256 digest in lower-case hex, or empty."""
    if len(value) not in {0, DIGEST_BYTES}:
        raise invalid(field, f"a digest has {DIGEST_BYTES} bytes")
    return value.hex()


def read_time(value: Timestamp, field: str) -> int:
    """An instant from 1970 to 9999 as Unix time in ms, rounded down."""
    if not (0 <= value.seconds <= _LAST_SECOND and 0 <= value.nanos <= 999_999_999):
        raise invalid(field, "not an instant from 1970 to 9999")
    return value.seconds * 1000 + value.nanos // 1_000_000


def read_number(text: str, field: str, parse: Callable[[str], PhoneNumber] = parse_number) -> PhoneNumber:
    """A number in canonical form. RefusedError (INVALID_NUMBER, or NOT_A_SUBSCRIBER where ``parse`` asks for one)."""
    try:
        return parse(text)
    except NumberError as error:
        is_number = error.reason is NumberReason.NOT_A_SUBSCRIBER
        reason = Reason.NOT_A_SUBSCRIBER if is_number else Reason.INVALID_NUMBER
        raise RefusedError(reason, error.reason.value, field=field) from None


def read_enum(table: EnumTable[D, W], value: W, field: str, default: D) -> D:
    """A member of an enum, ``default`` for UNSPECIFIED; a value that the contract does not know is refused."""
    member = table.decode(value)
    if member is not None:
        return member
    if value != 0:
        raise invalid(field, "unknown value")
    return default


def check_count(values: Collection[object], field: str, most: int) -> None:
    """Refuse a repeated field of more than ``most`` elements."""
    if len(values) > most:
        raise invalid(field, f"more than {most} elements")


def read_page_size(value: int, field: str = "page_size") -> int:
    """A page size of 1 to 1000; 0 stands for 100."""
    if value > MAX_PAGE_SIZE:
        raise invalid(field, f"more than {MAX_PAGE_SIZE}")
    return value or DEFAULT_PAGE_SIZE


def write_time(unix_ms: int) -> Timestamp:
    """Unix time in ms as a wire timestamp."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000)
