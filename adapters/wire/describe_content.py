"""The content of a message as JSON-ready fields, the same in the three SMS protocols.

=============  ======================================================================================
udh            null without a user data header, else: header_bytes, elements (a list of: iei, data in
               hex), concat (null, or: reference, reference_bits, total, number)
udh_damaged    true if TP_udhi announces a header that is malformed; text then starts with it
text           the text without the header, null if the format is not a text format
text_damaged   true if bytes that are no text in that format stand as U+FFFD in text
data           the bytes without the header in hex, only if the format is not a text format
=============  ======================================================================================
"""

from dataclasses import asdict

from adapters.wire.fields import Json
from adapters.wire.text import read_text
from adapters.wire.udh import Udh, split_header


def describe_content(tp_udhi: int, msg_fmt: int, content: bytes) -> dict[str, Json]:
    """Show header and text of a message; never fails."""
    udh, payload = split_header(tp_udhi, content)
    reading = read_text(msg_fmt, payload)
    text = reading.value if isinstance(reading.value, str) else None
    shown: dict[str, Json] = {
        "udh": _describe_udh(udh) if udh else None,
        "udh_damaged": bool(tp_udhi) and udh is None,
        "text": text,
        "text_damaged": reading.damaged,
    }
    return {**shown, "data": payload.hex()} if text is None else shown


def _describe_udh(udh: Udh) -> dict[str, Json]:
    return {
        "header_bytes": udh.header_bytes,
        "elements": [{"iei": element.iei, "data": element.data.hex()} for element in udh.elements],
        "concat": asdict(udh.concat) if udh.concat else None,
    }
