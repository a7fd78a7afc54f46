"""The optional parameters at the end of SMGP packets (SMGP 3.0.3, 6.3): ``Tag:2 | Length:2 | Value``, any order.

Peers in service send tags the specification lacks, values of other widths than it says, and bytes after the
last parameter that are none. All of it is kept and given back on encoding, and none of it is an error: a length
that runs past the packet ends the parameters, and what is left from there on is ``junk``.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from adapters.wire.errors import WireError
from adapters.wire.fields import REST, Field, Json, Width

VARIABLE = -1
_HEAD_BYTES = 4


class Tag(IntEnum):
    """The parameters of the specification."""

    TP_PID = 0x01
    TP_UDHI = 0x02
    LINK_ID = 0x03
    CHARGE_USER_TYPE = 0x04
    CHARGE_TERM_TYPE = 0x05
    CHARGE_TERM_PSEUDO = 0x06
    DEST_TERM_TYPE = 0x07
    DEST_TERM_PSEUDO = 0x08
    PK_TOTAL = 0x09
    PK_NUMBER = 0x0A
    SUBMIT_MSG_TYPE = 0x0B
    SP_DEAL_RESULT = 0x0C
    SRC_TERM_TYPE = 0x0D
    SRC_TERM_PSEUDO = 0x0E
    NODES_COUNT = 0x0F
    MSG_SRC = 0x10
    SRC_TYPE = 0x11
    M_SERVICE_ID = 0x12


# Name in the specification and width in bytes.
PARAMETERS: dict[Tag, tuple[str, int]] = {
    Tag.TP_PID: ("TP_pid", 1),
    Tag.TP_UDHI: ("TP_udhi", 1),
    Tag.LINK_ID: ("LinkID", 20),
    Tag.CHARGE_USER_TYPE: ("ChargeUserType", 1),
    Tag.CHARGE_TERM_TYPE: ("ChargeTermType", 1),
    Tag.CHARGE_TERM_PSEUDO: ("ChargeTermPseudo", VARIABLE),
    Tag.DEST_TERM_TYPE: ("DestTermType", 1),
    Tag.DEST_TERM_PSEUDO: ("DestTermPseudo", VARIABLE),
    Tag.PK_TOTAL: ("PkTotal", 1),
    Tag.PK_NUMBER: ("PkNumber", 1),
    Tag.SUBMIT_MSG_TYPE: ("SubmitMsgType", 1),
    Tag.SP_DEAL_RESULT: ("SPDealResult", 1),
    Tag.SRC_TERM_TYPE: ("SrcTermType", 1),
    Tag.SRC_TERM_PSEUDO: ("SrcTermPseudo", VARIABLE),
    Tag.NODES_COUNT: ("NodesCount", 1),
    Tag.MSG_SRC: ("MsgSrc", 8),
    Tag.SRC_TYPE: ("SrcType", 1),
    Tag.M_SERVICE_ID: ("MServiceID", 21),
}
_NAMES: dict[int, str] = {tag: name for tag, (name, _) in PARAMETERS.items()}


@dataclass(frozen=True, slots=True, repr=False)
class Tlvs:
    """Parameters in the order of the wire, known or not, and the bytes after them that are none."""

    items: tuple[tuple[int, bytes], ...] = ()
    junk: bytes = b""

    def find(self, tag: Tag) -> bytes | None:
        """Return the value of a parameter, None without it; of several the first."""
        return next((value for known, value in self.items if known == tag), None)

    def number(self, tag: Tag) -> int:
        """Return a parameter as an unsigned number; 0 without it, or with an empty value."""
        return int.from_bytes(self.find(tag) or b"", "big")

    def text(self, tag: Tag) -> str:
        """Return a parameter as latin-1 text up to its padding; empty without it."""
        return (self.find(tag) or b"").split(b"\0", 1)[0].rstrip(b" ").decode("latin-1")

    def __repr__(self) -> str:
        """Pseudonyms are personal data, so only tags are shown."""
        return f"Tlvs({', '.join(f'{tag:#x}' for tag, _ in self.items)}; {len(self.junk)} bytes of junk)"


NO_TLVS = Tlvs()


def make_tlvs(values: dict[Tag, int | str | bytes]) -> Tlvs:
    """Build parameters in the widths of the specification; text and octets are padded with NULs.

    Raises ``WireError``: ``field_out_of_bounds``, ``field_not_text``, ``field_too_long``, each naming the
    parameter.
    """
    return Tlvs(tuple((int(tag), _write_value(tag, value)) for tag, value in values.items()))


def parse_tlvs(raw: bytes) -> Tlvs:
    """Read parameters for as long as there are whole ones; never fails."""
    items: list[tuple[int, bytes]] = []
    offset = 0
    while len(raw) - offset >= _HEAD_BYTES:
        start = offset + _HEAD_BYTES
        end = start + int.from_bytes(raw[offset + 2 : start], "big")
        if end > len(raw):
            break
        items.append((int.from_bytes(raw[offset : offset + 2], "big"), raw[start:end]))
        offset = end
    return Tlvs(tuple(items), raw[offset:])


def format_tlvs(tlvs: Tlvs) -> bytes:
    """Write parameters and junk; raise ``WireError`` for a tag or a value its two bytes cannot tell."""
    parts: list[bytes] = []
    for tag, value in tlvs.items:
        if not 0 <= tag <= 0xFFFF:
            raise WireError("field_out_of_bounds", "tag")
        if len(value) > 0xFFFF:
            raise WireError("field_too_long", _NAMES.get(tag, "tlv"))
        parts += [tag.to_bytes(2, "big"), len(value).to_bytes(2, "big"), value]
    return b"".join((*parts, tlvs.junk))


@dataclass(frozen=True, slots=True)
class TlvTail(Field):
    """The rest of a packet as parameters; shown as a list of tag, name (null if unknown) and value in hex."""

    width: Width = REST

    absent: ClassVar[Tlvs] = NO_TLVS

    def read(self, body: bytes, offset: int, width: int) -> tuple[Tlvs, int]:
        """Take everything that is left."""
        return parse_tlvs(body[offset:]), len(body)

    def write(self, value: Tlvs, width: int) -> bytes:
        """Write what was read."""
        return format_tlvs(value)

    def describe(self, value: Tlvs) -> dict[str, Json]:
        """Show the junk apart, in hex."""
        shown: list[Json] = [{"tag": tag, "name": _NAMES.get(tag), "value": raw.hex()} for tag, raw in value.items]
        return {self.name: shown, "junk": value.junk.hex()}

    def is_regular(self, raw: bytes, width: int) -> bool:
        """Expect no junk."""
        return not parse_tlvs(raw).junk


def _write_value(tag: Tag, value: int | str | bytes) -> bytes:
    name, width = PARAMETERS[tag]
    if isinstance(value, int):
        try:
            return value.to_bytes(1 if width == VARIABLE else width, "big")
        except OverflowError:
            raise WireError("field_out_of_bounds", name) from None
    try:
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
    except UnicodeEncodeError:
        raise WireError("field_not_text", name) from None
    if width == VARIABLE:
        return raw
    if len(raw) > width:
        raise WireError("field_too_long", name)
    return raw.ljust(width, b"\0")
