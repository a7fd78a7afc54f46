"""CMPP 2.0 and 3.0: frames to packets and back, authenticators and message ids (QB-GF-028-2003).

A frame is ``Total_Length:4 | Command_Id:4 | Sequence_Id:4 | body``, big-endian, the length including itself.
Gateways answer in the version they are configured for, whatever was offered, so a layout is chosen by what
the frame's length fits; the version expected only decides where both fit.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from adapters.wire.cmpp_pdus import (
    NO_MSG_ID,
    RESPONSE_BIT,
    ActiveTest,
    ActiveTestResp,
    Cancel,
    CancelResp,
    Command,
    Connect,
    ConnectResp,
    Deliver,
    DeliverResp,
    Pdu,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Terminate,
    TerminateResp,
    Unknown,
    Version,
)
from adapters.wire.cmpp_tables import COMMANDS, LAYOUTS, PDU_TYPES
from adapters.wire.editions import decode_edition
from adapters.wire.errors import WireError
from adapters.wire.fields import Layout

__all__ = [
    "HEADER_BYTES",
    "MAX_FRAME_BYTES",
    "MIN_FRAME_BYTES",
    "NO_MSG_ID",
    "RESPONSE_BIT",
    "ActiveTest",
    "ActiveTestResp",
    "Cancel",
    "CancelResp",
    "Command",
    "Connect",
    "ConnectResp",
    "Decoded",
    "Deliver",
    "DeliverResp",
    "MsgId",
    "Pdu",
    "Query",
    "QueryResp",
    "Submit",
    "SubmitResp",
    "Terminate",
    "TerminateResp",
    "Unknown",
    "Version",
    "command_of",
    "connect_authenticator",
    "decode",
    "decode_with_version",
    "detect_version",
    "encode",
    "format_msg_id",
    "ismg_authenticator",
    "parse_msg_id",
]

HEADER_BYTES = 12
MIN_FRAME_BYTES = HEADER_BYTES
# The longest legal packet is a 3.0 SUBMIT to 99 destinations: 163 + 32·99 + 255 bytes.
MAX_FRAME_BYTES = 4096

_HEADER = struct.Struct(">III")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A packet and the version of the layout it was in; None where both versions share one layout."""

    pdu: Pdu
    version: Version | None


def decode(frame: bytes, version: Version | None = None) -> Pdu:
    """Decode one whole frame, choosing the layout as ``decode_with_version`` does.

    Raises ``WireError``: ``truncated_header``, ``length_mismatch``, ``length_out_of_bounds``, ``truncated_body``,
    ``trailing_bytes``, ``content_past_end``, ``count_out_of_bounds``. An unknown command is no error: see ``Unknown``.
    """
    return decode_with_version(frame, version).pdu


def decode_with_version(frame: bytes, version: Version | None = None) -> Decoded:
    """Decode one whole frame and tell the version of its layout.

    If the frame fits the layout of ``version`` that is taken, else the other one. With no version, the one
    that fits; should both fit, the one whose text fields look like text, then 3.0. A damaged frame may fit
    the other version's layout by accident, so one that must read as worse text to fit is malformed.

    Raises ``WireError`` as ``decode``; if neither layout fits, with the reason of the likelier one.
    """
    command_id, sequence = _read_header(frame)
    layouts = LAYOUTS.get(command_id)
    body = frame[HEADER_BYTES:]
    if layouts is None:
        return Decoded(Unknown(sequence, command_id, body), None)
    chosen, values = _decode_body(layouts, body, version)
    pdu = PDU_TYPES[command_id](sequence, **values)
    if layouts[Version.V20].fields == layouts[Version.V30].fields:
        return Decoded(pdu, _offered_version(pdu))
    return Decoded(pdu, chosen)


def detect_version(frame: bytes) -> Version | None:
    """Tell the version of the only layout the frame fits, or the likelier of two.

    For CONNECT it is the major version offered. None if the versions share the layout or the frame is
    malformed.
    """
    try:
        return decode_with_version(frame).version
    except WireError:
        return None


def encode(pdu: Pdu, version: Version) -> bytes:
    """Encode a packet in the layout of ``version``; fields that version lacks are dropped.

    Raises ``WireError``: ``field_too_long``, ``wrong_width``, ``field_out_of_bounds``, ``field_not_text``,
    ``count_out_of_bounds``, each naming the field.
    """
    command_id = command_of(pdu)
    body = pdu.body if isinstance(pdu, Unknown) else LAYOUTS[command_id][version].encode(pdu)
    try:
        return _HEADER.pack(HEADER_BYTES + len(body), command_id, pdu.sequence) + body
    except struct.error:
        raise WireError("field_out_of_bounds", "sequence") from None


