"""What the SMS links share: one account's connection to a centre, whatever protocol it speaks.

A protocol adds how a message is written, how what arrives is read, and what its session needs to be told.
"""

from __future__ import annotations

import logging
import struct
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar

from adapters.carrier.settings import LinkConfig
from adapters.carrier.sms_link import (
    LinkDown,
    LinkDownError,
    LinkEvent,
    LinkParts,
    LinkUp,
    MoReceived,
    OutgoingSms,
    ReportReceived,
    SendAccepted,
    SendGivenUp,
    SendLost,
    SendRefused,
    SendReturned,
    UnsendableError,
)
from adapters.journal.rows import PartKey
from adapters.session.errors import SessionError
from adapters.session.events import (
    Bound,
    DeliverReceived,
    Event,
    LinkClosed,
    LoginRefused,
    Retry,
    RetryClass,
    ServerAuthenticatorMismatch,
    SubmitAccepted,
    SubmitRejected,
    SubmitUnknown,
    SubmitUnsent,
    VersionMismatch,
)
from adapters.session.roles import Receiver, Submitter
from adapters.session.settings import LinkSettings
from adapters.session.state import LinkState
from adapters.transport.client import ReconnectSettings, StreamClient
from adapters.transport.stream import Connection
from adapters.wire.chinatime import CHINA
from adapters.wire.errors import WireError
from optout.kit.number import NumberError, PhoneNumber, national_form, parse_number, sms_form

log = logging.getLogger(__name__)

_OK = 0
_MIDNIGHT = time()
_SERIAL = 0xFFFF_FFFF  # what the journal keeps of a sequence number, which has 96 bits in SGIP

C = TypeVar("C", bound=Submitter)


@dataclass(frozen=True, slots=True)
class Handle:
    """Where a message came from: its answer has to go the same way."""

    connection: Connection[Any]
    sequence: int
    msg_id: bytes

    def acknowledge(self) -> None:
        """Answer it with 0, if its connection is still there; if not, it comes again."""
        session = self._receiver()
        session.acknowledge(self.sequence, self.msg_id, _OK, self.connection.now())
        self.connection.flush()

    def release(self) -> None:
        """Leave it unanswered."""
        session = self._receiver()
        session.release(self.sequence, self.msg_id, self.connection.now())
        self.connection.flush()

    def _receiver(self) -> Receiver:
        session: Receiver = self.connection.session
        return session


