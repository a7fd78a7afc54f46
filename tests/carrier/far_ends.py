"""Centres of China Telecom and China Unicom: the far ends of the sessions, on sockets, as the link tests need them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.carrier.base import Carrier
from adapters.carrier.links import make_link
from adapters.carrier.settings import LinkConfig, SgipConfig
from adapters.carrier.sms_link import (
    LinkDown,
    LinkEvent,
    LinkParts,
    LinkUp,
    MoReceived,
    OutgoingSms,
    ReportReceived,
)
from adapters.journal.rows import PartKey, SmsBody
from adapters.session.events import DeliverAnswered, Event, LinkClosed, SubmitReceived
from adapters.session.settings import LinkSettings
from adapters.session.sgip import DialSettings, ListenSettings, SgipCaller, SgipNumbers, SgipServer
from adapters.session.smgp import ServerSettings, SmgpServer
from adapters.transport.client import ReconnectSettings, StreamClient
from adapters.transport.server import StreamServer
from adapters.transport.stream import Connection
from adapters.wire.sgip import Submit as SgipSubmit
from optout.kit.clock import Clock, SystemClock

ACCOUNT, SECRET = "901234", "not-to-be-logged"
SP_NODE, SMG_NODE = 3010092008, 101001
PHONE, NUMBER = "13800138000", "+8613800138000"
QUICK = LinkSettings(settle_s=0, request_timeout_s=0.3)


def make_sms(body: SmsBody | None = None, *, part: int = 1, parts: int = 1, link_tag: bytes = b"") -> OutgoingSms:
    return OutgoingSms(PartKey("n-1", part), part, parts, NUMBER, body or SmsBody(0, 0, b"hello"), link_tag)


class Centre:
    """Answers every submit with the next of `results`, or 0, and writes down what it gets."""

    def __init__(self) -> None:
        self.submits: list[Any] = []
        self.results: list[int] = []
        self.answered: list[DeliverAnswered] = []
        self.closings: list[str] = []
        self.lines: list[Connection[Any]] = []

    async def handle(self, connection: Connection[Any], events: list[Event]) -> None:
        if connection not in self.lines:
            self.lines.append(connection)
        for event in events:
            match event:
                case SubmitReceived():
                    self.submits.append(event.pdu)
                    result = self.results.pop(0) if self.results else 0
                    msg_id = self.msg_id(len(self.submits)) if result == 0 else b""
                    connection.session.answer_submit(event.sequence, msg_id, result, connection.now())
                case DeliverAnswered():
                    self.answered.append(event)
                case LinkClosed(reason=reason):
                    self.closings.append(reason)
        connection.flush()

    def msg_id(self, number: int) -> bytes:
        return number.to_bytes(10, "big")

    def deliver(self, pdu: Any, token: object = None) -> None:
        """Send a message or a report on the newest line that is open."""
        line = [line for line in self.lines if not line.session.closed][-1]
        line.session.deliver(pdu, token, line.now())
        line.flush()


class SmgpCentre(Centre):
    def __init__(self) -> None:
        super().__init__()
        settings = ServerSettings({ACCOUNT: SECRET}, link=QUICK)
        self.server = StreamServer(lambda: SmgpServer(settings), self.handle)

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop(0.2)


class SgipCentre(Centre):
    """As an SMG: what it delivers goes by a connection of its own, see `call`."""

    def __init__(self) -> None:
        super().__init__()
        settings = ListenSettings(SMG_NODE, {ACCOUNT: SECRET}, link=QUICK)
        self.server = StreamServer(lambda: SgipServer(settings), self.handle)
        self.numbers = SgipNumbers(SMG_NODE)
        self.callers: list[StreamClient[SgipCaller]] = []
        self.mail = Centre()

    async def start(self) -> None:
        await self.server.start()

    def call(self, port: int, name: str = ACCOUNT, secret: str = SECRET) -> StreamClient[SgipCaller]:
        """Dial an SP."""
        settings = DialSettings(SMG_NODE, name, secret, link=QUICK)
        slow = ReconnectSettings(first_wait_s=60, max_wait_s=60)
        caller = StreamClient(
            "127.0.0.1", port, lambda: SgipCaller(settings, self.numbers), self.mail.handle, reconnect=slow
        )
        caller.start()
        self.callers.append(caller)
        return caller

    async def stop(self) -> None:
        await asyncio.gather(*(caller.stop(0.2) for caller in self.callers))
        await self.server.stop(0.2)


@dataclass
class Upstairs:
    """What the channel would be: writes events down, and acknowledges if told to."""

    events: list[LinkEvent] = field(default_factory=list)
    acknowledges: bool = True

    async def __call__(self, link: Any, events: Any) -> None:
        self.events += events
        for event in events:
            if isinstance(event, MoReceived | ReportReceived) and self.acknowledges:
                link.acknowledge(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def sends(self) -> list[LinkEvent]:
        """What became of messages."""
        return [e for e in self.events if not isinstance(e, LinkUp | LinkDown | MoReceived | ReportReceived)]


def make_config(port: int, secret: Path, **changes: Any) -> LinkConfig:
    defaults: dict[str, Any] = {
        "settle_s": 0.0,
        "reconnect_first_s": 0.02,
        "reconnect_most_s": 0.05,
        "request_timeout_s": 0.5,
        "sgip": SgipConfig(node=SP_NODE, corp_id="92008", listen="127.0.0.1:0", reconnect_least_s=0.02),
    }
    return LinkConfig("main", "127.0.0.1", port, ACCOUNT, secret, **{**defaults, **changes})


@asynccontextmanager
async def linked(
    carrier: Carrier, centre: Any, make_clock: Callable[[], Clock] = SystemClock, secret: str = SECRET, **changes: Any
) -> AsyncIterator[tuple[Any, Upstairs]]:
    """Yield a carrier's link, dialling the centre, and what it tells."""
    await centre.start()
    upstairs = Upstairs()
    config = make_config(centre.server.port, Path("unread"), **changes)
    link: Any = make_link(LinkParts(carrier.data, config, secret, upstairs, make_clock()))
    try:
        await link.start()
        yield link, upstairs
    finally:
        await link.stop(0.2)
        await centre.stop()


def numbered(submit: SgipSubmit) -> bytes:
    return submit.sequence.to_bytes()
