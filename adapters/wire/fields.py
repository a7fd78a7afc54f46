"""Packet tables: each field's name, kind and width stands once, and one engine reads, writes and shows it.

Shared by the three SMS protocols, which are made of the same kinds of field: big-endian integers,
NUL-padded text, opaque octets, counted repeats and length-prefixed content. A protocol writes one
tuple of fields per packet; its editions (CMPP 2.0 and 3.0) differ in widths only, so a width is a number, or
one number per edition with ``ABSENT`` where the edition lacks the field.

A kind answers five questions: how its bytes become a value (``read``), a value its bytes (``write``) or JSON
(``describe``), what an edition without the field yields (``absent``), and whether bytes look the way a sane
peer fills them (``is_regular``), which settles the rare frame that fits two editions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.wire.errors import WireError

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]
Width = int | tuple[int, ...]

ABSENT = 0
# The width of a last field that takes whatever is left.
REST = -1
_PRINTABLE = bytes(range(0x20, 0x7F))


def take(body: bytes, offset: int, width: int, name: str) -> bytes:
    """Return ``width`` bytes at ``offset``; raise ``truncated_body`` if they are not all there."""
    raw = body[offset : offset + width]
    if len(raw) < width:
        raise WireError("truncated_body", name)
    return raw


def is_padded_text(raw: bytes) -> bool:
    """Tell whether ``raw`` is printable ASCII followed by nothing but padding (NULs or spaces)."""
    return not raw.rstrip(b"\0 ").strip(_PRINTABLE)


@dataclass(frozen=True, slots=True)
class Field(ABC):
    """One row of a packet table."""

    name: str
    width: Width

    absent: ClassVar[Any] = None

    def width_in(self, edition: int) -> int:
        """Return the width in bytes in that edition, ``ABSENT`` if it has no such field."""
        return self.width if isinstance(self.width, int) else self.width[edition]

    @abstractmethod
    def read(self, body: bytes, offset: int, width: int) -> tuple[Any, int]:
        """Return the value at ``offset`` and the offset after it."""

    @abstractmethod
    def write(self, value: Any, width: int) -> bytes:
        """Return the value's bytes."""

    def describe(self, value: Any) -> dict[str, Json]:
        """Return what to show of the value, ready for JSON."""
        return {self.name: value}

    def is_regular(self, raw: bytes, width: int) -> bool:
        """Tell whether a sane peer would have sent these bytes; empty ones were out of reach."""
        return True


@dataclass(frozen=True, slots=True)
class Uint(Field):
    """An unsigned big-endian integer."""

    absent: ClassVar[int] = 0

    def read(self, body: bytes, offset: int, width: int) -> tuple[int, int]:
        """Take ``width`` bytes as a number."""
        return int.from_bytes(take(body, offset, width, self.name), "big"), offset + width

    def write(self, value: int, width: int) -> bytes:
        """Refuse with ``field_out_of_bounds`` what ``width`` bytes cannot hold."""
        try:
            return value.to_bytes(width, "big")
        except OverflowError:
            raise WireError("field_out_of_bounds", self.name) from None


@dataclass(frozen=True, slots=True)
class Flag(Uint):
    """An integer that sane peers only set to 0 or 1; other values are read all the same."""

    def is_regular(self, raw: bytes, width: int) -> bool:
        """Expect 0 or 1."""
        return len(raw) == width and int.from_bytes(raw, "big") <= 1


@dataclass(frozen=True, slots=True)
class Text(Field):
    """A left-aligned octet string padded with NULs, held as latin-1 so that no byte is lost or refused.

    The value ends at the first NUL; trailing spaces are padding too, as some peers fill with them.
    """

    absent: ClassVar[str] = ""

    def read(self, body: bytes, offset: int, width: int) -> tuple[str, int]:
        """Cut at the first NUL, then drop trailing spaces."""
        raw = take(body, offset, width, self.name)
        return raw.split(b"\0", 1)[0].rstrip(b" ").decode("latin-1"), offset + width

    def write(self, value: str, width: int) -> bytes:
        """Pad with NULs; refuse with ``field_not_text`` or ``field_too_long``."""
        try:
            raw = value.encode("latin-1")
        except UnicodeEncodeError:
            raise WireError("field_not_text", self.name) from None
        if b"\0" in raw:
            raise WireError("field_not_text", self.name)
        if len(raw) > width:
            raise WireError("field_too_long", self.name)
        return raw.ljust(width, b"\0")

    def is_regular(self, raw: bytes, width: int) -> bool:
        """Expect printable ASCII, then padding."""
        return len(raw) == width and is_padded_text(raw)


@dataclass(frozen=True, slots=True)
class Octets(Field):
    """Opaque bytes that fill their field; shown as hex."""

    absent: ClassVar[bytes] = b""

    def read(self, body: bytes, offset: int, width: int) -> tuple[bytes, int]:
        """Take the field as it is."""
        return take(body, offset, width, self.name), offset + width

    def write(self, value: bytes, width: int) -> bytes:
        """Refuse with ``wrong_width`` what does not fill the field."""
        if len(value) != width:
            raise WireError("wrong_width", self.name)
        return value

    def describe(self, value: bytes) -> dict[str, Json]:
        """Show hex."""
        return {self.name: value.hex()}


