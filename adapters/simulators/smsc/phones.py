"""Subscribers' phones: what a handset makes of the messages that reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from adapters.simulators.spelling import spell_number
from adapters.wire.longmessage import Segment, join_segments


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message on a phone; `msg_ids` in the order of the text."""

    time: datetime
    sender: str
    text: str = field(repr=False)
    msg_ids: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One short message on its way to a phone."""

    number: str = field(repr=False)
    sender: str
    segment: Segment
    msg_id: bytes
    time: datetime


class Phone:
    """One subscriber's phone. A long message that came twice is shown twice, as handsets do."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.inbox: list[Message] = []
        self._arrived: set[bytes] = set()
        self._open: dict[tuple[str, int, int, int], dict[int, Part]] = {}

    @property
    def incomplete(self) -> int:
        """How many long messages lack parts."""
        return len(self._open)

    def holds(self, msg_id: bytes) -> bool:
        """Tell whether the short message of that id arrived, alone or as a part."""
        return msg_id in self._arrived

    def receive(self, part: Part) -> Message | None:
        """Take a short message in; return the message it is, or completes."""
        self._arrived.add(part.msg_id)
        concat = part.segment.concat
        if concat is None or not concat.is_in_range:
            return self._show([part])
        key = (part.sender, concat.reference_bits, concat.reference, concat.total)
        parts = self._open.setdefault(key, {})
        parts[concat.number] = part
        if len(parts) < concat.total:
            return None
        del self._open[key]
        return self._show([parts[number] for number in sorted(parts)])

    def _show(self, parts: list[Part]) -> Message:
        text = join_segments(part.segment for part in parts).value
        shown = text if isinstance(text, str) else text.hex()
        latest = max(part.time for part in parts)
        message = Message(latest, parts[0].sender, shown, tuple(part.msg_id for part in parts))
        self.inbox.append(message)
        return message


class Phones:
    """Every phone that something reached, found by any spelling of its number."""

    def __init__(self) -> None:
        self._phones: dict[str, Phone] = {}

    def receive(self, part: Part) -> Message | None:
        """Deliver a short message; return the message it is, or completes."""
        return self._phones.setdefault(spell_number(part.number), Phone(part.number)).receive(part)

    def find(self, number: str) -> Phone:
        """Return the phone; an empty one for a number that nothing reached."""
        return self._phones.get(spell_number(number)) or Phone(number)

    def all(self) -> list[Phone]:
        """Return the phones in the order in which something first reached them."""
        return list(self._phones.values())

    def clear(self) -> None:
        """Forget every message."""
        self._phones.clear()