class StreamLink(ABC, Generic[C]):
    """One account's link; see `adapters.carrier.sms_link.SmsLink`."""

    def __init__(self, parts: LinkParts, make_session: Callable[[], C], *, least_wait_s: float = 0.0) -> None:
        config = parts.config
        self._config = config
        self._clock = parts.clock
        self._handler = parts.handler
        self._code = config.service_code or parts.data.service_code
        self._counters: Counter[str] = Counter()
        self._client = StreamClient(
            config.host,
            config.port,
            make_session,
            self._on_events,
            reconnect=ReconnectSettings(
                first_wait_s=max(config.reconnect_first_s, least_wait_s),
                max_wait_s=max(config.reconnect_most_s, least_wait_s),
                connect_timeout_s=config.connect_timeout_s,
            ),
            clock=parts.clock,
        )

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    @property
    def account(self) -> str:
        """What the link logs in as."""
        return self._config.account

    @property
    def service_code(self) -> str:
        """The configured code, or the carrier's."""
        return self._code

    @property
    def capacity(self) -> int:
        """The window."""
        return self._config.window

    @property
    def is_up(self) -> bool:
        """Whether the link is bound."""
        connection = self._client.connection
        return connection is not None and connection.session.state is LinkState.BOUND

    @property
    def is_well(self) -> bool:
        """Whether it is up, or was last ended in good order while idle."""
        closed = self._client.last_closed
        return self.is_up or (closed is not None and closed.retry is Retry.SOON)

    @property
    def silent_s(self) -> float | None:
        """None: everything comes by this one link."""
        return None

    async def start(self) -> None:
        """Begin to dial."""
        self._client.start()

    async def stop(self, drain_s: float) -> None:
        """Drain, say goodbye, close."""
        await self._client.stop(drain_s)

    def send(self, message: OutgoingSms) -> None:
        """Send one message. Raises `LinkDownError`, and `UnsendableError` for what does not encode."""
        connection = self._client.connection
        if connection is None:
            raise LinkDownError("link_down")
        try:
            connection.session.submit(self.make_submit(message), message.key, connection.now())
        except SessionError as error:
            raise LinkDownError(error.reason) from None
        except WireError as error:
            raise UnsendableError(error.reason) from None
        connection.flush()

    def acknowledge(self, received: MoReceived | ReportReceived) -> None:
        """Answer with 0, on the connection it came by; if that is gone, it comes again."""
        if isinstance(handle := received.handle, Handle):
            handle.acknowledge()

    def release(self, received: MoReceived | ReportReceived) -> None:
        """No answer."""
        if isinstance(handle := received.handle, Handle):
            handle.release()

    def counters(self) -> Mapping[str, int]:
        """Return the counters of this link: its own, its dialling, and those of all its sessions."""
        connection = self._client.connection
        open_session = connection.session.counters if connection is not None and not connection.session.closed else {}
        dialling = {name: self._client.counters[name] for name in ("dialled", "closed_connect_failed")}
        return self._counters + Counter(open_session) + Counter(dialling)

    # What a protocol does

    @abstractmethod
    def make_submit(self, message: OutgoingSms) -> Any:
        """Write a message; raise `WireError` for one that no packet can hold."""

    @abstractmethod
    def _read_deliver(self, pdu: Any, handle: Handle) -> LinkEvent | None:
        """Read a message or a report; None for a report that is not final or cannot be read."""

    # Events

    async def _on_events(self, connection: Connection[Any], events: list[Event]) -> None:
        if isinstance(events[-1], LinkClosed):
            self._counters += connection.session.counters
        translated = list(self._translate(connection, events))
        if translated:
            await self._handler(self, translated)

    def _translate(self, connection: Connection[Any], events: Iterable[Event]) -> Iterator[LinkEvent]:
        for event in events:
            if isinstance(event, DeliverReceived):
                yield from self._take_deliver(connection, event)
            elif (translated := self._read_event(event)) is not None:
                yield translated

    def _take_deliver(self, connection: Connection[Any], event: DeliverReceived[Any]) -> Iterator[LinkEvent]:
        handle = Handle(connection, event.sequence, connection.session.name_message(event.pdu))
        received = self._read_deliver(event.pdu, handle)
        if received is None:
            # To see it again would not help.
            self._counters["reports_ignored"] += 1
            handle.acknowledge()
        else:
            yield received

    def _read_event(self, event: Event) -> LinkEvent | None:
        match event:
            case Bound():
                log.info("link bound", extra={"link": self.name})
                return LinkUp()
            case LinkClosed(reason=reason):
                return LinkDown(reason)
            case SubmitAccepted(token=PartKey() as key, sequence=sequence, msg_id=msg_id):
                return SendAccepted(key, sequence & _SERIAL, msg_id)
            case SubmitUnsent(token=PartKey() as key, reason=reason):
                return SendReturned(key, reason)
            case SubmitUnknown(token=PartKey() as key, sequence=sequence, reason="no_answer"):
                return SendGivenUp(key, sequence & _SERIAL)
            case SubmitUnknown(token=PartKey() as key, sequence=sequence):
                return SendLost(key, sequence & _SERIAL)
            case SubmitRejected(token=PartKey() as key):
                return self._read_rejection(event, key)
            case VersionMismatch() | LoginRefused() | ServerAuthenticatorMismatch():
                self._counters[type(event).__name__] += 1
                log.error("link login: %s", event, extra={"link": self.name})
        return None

    def _read_rejection(self, event: SubmitRejected, key: PartKey) -> LinkEvent:
        match event.retry_class:
            case RetryClass.TRANSIENT:
                return SendReturned(key, "flow_control")
            case RetryClass.OUT_OF_HOURS:
                hours_begin = time.fromisoformat(self._config.hours_begin)
                return SendReturned(key, "out_of_hours", seconds_until(hours_begin, self._clock.now_ms()))
            case RetryClass.QUOTA:
                return SendReturned(key, "quota", seconds_until(_MIDNIGHT, self._clock.now_ms()))
            case RetryClass.ACCOUNT:
                self._counters["account_refused"] += 1
                log.error("the centre refuses the account", extra={"link": self.name, "result": event.result})
                return SendReturned(key, "account", self._config.account_rest_s)
            case RetryClass.DUPLICATE:
                return SendGivenUp(key, event.sequence & _SERIAL)
            case _:
                return SendRefused(key, event.sequence & _SERIAL, f"RESULT:{event.result}"[:16])


def seconds_until(moment: time, now_ms: int) -> float:
    """Return how long it is from `now_ms` (Unix) until the clocks of China next show `moment`; above 0."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(CHINA)
    today = now.replace(hour=moment.hour, minute=moment.minute, second=moment.second, microsecond=0)
    then = today if today > now else today + timedelta(days=1)
    return (then - now).total_seconds()


def digest_fields(*fields: bytes) -> bytes:
    """Digest what makes a message the same again; no two lists of fields have the same digest."""
    digest = sha256()
    for field in fields:
        digest.update(struct.pack(">I", len(field)) + field)
    return digest.digest()


def write_number(number: str, *, country_code: bool) -> str:
    """Write a canonical number for a link, with or without the country code 86."""
    canonical = PhoneNumber(number)
    return sms_form(canonical) if country_code else national_form(canonical)


def read_number(text: str) -> str:
    """Return a report's number as canonical, or as it stands if it is none."""
    try:
        return parse_number(text)
    except NumberError:
        return text


def make_link_settings(config: LinkConfig) -> LinkSettings:
    """Return what the configuration says of any protocol's link; raises `ValueError` for what no link can keep."""
    return LinkSettings(
        window=config.window,
        request_timeout_s=config.request_timeout_s,
        request_attempts=config.request_attempts,
        keepalive_s=config.keepalive_s,
        rate_per_s=config.rate_per_s,
        settle_s=config.settle_s,
    )
