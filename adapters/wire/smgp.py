"""SMGP 3.0: frames to packets and back, authenticators and message ids (SMGP V3.0.3).

A frame is ``PacketLength:4 | RequestID:4 | SequenceID:4 | body``, big-endian, the length including itself.
Peers of version 1.3 leave FixedFee out of Submit, so its layout is chosen by what the frame fits; the version
expected only decides where both fit.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from adapters.wire.editions import decode_edition
from adapters.wire.errors import WireError
from adapters.wire.fields import Layout
from adapters.wire.smgp_pdus import (
    MSG_ID_BYTES,
    MT,
    NO_MSG_ID,
    NO_RESERVE,
    RESPONSE_BIT,
    ActiveTest,
    ActiveTestResp,
    Command,
    Deliver,
    DeliverResp,
    Exit,
    ExitResp,
    Login,
    LoginMode,
    LoginResp,
    Pdu,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Unknown,
    Version,
)
from adapters.wire.smgp_tables import COMMANDS, LAYOUTS, PDU_TYPES

__all__ = [
    "HEADER_BYTES",
    "MAX_FRAME_BYTES",
    "MIN_FRAME_BYTES",
    "MT",
    "NO_MSG_ID",
    "NO_RESERVE",
    "RESPONSE_BIT",
    "ActiveTest",
    "ActiveTestResp",
    "Command",
    "Decoded",
    "Deliver",
    "DeliverResp",
    "Exit",
    "ExitResp",
    "Login",
    "LoginMode",
    "LoginResp",
    "MsgId",
    "Pdu",
    "Query",
    "QueryResp",
    "Submit",
    "SubmitResp",
    "Unknown",
    "Version",
    "client_authenticator",
    "command_of",
    "count_junk",
    "decode",
    "decode_with_version",
    "encode",
    "format_msg_id",
    "parse_msg_id",
    "server_authenticator",
]

HEADER_BYTES = 12
MIN_FRAME_BYTES = HEADER_BYTES
# A Submit to 100 destinations is 126 + 21·100 + 255 bytes; the rest is room for optional parameters.
MAX_FRAME_BYTES = 8192

_HEADER = struct.Struct(">III")
_CLIENT_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Decoded:
    """A packet and the version of the layout it was in; None where both versions share one layout."""

    pdu: Pdu
    version: Version | None


def decode(frame: bytes, version: Version | None = None) -> Pdu:
    """Decode one whole frame, choosing the layout as ``decode_with_version`` does.

    Raises ``WireError``: ``truncated_header``, ``length_mismatch``, ``length_out_of_bounds``, ``truncated_body``,
    ``trailing_bytes``, ``content_past_end``, ``count_out_of_bounds``. Unknown optional parameters and bytes after
    the last one are no error, see ``Tlvs``; nor is an unknown command, see ``Unknown``.
    """
    return decode_with_version(frame, version).pdu


def decode_with_version(frame: bytes, version: Version | None = None) -> Decoded:
    """Decode one whole frame and tell the version of its layout; for Login, the version offered.

    If the frame fits the layout of ``version`` that is taken, else the other one. With no version, the one
    whose fields look the way sane peers fill them, then 3.0.

    Raises ``WireError`` as ``decode``; if neither layout fits, with the reason of the likelier one.
    """
    command_id, sequence = _read_header(frame)
    layouts = LAYOUTS.get(command_id)
    body = frame[HEADER_BYTES:]
    if layouts is None:
        return Decoded(Unknown(sequence, command_id, body), None)
    chosen, values = _decode_body(layouts, body, version)
    pdu = PDU_TYPES[command_id](sequence, **values)
    if isinstance(pdu, Login):
        return Decoded(pdu, {0x1: Version.V13, 0x3: Version.V30}.get(pdu.client_version >> 4))
    return Decoded(pdu, chosen if isinstance(pdu, Submit) else None)


def encode(pdu: Pdu, version: Version = Version.V30) -> bytes:
    """Encode a packet in the layout of ``version``; 1.3 drops FixedFee.

    Raises ``WireError``: ``field_too_long``, ``wrong_width``, ``field_out_of_bounds``, ``field_not_text``,
    ``count_out_of_bounds``, each naming the field, and ``length_out_of_bounds`` for a frame above the limit.
    """
    command_id = command_of(pdu)
    body = pdu.body if isinstance(pdu, Unknown) else LAYOUTS[command_id][version].encode(pdu)
    if HEADER_BYTES + len(body) > MAX_FRAME_BYTES:
        raise WireError("length_out_of_bounds", "total_length")
    try:
        return _HEADER.pack(HEADER_BYTES + len(body), command_id, pdu.sequence) + body
    except struct.error:
        raise WireError("field_out_of_bounds", "sequence") from None


def command_of(pdu: Pdu) -> int:
    """Return the command id the packet is sent under."""
    return pdu.command_id if isinstance(pdu, Unknown) else COMMANDS[type(pdu)]


def count_junk(pdu: Pdu) -> int:
    """Count the bytes after the last optional parameter that are none; for counters."""
    return len(pdu.tlvs.junk) if isinstance(pdu, Submit | Deliver) else 0


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
    if expected is None:
        irregular = {version: layouts[version].count_irregular(body) for version in Version}
        likely = Version.V13 if irregular[Version.V13] < irregular[Version.V30] else Version.V30
    else:
        likely = expected
    other = Version.V13 if likely is Version.V30 else Version.V30
    # Six bytes out of step, the count of destinations is read from inside a padded number: it hardly ever fits.
    taken, values = decode_edition(body, layouts[likely], layouts[other], accepts_worse=True)
    return (likely if taken is layouts[likely] else other), values


def client_authenticator(client_id: str, secret: str, timestamp: int, *, pad_client_id: bool = False) -> bytes:
    """Compute AuthenticatorClient: MD5(ClientID + 7 NULs + shared secret + timestamp as 10 digits).

    ``timestamp`` is MMDDHHMMSS as a number. Peers disagree on an id shorter than its 8 bytes:
    ``pad_client_id`` digests it with its padding.
    """
    client = client_id.encode("latin-1")
    padded = client.ljust(_CLIENT_ID_BYTES, b"\0") if pad_client_id else client
    parts = padded + bytes(7) + secret.encode() + b"%010d" % timestamp
    return hashlib.md5(parts, usedforsecurity=False).digest()


def server_authenticator(status: bytes, authenticator: bytes, secret: str) -> bytes:
    """Compute AuthenticatorServer: MD5(Status + AuthenticatorClient + shared secret).

    ``status`` is the status as digested: 4 bytes big-endian by the specification; peers also use 1 byte, or 8
    little-endian.
    """
    return hashlib.md5(status + authenticator + secret.encode(), usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class MsgId:
    """A MsgID broken out: digits of the gateway's code (6), MMDDHHMM (8) and sequence (6)."""

    gateway: str
    time: str
    sequence: str


def parse_msg_id(raw: bytes) -> MsgId | None:
    """Break out the 10 bytes of a MsgID; None for the real ones that are not BCD and stay opaque."""
    digits = raw.hex()
    if len(raw) != MSG_ID_BYTES or not digits.isdecimal():
        return None
    return MsgId(digits[:6], digits[6:14], digits[14:])


def format_msg_id(msg_id: MsgId) -> bytes:
    """Pack a MsgID into its 10 bytes.

    Raises ``WireError`` (``field_out_of_bounds``) if a part is not so many digits.
    """
    for part, digits in ((msg_id.gateway, 6), (msg_id.time, 8), (msg_id.sequence, 6)):
        if len(part) != digits or not (part.isascii() and part.isdecimal()):
            raise WireError("field_out_of_bounds", "msg_id")
    return bytes.fromhex(msg_id.gateway + msg_id.time + msg_id.sequence)
