"""The connections of one client or listener, from the first byte until their handlers have seen the last event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic

from adapters.transport.stream import Connection, Handler, S, StreamSettings
from optout.kit.clock import Clock


class Roster(Generic[S]):
    """Makes connections, and knows which are still at work."""

    def __init__(
        self, make_session: Callable[[], S], handler: Handler[S], clock: Clock, settings: StreamSettings
    ) -> None:
        self.connections: set[Connection[S]] = set()
        self._make_session = make_session
        self._handler = handler
        self._clock = clock
        self._settings = settings

    def make_connection(self) -> Connection[S]:
        """Return a new connection with a session of its own."""
        connection = Connection(
            self._make_session(), self._handler, self._clock, self._settings, self.connections.discard
        )
        self.connections.add(connection)
        return connection

    async def drain(self, drain_s: float) -> None:
        """Drain every connection, let the handlers see their last events; cut short after `drain_s`."""
        await asyncio.gather(*(_drain(connection, drain_s) for connection in list(self.connections)))


async def _drain(connection: Connection[S], drain_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + drain_s
    await connection.drain(drain_s)
    try:
        async with asyncio.timeout_at(deadline):
            await connection.wait_finished()
    except TimeoutError:
        connection.cancel_handler()
        await connection.wait_finished()
