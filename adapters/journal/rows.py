"""What a journal hands in and out. Values; what holds a number or a text stays out of their `repr`.

Times are Unix milliseconds of the wall clock, passed in by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Origin(StrEnum):
    """Who wants a notice sent, and so who hears what became of it."""

    GATEWAY = "gateway"
    LOCAL = "local"
    """The adapter itself, in answer to a text that never became an instruction. Nobody is told."""


class SendState(StrEnum):
    """Where one part of a notice stands; `adapters.journal.rules` has the table."""

    QUEUED = "queued"
    """It was not sent: it never left, or the carrier said so."""
    SENT = "sent"
    """It may have left; no answer was heard."""
    ACCEPTED = "accepted"
    """The carrier took it under a message id."""
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody can tell; a late report still may."""


class Progress(StrEnum):
    """What the gateway is told of a whole notice."""

    SENT = "sent"
    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PartKey:
    """One message of a notice; `part` counts from 1."""

    notice_id: str
    part: int


@dataclass(frozen=True, slots=True)
class SmsBody:
    """One message as the link sends it: format and user-data flag as in 3GPP 23.040, content with its header."""

    msg_fmt: int
    tp_udhi: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to be sent, already rendered and split.

    `account` limits it to links of that account (empty: any); `link_tag` is what the link wants back of the order
    that this answers (CMPP 3.0 LinkID), empty if nothing.
    """

    notice_id: str
    origin: Origin
    number: str = field(repr=False)
    bodies: tuple[SmsBody, ...]
    created_ms: int
    expire_ms: int
    account: str = ""
    link_tag: bytes = b""


LATE_PROMPT_MS = 7 * 24 * 3600 * 1000
"""How long a question that nobody answered in time is remembered, so that a late answer is told why it is one."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question put to a subscriber, open until `expire_ms`, and the notice that was shown with it.

    `target` is the state that agreeing leads to, `open` or `closed`; empty for one asked by an earlier program.
    """

    number: str = field(repr=False)
    expire_ms: int
    notice_version: str
    notice_digest: bytes
    notice_id: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """One part that the caller has to send now. `attempt` counts from 1."""

    key: PartKey
    parts: int
    number: str = field(repr=False)
    body: SmsBody
    link_tag: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class Report:
    """A carrier's final word on one message. `code` is the carrier's own, at most 16 characters."""

    account: str
    msg_id: bytes
    number: str = field(repr=False)
    delivered: bool
    code: str


class ReportMatch(StrEnum):
    """What became of a report."""

    APPLIED = "applied"
    PARKED = "parked"
    """Its message id is unknown yet; it waits for the answer that names it."""
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing the gateway has to be told. `report_id` is the same whenever it is told again."""

    report_id: str
    notice_id: str
    progress: Progress
    code: str
    report_ms: int
    parts: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a long message that is not whole yet. `group` names the message, `body` is the caller's own."""

    group: bytes = field(repr=False)
    part: int
    body: bytes = field(repr=False)
    arrived_ms: int


class OrderVerdict(StrEnum):
    """Whether an order of the gateway is to be carried out."""

    NEW = "new"
    REPLAYED = "replayed"
    STALE = "stale"
    """A newer version of the same subscriber was taken before."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the gateway; newer means a larger (epoch, version) for the same `subject`."""

    order_id: str
    subject: str = field(repr=False)
    epoch: int
    version: int


@dataclass(frozen=True, slots=True)
class Provision:
    """What a carrier's platform has to be told on behalf of one order.

    `body` is the caller's own; `taken_ms` is when the order was taken (Unix ms).
    """

    order_id: str
    body: bytes = field(repr=False)
    taken_ms: int


@dataclass(frozen=True, slots=True)
class Erasing:
    """A subscriber whom the gateway asked to erase, as of one version."""

    order_id: str
    number: str = field(repr=False)
    epoch: int
    version: int
    taken_ms: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was read: its name, and the last place that is done with."""

    log: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the journal waits, in milliseconds."""

    resend_after_ms: int = 5_000
    """How long a part without an answer waits for an early report before it is sent again."""
    report_wait_ms: int = 48 * 3_600_000
    """How long a report may take (CMPP 3.0.0: 48 hours), and how long one is parked."""
    max_attempts: int = 5
    """How often a part whose answer stays out is sent in all."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished things are kept, in milliseconds."""

    notice_ms: int = 7 * 86_400_000
    reply_ms: int = 30 * 86_400_000
    order_ms: int = 30 * 86_400_000
    segment_ms: int = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits."""

    queued: int
    unanswered: int
    deliveries: int
    parked: int
