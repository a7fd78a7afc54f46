"""Long messages: a text becomes segments, segments become the text again.

Each segment starts with a user data header that numbers it (see ``udh``). CMPP's Pk_total and Pk_number
repeat the numbering, but carriers disagree on them, so only the header is trusted on the way in.

What the assembler holds itself to:

1. A message is complete when all numbers 1..total are there, in any order, and is handed out once.
2. A segment that was there before, same number and same content, changes nothing, also after completion.
3. A number that comes again with other content means that the sender used the reference anew: what was held
   is dropped and the segment starts a new message.
4. Number 0, a number above the total, or a total above ``max_parts`` is refused and changes nothing.
5. An unfinished message is dropped ``ttl_s`` seconds after its first segment, or earlier when ``max_open``
   others were begun since; the caller is told which.
6. Every segment is decoded in its own format; only neighbours of one format are joined before decoding, so
   that a character cut in two is whole again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from adapters.wire.errors import WireError
from adapters.wire.text import MsgFmt, TextReading, choose_format, encode_as, read_text
from adapters.wire.udh import Concat, format_udh, split_header

# One short message carries 140 bytes, header included. ASCII travels packed in 7 bits, so a single message
# takes "Msg_Length < 160" bytes of it (QB-GF-028-2003, 7.4.3.1); SMGP allows 140 of any format.
MESSAGE_BYTES = 140
ASCII_MESSAGE_BYTES = 159
MAX_SEGMENTS = 255


@dataclass(frozen=True, slots=True, repr=False)
class Segment:
    """One short message of a text; ``content`` starts with the header if ``tp_udhi`` is 1."""

    tp_udhi: int
    msg_fmt: int
    content: bytes
    pk_total: int = 1
    pk_number: int = 1

    @property
    def concat(self) -> Concat | None:
        """Its place in a long message, None if it stands alone."""
        udh, _ = split_header(self.tp_udhi, self.content)
        return udh.concat if udh else None

    @property
    def payload(self) -> bytes:
        """The content without its header."""
        return split_header(self.tp_udhi, self.content)[1]

    def read(self) -> TextReading:
        """Decode this segment by itself."""
        return read_text(self.msg_fmt, self.payload)


def split_message(
    text: str,
    reference: int,
    *,
    gb: bool = False,
    wide_reference: bool = False,
    ascii_bytes: int = ASCII_MESSAGE_BYTES,
) -> tuple[Segment, ...]:
    """Split a text into segments that each fit one short message; no character is cut in two.

    One segment without a header if the text fits (``ascii_bytes`` ASCII characters, 70 UTF-16 units, 140 GB
    bytes), else 134 bytes each behind a 6-byte header (133 behind 7 with ``wide_reference``). ``reference`` tells the
    message from others to the same number: 0..255, or 0..65535 with ``wide_reference``. ``gb`` sends Chinese
    in format 15 instead of 8.

    Raises ``WireError``: ``text_not_encodable``, ``text_too_long`` (above 255 segments),
    ``reference_out_of_bounds``.
    """
    msg_fmt = choose_format(text, gb=gb)
    content = encode_as(text, msg_fmt)
    if len(content) <= (ascii_bytes if msg_fmt is MsgFmt.ASCII else MESSAGE_BYTES):
        return (Segment(0, msg_fmt, content),)
    bits = 16 if wide_reference else 8
    header_bytes = len(format_udh(Concat(reference, bits, 1, 1)))
    pieces = list(_pack(text, msg_fmt, MESSAGE_BYTES - header_bytes))
    total = len(pieces)
    if total > MAX_SEGMENTS:
        raise WireError("text_too_long", "msg_content")
    return tuple(
        Segment(1, msg_fmt, format_udh(Concat(reference, bits, total, number)) + piece, total, number)
        for number, piece in enumerate(pieces, start=1)
    )


def _pack(text: str, msg_fmt: MsgFmt, capacity: int) -> Iterator[bytes]:
    piece = bytearray()
    for character in text:
        encoded = encode_as(character, msg_fmt)
        if len(piece) + len(encoded) > capacity:
            yield bytes(piece)
            piece.clear()
        piece += encoded
    yield bytes(piece)


def join_segments(segments: Iterable[Segment]) -> TextReading:
    """Decode the segments of one message, given in order; bytes if any of them is not text."""
    runs = [
        (msg_fmt, b"".join(segment.payload for segment in run))
        for msg_fmt, run in groupby(segments, key=attrgetter("msg_fmt"))
    ]
    readings = [read_text(msg_fmt, payload) for msg_fmt, payload in runs]
    texts = [reading.value for reading in readings if isinstance(reading.value, str)]
    if len(texts) < len(readings):
        return TextReading(b"".join(payload for _, payload in runs), damaged=False)
    return TextReading("".join(texts), damaged=any(reading.damaged for reading in readings))


@dataclass(frozen=True, slots=True, repr=False)
class AssemblyKey:
    """What the segments of one message share. Never the Msg_Id: it differs from segment to segment."""

    link: str
    src: str
    dst: str
    reference_bits: int
    reference: int
    total: int


def make_assembly_key(link: str, src: str, dst: str, segment: Segment) -> AssemblyKey | None:
    """Build the key of a segment that came over ``link`` from ``src`` to ``dst``; None if it stands alone."""
    concat = segment.concat
    if concat is None:
        return None
    return AssemblyKey(link, src, dst, concat.reference_bits, concat.reference, concat.total)


class AssemblyState(StrEnum):
    """What became of a segment (the numbers are those of the module's rules)."""

    WAITING = "waiting"  # kept, others are missing
    COMPLETE = "complete"  # it was the last one (1)
    DUPLICATE = "duplicate"  # it was there before (2)
    RESTARTED = "restarted"  # the reference was used anew; kept as the first of a new message (3)
    REFUSED = "refused"  # its number or total is out of range (4)


@dataclass(frozen=True, slots=True, repr=False)
class AssemblyResult:
    """``message`` is there if the state is COMPLETE; ``discarded`` names unfinished messages dropped now."""

    state: AssemblyState
    message: TextReading | None = None
    discarded: tuple[AssemblyKey, ...] = ()


@dataclass(slots=True)
class _Assembly:
    started: float
    segments: dict[int, Segment] = field(default_factory=dict)


class Assembler:
    """Puts segments together; holds at most ``max_open`` unfinished and as many finished messages."""

    def __init__(self, ttl_s: float, max_parts: int, max_open: int) -> None:
        self._ttl_s = ttl_s
        self._max_parts = max_parts
        self._max_open = max_open
        # Both in the order of their first segment, so the oldest stands in front.
        self._open: dict[AssemblyKey, _Assembly] = {}
        self._finished: dict[AssemblyKey, _Assembly] = {}

    @property
    def open_count(self) -> int:
        """The number of unfinished messages held."""
        return len(self._open)

    def add(self, key: AssemblyKey, segment: Segment, now: float) -> AssemblyResult:
        """Take one segment at time ``now`` (seconds on any clock); ``key`` is from ``make_assembly_key``."""
        discarded = list(self.expire(now))
        concat = segment.concat
        if concat is None or not concat.is_in_range or concat.total > self._max_parts:
            return AssemblyResult(AssemblyState.REFUSED, discarded=tuple(discarded))
        state = self._place(key, concat.number, segment, now)
        if state is AssemblyState.WAITING and len(self._open[key].segments) == concat.total:
            return AssemblyResult(AssemblyState.COMPLETE, self._finish(key), tuple(discarded))
        while len(self._open) > self._max_open:
            discarded.append(_drop_oldest(self._open))
        return AssemblyResult(state, discarded=tuple(discarded))

    def expire(self, now: float) -> tuple[AssemblyKey, ...]:
        """Drop what is older than ``ttl_s``; return the keys of the unfinished messages among it."""
        self._drop_expired(self._finished, now)
        return self._drop_expired(self._open, now)

    def _place(self, key: AssemblyKey, number: int, segment: Segment, now: float) -> AssemblyState:
        held = self._open.get(key) or self._finished.get(key)
        known = held.segments.get(number) if held else None
        if known and (known.msg_fmt, known.payload) == (segment.msg_fmt, segment.payload):
            return AssemblyState.DUPLICATE
        state = AssemblyState.WAITING
        if known:
            # Only dropping unfinished segments loses anything worth telling.
            state = AssemblyState.RESTARTED if self._open.pop(key, None) else AssemblyState.WAITING
            self._finished.pop(key, None)
        self._open.setdefault(key, _Assembly(now)).segments[number] = segment
        return state

    def _finish(self, key: AssemblyKey) -> TextReading:
        assembly = self._open.pop(key)
        self._finished[key] = assembly
        if len(self._finished) > self._max_open:
            _drop_oldest(self._finished)
        return join_segments(assembly.segments[number] for number in sorted(assembly.segments))

    def _drop_expired(self, assemblies: dict[AssemblyKey, _Assembly], now: float) -> tuple[AssemblyKey, ...]:
        dropped: list[AssemblyKey] = []
        while assemblies and now - next(iter(assemblies.values())).started >= self._ttl_s:
            dropped.append(_drop_oldest(assemblies))
        return tuple(dropped)


def _drop_oldest(assemblies: dict[AssemblyKey, _Assembly]) -> AssemblyKey:
    oldest = next(iter(assemblies))
    del assemblies[oldest]
    return oldest
