"""The least a session can do: send back what comes. Benchmarks measure the bare transport with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from adapters.session.events import Event, Fault, LinkClosed, Retry
from adapters.session.state import LinkState


class EchoSession:
    """Satisfies `adapters.transport.stream.Session`; no frames, no timers, no events but the last."""

    def __init__(self) -> None:
        self.state = LinkState.CONNECTING
        self.counters: Counter[str] = Counter()
        self.closing: LinkClosed | None = None
        self.bound_at: float | None = None
        self._outbound: list[bytes] = []

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed."""
        return self.state is LinkState.CLOSED

    @property
    def unsent_bytes(self) -> int:
        """How many bytes wait to be echoed."""
        return sum(map(len, self._outbound))

    def opened(self, now: float, wall: datetime) -> list[Event]:
        """Bound at once: there is no login."""
        del wall
        self.state = LinkState.BOUND
        self.bound_at = now
        return []

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Keep the bytes to be sent back."""
        del now
        self._outbound.append(data)
        return []

    def eof(self, now: float) -> list[Event]:
        """Close."""
        return self.lost("closed_by_peer", now)

    def lost(self, reason: str, now: float, fault: Fault = Fault.REMOTE) -> list[Event]:
        """Close, for `reason`."""
        del now
        if self.closed:
            return []
        self.state = LinkState.CLOSED
        self.closing = LinkClosed(reason, fault, Retry.NO if fault is Fault.LOCAL else Retry.BACKOFF)
        return [self.closing]

    def tick(self, now: float) -> list[Event]:
        """Do nothing."""
        del now
        return []

    def drain(self, now: float) -> list[Event]:
        """Close at once: nothing is ever outstanding."""
        return self.lost("drained", now, Fault.LOCAL)

    def abandon(self, events: Sequence[Event], now: float) -> None:
        """Do nothing: nothing is ever in hand."""

    def take_events(self) -> list[Event]:
        """Return nothing: events come from `lost` alone."""
        return []

    def data_to_send(self) -> bytes:
        """Return what came in."""
        data = b"".join(self._outbound)
        self._outbound.clear()
        return data

    def wake_at(self) -> float | None:
        """Return None: nothing is ever due."""
        return None
