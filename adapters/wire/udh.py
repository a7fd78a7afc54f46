"""User data headers: what stands before the text of a segment (3GPP 23.040, 9.2.3.24).

``UDHL:1`` then information elements ``IEI:1 | length:1 | data``. Two of them number the segments of a long
message: IEI 0 with an 8-bit reference, IEI 8 with a 16-bit one.
"""

from dataclasses import dataclass

from adapters.wire.errors import WireError

CONCAT_8BIT = 0x00
CONCAT_16BIT = 0x08
# Bytes of the reference, by element; the total and the number follow with one byte each.
_REFERENCE_BYTES = {CONCAT_8BIT: 1, CONCAT_16BIT: 2}
_CONCAT_STARTS = (b"\x05\x00\x03", b"\x06\x08\x04")


@dataclass(frozen=True, slots=True)
class Concat:
    """The place of a segment in its long message. A peer may send ``number`` 0 or above ``total``."""

    reference: int
    reference_bits: int
    total: int
    number: int

    @property
    def is_in_range(self) -> bool:
        """Tell whether the number is one of 1..total."""
        return 1 <= self.number <= self.total


@dataclass(frozen=True, slots=True)
class Element:
    """One information element, understood or not."""

    iei: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Udh:
    """A header of ``header_bytes`` bytes in all; ``concat`` is None if no element numbers the segment."""

    header_bytes: int
    elements: tuple[Element, ...]
    concat: Concat | None


def parse_udh(content: bytes) -> Udh | None:
    """Read the header in front of ``content``; None if it is malformed, or runs past the end."""
    if not content or len(content) <= content[0]:
        return None
    end = 1 + content[0]
    elements: list[Element] = []
    offset = 1
    while offset < end:
        start = offset + 2
        if start > end or start + content[offset + 1] > end:
            return None
        elements.append(Element(content[offset], content[start : start + content[offset + 1]]))
        offset = start + content[offset + 1]
    concats = (concat for element in elements if (concat := _read_concat(element)))
    return Udh(end, tuple(elements), next(concats, None))


def split_header(tp_udhi: int, content: bytes) -> tuple[Udh | None, bytes]:
    """Separate the header from what it precedes.

    Without the TP-UDHI flag there is none; a malformed one is left in the payload, so that nothing is lost.
    """
    udh = parse_udh(content) if tp_udhi else None
    return udh, content[udh.header_bytes :] if udh else content


def starts_like_concat(content: bytes) -> bool:
    """Tell whether content starts with the header of a long message that makes sense.

    Some gateways send one without announcing it (SMGP without TP_udhi); whether to believe it is a switch per
    carrier, as a text may start with the same bytes.
    """
    udh = parse_udh(content) if content[:3] in _CONCAT_STARTS else None
    return udh is not None and udh.concat is not None and udh.concat.is_in_range


def format_udh(concat: Concat) -> bytes:
    """Build the header of one segment: 6 bytes with an 8-bit reference, 7 with a 16-bit one.

    Raises ``WireError`` (``reference_out_of_bounds``) if the reference is wider than that.
    """
    try:
        reference = concat.reference.to_bytes(concat.reference_bits // 8, "big")
    except OverflowError:
        raise WireError("reference_out_of_bounds", "udh") from None
    data = reference + bytes((concat.total, concat.number))
    iei = CONCAT_8BIT if concat.reference_bits == 8 else CONCAT_16BIT
    return bytes((len(data) + 2, iei, len(data))) + data


def _read_concat(element: Element) -> Concat | None:
    width = _REFERENCE_BYTES.get(element.iei)
    if width is None or len(element.data) != width + 2:
        return None
    reference = int.from_bytes(element.data[:width], "big")
    return Concat(reference, width * 8, element.data[width], element.data[width + 1])
