"""A listener: one session per connection that comes in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Generic

from adapters.transport.roster import Roster
from adapters.transport.stream import DEFAULT_CLOCK, DEFAULT_STREAM, Connection, Handler, S, StreamSettings
from optout.kit.clock import Clock


def admit_everybody(_address: str) -> bool:
    """Admit every address."""
    return True


class StreamServer(Generic[S]):
    """Listens on one address; hangs up on what comes above `max_connections`, and on addresses it does not admit."""

    def __init__(
        self,
        make_session: Callable[[], S],
        handler: Handler[S],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        max_connections: int = 64,
        admits: Callable[[str], bool] = admit_everybody,
        settings: StreamSettings = DEFAULT_STREAM,
        clock: Clock = DEFAULT_CLOCK,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._roster = Roster(make_session, handler, clock, settings)
        self._host = host
        self._port = port
        self._max_connections = max_connections
        self._admits = admits
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> frozenset[Connection[S]]:
        """The connections at work; one counts until its handler has seen the last event."""
        return frozenset(self._roster.connections)

    @property
    def port(self) -> int:
        """The port listened on; known once started, also where 0 asked for any free one."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; raise `OSError` where that is not possible."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, self._host, self._port)

    async def stop(self, drain_s: float = 10.0) -> None:
        """Stop listening and take every connection down gently; cut short after `drain_s`."""
        if self._server is not None:
            self._server.close()
        await self._roster.drain(drain_s)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def _accept(self) -> asyncio.BaseProtocol:
        return _Door(self._enter)

    def _enter(self, address: str) -> Connection[S] | None:
        """Return the connection for somebody who knocks, or None."""
        if not self._admits(address):
            self.counters["address_refused"] += 1
        elif len(self._roster.connections) >= self._max_connections:
            self.counters["connection_refused"] += 1
        else:
            self.counters["connection_accepted"] += 1
            return self._roster.make_connection()
        return None


class _Door(asyncio.Protocol):
    """Looks at the address before anything of the peer's is read."""

    def __init__(self, enter: Callable[[str], asyncio.Protocol | None]) -> None:
        self._enter = enter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over to a connection, or hang up."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream protocol is given
        protocol = self._enter(str(transport.get_extra_info("peername")[0]))
        if protocol is None:
            transport.close()
        else:
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
