"""What both ends of a connection share, in CMPP, SMGP and SGIP: framing, dispatch, active test, termination, inbox."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.session.events import (
    DuplicateInFlight,
    Event,
    Fault,
    LinkClosed,
    PduIgnored,
    PduMalformed,
    Retry,
    UnexpectedResponse,
)
from adapters.session.inbox import Admission
from adapters.session.link import Dialect, Link, Numbering
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from adapters.wire.buffer import Framer, FramingError
from adapters.wire.errors import WireError

_HTTP_STARTS = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN", b"TRAC", b"PATC", b"PRI ", b"HTTP")
_TLS_START = b"\x16\x03"
_COMMAND = slice(4, 8)
_SEQUENCE_AT = 8
RESPONSE_BIT = 0x80000000

Handler = Callable[[Any, float], None]


@dataclass(frozen=True, slots=True)
class Grammar:
    """What this room has to know of a protocol: its frames' bounds, and the PDUs that are all header, by name.

    A link counts sequence numbers as integers; `write_sequence` makes of one what the PDUs hold. The active test is
    None where the protocol has none. Where links may rest, an idle one that the peer closes is no fault.
    """

    header_bytes: int
    min_frame_bytes: int
    max_frame_bytes: int
    commands: Mapping[type, int]
    encode: Callable[[Any], bytes] = field(repr=False)
    terminate: type
    terminate_resp: type
    active_test: type | None = None
    active_test_resp: type | None = None
    write_sequence: Callable[[int], Any] = int
    rests: bool = False

    def make_bare(self, pdu_type: type, sequence: int) -> Any:
        """Return a PDU that is all header."""
        return pdu_type(self.write_sequence(sequence))

    def find_bare(self, command_id: int) -> type | None:
        """Return the PDU that is all header under this command, if there is one."""
        bare = (self.active_test, self.active_test_resp, self.terminate, self.terminate_resp)
        return next((known for known in bare if known is not None and self.commands[known] == command_id), None)

    def renumber(self, frame: bytes, sequence: int) -> bytes:
        """Return the frame under another sequence number."""
        end = self.header_bytes
        return frame[:_SEQUENCE_AT] + sequence.to_bytes(end - _SEQUENCE_AT, "big") + frame[end:]

    def make_dialect(
        self,
        unknown: Callable[[object, int, int, str], Event],
        unsent: Callable[[object, int, int, str], Event],
    ) -> Dialect:
        """Return the frames that the link machinery sends by itself."""

        def encoder(pdu_type: type) -> Callable[[int], bytes]:
            return lambda sequence: self.encode(self.make_bare(pdu_type, sequence))

        return Dialect(
            encode_active_test=None if self.active_test is None else encoder(self.active_test),
            encode_terminate=encoder(self.terminate),
            encode_terminate_answer=encoder(self.terminate_resp),
            renumber=self.renumber,
            unknown=unknown,
            unsent=unsent,
            rests=self.rests,
        )


class Peer(ABC):
    """One end of one connection. Satisfies `adapters.transport.stream.Session`.

    `receive`, `eof`, `lost`, `tick`, `drain` and `opened` return the events they caused, in order, after any that an
    earlier call (`acknowledge`, `submit`) had left; `take_events` returns those alone.
    """

    def __init__(
        self, grammar: Grammar, settings: LinkSettings, dialect: Dialect, numbering: Numbering | None = None
    ) -> None:
        self.link = Link(settings, dialect, numbering)
        self._grammar = grammar
        self._framer = Framer(grammar.header_bytes, grammar.min_frame_bytes, grammar.max_frame_bytes)
        self._opening_bytes = b""
        self._frame = b""
        self._handlers: dict[type, Handler] = {
            grammar.terminate: self._on_terminate,
            grammar.terminate_resp: self._on_terminate_resp,
        }
        if grammar.active_test is not None and grammar.active_test_resp is not None:
            self._handlers[grammar.active_test] = self._on_active_test
            self._handlers[grammar.active_test_resp] = self._on_active_test_resp

    # State

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        return self.link.state

    @property
    def counters(self) -> Counter[str]:
        """How often what happened, by stable reason; grows only."""
        return self.link.counters

    @property
    def closed(self) -> bool:
        """Whether the connection is to be closed once `data_to_send` has been written."""
        return self.link.state is LinkState.CLOSED

    @property
    def closing(self) -> LinkClosed | None:
        """Why the link closed, once it has."""
        return self.link.closing

    @property
    def bound_at(self) -> float | None:
        """When the link became bound, if it ever did."""
        return self.link.bound_at

    @property
    def wants_read(self) -> bool:
        """False while the caller holds as many unanswered messages as it may.

        It is for the caller and for metrics: the transport reads on regardless, because answers and active
        tests come in the same stream. A message read while it is False is left unanswered and counted
        (`ignored_in_hand_full`), so that the peer sends it again after its T; a peer that keeps to a window of 16
        never gets there.
        """
        return not self.link.inbox.is_full

    @property
    def outstanding(self) -> int:
        """How many requests of ours wait for an answer; never above the window."""
        return self.link.window.outstanding

    @property
    def queued(self) -> int:
        """How many requests of ours wait for room in the window or for the end of a pause."""
        return self.link.window.queued

    @property
    def in_hand(self) -> int:
        """How many of the peer's messages the caller has not answered."""
        return len(self.link.inbox)

    # Bytes, events, time

    def opened(self, now: float, wall: datetime) -> list[Event]:
        """The connection is open. `wall` is an aware time of day; only a client's login uses it."""
        self.link.open(now)
        self._on_opened(now, wall)
        return self.link.take_events()

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the peer, cut however they came."""
        if len(self._opening_bytes) < 4:
            self._opening_bytes = (self._opening_bytes + data)[:4]
        if not self.closed:
            self._read(data, now)
        return self.link.take_events()

    def eof(self, now: float) -> list[Event]:
        """The peer closed its side."""
        return self.lost("closed_by_peer", now)

    def lost(self, reason: str, now: float, fault: Fault = Fault.REMOTE) -> list[Event]:
        """The connection is gone, or the transport gives it up, for `reason`."""
        if self._framer.pending_bytes and not self.closed:
            self.counters["lost_inside_frame"] += 1
        self.link.lost(reason, now, fault)
        return self.link.take_events()

    def tick(self, now: float) -> list[Event]:
        """Let time pass; call it at `wake_at`, later or more often."""
        self.link.tick(now)
        return self.link.take_events()

    def drain(self, now: float) -> list[Event]:
        """Take the link down gently: answers first, then TERMINATE; `drain_timeout_s` bounds it."""
        self.link.drain(now)
        return self.link.take_events()

    def abandon(self, events: Iterable[Event], now: float) -> None:
        """The caller's handler failed on these events: release what it had in hand. Here, that is nothing."""
        del events, now

    def take_events(self) -> list[Event]:
        """Return events that calls without events in their return value have caused."""
        return self.link.take_events()

    def data_to_send(self) -> bytes:
        """Return what is to be written now, and forget it."""
        return self.link.data_to_send()

    @property
    def unsent_bytes(self) -> int:
        """How many bytes `data_to_send` would return."""
        return self.link.unsent_bytes

    def wake_at(self) -> float | None:
        """When `tick` is due next, if nothing else happens; it may lie in the past."""
        return self.link.wake_at()

    # For far ends that misbehave on purpose

    def inject(self, data: bytes) -> None:
        """Queue raw bytes, well-formed or not."""
        self.link.write(data)

    def ignore(self, pdu_type: type) -> None:
        """From now on drop PDUs of this type unread (counted as `muted`)."""
        self._handlers[pdu_type] = self._on_muted

    # Frames

    def _read(self, data: bytes, now: float) -> None:
        broken: FramingError | None = None
        try:
            frames = self._framer.feed(data)
        except FramingError as error:
            frames, broken = error.frames, error
        for frame in frames:
            self._on_frame(frame, now)
            if self.closed:
                return
        if broken is not None:
            self._on_broken_framing(broken.reason)

    def _on_frame(self, frame: bytes, now: float) -> None:
        self._frame = frame
        self.link.heard(now)
        try:
            pdu = self._decode(frame)
        except WireError as error:
            self._on_undecodable(error.reason, now)
        else:
            self._handlers.get(type(pdu), self._on_other)(pdu, now)
        self.link.proceed(now)

    def _on_broken_framing(self, reason: str) -> None:
        if self._opening_bytes in _HTTP_STARTS:
            reason = "http_on_port"
        elif self._opening_bytes.startswith(_TLS_START):
            reason = "tls_on_port"
        self.counters[reason] += 1
        self.link.close(reason, Fault.REMOTE, Retry.BACKOFF)

    def _on_undecodable(self, reason: str, now: float) -> None:
        """A frame whose body does not decode. PDUs that are all header are taken for what they are."""
        command_id, sequence = self._header()
        self.counters["malformed_" + reason] += 1
        self.link.emit(PduMalformed(command_id, sequence, reason))
        bare = self._grammar.find_bare(command_id)
        if bare is None:
            self._on_malformed(command_id, sequence, now)
        else:
            self._handlers[bare](self._grammar.make_bare(bare, sequence), now)

    def _header(self) -> tuple[int, int]:
        sequence = self._frame[_SEQUENCE_AT : self._grammar.header_bytes]
        return int.from_bytes(self._frame[_COMMAND], "big"), int.from_bytes(sequence, "big")

    def _write(self, pdu: Any) -> None:
        self.link.write(self._encode(pdu))

    # What protocols, and the two ends, do differently

    @abstractmethod
    def _decode(self, frame: bytes) -> Any:
        """Read one whole frame; raise `WireError`."""

    def _encode(self, pdu: Any) -> bytes:
        """Write one frame; raise `WireError`."""
        return self._grammar.encode(pdu)

    @abstractmethod
    def _on_opened(self, now: float, wall: datetime) -> None:
        """Say the first word, if it is ours."""

    @abstractmethod
    def _on_malformed(self, command_id: int, sequence: int, now: float) -> None:
        """Answer what the specification says, if it says anything."""

    def _on_other(self, pdu: Any, now: float) -> None:
        """Take a PDU that no handler is registered for."""
        del now
        command_id, sequence = self._header()
        if command_id & RESPONSE_BIT:
            self._on_unexpected_response(pdu)
        else:
            self._ignore(command_id, sequence, "unexpected_command")

    # Handlers

    def _on_active_test(self, pdu: Any, now: float) -> None:
        if (answer := self._grammar.active_test_resp) is not None:
            self.link.write_first(self._encode(self._grammar.make_bare(answer, int(pdu.sequence))))
        # Seen in the field: an active test that is answered with an active test.
        self.link.keepalive_answered(None)

    def _on_active_test_resp(self, pdu: Any, now: float) -> None:
        # Seen in the field: a termination that is answered with ACTIVE_TEST_RESP.
        if not self.link.keepalive_answered(int(pdu.sequence)) and not self.link.terminate_answered(int(pdu.sequence)):
            self._on_unexpected_response(pdu)

    def _on_terminate(self, pdu: Any, now: float) -> None:
        self.link.terminate_received(int(pdu.sequence), now)

    def _on_terminate_resp(self, pdu: Any, now: float) -> None:
        if not self.link.terminate_answered(int(pdu.sequence)):
            self._on_unexpected_response(pdu)

    def _on_unexpected_response(self, pdu: Any) -> None:
        self.counters["unexpected_response"] += 1
        self.link.emit(UnexpectedResponse(int(pdu.sequence), pdu))

    def _on_muted(self, pdu: Any, now: float) -> None:
        del pdu, now
        self.counters["muted"] += 1

    # Messages in hand

    def _admit(self, handle: Hashable, identity: Hashable, received: Event, now: float) -> Admission | None:
        """Take a message of the peer in hand, or leave it unanswered, so that it comes again; None: not now."""
        link = self.link
        command_id, sequence = self._header()
        if not link.trust(now):
            self._ignore(command_id, sequence, "not_bound")
            return None
        held = link.inbox.find(identity)
        if held is None and link.state is LinkState.DRAINING:
            self._ignore(command_id, sequence, "draining")
            return None
        admission = link.inbox.admit(handle, identity, sequence)
        if admission is Admission.NEW:
            link.emit(received)
        elif admission is Admission.COPY and held is not None:
            self.counters["duplicate_in_flight"] += 1
            link.emit(DuplicateInFlight(sequence, held.sequences[0], len(held.sequences)))
        else:
            self._ignore(command_id, sequence, admission.value)
        return admission

    def _answer(self, handle: Hashable, make_answer: Callable[[int], Any], now: float) -> bool:
        """Answer every copy of a message in hand; False if there is none, or no link to answer on any more."""
        sequences = self.link.inbox.settle(handle)
        for sequence in sequences:
            self._write(make_answer(sequence))
        if not sequences:
            self.counters["answer_too_late"] += 1
        self.link.proceed(now)
        return bool(sequences)

    def _release(self, handle: Hashable, now: float) -> None:
        if self.link.inbox.settle(handle):
            self.counters["released"] += 1
        self.link.proceed(now)

    def _ignore(self, command_id: int, sequence: int, reason: str) -> None:
        self.counters["ignored_" + reason] += 1
        self.link.emit(PduIgnored(command_id, sequence, reason))
