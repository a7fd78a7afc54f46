"""What the transport tests share: listeners and clients on loopback, handlers that write down, a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from adapters.session.cmpp import ClientSettings, CmppClient, CmppServer, ServerSettings
from adapters.session.events import DeliverReceived, Event, SubmitReceived
from adapters.session.settings import LinkSettings
from adapters.transport.client import ReconnectSettings, StreamClient
from adapters.transport.server import StreamServer
from adapters.transport.stream import Connection
from adapters.wire.cmpp import Deliver, Submit

SP, SECRET = "901234", "secret"
QUICK = LinkSettings(settle_s=0)
SUBMIT = Submit(sequence=0, msg_src=SP, dest_terminal_ids=("13800138000",), msg_content=b"hello")
DELIVER = Deliver(sequence=0, msg_id=b"\x01" * 8, dest_id="10086", src_terminal_id="13800138000", msg_content=b"KTFSR")
WALL = datetime(2026, 11, 24, 4, 0, 7, tzinfo=UTC)
MSG_ID = b"\x11" * 8


class Notes:
    """A handler that writes everything down, and answers what it is told to answer."""

    def __init__(self, *, answers: bool = True) -> None:
        self.events: list[Event] = []
        self.batches: list[int] = []
        self._answers = answers
        self._changed = asyncio.Event()

    async def __call__(self, connection: Connection[Any], events: list[Event]) -> None:
        self.events += events
        self.batches.append(len(events))
        self._changed.set()
        if self._answers:
            for event in events:
                answer(connection, event)
            connection.flush()

    async def wait_for(self, kind: type, count: int = 1) -> list[Any]:
        """Return the events of a kind once there are `count`."""
        async with asyncio.timeout(30):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found


def answer(connection: Connection[Any], event: Event) -> None:
    if isinstance(event, SubmitReceived):
        connection.session.answer_submit(event.sequence, MSG_ID, 0, connection.now())
    elif isinstance(event, DeliverReceived):
        connection.session.acknowledge(event.sequence, event.pdu.msg_id, 0, connection.now())


class JumpingClock:
    """A clock whose sleeps return at once, and are written down."""

    def __init__(self, most_sleeps: int = 1000) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.enough = asyncio.Event()
        self._most_sleeps = most_sleeps

    def monotonic(self) -> float:
        return self.now

    def now_ms(self) -> int:
        return int(WALL.timestamp() * 1000)

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if len(self.sleeps) >= self._most_sleeps:
            self.enough.set()
            await asyncio.Event().wait()
        self.now += seconds
        await asyncio.sleep(0)


def make_server(handler: Any, link: LinkSettings = QUICK, **options: Any) -> StreamServer[CmppServer]:
    return StreamServer(lambda: CmppServer(ServerSettings({SP: SECRET}, link=link)), handler, **options)


def make_client(
    port: int, handler: Any, link: LinkSettings = QUICK, secret: str = SECRET, **options: Any
) -> StreamClient[CmppClient]:
    options.setdefault("reconnect", ReconnectSettings(first_wait_s=0.02, max_wait_s=0.05))
    return StreamClient(
        "127.0.0.1", port, lambda: CmppClient(ClientSettings(SP, secret, link=link)), handler, **options
    )


async def until(condition: Callable[[], object], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
