"""The journal's twin in memory, for tests: the same sentences but durability, held to by the same suite."""
# ruff: noqa: D102 - the words stand at Tables

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from adapters.journal.engine import LogicJournal
from adapters.journal.errors import JournalClosedError
from adapters.journal.records import MemoryRecords
from adapters.journal.rows import (
    LATE_PROMPT_MS,
    Backlog,
    Delivery,
    PartKey,
    Place,
    Retention,
    Segment,
    SendState,
    Waits,
)
from adapters.journal.seal import Seal
from adapters.journal.tables import ErasureRow, NoticeRow, OrderRow, ParkedRow, PartRow, PromptRow, ProvisionRow, Tables

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class MemoryTables(Tables):
    """`Tables` as dictionaries."""

    def __init__(self) -> None:
        self._notices: dict[str, NoticeRow] = {}
        self._parts: dict[PartKey, PartRow] = {}
        self._parked: dict[tuple[str, bytes], ParkedRow] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._prompts: dict[bytes, PromptRow] = {}
        self._segments: dict[tuple[bytes, int], Segment] = {}
        self._replies: dict[bytes, tuple[bytes, int]] = {}
        self._orders: dict[str, OrderRow] = {}
        self._provisions: dict[str, ProvisionRow] = {}
        self._places: dict[str, Place] = {}
        self._erasures: dict[str, ErasureRow] = {}

    def next_ordinal(self) -> int:
        return 1 + max((row.ordinal for row in self._notices.values()), default=0)

    def insert_notice(self, row: NoticeRow, parts: Sequence[PartRow]) -> None:
        self._notices[row.notice_id] = row
        for part in parts:
            self.update_part(part)

    def notice(self, notice_id: str) -> NoticeRow | None:
        return self._notices.get(notice_id)

    def update_notice(self, row: NoticeRow) -> None:
        self._notices[row.notice_id] = row

    def part(self, key: PartKey) -> PartRow | None:
        return self._parts.get(key)

    def parts(self, notice_id: str) -> list[PartRow]:
        return _ordered(row for row in self._parts.values() if row.notice_id == notice_id)

    def update_part(self, row: PartRow) -> None:
        self._parts[PartKey(row.notice_id, row.part)] = row

    def part_by_msg_id(self, account: str, msg_id: bytes) -> PartRow | None:
        rows = [row for row in self._parts.values() if (row.account, row.msg_id) == (account, msg_id)]
        return max(rows, key=lambda row: (row.ordinal, row.part), default=None)

    def queued(self, account: str, now_ms: int, limit: int) -> list[PartRow]:
        rows = self._in(SendState.QUEUED)
        return [row for row in rows if row.wanted_account in ("", account) and row.expire_ms > now_ms][:limit]

    def expired(self, now_ms: int, limit: int) -> list[PartRow]:
        return [row for row in self._in(SendState.QUEUED) if row.expire_ms <= now_ms][:limit]

    def lost(self, lost_before_ms: int, limit: int) -> list[PartRow]:
        rows = self._in(SendState.SENT)
        return [row for row in rows if row.lost_ms is not None and row.lost_ms <= lost_before_ms][:limit]

    def unanswered(self) -> list[PartRow]:
        return [row for row in self._in(SendState.SENT) if row.lost_ms is None]

    def nameless(self, sent_after_ms: int, limit: int) -> list[PartRow]:
        rows = self._in(SendState.UNKNOWN)
        return [row for row in rows if row.msg_id is None and row.sent_ms > sent_after_ms][:limit]

    def unreported(self, sent_before_ms: int, limit: int) -> list[PartRow]:
        return [row for row in self._in(SendState.ACCEPTED) if row.sent_ms <= sent_before_ms][:limit]

    def free_accounts(self, known: Sequence[str]) -> None:
        for row in self._in(SendState.QUEUED) + self._in(SendState.SENT):
            if row.wanted_account not in known:
                self.update_part(replace(row, wanted_account=""))

    def park(self, row: ParkedRow) -> bool:
        return self._parked.setdefault((row.account, row.msg_id), row) is row

    def parked(self, account: str, msg_id: bytes) -> ParkedRow | None:
        return self._parked.get((account, msg_id))

    def parked_for(self, account: str, number_key: bytes, since_ms: int) -> ParkedRow | None:
        rows = [
            row
            for row in self._parked.values()
            if (row.account, row.number_key) == (account, number_key) and row.received_ms >= since_ms
        ]
        return min(rows, key=lambda row: (row.received_ms, row.msg_id), default=None)

    def unpark(self, row: ParkedRow) -> None:
        self._parked.pop((row.account, row.msg_id), None)

    def drop_parked(self, received_before_ms: int) -> int:
        old = [key for key, row in self._parked.items() if row.received_ms <= received_before_ms]
        return _drop(self._parked, old)

    def insert_delivery(self, row: Delivery) -> None:
        self._deliveries.setdefault(row.report_id, row)

    def deliveries(self, limit: int) -> list[Delivery]:
        return list(self._deliveries.values())[:limit]

    def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        _drop(self._deliveries, report_ids)

    def put_prompt(self, row: PromptRow) -> None:
        self._prompts[row.number_key] = row

    def prompt(self, number_key: bytes) -> PromptRow | None:
        return self._prompts.get(number_key)

    def drop_prompt(self, number_key: bytes) -> None:
        self._prompts.pop(number_key, None)

    def add_segment(self, row: Segment) -> None:
        self._segments.setdefault((row.group, row.part), row)

    def segments(self) -> list[Segment]:
        return sorted(self._segments.values(), key=lambda row: row.arrived_ms)

    def drop_segments(self, group: bytes) -> None:
        _drop(self._segments, [key for key in self._segments if key[0] == group])

    def reply(self, key: bytes) -> bytes | None:
        return self._replies[key][0] if key in self._replies else None

    def insert_reply(self, key: bytes, sealed: bytes, kept_ms: int) -> None:
        self._replies[key] = (sealed, kept_ms)

    def order(self, order_id: str) -> OrderRow | None:
        return self._orders.get(order_id)

    def latest_order(self, subject_key: bytes) -> OrderRow | None:
        rows = [row for row in self._orders.values() if row.subject_key == subject_key]
        return max(rows, key=lambda row: (row.epoch, row.version), default=None)

    def insert_order(self, row: OrderRow) -> None:
        self._orders[row.order_id] = row

    def put_provision(self, row: ProvisionRow) -> None:
        _drop(self._provisions, [key for key, old in self._provisions.items() if old.subject_key == row.subject_key])
        self._provisions[row.order_id] = row

    def provisions(self, limit: int) -> list[ProvisionRow]:
        return sorted(self._provisions.values(), key=lambda row: row.ordinal)[:limit]

    def next_provision(self) -> int:
        return max((row.ordinal for row in self._provisions.values()), default=0) + 1

    def drop_provision(self, order_id: str) -> None:
        self._provisions.pop(order_id, None)

    def place(self, name: str) -> Place | None:
        return self._places.get(name)

    def put_place(self, name: str, place: Place) -> None:
        self._places[name] = place

    def put_erasure(self, row: ErasureRow) -> None:
        _drop(self._erasures, [key for key, old in self._erasures.items() if old.number_key == row.number_key])
        self._erasures[row.order_id] = row

    def erasures(self, limit: int) -> list[ErasureRow]:
        return sorted(self._erasures.values(), key=lambda row: row.taken_ms)[:limit]

    def drop_erasure(self, order_id: str) -> None:
        self._erasures.pop(order_id, None)

    def notices_for(self, number_key: bytes) -> list[NoticeRow]:
        ids = dict.fromkeys(key.notice_id for key, row in self._parts.items() if row.number_key == number_key)
        return [self._notices[notice_id] for notice_id in ids]

    def is_owed(self, notice_id: str) -> bool:
        return any(row.notice_id == notice_id for row in self._deliveries.values())

    def drop_notice(self, notice_id: str) -> None:
        self._notices.pop(notice_id, None)
        _drop(self._parts, [key for key in self._parts if key.notice_id == notice_id])

    def drop_parked_for(self, number_key: bytes) -> None:
        _drop(self._parked, [key for key, row in self._parked.items() if row.number_key == number_key])

    def provisions_for(self, subject_key: bytes) -> int:
        return sum(row.subject_key == subject_key for row in self._provisions.values())

    def replies(self) -> list[tuple[bytes, bytes]]:
        return [(key, sealed) for key, (sealed, _) in self._replies.items()]

    def drop_reply(self, key: bytes) -> None:
        self._replies.pop(key, None)

    def purge(self, retention: Retention, now_ms: int) -> int:
        owed = {row.notice_id for row in self._deliveries.values()}
        done = [
            row.notice_id
            for row in self._notices.values()
            if row.finished_ms is not None
            and row.finished_ms <= now_ms - retention.notice_ms
            and row.notice_id not in owed
        ]
        parts = [key for key in self._parts if key.notice_id in done]
        prompts = [key for key, row in self._prompts.items() if row.expire_ms <= now_ms - LATE_PROMPT_MS]
        segments = [k for k, row in self._segments.items() if row.arrived_ms <= now_ms - retention.segment_ms]
        replies = [k for k, (_, kept_ms) in self._replies.items() if kept_ms <= now_ms - retention.reply_ms]
        orders = [
            key
            for key, row in self._orders.items()
            if row.taken_ms <= now_ms - retention.order_ms and key not in self._provisions
        ]
        _drop(self._parts, parts)
        return (
            _drop(self._notices, done)
            + _drop(self._prompts, prompts)
            + _drop(self._segments, segments)
            + _drop(self._replies, replies)
            + _drop(self._orders, orders)
        )

    def backlog(self) -> Backlog:
        queued, sent = len(self._in(SendState.QUEUED)), len(self._in(SendState.SENT))
        return Backlog(queued, sent, len(self._deliveries), len(self._parked))

    def _in(self, state: SendState) -> list[PartRow]:
        return _ordered(row for row in self._parts.values() if row.state is state)


class MemoryJournal(LogicJournal):
    """A journal that forgets when its process ends."""

    def __init__(self, waits: Waits | None = None) -> None:
        seal = Seal(bytes(32))
        super().__init__(MemoryTables(), MemoryRecords(), seal, waits or Waits())
        self._closed = False

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call at once."""
        if self._closed:
            raise JournalClosedError
        return call(*args, **kwargs)

    async def scrub(self) -> bool:
        """E4: there is no file."""
        return True

    async def close(self) -> None:
        """K4."""
        self._closed = True


def _ordered(rows: Iterable[PartRow]) -> list[PartRow]:
    return sorted(rows, key=lambda row: (row.ordinal, row.part))


def _drop(rows: dict[K, V], keys: Iterable[K]) -> int:
    return sum(rows.pop(key, None) is not None for key in list(keys))
