"""The machinery of one link, whatever protocol it speaks; the rules stand on top of `adapters.session.state`.

A protocol's session owns a `Link`, decodes frames and tells it what they mean. The link keeps the window, the timers,
the pace and the order of what is written, and collects events and counters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Protocol

from adapters.session.errors import LinkStateError
from adapters.session.events import Draining, Event, Fault, LinkClosed, Retry, SubmitThrottled
from adapters.session.inbox import Inbox
from adapters.session.keepalive import KeepAlive, Probe
from adapters.session.sequence import SequenceNumbers
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState, Step, advance
from adapters.session.throttle import Throttle
from adapters.session.window import Request, Window

_TRAFFIC = (LinkState.BOUND, LinkState.DRAINING)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a link has to know of the protocol it carries: a few frames, and the events for requests without an answer.

    The event makers take token, sequence, number of transmissions and reason.
    Without an active test the peer is never asked whether it is there.
    """

    encode_active_test: Callable[[int], bytes] | None
    encode_terminate: Callable[[int], bytes]
    encode_terminate_answer: Callable[[int], bytes]
    renumber: Callable[[bytes, int], bytes]
    unknown: Callable[[object, int, int, str], Event]
    unsent: Callable[[object, int, int, str], Event]
    rests: bool = False
    """Whether a peer may close an idle link, which is no fault then (SGIP)."""


class Numbering(Protocol):
    """Numbers the requests of a link."""

    def take(self, in_use: Container[int], now: float) -> int:
        """Return a number that is not `in_use`; `now` in monotonic seconds."""
        ...


