"""Lines, wire ↔ domain, and the page tokens of PolicyService."""

from __future__ import annotations

from gateway.api.fields import missing, read_time, require_text, write_time
from gateway.api.mapping_policy import MAX_TEXT_CHARS, read_number_or_prefix
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import Line, LineKey
from optout.kit.identity import Identity, IdentityError, Role
from optout.v1 import policy_pb2 as pb

MAX_TOKEN_CHARS = 64
_MAX_PLACE_DIGITS = 10


def read_line(message: pb.Line, carrier: str, field: str = "line") -> Line:
    """Read a line declared by ``carrier``. An absent start is 0, which the rules take for now. Raises RefusedError."""
    if message.carrier not in {"", carrier}:
        raise RefusedError(Reason.WRONG_CARRIER, "a carrier declares its own lines alone", field=f"{field}.carrier")
    return Line(
        read_number_or_prefix(message.number, message.is_prefix, f"{field}.number"),
        message.is_prefix,
        _read_holder(message.holder, f"{field}.holder"),
        carrier,
        require_text(message.category, f"{field}.category", MAX_TEXT_CHARS),
        read_time(message.start_time, f"{field}.start_time") if message.HasField("start_time") else 0,
        read_time(message.end_time, f"{field}.end_time") if message.HasField("end_time") else None,
    )


def _read_holder(text: str, field: str) -> str:
    """A platform's party, as its certificate names it."""
    if not text:
        raise missing(field)
    try:
        return Identity(Role.PLATFORM, text).party
    except IdentityError:
        raise RefusedError(Reason.INVALID_FIELD, "not the name of a party", field=field) from None


def write_line(line: Line) -> pb.Line:
    """A line for the wire."""
    return pb.Line(
        number=line.number,
        is_prefix=line.is_prefix,
        holder=line.holder,
        carrier=line.carrier,
        category=line.category,
        start_time=write_time(line.start_ms) if line.start_ms else None,
        end_time=None if line.end_ms is None else write_time(line.end_ms),
    )


def read_line_token(token: str) -> LineKey | None:
    """The line behind which a page begins; None for an empty token. RefusedError (INVALID_PAGE_TOKEN)."""
    if not token:
        return None
    kind, number = token[:1], token[1:]
    if kind not in {"n", "p"} or not number.removeprefix("+").isdecimal() or len(token) > MAX_TOKEN_CHARS:
        raise _bad_token()
    return number, kind == "p"


def write_line_token(key: LineKey | None) -> str:
    """The token of the page behind a line."""
    return "" if key is None else f"{'p' if key[1] else 'n'}{key[0]}"


def read_place_token(token: str) -> int | None:
    """The place before which a page of policies begins; None for an empty token. RefusedError (INVALID_PAGE_TOKEN)."""
    if not token:
        return None
    if not (token.isascii() and token.isdecimal()) or len(token) > _MAX_PLACE_DIGITS or int(token) == 0:
        raise _bad_token()
    return int(token)


def _bad_token() -> RefusedError:
    return RefusedError(Reason.INVALID_PAGE_TOKEN, "not a page token of this service", field="page_token")
