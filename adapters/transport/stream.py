"""One TCP connection around one pure session.

What keeps a link honest:

1. Bytes go to the session the moment they arrive, and its answers (active tests first) go out in the same step. The
   handler runs in a task of its own, one per connection, and gets everything that happened since it last returned, in
   order; however long it takes, reading, answering and timing go on.
2. Timers fire through the event loop, which serves readable sockets before due timers: after a stall, an answer that
   lies in the socket is seen before its request is taken for unanswered. Where reading is suspended, so are timers.
3. Reading is suspended only while `max_pending_events` wait for the handler: a last resort against a peer that floods;
   windows keep every other peer far below.
4. While the peer does not read, what the session has to say stays in the session, where active tests still overtake.
   A peer that does not read for `write_stall_s`, or lets more than `max_unsent_bytes` gather, is cut off.
5. Acknowledgements and submits of one turn of the loop leave in one write.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from adapters.session.events import Event, Fault, LinkClosed
from adapters.session.state import LinkState
from optout.kit.clock import Clock, SystemClock

logger = logging.getLogger(__name__)


class Session(Protocol):
    """What the transport asks of a protocol's pure state machine; `now` in monotonic seconds."""

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        ...

    @property
    def counters(self) -> Counter[str]:
        """How often what happened, by reason."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed once everything is written."""
        ...

    @property
    def closing(self) -> LinkClosed | None:
        """Why the link closed, once it has."""
        ...

    @property
    def bound_at(self) -> float | None:
        """When the link became bound, if it ever did."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """How many bytes `data_to_send` would return."""
        ...

    def opened(self, now: float, wall: datetime) -> list[Event]:
        """The connection is open."""
        ...

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the peer."""
        ...

    def eof(self, now: float) -> list[Event]:
        """The peer closed its side."""
        ...

    def lost(self, reason: str, now: float, fault: Fault = Fault.REMOTE) -> list[Event]:
        """The connection is gone."""
        ...

    def tick(self, now: float) -> list[Event]:
        """Let time pass."""
        ...

    def drain(self, now: float) -> list[Event]:
        """Begin to take the link down gently."""
        ...

    def abandon(self, events: Sequence[Event], now: float) -> None:
        """The handler failed on these events: what it had in hand is to come again."""
        ...

    def take_events(self) -> list[Event]:
        """Return events that other calls have caused."""
        ...

    def data_to_send(self) -> bytes:
        """Return what is to be written now, and forget it."""
        ...

    def wake_at(self) -> float | None:
        """When `tick` is due."""
        ...


