"""A link that comes back: dial, serve, lose, wait, dial again."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic

from tenacity import AsyncRetrying, RetryCallState, wait_exponential, wait_random, wait_random_exponential

from adapters.session.events import Fault, LinkClosed, Retry
from adapters.session.state import LinkState
from adapters.transport.roster import Roster
from adapters.transport.stream import DEFAULT_CLOCK, DEFAULT_STREAM, Connection, Handler, S, StreamSettings
from optout.kit.clock import Clock

logger = logging.getLogger(__name__)


class ClientState(Enum):
    """What a client is doing, for metrics and for the operator."""

    IDLE = "idle"
    CONNECTING = "connecting"
    BINDING = "binding"
    BOUND = "bound"
    DRAINING = "draining"
    WAITING = "waiting"
    """Lost, or not reached; tries again after the back-off."""
    REFUSED = "refused"
    """The peer refuses us as we are configured; somebody has to act. Tries again, but rarely."""
    STOPPED = "stopped"


_STATES = {
    LinkState.CONNECTING: ClientState.CONNECTING,
    LinkState.BINDING: ClientState.BINDING,
    LinkState.BOUND: ClientState.BOUND,
    LinkState.DRAINING: ClientState.DRAINING,
}


_LEVELS = {Retry.SLOW: logging.ERROR, Retry.SOON: logging.INFO}


@dataclass(frozen=True, slots=True)
class ReconnectSettings:
    """How fast a lost link comes back; times in seconds.

    The n-th wait in a row lies between half and all of `first_wait_s` · 2ⁿ⁻¹, capped at `max_wait_s`. The row ends
    when a link has stayed bound for `stable_s`, or an idle one was closed in good order. After a refusal the wait is
    half to all of `refused_wait_s`.
    """

    first_wait_s: float = 1.0
    max_wait_s: float = 60.0
    refused_wait_s: float = 600.0
    stable_s: float = 60.0
    connect_timeout_s: float = 10.0


DEFAULT_RECONNECT = ReconnectSettings()


class Backoff:
    """The waits of one link."""

    def __init__(self, settings: ReconnectSettings) -> None:
        first, longest = settings.first_wait_s / 2, settings.max_wait_s / 2
        self._growing = wait_exponential(multiplier=first, max=longest) + wait_random_exponential(
            multiplier=first, max=longest
        )
        self._refused = wait_random(settings.refused_wait_s / 2, settings.refused_wait_s)
        self._stable_s = settings.stable_s
        self._state = RetryCallState(AsyncRetrying(), None, (), {})
        self._failures = 0

    def next_wait_s(self, retry: Retry, bound_for_s: float) -> float:
        """Return how long to wait after a link that was bound for `bound_for_s` and closed with this advice."""
        ends_row = bound_for_s >= self._stable_s or retry is Retry.SOON
        self._failures = 1 if ends_row else self._failures + 1
        self._state.attempt_number = self._failures
        wait = self._refused if retry is Retry.SLOW else self._growing
        return wait(self._state)


class StreamClient(Generic[S]):
    """Keeps one link to one address up, with a new session each time, until it is stopped."""

    def __init__(
        self,
        host: str,
        port: int,
        make_session: Callable[[], S],
        handler: Handler[S],
        *,
        reconnect: ReconnectSettings = DEFAULT_RECONNECT,
        settings: StreamSettings = DEFAULT_STREAM,
        clock: Clock = DEFAULT_CLOCK,
    ) -> None:
        self.connection: Connection[S] | None = None
        self.last_closed: LinkClosed | None = None
        self.counters: Counter[str] = Counter()
        self._host = host
        self._port = port
        self._roster = Roster(make_session, handler, clock, settings)
        self._reconnect = reconnect
        self._clock = clock
        self._backoff = Backoff(reconnect)
        self._idle_state = ClientState.IDLE
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def state(self) -> ClientState:
        """What the client is doing."""
        if self.connection is not None:
            return _STATES.get(self.connection.session.state, self._idle_state)
        return self._idle_state

    def start(self) -> None:
        """Begin to keep the link up."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self, drain_s: float = 10.0) -> None:
        """Drain the link, let the handler see its last events, and stop; cut short after `drain_s`.

        Returns once nothing of this client runs any more.
        """
        self._stopping = True
        if self._task is not None and self.connection is None:
            self._task.cancel()
        await self._roster.drain(drain_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._idle_state = ClientState.STOPPED

    async def _run(self) -> None:
        while not self._stopping:
            closed, bound_for_s = await self._serve_once()
            self.last_closed = closed
            self.counters["closed_" + closed.reason] += 1
            if closed.retry is Retry.NO:
                self._idle_state = ClientState.STOPPED
                return
            wait_s = self._backoff.next_wait_s(closed.retry, bound_for_s)
            self._idle_state = ClientState.REFUSED if closed.retry is Retry.SLOW else ClientState.WAITING
            logger.log(
                _LEVELS.get(closed.retry, logging.WARNING),
                "link to %s:%d closed: %s; next try in %.1f s",
                self._host,
                self._port,
                closed.reason,
                wait_s,
            )
            await self._clock.sleep(wait_s)

    async def _serve_once(self) -> tuple[LinkClosed, float]:
        """Dial, stay until the connection is gone, and return why and for how many seconds it had been bound."""
        self._idle_state = ClientState.CONNECTING
        self.counters["dialled"] += 1
        try:
            connection = await self._dial()
        except (OSError, TimeoutError):
            return LinkClosed("connect_failed", Fault.REMOTE, Retry.BACKOFF), 0.0
        self.connection = connection
        await connection.wait_disconnected()  # not its handler: a slow back end must not keep the link down
        self.connection = None
        session = connection.session
        bound_for_s = 0.0 if session.bound_at is None else self._clock.monotonic() - session.bound_at
        return session.closing or LinkClosed("closed_by_peer", Fault.REMOTE, Retry.BACKOFF), bound_for_s

    async def _dial(self) -> Connection[S]:
        loop = asyncio.get_running_loop()
        dialling = loop.create_connection(self._roster.make_connection, self._host, self._port)
        _, connection = await asyncio.wait_for(dialling, self._reconnect.connect_timeout_s)
        return connection
