"""A link that a test plays by hand: it says what the centre would say, and sees what the channel answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from adapters.carrier.sms_link import (
    LinkDown,
    LinkDownError,
    LinkEvent,
    LinkHandler,
    LinkUp,
    MoReceived,
    OutgoingSms,
    ReportReceived,
    SendAccepted,
)
from adapters.journal.rows import SmsBody
from adapters.wire.longmessage import Segment, split_message
from adapters.wire.text import read_text

NUMBER = "13800138000"
ACCOUNT = "901234"


@dataclass
class ScriptLink:
    handler: LinkHandler
    name: str = "script"
    account: str = ACCOUNT
    service_code: str = "10086"
    capacity: int = 16
    is_up: bool = False
    stays_down: bool = False
    sent: list[OutgoingSms] = field(default_factory=list)
    acknowledged: list[bytes] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)
    stopped: bool = False

    silent_s: float | None = None

    @property
    def is_well(self) -> bool:
        return self.is_up

    async def start(self) -> None:
        if not self.stays_down:
            asyncio.get_running_loop().create_task(self.up())

    async def up(self) -> None:
        self.is_up = True
        await self.say(LinkUp())

    async def down(self) -> None:
        self.is_up = False
        await self.say(LinkDown("closed_by_peer"))

    async def stop(self, drain_s: float) -> None:
        self.is_up, self.stopped = False, True

    def send(self, message: OutgoingSms) -> None:
        if not self.is_up:
            raise LinkDownError("link_down")
        self.sent.append(message)

    def acknowledge(self, received: MoReceived | ReportReceived) -> None:
        self.acknowledged.append(received.msg_id)

    def release(self, received: MoReceived | ReportReceived) -> None:
        self.released.append(received.msg_id)

    def counters(self) -> dict[str, int]:
        return {"dialled": 1}

    async def say(self, *events: LinkEvent) -> None:
        await self.handler(self, events)

    async def accept(self, index: int, msg_id: bytes) -> None:
        await self.say(SendAccepted(self.sent[index].key, index + 1, msg_id))

    @property
    def texts(self) -> list[str]:
        return [str(read_text(sms.body.msg_fmt, sms.body.content).value) for sms in self.sent]


def make_msg_id(serial: int) -> bytes:
    return 0xB4C5530000010000.__add__(serial).to_bytes(8, "big")


def make_mo(
    text: str, serial: int = 1, source: str = NUMBER, destination: str = "10086", link_tag: bytes = b""
) -> MoReceived:
    [mo] = make_mos(text, [serial], source, destination, link_tag)
    return mo


def make_mos(
    text: str, serials: Sequence[int], source: str = NUMBER, destination: str = "10086", link_tag: bytes = b""
) -> list[MoReceived]:
    """One message for each part; `serials` number them."""
    segments = split_message(text, 7)
    return [
        make_segment(segment, serial, source, destination, link_tag)
        for segment, serial in zip(segments, serials, strict=True)
    ]


def make_segment(segment: Segment, serial: int, source: str, destination: str, link_tag: bytes) -> MoReceived:
    msg_id = make_msg_id(serial)
    body = SmsBody(segment.msg_fmt, segment.tp_udhi, segment.content)
    return MoReceived(msg_id, source, destination, body, sha256(msg_id + segment.content).digest(), link_tag)