def command_of(pdu: Pdu) -> int:
    """Return the command id the packet is sent under."""
    return pdu.command_id if isinstance(pdu, Unknown) else COMMANDS[type(pdu)]


def _read_header(frame: bytes) -> tuple[int, int]:
    if len(frame) < HEADER_BYTES:
        raise WireError("truncated_header")
    total_length, command_id, sequence = _HEADER.unpack_from(frame)
    if total_length != len(frame):
        raise WireError("length_mismatch", "total_length")
    if total_length > MAX_FRAME_BYTES:
        raise WireError("length_out_of_bounds", "total_length")
    return command_id, sequence


def _decode_body(
    layouts: dict[Version, Layout], body: bytes, expected: Version | None
) -> tuple[Version, dict[str, Any]]:
    likely, other = _by_likelihood(layouts, body, expected)
    taken, values = decode_edition(body, layouts[likely], layouts[other])
    return (likely if taken is layouts[likely] else other), values


def _by_likelihood(layouts: dict[Version, Layout], body: bytes, expected: Version | None) -> tuple[Version, Version]:
    if expected is Version.V20:
        return Version.V20, Version.V30
    if expected is Version.V30:
        return Version.V30, Version.V20
    if layouts[Version.V20].count_irregular(body) < layouts[Version.V30].count_irregular(body):
        return Version.V20, Version.V30
    return Version.V30, Version.V20


def _offered_version(pdu: Pdu) -> Version | None:
    """CONNECT looks alike in both versions but says which major version it offers."""
    if not isinstance(pdu, Connect):
        return None
    return {2: Version.V20, 3: Version.V30}.get(pdu.version >> 4)


def connect_authenticator(source_addr: str, secret: str, timestamp: int, *, pad_source: bool = False) -> bytes:
    """Compute AuthenticatorSource: MD5(Source_Addr + 9 NULs + shared secret + timestamp as 10 digits).

    ``timestamp`` is MMDDHHMMSS as a number. Peers disagree on an address shorter than its 6 bytes:
    ``pad_source`` digests it with its padding.
    """
    source = source_addr.encode("latin-1")
    padded = source.ljust(6, b"\0") if pad_source else source
    parts = padded + bytes(9) + secret.encode() + b"%010d" % timestamp
    return hashlib.md5(parts, usedforsecurity=False).digest()


def ismg_authenticator(status: int, authenticator: bytes, secret: str, width: int) -> bytes:
    """Compute AuthenticatorISMG: MD5(Status + AuthenticatorSource + shared secret).

    ``width`` is that of Status in bytes: 1 in 2.0, 4 in 3.0; some gateways use 4 in both.
    """
    parts = status.to_bytes(width, "big") + authenticator + secret.encode()
    return hashlib.md5(parts, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class MsgId:
    """A Msg_Id broken out. It has no year, so ids recur; ``gateway`` is the ISMG's code."""

    month: int
    day: int
    hour: int
    minute: int
    second: int
    gateway: int
    sequence: int


# month:4 | day:5 | hour:5 | minute:6 | second:6 | gateway:22 | sequence:16, from the highest bit down.
_MSG_ID_BITS = (4, 5, 5, 6, 6, 22, 16)


def parse_msg_id(raw: bytes) -> MsgId:
    """Break out the 8 bytes of a Msg_Id; values are not range-checked, as peers fill them freely.

    Raises ``WireError`` (``wrong_width``) if they are not 8 bytes.
    """
    if len(raw) != len(NO_MSG_ID):
        raise WireError("wrong_width", "msg_id")
    rest = int.from_bytes(raw, "big")
    values: list[int] = []
    for bits in reversed(_MSG_ID_BITS):
        values.append(rest & ((1 << bits) - 1))
        rest >>= bits
    return MsgId(*reversed(values))


def format_msg_id(msg_id: MsgId) -> bytes:
    """Pack a Msg_Id into its 8 bytes.

    Raises ``WireError`` (``field_out_of_bounds``) if a part does not fit its bits.
    """
    packed = 0
    parts = (
        msg_id.month,
        msg_id.day,
        msg_id.hour,
        msg_id.minute,
        msg_id.second,
        msg_id.gateway,
        msg_id.sequence,
    )
    for value, bits in zip(parts, _MSG_ID_BITS, strict=True):
        if not 0 <= value < 1 << bits:
            raise WireError("field_out_of_bounds", "msg_id")
        packed = packed << bits | value
    return packed.to_bytes(len(NO_MSG_ID), "big")