@dataclass(frozen=True, slots=True)
class PaddedOctets(Field):
    """Opaque bytes, most often text or nothing, padded with NULs; shown as text."""

    absent: ClassVar[bytes] = b""

    def read(self, body: bytes, offset: int, width: int) -> tuple[bytes, int]:
        """Drop trailing NULs only: bytes after a first NUL are kept."""
        return take(body, offset, width, self.name).rstrip(b"\0"), offset + width

    def write(self, value: bytes, width: int) -> bytes:
        """Pad with NULs; refuse with ``field_too_long``."""
        if len(value) > width:
            raise WireError("field_too_long", self.name)
        return value.ljust(width, b"\0")

    def describe(self, value: bytes) -> dict[str, Json]:
        """Show latin-1 text."""
        return {self.name: value.decode("latin-1")}


@dataclass(frozen=True, slots=True)
class Repeat(Field):
    """A one-byte count, then that many padded texts of ``width`` bytes each."""

    count_name: str
    least: int
    most: int

    absent: ClassVar[tuple[str, ...]] = ()

    def _item(self) -> Text:
        return Text(self.name, self.width)

    def _check(self, count: int) -> None:
        if not self.least <= count <= self.most:
            raise WireError("count_out_of_bounds", self.count_name)

    def read(self, body: bytes, offset: int, width: int) -> tuple[tuple[str, ...], int]:
        """Refuse a count outside ``least..most`` with ``count_out_of_bounds``."""
        count = take(body, offset, 1, self.count_name)[0]
        self._check(count)
        item, values = self._item(), []
        offset += 1
        for _ in range(count):
            value, offset = item.read(body, offset, width)
            values.append(value)
        return tuple(values), offset

    def write(self, value: tuple[str, ...], width: int) -> bytes:
        """Refuse a count outside ``least..most`` with ``count_out_of_bounds``."""
        self._check(len(value))
        item = self._item()
        return bytes([len(value)]) + b"".join(item.write(text, width) for text in value)

    def describe(self, value: tuple[str, ...]) -> dict[str, Json]:
        """Show the count beside the items."""
        return {self.count_name: len(value), self.name: list(value)}

    def is_regular(self, raw: bytes, width: int) -> bool:
        """Expect each item to be printable ASCII, then padding."""
        return bool(raw) and all(is_padded_text(raw[at : at + width]) for at in range(1, len(raw), width))


@dataclass(frozen=True, slots=True)
class Content(Field):
    """A length of ``width`` bytes, then that many bytes; shown as hex beside its length."""

    length_name: str

    absent: ClassVar[bytes] = b""

    def read(self, body: bytes, offset: int, width: int) -> tuple[bytes, int]:
        """Refuse a length past the end of the frame with ``content_past_end``."""
        start = offset + width
        end = start + int.from_bytes(take(body, offset, width, self.length_name), "big")
        if end > len(body):
            raise WireError("content_past_end", self.length_name)
        return body[start:end], end

    def write(self, value: bytes, width: int) -> bytes:
        """Refuse with ``field_too_long`` what the length cannot count."""
        try:
            return len(value).to_bytes(width, "big") + value
        except OverflowError:
            raise WireError("field_too_long", self.name) from None

    def describe(self, value: bytes) -> dict[str, Json]:
        """Show hex beside the length."""
        return {self.length_name: len(value), self.name: value.hex()}


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields one edition of a packet really has, with their widths in bytes."""

    fields: tuple[tuple[Field, int], ...]
    absent: tuple[Field, ...]

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return the values by name, those of absent fields included.

        Raises ``WireError``: ``truncated_body``, ``content_past_end``, ``count_out_of_bounds``,
        ``trailing_bytes``.
        """
        values: dict[str, Any] = {field.name: field.absent for field in self.absent}
        offset = 0
        for field, width in self.fields:
            values[field.name], offset = field.read(body, offset, width)
        if offset != len(body):
            raise WireError("trailing_bytes")
        return values

    def encode(self, packet: object) -> bytes:
        """Return the body of a packet whose attributes bear the table's names.

        Raises ``WireError``: ``field_too_long``, ``wrong_width``, ``field_out_of_bounds``, ``field_not_text``,
        ``count_out_of_bounds``.
        """
        return b"".join(field.write(getattr(packet, field.name), width) for field, width in self.fields)

    def describe(self, packet: object) -> dict[str, Json]:
        """Return the fields of this edition in the order of the wire, ready for JSON."""
        shown: dict[str, Json] = {}
        for field, _ in self.fields:
            shown.update(field.describe(getattr(packet, field.name)))
        return shown

    def count_irregular(self, body: bytes) -> int:
        """Count the fields no sane peer would have sent, and those after the layout stops fitting."""
        irregular = offset = 0
        for field, width in self.fields:
            try:
                _, end = field.read(body, offset, width)
            except WireError:
                offset = end = len(body)
            irregular += not field.is_regular(body[offset:end], width)
            offset = end
        return irregular


def lay_out(fields: tuple[Field, ...], edition: int) -> Layout:
    """Fix a packet table to one edition (the index into each field's widths)."""
    widths = tuple((field, field.width_in(edition)) for field in fields)
    return Layout(
        fields=tuple((field, width) for field, width in widths if width != ABSENT),
        absent=tuple(field for field, width in widths if width == ABSENT),
    )
