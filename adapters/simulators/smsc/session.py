"""A session whose line can be harmed: every frame passes a gate that may lose, hold back, alter or cut.

The session inside stays the ordinary one and knows nothing of what happens to its frames.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from adapters.session.events import Event, Fault, LinkClosed, Retry
from adapters.session.link import Link
from adapters.session.state import LinkState
from adapters.simulators.smsc.dialect import Codec, FarEnd
from adapters.simulators.smsc.entries import Fate
from adapters.wire.buffer import Framer, FramingError


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of one frame. `frame` None: it is lost. A delay holds back frames on their way out only."""

    frame: bytes | None
    fate: Fate = Fate.PASSED
    delay_s: float = 0.0
    noise: bytes = b""
    """Leaves at once, ahead of everything."""
    piece_bytes: int = 0
    """This frame, or what leaves next after it, does so in pieces of so many, `piece_pause_s` apart; 0: it is whole."""
    piece_pause_s: float = 0.0
    cut: bool = False
    """Close the connection after this frame."""


class Gate(Protocol):
    """Decides about frames, and learns of everything on the wire."""

    def on_open(self) -> None:
        """The connection is open."""
        ...

    def judge_in(self, frame: bytes) -> Passage:
        """Decide about a frame from the client."""
        ...

    def judge_out(self, frame: bytes) -> Passage:
        """Decide about a frame to the client."""
        ...

    def on_sent(self, frame: bytes, fate: Fate) -> None:
        """A frame leaves for the client."""
        ...

    def on_noise_in(self, data: bytes) -> None:
        """Bytes came that are no frame; nothing after them can be read."""
        ...


G = TypeVar("G", bound=Gate)


class GatedSession(Generic[G]):
    """A protocol's session behind a gate. `now` is the monotonic clock: bytes may be asked for at any time.

    Satisfies `adapters.transport.stream.Session`; what is not about frames is the inner session's own affair.
    """

    def __init__(self, inner: FarEnd, gate: G, codec: Codec, now: Callable[[], float]) -> None:
        self.inner = inner
        self.gate = gate
        self._now = now
        self._unread = bytearray()
        self._frames_in, self._frames_out = (
            Framer(codec.HEADER_BYTES, codec.MIN_FRAME_BYTES, codec.MAX_FRAME_BYTES) for _ in range(2)
        )
        self._held: list[tuple[float, int, bytes]] = []
        self._tickets = itertools.count()
        self._leaving = bytearray()
        self._piece_bytes = 0
        self._piece_pause_s = 0.0
        self._next_piece_at = 0.0
        self._next_is_struck = False
        self._in_pieces = 0
        """So many of the bytes that are leaving do so in pieces, those behind them whole."""

    # The session inside

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        return self.inner.state

    @property
    def counters(self) -> Counter[str]:
        """How often what happened, by reason."""
        return self.inner.counters

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed once everything is written."""
        return self.inner.closed

    @property
    def closing(self) -> LinkClosed | None:
        """Why the link closed, once it has."""
        return self.inner.closing

    @property
    def bound_at(self) -> float | None:
        """When the link became bound, if it ever did."""
        return self.inner.bound_at

    def eof(self, now: float) -> list[Event]:
        """The client closed its side."""
        return self.inner.eof(now)

    def lost(self, reason: str, now: float, fault: Fault = Fault.REMOTE) -> list[Event]:
        """The connection is gone."""
        return self.inner.lost(reason, now, fault)

    def tick(self, now: float) -> list[Event]:
        """Let time pass."""
        return self.inner.tick(now)

    def drain(self, now: float) -> list[Event]:
        """Take the link down gently."""
        return self.inner.drain(now)

    def abandon(self, events: Sequence[Event], now: float) -> None:
        """The handler failed on these events."""
        self.inner.abandon(events, now)

    def take_events(self) -> list[Event]:
        """Return events that other calls have caused."""
        return self.inner.take_events()

    # The gate

    def opened(self, now: float, wall: datetime) -> list[Event]:
        """Tell the gate, too."""
        self.gate.on_open()
        return self.inner.opened(now, wall)

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Pass whole frames through the gate, and what is none past it."""
        if self.closed:
            return self.take_events()
        self._unread += data
        broken = False
        try:
            frames = self._frames_in.feed(data)
        except FramingError as error:
            frames, broken = error.frames, True
        events: list[Event] = []
        for frame in frames:
            del self._unread[: len(frame)]
            events += self._receive_frame(frame, now)
        if broken and not self.closed:
            self.gate.on_noise_in(bytes(self._unread))
            events += self.inner.receive(bytes(self._unread), now)
        return events

    def data_to_send(self) -> bytes:
        """Return what the gate lets pass, in pieces if it wants that; all of it on a closed link."""
        now = self._now()
        for frame in self._frames_out.feed(self.inner.data_to_send()):
            self._send_frame(frame, now)
        while self._held and self._held[0][0] <= now:
            self._leave(heapq.heappop(self._held)[2], Fate.DELAYED)
        return self._take_piece(now)

    @property
    def unsent_bytes(self) -> int:
        """What waits inside, and what waits for its piece to leave."""
        return self.inner.unsent_bytes + len(self._leaving)

    def wake_at(self) -> float | None:
        """The earliest of the session's time, a held frame's and the next piece's."""
        times = [self.inner.wake_at()]
        if self._held:
            times.append(self._held[0][0])
        if self._leaving:
            times.append(self._next_piece_at)
        return min((time for time in times if time is not None), default=None)

    def _receive_frame(self, frame: bytes, now: float) -> list[Event]:
        if self.closed:
            return []
        passage = self.gate.judge_in(frame)
        self._harm(passage)
        events = [] if passage.frame is None else self.inner.receive(passage.frame, now)
        if passage.cut:
            cut(self.inner.link)
            events += self.take_events()
        return events

    def _send_frame(self, frame: bytes, now: float) -> None:
        passage = self.gate.judge_out(frame)
        self._harm(passage)
        if passage.frame is not None and passage.delay_s > 0:
            heapq.heappush(self._held, (now + passage.delay_s, next(self._tickets), passage.frame))
        elif passage.frame is not None:
            self._leave(passage.frame, passage.fate)
        if passage.cut:
            cut(self.inner.link)

    def _harm(self, passage: Passage) -> None:
        self._leaving += passage.noise
        if passage.piece_bytes:
            self._piece_bytes, self._piece_pause_s = passage.piece_bytes, passage.piece_pause_s
            self._next_is_struck = True

    def _leave(self, frame: bytes, fate: Fate) -> None:
        self.gate.on_sent(frame, fate)
        self._leaving += frame
        if self._next_is_struck:
            # What comes behind leaves whole: a slow machine would never catch up with what is sent again meanwhile.
            self._in_pieces, self._next_is_struck = len(self._leaving), False

    def _take_piece(self, now: float) -> bytes:
        in_pieces = self._in_pieces > 0 and not self.closed
        if in_pieces and now < self._next_piece_at:
            return b""
        size = min(self._piece_bytes, self._in_pieces) if in_pieces else len(self._leaving)
        piece = bytes(self._leaving[:size])
        del self._leaving[:size]
        self._in_pieces -= size if in_pieces else 0
        self._next_piece_at = now + self._piece_pause_s
        return piece


def cut(link: Link) -> None:
    """Close the link as a fault does: no TERMINATE, and the client's to notice."""
    link.close("cut_by_fault", Fault.LOCAL, Retry.NO)
