"""Our own SP, as real as it gets: the session's client over the transport, for tests of the far end."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapters.session.cmpp import ClientSettings, CmppClient
from adapters.session.events import DeliverReceived, Event
from adapters.session.settings import LinkSettings
from adapters.simulators.smsc import EntryFilter, Happening, SmscSimulator
from adapters.testing import SP_ID, SP_SECRET
from adapters.transport.client import ReconnectSettings, StreamClient
from adapters.transport.stream import Connection
from adapters.wire.cmpp import Deliver, Submit, Version

QUICK_LINK = LinkSettings(
    settle_s=0.0, request_timeout_s=0.4, keepalive_s=30.0, flow_pause_s=0.02, flow_pause_max_s=0.05
)
QUICK_RECONNECT = ReconnectSettings(first_wait_s=0.02, max_wait_s=0.05, refused_wait_s=0.05, stable_s=10.0)


class Sp:
    """Acknowledges DELIVERs with `result` (None: not at all), remembers them and every other event."""

    def __init__(self, port: int, version: Version, link: LinkSettings) -> None:
        settings = ClientSettings(SP_ID, SP_SECRET, version, link=link)
        self.client = StreamClient(
            "127.0.0.1", port, lambda: CmppClient(settings), self._handle, reconnect=QUICK_RECONNECT
        )
        self.result: Callable[[Deliver], int | None] = lambda deliver: 0
        self.delivers: list[Deliver] = []
        self.events: list[Event] = []

    async def _handle(self, connection: Connection[CmppClient], events: list[Event]) -> None:
        for event in events:
            if not isinstance(event, DeliverReceived):
                self.events.append(event)
                continue
            self.delivers.append(event.pdu)
            result = self.result(event.pdu)
            if result is None:
                connection.session.release(event.sequence, event.pdu.msg_id, connection.now())
            else:
                connection.session.acknowledge(event.sequence, event.pdu.msg_id, result, connection.now())
        connection.flush()

    def submit(self, pdu: Submit, token: object = None) -> int:
        """Queue a SUBMIT on the link, which must be up."""
        connection = self.client.connection
        assert connection is not None
        sequence = connection.session.submit(pdu, token, connection.now())
        connection.flush()
        return sequence

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if type(event) is kind]


@asynccontextmanager
async def running_sp(
    sim: SmscSimulator, *, version: Version = Version.V30, link: LinkSettings = QUICK_LINK, bound: bool = True
) -> AsyncIterator[Sp]:
    """Run an SP, and wait until it has logged in."""
    sp = Sp(sim.port, version, link)
    after = sim.last_index
    sp.client.start()
    try:
        if bound:
            await sim.wait_for(EntryFilter(happening=Happening.LINK_BOUND, after_index=after))
            await sim.wait_for(EntryFilter(command="CONNECT_RESP", after_index=after))
            while not sp.events:
                await pause()
        yield sp
    finally:
        await sp.client.stop(drain_s=0.5)


async def pause() -> None:
    """Let the loop turn, and sockets be read."""
    import asyncio

    await asyncio.sleep(0.001)