S = TypeVar("S", bound=Session)
Handler = Callable[["Connection[S]", list[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Bounds of one connection."""

    max_pending_events: int = 10_000
    max_unsent_bytes: int = 1_048_576
    write_stall_s: float = 60.0


DEFAULT_STREAM = StreamSettings()
DEFAULT_CLOCK = SystemClock()


class Connection(asyncio.Protocol, Generic[S]):
    """A session with its socket.

    To act on the session, call its methods with `now()` and then `flush()`: bytes and events leave at the end of the
    current turn of the loop. So what a caller writes down in the same turn is written before the peer can answer.
    """

    def __init__(
        self,
        session: S,
        handler: Handler[S],
        clock: Clock = DEFAULT_CLOCK,
        settings: StreamSettings = DEFAULT_STREAM,
        on_finished: Callable[[Connection[S]], object] | None = None,
    ) -> None:
        self.session = session
        self.peer = ""
        self._handler = handler
        self._clock = clock
        self._settings = settings
        self._on_finished = on_finished
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._disconnected = self._loop.create_future()
        self._events: list[Event] = []
        self._has_events = asyncio.Event()
        self._consumer: asyncio.Task[None] | None = None
        self._flush_is_due = False
        self._reading = True
        self._writing = True
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    # For callers

    def now(self) -> float:
        """Return the time to pass to the session."""
        return self._clock.monotonic()

    def flush(self) -> None:
        """Have the session's bytes and events picked up at the end of this turn of the loop."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush_now)

    def abort(self, reason: str, fault: Fault = Fault.LOCAL) -> None:
        """Cut the connection now, without a word."""
        self._collect(self.session.lost(reason, self.now(), fault))
        if self._transport is not None:
            self._transport.abort()

    async def drain(self, deadline_s: float) -> None:
        """Take the link down gently; cut it if that takes longer than `deadline_s`."""
        self._collect(self.session.drain(self.now()))
        self._settle()
        try:
            await asyncio.wait_for(self.wait_disconnected(), deadline_s)
        except TimeoutError:
            self.abort("drain_deadline")
            await self.wait_disconnected()

    async def wait_disconnected(self) -> None:
        """Return when the socket is closed; the handler may still be at work on the last events."""
        await asyncio.shield(self._disconnected)

    async def wait_finished(self) -> None:
        """Return when the handler has seen the last event."""
        await self.wait_disconnected()
        if self._consumer is not None:
            await asyncio.wait({self._consumer})

    def cancel_handler(self) -> None:
        """Stop a handler that does not come to an end."""
        if self._consumer is not None:
            self._consumer.cancel()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the session."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream protocol is given
        self._transport = transport
        self.peer = _name_peer(transport)
        self._consumer = self._loop.create_task(self._consume())
        self._consumer.add_done_callback(self._on_consumed)
        if not self.session.closed:
            self._collect(self.session.opened(self.now(), self._wall()))
        self._settle()

    def data_received(self, data: bytes) -> None:
        """Give bytes to the session and write its answers."""
        self._collect(self.session.receive(data, self._clock.monotonic()))
        self._settle()

    def eof_received(self) -> bool:
        """Close: no protocol here has anything to say on a half-closed connection."""
        self._collect(self.session.eof(self.now()))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session, and let the handler see how it ended."""
        reason = "closed_by_peer" if exc is None else "connection_reset"
        self._collect(self.session.lost(reason, self.now()))
        for timer in (self._timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._transport = None
        self._has_events.set()
        self._disconnected.set_result(None)

    def pause_writing(self) -> None:
        """The peer reads too slowly: keep what is to be said in the session."""
        self._writing = False
        self._stall_timer = self._loop.call_later(self._settings.write_stall_s, self._on_stall)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._writing = True
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        self._settle()

    # Inside

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def _flush_now(self) -> None:
        self._flush_is_due = False
        self._collect(self.session.take_events())
        self._settle()

    def _settle(self) -> None:
        """Write what the session has to say, close if it is closed, and wake when it wants to."""
        transport = self._transport
        if transport is None:
            return
        if self._writing:
            data = self.session.data_to_send()
            if data:
                transport.write(data)
        elif self.session.unsent_bytes > self._settings.max_unsent_bytes:
            self._on_stall()
            return
        if self.session.closed:
            self._close(transport)
        else:
            self._arm_timer()

    def _close(self, transport: asyncio.Transport) -> None:
        """Close once everything is written; a peer that does not take it is not waited for without end."""
        if not transport.is_closing():
            transport.close()
            if self._stall_timer is None:
                self._stall_timer = self._loop.call_later(self._settings.write_stall_s, self._on_stall)

    def _on_stall(self) -> None:
        self.abort("write_stalled", Fault.REMOTE)

    def _arm_timer(self) -> None:
        """Wake no later than the session wants; a timer that fires early finds nothing due and is set again."""
        wake_at = self.session.wake_at()
        if wake_at is None:
            return
        when = self._loop.time() + max(0.0, wake_at - self._clock.monotonic())
        if self._timer is not None:
            if self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._reading:
            self._collect(self.session.tick(self.now()))
            self._settle()

    def _collect(self, events: list[Event]) -> None:
        if not events:
            return
        self._events += events
        self._has_events.set()
        if self._reading and len(self._events) > self._settings.max_pending_events:
            self._reading = False
            self.session.counters["reading_suspended"] += 1
            if self._transport is not None:
                self._transport.pause_reading()

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        self._has_events.clear()
        if not self._reading:
            self._reading = True
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
                self._settle()
        return events

    async def _consume(self) -> None:
        while self._events or not self._disconnected.done():
            await self._has_events.wait()
            events = self._take_events()
            if events:
                await self._handle(events)

    def _on_consumed(self, _consumer: asyncio.Task[None]) -> None:
        if self._on_finished is not None:
            self._on_finished(self)

    async def _handle(self, events: list[Event]) -> None:
        try:
            await self._handler(self, events)
        except Exception as error:
            # The text of a foreign exception may quote a message or a number.
            logger.error("handler failed: %s", type(error).__name__)
            self.session.counters["handler_failed"] += 1
            self.session.abandon(events, self.now())
            self.flush()


def _name_peer(transport: asyncio.BaseTransport) -> str:
    address = transport.get_extra_info("peername")
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
