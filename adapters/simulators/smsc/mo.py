"""What phones send: a text becomes DELIVERs, split as a phone splits it, or mangled as tests want it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from adapters.simulators.smsc.messages import Mo
from adapters.wire.errors import WireError
from adapters.wire.longmessage import MAX_SEGMENTS, MESSAGE_BYTES, Segment
from adapters.wire.text import MsgFmt, choose_format, encode_as
from adapters.wire.udh import Concat, format_udh

_MAX_CONTENT_BYTES = 255


class TextEncoding(Enum):
    """In which letters a text is sent."""

    AUTO = "auto"
    """ASCII where the text allows it, else UCS-2."""
    ASCII = "ascii"
    UCS2 = "ucs2"
    GBK = "gbk"


_FORMATS = {TextEncoding.ASCII: MsgFmt.ASCII, TextEncoding.UCS2: MsgFmt.UCS2, TextEncoding.GBK: MsgFmt.GB}


@dataclass(frozen=True, slots=True)
class RawContent:
    """Content as it stands, for what no phone would send."""

    msg_fmt: int
    content: bytes = field(repr=False)
    tp_udhi: bool = False


@dataclass(frozen=True, slots=True)
class MobileOriginated:
    """A text from a phone (`sender` as the carrier writes it on the link) to a service code.

    `to` empty is the account's code, `account` empty the first one. `reference` None counts up. `part_order` names the
    parts to send, from 1, empty all of them; each is sent `copies` times under its Msg_Id. `vary_gateway` gives each
    part another gateway's code, as seen in real networks. `raw` goes in place of the text. Raises `ValueError` for what
    no message can be.
    """

    sender: str = field(repr=False)
    text: str = field(default="", repr=False)
    to: str = ""
    account: str = ""
    encoding: TextEncoding = TextEncoding.AUTO
    reference_bits: int = 8
    reference: int | None = None
    msg_ids: tuple[bytes, ...] = ()
    copies: int = 1
    part_order: tuple[int, ...] = ()
    vary_gateway: bool = False
    link_id: bytes = b""
    service_id: str = ""
    raw: RawContent | None = None

    def __post_init__(self) -> None:
        if not self.sender or len(self.sender) > 32 or not self.sender.isascii():
            raise ValueError("a sender has 1 to 32 ASCII characters")
        if self.reference_bits not in (8, 16) or not 0 <= (self.reference or 0) < 1 << self.reference_bits:
            raise ValueError("reference_bits is 8 or 16, and the reference fits them")
        if self.copies < 1:
            raise ValueError("at least one copy")
        if len(self.link_id) > 20 or len(self.service_id) > 10 or len(self.to) > 21:
            raise ValueError("link_id has at most 20 bytes, service_id 10 characters, to 21")
        if self.raw is not None and not (0 <= self.raw.msg_fmt <= 255 and len(self.raw.content) <= _MAX_CONTENT_BYTES):
            raise ValueError("raw content has one byte of msg_fmt and at most 255 of content")

    def segments(self, reference: int, ascii_bytes: int = 159, *, gb: bool = False) -> list[Segment]:
        """Split the text, under `reference` if it has none of its own; raise `ValueError` if that cannot be sent.

        `ascii_bytes` is what one short message carries of those; `gb` writes Chinese in GB where the letters are free.
        """
        if self.raw is not None:
            return [Segment(int(self.raw.tp_udhi), self.raw.msg_fmt, self.raw.content)]
        if self.reference is not None:
            reference = self.reference
        reference %= 1 << self.reference_bits
        msg_fmt = self._choose_format(gb=gb)
        try:
            return list(_split(self.text, msg_fmt, Concat(reference, self.reference_bits, 1, 1), ascii_bytes))
        except WireError as error:
            raise ValueError(error.reason) from None

    def _choose_format(self, *, gb: bool) -> MsgFmt:
        if self.encoding is not TextEncoding.AUTO:
            return _FORMATS[self.encoding]
        if gb:
            try:
                encode_as(self.text, MsgFmt.GB)
            except WireError:
                gb = False
        return choose_format(self.text, gb=gb)

    def choose_parts(self, segments: list[Segment]) -> list[Segment]:
        """Return the parts to send, in their order; raise `ValueError` for a part there is not."""
        order = self.part_order or range(1, len(segments) + 1)
        if not all(1 <= number <= len(segments) for number in order):
            raise ValueError(f"part_order names parts from 1 to {len(segments)}")
        if self.msg_ids and len(self.msg_ids) != len(list(order)):
            raise ValueError("as many msg_ids as parts to send")
        return [segments[number - 1] for number in order]

    def make_part(self, segment: Segment, msg_id: bytes, service_code: str, stamp: str) -> Mo:
        """Make what carries one part to the SP."""
        return Mo(msg_id, self.sender, self.to or service_code, segment, stamp, self.service_id, self.link_id)


def _split(text: str, msg_fmt: MsgFmt, place: Concat, ascii_bytes: int) -> Iterator[Segment]:
    content = encode_as(text, msg_fmt)
    if len(content) <= (ascii_bytes if msg_fmt is MsgFmt.ASCII else MESSAGE_BYTES):
        yield Segment(0, msg_fmt, content)
        return
    pieces = _cut(text, msg_fmt, MESSAGE_BYTES - len(format_udh(place)))
    if len(pieces) > MAX_SEGMENTS:
        raise WireError("text_too_long")
    for number, piece in enumerate(pieces, start=1):
        header = format_udh(replace(place, total=len(pieces), number=number))
        yield Segment(1, msg_fmt, header + piece, len(pieces), number)


def _cut(text: str, msg_fmt: MsgFmt, room: int) -> list[bytes]:
    """Cut between characters."""
    pieces = [b""]
    for character in text:
        encoded = encode_as(character, msg_fmt)
        if len(pieces[-1]) + len(encoded) > room:
            pieces.append(b"")
        pieces[-1] += encoded
    return pieces
