"""The carrier's own app books by a signed request: JSON, proved by HMAC-SHA256 over time, nonce and body.

The headers are ``X-Optout-Key`` (which key), ``X-Optout-Timestamp`` (Unix milliseconds), ``X-Optout-Nonce`` (8 to 64
letters, digits, ``-`` and ``_``) and ``X-Optout-Signature`` (lower-case hex). Signed are timestamp, nonce and body,
each but the last followed by a line feed, so that no part can be moved into another.

The body is one flat object::

    {
        "serial": "A20261126-1",
        "number": "…",
        "proof": "one_tap_login",
        "action": "refuse",
        "values": ["loan"],
        "notice_version": "2026-11",
        "notice_digest": "…64 hex…",
        "consent": true,
    }

The proof is the carrier's word for how its app knew the subscriber: ``one_tap_login`` or ``sms_code``.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.wire.errors import WireError
from adapters.wire.flatjson import load_object

WINDOW_MS: Final = 5 * 60 * 1000
MAX_BODY_BYTES: Final = 16 * 1024
MAX_VALUES: Final = 100
PROOFS: Final = ("one_tap_login", "sms_code")
_TIMESTAMP = re.compile(r"[0-9]{13}")
_NONCE = re.compile(r"[0-9A-Za-z_-]{8,64}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(r"[!-~]{1,100}")
_WORD = re.compile(r"[0-9a-z_]{1,32}")
_VERSION = re.compile(r"[!-~]{0,64}")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")


class AppOrderError(WireError):
    """A request that is refused. ``reason`` is stable, and no content is ever in it.

    Reasons:
        ``bad_header``        a header that is absent or not of its form
        ``stale_timestamp``   signed longer ago, or further ahead, than five minutes
        ``bad_signature``     not made with the key
        ``too_large``         more than 16 KiB
        ``not_json``          not one JSON object in UTF-8 whose names are unique
        ``unknown_field``     a field that nobody knows
        ``missing_field``     a field that must be there
        ``malformed_field``   a field that is not of its form
    """


@dataclass(frozen=True, slots=True)
class AppHeaders:
    """What proves a request."""

    key: str
    timestamp: str
    nonce: str
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppOrder:
    """What the app books for a subscriber."""

    serial: str
    number: str = field(repr=False)
    proof: str
    action: str
    values: tuple[str, ...] = field(default=(), repr=False)
    notice_version: str = ""
    notice_digest: str = ""
    consent: bool | None = None


def sign(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256."""
    signed = f"{timestamp}\n{nonce}\n".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def write_headers(key: str, secret: str, body: bytes, now_ms: int, nonce: str) -> dict[str, str]:
    """Return the headers that prove a body, as the app sends it."""
    timestamp = str(now_ms)
    return {
        "X-Optout-Key": key,
        "X-Optout-Timestamp": timestamp,
        "X-Optout-Nonce": nonce,
        "X-Optout-Signature": sign(secret, timestamp, nonce, body),
    }


def check_request(headers: AppHeaders, body: bytes, secret: str, now_ms: int) -> None:
    """Check form, signature and age, in this order; raises ``AppOrderError``."""
    forms = ((_TIMESTAMP, headers.timestamp), (_NONCE, headers.nonce), (_SIGNATURE, headers.signature))
    if not all(form.fullmatch(value) for form, value in forms):
        raise AppOrderError("bad_header")
    if not hmac.compare_digest(headers.signature, sign(secret, headers.timestamp, headers.nonce, body)):
        raise AppOrderError("bad_signature")
    if abs(int(headers.timestamp) - now_ms) > WINDOW_MS:
        raise AppOrderError("stale_timestamp")


def read_order(body: bytes) -> AppOrder:
    """Read a body that ``check_request`` let pass; raises ``AppOrderError``."""
    fields = load_object(body, MAX_BODY_BYTES, AppOrderError)
    known = set(AppOrder.__dataclass_fields__)
    if fields.keys() - known:
        raise AppOrderError("unknown_field")
    consent, values = fields.get("consent"), fields.get("values", [])
    if consent is not None and not isinstance(consent, bool):
        raise AppOrderError("malformed_field", "consent")
    if not isinstance(values, list) or len(values) > MAX_VALUES or not all(isinstance(value, str) for value in values):
        raise AppOrderError("malformed_field", "values")
    order = AppOrder(
        serial=_text(fields, "serial", _SERIAL),
        number=_text(fields, "number", _SERIAL),
        proof=_text(fields, "proof", _WORD),
        action=_text(fields, "action", _WORD),
        values=tuple(values),
        notice_version=_text(fields, "notice_version", _VERSION, required=False),
        notice_digest=_text(fields, "notice_digest", _DIGEST, required=False),
        consent=consent,
    )
    if order.proof not in PROOFS:
        raise AppOrderError("malformed_field", "proof")
    return order


def _text(fields: dict[str, Any], name: str, form: re.Pattern[str], *, required: bool = True) -> str:
    value = fields.get(name, "")
    if required and not value:
        raise AppOrderError("missing_field", name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise AppOrderError("malformed_field", name)
    return value
