"""What a journal's engine stores, row by row, and the few questions its logic asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.journal.rows import Backlog, Delivery, Origin, PartKey, Place, Progress, Retention, Segment, SendState


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice. `ordinal` is its place in the queue; `told` what the gateway was told; `finished_ms` when it ended."""

    notice_id: str
    ordinal: int
    origin: Origin
    parts: int
    told: Progress | None = None
    finished_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One message of a notice.

    `wanted_account` limits who may send it, `account` is who did. `sent_ms` is the latest claim, `lost_ms` since when
    no answer to it can come. `sealed` holds number, link tag and body.
    """

    notice_id: str
    part: int
    ordinal: int
    state: SendState
    expire_ms: int
    wanted_account: str
    number_key: bytes
    sealed: bytes
    attempts: int = 0
    sent_ms: int = 0
    lost_ms: int | None = None
    account: str = ""
    sequence: int | None = None
    msg_id: bytes | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A report whose message id nobody has named yet."""

    account: str
    msg_id: bytes
    number_key: bytes
    delivered: bool
    code: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class PromptRow:
    """An open question."""

    number_key: bytes
    expire_ms: int
    notice_version: str
    notice_digest: bytes
    notice_id: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of the gateway that was taken."""

    order_id: str
    subject_key: bytes
    epoch: int
    version: int
    taken_ms: int


@dataclass(frozen=True, slots=True)
class ProvisionRow:
    """What a platform has to be told; `ordinal` is its place in the queue."""

    order_id: str
    subject_key: bytes
    ordinal: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """A subscriber to be erased; `sealed` holds the number, epoch and version."""

    order_id: str
    number_key: bytes
    sealed: bytes
    taken_ms: int


class Tables(Protocol):
    """Rows in, rows out. No rule of the journal lives here; an engine may do anything that keeps the words."""

    def next_ordinal(self) -> int:
        """Return a number larger than every ordinal stored."""
        ...

    def insert_notice(self, row: NoticeRow, parts: Sequence[PartRow]) -> None:
        """Store a new notice and its parts."""
        ...

    def notice(self, notice_id: str) -> NoticeRow | None:
        """Find a notice."""
        ...

    def update_notice(self, row: NoticeRow) -> None:
        """Replace the row of the same notice id."""
        ...

    def part(self, key: PartKey) -> PartRow | None:
        """Find a part."""
        ...

    def parts(self, notice_id: str) -> list[PartRow]:
        """Return a notice's parts in order."""
        ...

    def update_part(self, row: PartRow) -> None:
        """Replace the row of the same notice id and part."""
        ...

    def part_by_msg_id(self, account: str, msg_id: bytes) -> PartRow | None:
        """Find the youngest part that was accepted under a message id."""
        ...

    def queued(self, account: str, now_ms: int, limit: int) -> list[PartRow]:
        """Return QUEUED parts for `account` that have not expired, in order of (ordinal, part)."""
        ...

    def expired(self, now_ms: int, limit: int) -> list[PartRow]:
        """Return QUEUED parts that have expired."""
        ...

    def lost(self, lost_before_ms: int, limit: int) -> list[PartRow]:
        """Return SENT parts lost at or before a time, in order of (ordinal, part)."""
        ...

    def unanswered(self) -> list[PartRow]:
        """Return every SENT part whose answer could still come."""
        ...

    def nameless(self, sent_after_ms: int, limit: int) -> list[PartRow]:
        """Return UNKNOWN parts without a message id, last sent after a time."""
        ...

    def unreported(self, sent_before_ms: int, limit: int) -> list[PartRow]:
        """Return ACCEPTED parts last sent at or before a time."""
        ...

    def free_accounts(self, known: Sequence[str]) -> None:
        """Clear `wanted_account` where it is none of `known`."""
        ...

    def park(self, row: ParkedRow) -> bool:
        """Store a report unless one for the same message is parked; return whether it was stored."""
        ...

    def parked(self, account: str, msg_id: bytes) -> ParkedRow | None:
        """Find a parked report by message."""
        ...

    def parked_for(self, account: str, number_key: bytes, since_ms: int) -> ParkedRow | None:
        """Find the oldest parked report for a number, received at or after a time."""
        ...

    def unpark(self, row: ParkedRow) -> None:
        """Remove a parked report."""
        ...

    def drop_parked(self, received_before_ms: int) -> int:
        """Remove reports parked before a time; return how many."""
        ...

    def insert_delivery(self, row: Delivery) -> None:
        """Store what the gateway is owed."""
        ...

    def deliveries(self, limit: int) -> list[Delivery]:
        """List it, oldest first."""
        ...

    def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        """Remove some."""
        ...

    def put_prompt(self, row: PromptRow) -> None:
        """Store a prompt in place of the number's former one."""
        ...

    def prompt(self, number_key: bytes) -> PromptRow | None:
        """Find the prompt of a number."""
        ...

    def drop_prompt(self, number_key: bytes) -> None:
        """Remove the prompt of a number."""
        ...

    def add_segment(self, row: Segment) -> None:
        """Store a segment unless its (group, part) is there."""
        ...

    def segments(self) -> list[Segment]:
        """Return all segments, oldest first."""
        ...

    def drop_segments(self, group: bytes) -> None:
        """Remove a group."""
        ...

    def reply(self, key: bytes) -> bytes | None:
        """Find a sealed reply."""
        ...

    def insert_reply(self, key: bytes, sealed: bytes, kept_ms: int) -> None:
        """Store a sealed reply."""
        ...

    def order(self, order_id: str) -> OrderRow | None:
        """Find an order."""
        ...

    def latest_order(self, subject_key: bytes) -> OrderRow | None:
        """Find the subject's order with the largest (epoch, version)."""
        ...

    def insert_order(self, row: OrderRow) -> None:
        """Store an order."""
        ...

    def put_provision(self, row: ProvisionRow) -> None:
        """Store a provision in place of all of the same subject."""
        ...

    def provisions(self, limit: int) -> list[ProvisionRow]:
        """List provisions in order of ordinal."""
        ...

    def next_provision(self) -> int:
        """Return a number larger than every provision's ordinal stored."""
        ...

    def drop_provision(self, order_id: str) -> None:
        """Remove one."""
        ...

    def place(self, name: str) -> Place | None:
        """Find a place by its name."""
        ...

    def put_place(self, name: str, place: Place) -> None:
        """Store a place."""
        ...

    def put_erasure(self, row: ErasureRow) -> None:
        """Store an erasure in place of the number's former one."""
        ...

    def erasures(self, limit: int) -> list[ErasureRow]:
        """Return what is to be erased, oldest first."""
        ...

    def drop_erasure(self, order_id: str) -> None:
        """Remove an erasure."""
        ...

    def notices_for(self, number_key: bytes) -> list[NoticeRow]:
        """Return a number's notices."""
        ...

    def is_owed(self, notice_id: str) -> bool:
        """Say whether the gateway is owed word of a notice."""
        ...

    def drop_notice(self, notice_id: str) -> None:
        """Remove a notice and its parts."""
        ...

    def drop_parked_for(self, number_key: bytes) -> None:
        """Remove a number's parked reports."""
        ...

    def provisions_for(self, subject_key: bytes) -> int:
        """Count what a platform has still to be told about a subject."""
        ...

    def replies(self) -> list[tuple[bytes, bytes]]:
        """Return every reply's key and sealed body."""
        ...

    def drop_reply(self, key: bytes) -> None:
        """Remove a reply."""
        ...

    def purge(self, retention: Retention, now_ms: int) -> int:
        """Remove what K1 says; return how many rows."""
        ...

    def backlog(self) -> Backlog:
        """Count what waits."""
        ...
