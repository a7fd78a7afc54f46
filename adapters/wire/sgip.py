"""SGIP 1.2 and 1.3: frames to packets and back (China Unicom SGIP, chapters 3 and 4).

A frame is ``MessageLength:4 | CommandID:4 | SequenceNumber:12 | body``, big-endian, the length including itself.
The versions differ in error codes only, not in any layout. Bind carries the password in clear text: a frame is
never to be logged.
"""

import struct

from adapters.wire.errors import WireError
from adapters.wire.sgip_pdus import (
    RESPONSE_BIT,
    SEQUENCE_BYTES,
    SP_PAYS,
    Bind,
    BindResp,
    Command,
    Deliver,
    DeliverResp,
    LoginType,
    Pdu,
    Report,
    ReportResp,
    Request,
    Response,
    Sequence,
    Submit,
    SubmitResp,
    Unbind,
    UnbindResp,
    Unknown,
    UserRpt,
    UserRptResp,
)
from adapters.wire.sgip_tables import COMMANDS, LAYOUTS, PDU_TYPES

__all__ = [
    "HEADER_BYTES",
    "MAX_FRAME_BYTES",
    "MIN_FRAME_BYTES",
    "RESPONSE_BIT",
    "SEQUENCE_BYTES",
    "SP_PAYS",
    "Bind",
    "BindResp",
    "Command",
    "Deliver",
    "DeliverResp",
    "LoginType",
    "Pdu",
    "Report",
    "ReportResp",
    "Request",
    "Response",
    "Sequence",
    "Submit",
    "SubmitResp",
    "Unbind",
    "UnbindResp",
    "Unknown",
    "UserRpt",
    "UserRptResp",
    "command_of",
    "decode",
    "encode",
]

HEADER_BYTES = 20
MIN_FRAME_BYTES = HEADER_BYTES
# A Submit to 100 users is 143 + 21·100 bytes and its content; MessageLength alone would allow 4 GiB.
MAX_FRAME_BYTES = 8192

_HEADER = struct.Struct(">II12s")


def decode(frame: bytes) -> Pdu:
    """Decode one whole frame.

    Raises ``WireError``: ``truncated_header``, ``length_mismatch``, ``length_out_of_bounds``, ``truncated_body``,
    ``trailing_bytes``, ``content_past_end``, ``count_out_of_bounds``. An unknown command is no error: see ``Unknown``.
    """
    if len(frame) < HEADER_BYTES:
        raise WireError("truncated_header")
    total_length, command_id, raw_sequence = _HEADER.unpack_from(frame)
    if total_length != len(frame):
        raise WireError("length_mismatch", "total_length")
    if total_length > MAX_FRAME_BYTES:
        raise WireError("length_out_of_bounds", "total_length")
    sequence = Sequence.from_bytes(raw_sequence)
    layout = LAYOUTS.get(command_id)
    body = frame[HEADER_BYTES:]
    if layout is None:
        return Unknown(sequence, command_id, body)
    return PDU_TYPES[command_id](sequence, **layout.decode(body))


def encode(pdu: Pdu) -> bytes:
    """Encode a packet.

    Raises ``WireError``: ``field_too_long``, ``field_out_of_bounds``, ``field_not_text``, ``count_out_of_bounds``,
    each naming the field, and ``length_out_of_bounds`` for a frame above the limit.
    """
    command_id = command_of(pdu)
    body = pdu.body if isinstance(pdu, Unknown) else LAYOUTS[command_id].encode(pdu)
    if HEADER_BYTES + len(body) > MAX_FRAME_BYTES:
        raise WireError("length_out_of_bounds", "total_length")
    return _HEADER.pack(HEADER_BYTES + len(body), command_id, pdu.sequence.to_bytes()) + body


def command_of(pdu: Pdu) -> int:
    """Return the command id the packet is sent under."""
    return pdu.command_id if isinstance(pdu, Unknown) else COMMANDS[type(pdu)]