class Link:
    """One connection's states, window, timers and outbound bytes."""

    def __init__(self, settings: LinkSettings, dialect: Dialect, numbering: Numbering | None = None) -> None:
        self.settings = settings
        self.state = LinkState.CONNECTING
        self.counters: Counter[str] = Counter()
        self.bound_at: float | None = None
        self.closing: LinkClosed | None = None
        self.inbox = Inbox(settings.max_in_hand)
        self.window = Window(settings.window, settings.backlog, settings.request_timeout_s, settings.request_attempts)
        self._dialect = dialect
        asks_after_s = None if dialect.encode_active_test is None else settings.keepalive_s
        self._keepalive = KeepAlive(asks_after_s, settings.request_timeout_s, settings.request_attempts)
        self.throttle = Throttle(settings.rate_per_s, settings.window, settings.flow_pause_s, settings.flow_pause_max_s)
        self._numbering = numbering or SequenceNumbers(settings.first_sequence)
        self._events: list[Event] = []
        self._urgent: list[bytes] = []
        self._outbound: list[bytes] = []
        self._deadline: float | None = None
        self._heard_at = 0.0
        self._has_served = False
        self._bound_event: Event | None = None
        self._drained_by = Fault.LOCAL
        self._terminate_sequence: int | None = None

    # What a protocol reads and writes

    def emit(self, event: Event) -> None:
        """Append an event for the caller."""
        self._events.append(event)

    def take_events(self) -> list[Event]:
        """Return the events since the last call."""
        if not self._events:
            return []
        events, self._events = self._events, []
        return events

    def write(self, frame: bytes) -> None:
        """Queue a frame."""
        self._outbound.append(frame)

    def write_first(self, frame: bytes) -> None:
        """Queue a frame ahead of every ordinary one."""
        self._urgent.append(frame)

    def data_to_send(self) -> bytes:
        """Return everything queued, urgent frames first."""
        if not self._urgent and not self._outbound:
            return b""
        data = b"".join((*self._urgent, *self._outbound))
        self._urgent.clear()
        self._outbound.clear()
        return data

    @property
    def unsent_bytes(self) -> int:
        """How much `data_to_send` would return."""
        return sum(map(len, self._urgent)) + sum(map(len, self._outbound))

    def take_sequence(self, now: float) -> int:
        """Return a sequence number that nothing outstanding carries."""
        return self._numbering.take(self.window, now)

    @property
    def awaits_login(self) -> bool:
        """Whether the connection is open and nobody has logged in on it."""
        return self.state is LinkState.BINDING and self._bound_event is None

    # The life of a link

    def open(self, now: float) -> None:
        """The connection is there; the login may begin."""
        self.state = advance(self.state, Step.OPEN)
        self._deadline = now + self.settings.login_timeout_s

    def accept_login(self, bound: Event, now: float, settle_s: float) -> None:
        """The login was accepted; `bound` is emitted if the link is still open `settle_s` later."""
        self._bound_event = bound
        self.heard(now)
        self._deadline = now + settle_s
        if settle_s == 0:
            self._bind(now)

    def heard(self, now: float) -> None:
        """A frame arrived."""
        self._heard_at = now
        self._keepalive.heard(now)

    def trust(self, now: float) -> bool:
        """The peer made a request: it takes us for logged in. Return whether we are."""
        if self.state is LinkState.BINDING and self._bound_event is not None:
            self._bind(now)
        return self.state in _TRAFFIC

    def drain(self, now: float, *, by: Fault = Fault.LOCAL, terminate_sequence: int | None = None) -> None:
        """Stop sending and wait for what is outstanding; `terminate_sequence` of the peer's TERMINATE, if it asked."""
        if self.state in (LinkState.CONNECTING, LinkState.BINDING):
            self.close("stopped", Fault.LOCAL, Retry.NO)
        if self.state is not LinkState.BOUND:
            return
        self.state = advance(self.state, Step.DRAIN)
        self._drained_by = by
        self._terminate_sequence = terminate_sequence
        self._deadline = now + self.settings.drain_timeout_s
        self.emit(Draining(by))
        self._report(self.window.clear_queue(), "draining")
        self.proceed(now)

    def proceed(self, now: float) -> None:
        """Send what may go now; on a draining link where nothing is outstanding on either side, go on to TERMINATE.

        Called by the protocol after everything that may have made room, once its own events are emitted.
        """
        if self.state is LinkState.BOUND:
            self._pump(now)
        elif self.state is LinkState.DRAINING and not self.window.outstanding and not len(self.inbox):
            self._terminate(now)

    def terminate_received(self, sequence: int, now: float) -> None:
        """The peer wants to end the link; when both do, there is nothing to wait for."""
        if self.state is LinkState.BOUND:
            self.drain(now, by=Fault.REMOTE, terminate_sequence=sequence)
        elif self.state is LinkState.BINDING or self._drained_by is Fault.LOCAL:
            self.write(self._dialect.encode_terminate_answer(sequence))
            self.lost("terminated_by_peer", now)

    def terminate_answered(self, sequence: int) -> bool:
        """Close if this answers our TERMINATE, whatever command the answer bears; return whether it does."""
        if self.state is not LinkState.DRAINING or self._drained_by is not Fault.LOCAL:
            return False
        if sequence != self._terminate_sequence:
            return False
        self.close("drained", Fault.LOCAL, Retry.NO)
        return True

    def lost(self, reason: str, now: float, fault: Fault = Fault.REMOTE) -> None:
        """The connection is gone, or of no more use. On a link that we are taking down, that is no fault."""
        if self.state is LinkState.DRAINING and self._drained_by is Fault.LOCAL:
            reason = reason if self._terminate_sequence is None else "drained"
            self.close(reason, Fault.LOCAL, Retry.NO)
        elif self.state is LinkState.BINDING and reason == "closed_by_peer":
            self.close("closed_during_login" if self.awaits_login else "closed_while_settling", fault, Retry.BACKOFF)
        elif self.state is LinkState.BOUND and fault is Fault.REMOTE and not self._owes and self._rests(now):
            self.close("closed_when_idle", fault, Retry.SOON)
        else:
            self.close(reason, fault, Retry.BACKOFF)

    def close(self, reason: str, fault: Fault, retry: Retry) -> None:
        """End the link: report every token, then `LinkClosed`. Nothing happens the second time."""
        if self.state is LinkState.CLOSED:
            return
        self.state = advance(self.state, Step.CLOSE)
        self.counters["closed_" + reason] += 1
        self._deadline = None
        self._report(self.window.clear_outstanding(), "link_lost")
        self._report(self.window.clear_queue(), "link_lost")
        self.inbox.clear()
        self.closing = LinkClosed(reason, fault, retry)
        self.emit(self.closing)

    # Requests of our own

    def request(self, frame: bytes, token: object, now: float) -> int:
        """Queue a request under a new sequence number and return that; it leaves as soon as window and pace allow.

        Raises `LinkStateError` unless BOUND and `BacklogFullError` when too many wait.
        """
        if self.state is not LinkState.BOUND:
            raise LinkStateError("link_" + self.state.value)
        sequence = self.take_sequence(now)
        self.window.queue(Request(sequence, token, self._dialect.renumber(frame, sequence)))
        self._pump(now)
        return sequence

    def answered(self, sequence: int) -> Request | None:
        """Take the request out of the window that was answered; None if nothing is outstanding as `sequence`."""
        request = self.window.answer(sequence)
        self._has_served = self._has_served or request is not None
        return request

    def try_again(self, request: Request, now: float) -> bool:
        """Slow down, because the peer refused an answered `request` for flow control, and queue it once more.

        It goes out under a new number. False if its attempts are used up or the link is draining.
        """
        retry_at = self.throttle.slow_down(now)
        refusals = request.refusals + 1
        if refusals >= self.settings.flow_attempts or self.state is not LinkState.BOUND:
            return False
        sequence = self.take_sequence(now)
        frame = self._dialect.renumber(request.frame, sequence)
        self.window.queue_again(Request(sequence, request.token, frame, refusals=refusals))
        self.emit(SubmitThrottled(request.token, request.sequence, sequence, refusals, retry_at))
        return True

    def keepalive_answered(self, sequence: int | None) -> bool:
        """Close the open active test; `None` is a peer that answers it with a test of its own."""
        if self._keepalive.sequence is None or sequence not in (None, self._keepalive.sequence):
            return False
        self._keepalive.settle()
        return True

    # Time

    def tick(self, now: float) -> None:
        """Do what is due at `now`."""
        if self._deadline is not None and now >= self._deadline:
            self._on_deadline(now)
        if self.state in _TRAFFIC:
            self._expire(now)
            self._probe(now)
            self.proceed(now)
        if (idle_at := self._idle_at) is not None and now >= idle_at:
            self.counters["idle"] += 1
            self.drain(now)

    def wake_at(self) -> float | None:
        """When `tick` has something to do next."""
        times = [self._deadline, self._idle_at]
        if self.state in _TRAFFIC:
            times += [self.window.wake_at(), self._keepalive.wake_at()]
            if self.window.queued and self.window.has_room:
                times.append(self.throttle.ready_at())
        return min((time for time in times if time is not None), default=None)

    @property
    def _owes(self) -> bool:
        """Whether a request of ours waits, for its answer or for room."""
        return bool(self.window.outstanding or self.window.queued)

    def _rests(self, now: float) -> bool:
        """Whether the peer may end this link without fault: it has served, or lasted for a while."""
        lasted_s = 0.0 if self.bound_at is None else now - self.bound_at
        return self._dialect.rests and (self._has_served or lasted_s >= self.settings.rested_s)

    @property
    def _idle_at(self) -> float | None:
        """When the peer has been silent for so long that the link is taken down."""
        wait_s = self.settings.idle_close_s
        if wait_s is None or self.state is not LinkState.BOUND or self._owes:
            return None
        return self._heard_at + wait_s

    def _on_deadline(self, now: float) -> None:
        if self._bound_event is not None and self.state is LinkState.BINDING:
            self._bind(now)
        elif self.state is LinkState.BINDING:
            self.close("login_timeout", Fault.REMOTE, Retry.BACKOFF)
        elif self._drained_by is Fault.LOCAL and self._terminate_sequence is not None:
            self.close("terminate_unanswered", Fault.LOCAL, Retry.NO)
        else:
            self._terminate(now)

    def _bind(self, now: float) -> None:
        self.state = advance(self.state, Step.BIND)
        self.bound_at = now
        self._deadline = None
        if self._bound_event is not None:
            self.emit(self._bound_event)

    def _terminate(self, now: float) -> None:
        if self._drained_by is Fault.REMOTE:
            if self._terminate_sequence is not None:
                self.write(self._dialect.encode_terminate_answer(self._terminate_sequence))
            self.close("terminated_by_peer", Fault.REMOTE, Retry.SOON if self._rests(now) else Retry.BACKOFF)
        elif self._terminate_sequence is None:
            self._terminate_sequence = self.take_sequence(now)
            self._deadline = now + self.settings.terminate_timeout_s
            self.write(self._dialect.encode_terminate(self._terminate_sequence))

    def _expire(self, now: float) -> None:
        again, given_up = self.window.expire(now)
        for request in again:
            self.counters["request_resent"] += 1
            self.write(request.frame)
        for request in given_up:
            self.counters["request_given_up"] += 1
            self.emit(self._dialect.unknown(request.token, request.sequence, request.sends, "no_answer"))

    def _probe(self, now: float) -> None:
        probe = self._keepalive.tick(now)
        if probe is Probe.GIVE_UP:
            self.close("keepalive_timeout", Fault.REMOTE, Retry.BACKOFF)
        elif probe is not Probe.NOTHING and self._dialect.encode_active_test is not None:
            if self._keepalive.sequence is None:
                self._keepalive.sequence = self.take_sequence(now)
            self.counters["active_test_sent"] += 1
            self.write_first(self._dialect.encode_active_test(self._keepalive.sequence))

    def _pump(self, now: float) -> None:
        while self.window.queued and self.window.has_room and self.throttle.take(now):
            self.write(self.window.send_next(now).frame)

    def _report(self, requests: list[Request], reason: str) -> None:
        for request in requests:
            made = self._dialect.unknown if request.sends else self._dialect.unsent
            self.emit(made(request.token, request.sequence, request.sends, reason))
