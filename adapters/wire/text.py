"""Text and its encodings: Msg_Fmt (CMPP, SMGP) and MessageCoding (SGIP) share their values.

=====  =========================================  ==============================
value  meaning                                    decoded as
=====  =========================================  ==============================
0      ASCII                                      text
3      SIM card write                             bytes
4      binary                                     bytes
8      UCS2; surrogate pairs occur                text, UTF-16 big-endian
15     Chinese of the GB family                   text, GB18030 (the superset)
246    (U)SIM related                             bytes
other  unknown                                    bytes
=====  =========================================  ==============================
"""

from dataclasses import dataclass
from enum import IntEnum

from adapters.wire.errors import WireError


class MsgFmt(IntEnum):
    """The message formats that have a meaning of their own."""

    ASCII = 0
    SIM_WRITE = 3
    BINARY = 4
    UCS2 = 8
    GB = 15
    USIM = 246


_DECODERS: dict[int, str] = {MsgFmt.ASCII: "ascii", MsgFmt.UCS2: "utf-16-be", MsgFmt.GB: "gb18030"}
# GB18030 would always fit, but handsets and gateways of format 15 only know the older GBK.
_ENCODERS: dict[int, str] = {MsgFmt.ASCII: "ascii", MsgFmt.UCS2: "utf-16-be", MsgFmt.GB: "gbk"}


@dataclass(frozen=True, slots=True, repr=False)
class TextReading:
    """Decoded content: ``value`` is str for text formats, the bytes themselves for all others.

    ``damaged`` tells that some bytes were no text in their format (lone surrogates, half a character) and
    stand as U+FFFD in ``value``.
    """

    value: str | bytes
    damaged: bool


def is_text_format(msg_fmt: int) -> bool:
    """Tell whether content in that format is text."""
    return msg_fmt in _DECODERS


def read_text(msg_fmt: int, content: bytes) -> TextReading:
    """Decode content and tell whether it was intact; never fails. No user data header may be in front."""
    charset = _DECODERS.get(msg_fmt)
    if charset is None:
        return TextReading(content, damaged=False)
    try:
        return TextReading(content.decode(charset), damaged=False)
    except UnicodeDecodeError:
        return TextReading(content.decode(charset, errors="replace"), damaged=True)


def decode_text(msg_fmt: int, content: bytes) -> str | bytes:
    """Decode content: str in the text formats, with U+FFFD for what is no text; else the bytes unchanged."""
    return read_text(msg_fmt, content).value


def choose_format(text: str, *, gb: bool = False) -> MsgFmt:
    """Choose ASCII where it suffices, else UCS2, or with ``gb`` the GB format."""
    if text.isascii():
        return MsgFmt.ASCII
    return MsgFmt.GB if gb else MsgFmt.UCS2


def encode_as(text: str, msg_fmt: MsgFmt) -> bytes:
    """Encode text in a text format.

    Raises ``WireError`` (``text_not_encodable``) for characters the format lacks (in UCS2 only lone
    surrogates) and for formats that carry no text.
    """
    charset = _ENCODERS.get(msg_fmt)
    if charset is None:
        raise WireError("text_not_encodable", "msg_fmt")
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        raise WireError("text_not_encodable", "msg_content") from None


def encode_text(text: str, *, gb: bool = False) -> tuple[MsgFmt, bytes]:
    """Encode text in the format ``choose_format`` names; raises as ``encode_as`` does."""
    msg_fmt = choose_format(text, gb=gb)
    return msg_fmt, encode_as(text, msg_fmt)
