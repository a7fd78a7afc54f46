"""What passes through an SMS gateway, in the words of no protocol: what SPs submit, and what they are to get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.wire.longmessage import Segment


class Breach(NamedTuple):
    """A broken rule, and how it was broken, without number or text."""

    rule: str
    detail: str


@dataclass(frozen=True, slots=True, repr=False)
class Submission:
    """What an SP wants sent. `numbering` is (total, number) where the packet repeats the header's; None where not."""

    numbers: tuple[str, ...]
    service_code: str
    service_id: str
    wants_report: bool
    segment: Segment
    numbering: tuple[int, int] | None = None


STAMP = "%Y%m%d%H%M%S"
"""How `stamp` is written, in the gateway's time."""


@dataclass(frozen=True, slots=True)
class Mo:
    """One short message of a phone on its way to an SP; `stamp` is when the gateway got it."""

    msg_id: bytes
    number: str = field(repr=False)
    service_code: str
    segment: Segment
    stamp: str
    service_id: str = ""
    link_id: bytes = b""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of the message `subject`; `msg_id` is that of the report itself."""

    msg_id: bytes
    subject: bytes
    stat: str
    stamp: str
    number: str = field(repr=False)
    service_code: str
    service_id: str = ""
    old_layout: bool = False


Parcel = Mo | StatusReport
"""What is delivered to an SP, again and again until it is acknowledged."""
